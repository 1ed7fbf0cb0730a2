"""Markdown of the book: what is a link, and how it becomes HTML.

What the functions with `link_` in their names give is Markdown again, so that both renderings,
Quarto's and ours, take the same."""
import html
import re
from functools import cache, partial

from latex2mathml.converter import convert as to_mathml
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

COMMENT = re.compile(r'(```.*?```|`[^`\n]+`)|<!--.*?-->', re.S)  # not those that code shows
# What is no running text: blocks and spans of code, headings, tables, quotes, formulas, links,
# pictures, HTML.
FENCED = r'^ *```.*?^ *```|^#.*?$|^\|.*?$|^>.*?$|\$\$.*?\$\$|\$[^$\n]+\$|<!--.*?-->|<[^>\n]+>'
LINKED = r'!?\[(?:!\[[^\]]*\]\([^)]*\)|[^\]])*\]\([^)]*\)'
NO_PROSE = re.compile(rf'({FENCED}|{LINKED}|`[^`\n]+`)', re.S | re.M)
NO_NAMES = re.compile(rf'({FENCED}|{LINKED})', re.S | re.M)
CHAPTER = re.compile(r'\b(chapters? |appendix )([A-Z]?\d+)((?:(?:, | and | or | to )\d+)*)'
                     r'(?! of (?:\[?fastbook|the fastai book))', re.I)
OTHERS = r"(?:fastai|timm|torchvision|PyTorch|NumPy|torchmetrics|ttach|kornia|Pillow)'s? "


def without_comments(text):
    """Markdown without its HTML comments, which mark the numbers that a tool writes.

    A browser would hide them, but a `|` in one would end a table's cell, and one at the
    beginning of a line would end its paragraph."""
    return COMMENT.sub(lambda found: found[1] or '', text)


def outside(protected, text, change):
    "Apply `change` to what is between the spans that the pattern `protected` finds."
    pieces = protected.split(text)
    return ''.join(piece if i % 2 else change(piece) for i, piece in enumerate(pieces))


def table_of(head, rows):
    "In Markdown; every cell is text."
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join(f"| {' | '.join(line)} |" for line in lines)


# Links

def link_chapters(text, suffix='.html'):
    "In the notebooks a chapter's link leads to a notebook, here to its page."
    return re.sub(r'\]\((\w+)\.(?:ipynb|qmd)', rf'](\1{suffix}', text)


def link_to(stems, here, number, shown):
    "A chapter, by its number; not the one that it is said in."
    stem = stems.get(number)
    return shown if stem in (None, here) else f'[{shown}]({stem}.ipynb)'


def link_numbers(text, stems, here=''):
    "“chapter 3” becomes a link; not to the page itself, nor where another book is meant."
    link = partial(link_to, stems, here)

    def change(found):
        word, first, more = found.groups()
        rest = re.sub(r'\d+', lambda n: link(n[0], n[0]), more)
        if more: return word + link(first, first) + rest
        return link(first, found[0])
    return outside(NO_PROSE, text, partial(CHAPTER.sub, change))


def link_names(text, names):
    "The first mention of a public name in a cell leads to its entry; names: {name: address}."
    seen = set()

    def change(found):
        before, code, name = found.groups()
        if before or name in seen or name not in names: return found[0]
        seen.add(name)
        return f'[`{code}`]({names[name]})'
    mention = re.compile(rf'({OTHERS})?`((?:sotatrain\.(?:\w+\.)*)?(\w+)(?:\([^`\n]*\))?)`')
    return outside(NO_NAMES, text, partial(mention.sub, change))


LONE_BADGE = re.compile(
    r'^(\[!\[Open in Colab\]\([^)]*\)\]\([^)]*/nbs/(\w+\.ipynb)\))$', re.M)

def link_notebook(text, folder='', line='Run it: {}, or {}download the notebook</a>.'):
    "A line of text around the badge: a lone picture would become a figure with a caption."
    return LONE_BADGE.sub(line.format(r'\1', rf'<a href="{folder}\2" download>'), text)


def inline(text):
    "The Markdown of one line as HTML, without a paragraph of its own."
    done = MarkdownWithMath(renderer=MathRenderer(escape=False)).render(text).strip()
    return re.sub(r'^<p>(.*)</p>$', r'\1', done, flags=re.S)


# HTML

def formula(body, display='inline'):
    "MathML. The converter knows `split` only, which is the same as `aligned`."
    return to_mathml(body.replace('{aligned}', '{split}'), display=display)


class MathRenderer(IPythonRenderer):
    "Formulas as MathML, which browsers draw without a script."
    def inline_math(self, body): return formula(body)

    def inline_html(self, html):
        "As it is: what looks for pictures in it would close a tag that is closed later."
        return super().inline_html(html) if '<img' in html else html

    def block_html(self, html):
        "The same: `<details>` is closed some blocks later."
        return super().block_html(html) if '<img' in html else html

    def block_math(self, body):
        return f'<div class="formula">{formula(body, "block")}</div>'


HEADING = re.compile(r'<h(\d) id="([^"]*)">((?:(?!</h).)*?)(?: \{#([\w.-]+)\})?'
                     r'<a class="anchor-link" href="[^"]*">(.*?</h\d>)')
FORMULA = re.compile(
    r'\$\$(.*?)\$\$\s*(<span class="number"(?: id="[\w-]+")?>.*?</span>)', re.S)
CAPTIONED = re.compile(r'(<table>(?:(?!<table>).)*</table>)\s*<p>: +((?:(?!</p>).)*?)\s*'
                       r'<span class="number"(?: id="(tbl-[\w-]+)")?>(.*?)</span></p>', re.S)


@cache  # a page's headings are looked for before it is drawn
def markdown(text, nbs):
    "As HTML: pictures inside, formulas as MathML, a formula's number beside it."
    def numbered(found):
        drawn = formula(found[1], 'block').replace('\n', ' ')
        return f'\n\n<div class="formula">{drawn}{found[2]}</div>\n\n'
    renderer = MathRenderer(escape=False, embed_images=True, path=str(nbs))
    text = FORMULA.sub(numbered, without_comments(text))
    html = MarkdownWithMath(renderer=renderer).render(text)
    return CAPTIONED.sub(_captioned, HEADING.sub(_anchored, html))


def _anchored(found):
    "A heading with the anchor that it names, or else with the one that Quarto gives it."
    level, by_default, title, named, end = found.groups()
    words = html.unescape(re.sub(r'<[^>]+>', '', title))
    anchor = named or anchor_of(words) or by_default
    return f'<h{level} id="{anchor}">{title}<a class="anchor-link" href="#{anchor}">{end}'


def anchor_of(title):
    "As Pandoc makes it of a heading's words."
    words = re.sub(r'[^\w\s.-]', '', title.lower())
    return re.sub(r'^[^a-z]+', '', '-'.join(words.split()))


def _captioned(found):
    "A table below its caption, which Markdown has in a line below the table."
    table, caption, label, number = found.groups()
    said = f'<figcaption><p><strong>{number}.</strong> {caption}</p></figcaption>'
    place = f' id="{label}"' if label else ''
    return f'<figure class="outputs"{place}>{said}{table}</figure>'


def plain(page):
    "The words of HTML."
    page = re.sub(r'<(style|script|svg|math)\b.*?</\1>', ' ', page, flags=re.S)
    return ' '.join(html.unescape(re.sub(r'<[^>]+>', ' ', page)).split())
