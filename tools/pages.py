"""Turn executed notebooks into pages that need no network: all they show is inside the file.

What Quarto makes of the notebooks on the site, this makes on a laptop: option lines such as
`fig-cap` become captions and alt text, hidden cells and comments go, and references such as
@fig-crop become links with numbers."""
import re
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import bibtexparser
import nbformat
import yaml
from latex2mathml.converter import convert as to_mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_notebook

UNEXECUTED = 'index', 'references'  # pages with nothing to run
TEMPLATES = Path(__file__).resolve().parent
KINDS = {'fig': 'Figure', 'eq': 'Equation', 'tbl': 'Table'}
OPTION = re.compile(r'^#\|\s?(.*)\n?', re.M)
STYLE = re.compile(r'<style>.*?</style>', re.S)
COMMENT = re.compile(r'(```.*?```|`[^`\n]+`)|<!--.*?-->', re.S)  # not those that code shows
CARD = re.compile(r'^- \*\*What:\*\*', re.M)
WIDGET = 'application/vnd.jupyter.widget-view+json'
LABEL = re.compile(r'\{#((?:fig|eq|tbl)-[\w-]+)\}')
REFERENCE = re.compile(r'(?<![\w@])@((?:fig|eq|tbl)-[\w-]+)')


class Chapter(NamedTuple):
    stem: str
    title: str
    idea: str      # the `>` line below the title
    written: bool  # there is a page to link to

    @property
    def number(self): return re.match(r'0*([A-Z]?\d*)', self.stem)[1]
    @property
    def href(self): return f'{self.stem}.html'


def write(nbs, out):
    "Write a page for each executed notebook in `out`, and the contents page; returns its path."
    sources = {path.stem: nbformat.read(path, 4) for path in notebooks(nbs)} | references(nbs)
    def executed(stem): return out/f'{stem}.ipynb'
    def written(stem): return stem in UNEXECUTED or executed(stem).exists()
    chapters = [describe(stem, nb, written(stem)) for stem, nb in sources.items()]
    labels = (number_labels(chapter, sources[chapter.stem]).items() for chapter in chapters)
    numbers = dict(chain.from_iterable(labels))
    for i, chapter in enumerate(chapters):
        if not chapter.written: continue
        stem = chapter.stem
        nb = sources[stem] if stem in UNEXECUTED else nbformat.read(executed(stem), 4)
        page = dict(chapters=chapters, here=chapter)
        page |= dict(before=neighbour(chapters[:i][::-1]), after=neighbour(chapters[i+1:]))
        html = render(nb, numbers, nbs, **page)
        (out/chapter.href).write_text(html, encoding='utf-8')
    return out/'index.html'


def notebooks(nbs):
    "The book's notebooks in reading order: the preface, the chapters, the appendix."
    def place(path): return path.stem != 'index', path.stem[0].isalpha(), path.stem
    return sorted(nbs.glob('[!_.]*.ipynb'), key=place)


def references(nbs):
    "The bibliography as a last page: {stem: notebook}, or nothing without a references.bib."
    file = nbs/'references.bib'
    if not file.exists(): return {}
    entries = sorted(bibliography(file), key=lambda entry: (entry['author'], entry['year']))
    texts = '# References', '\n'.join(map(listed, entries))
    return {'references': new_notebook(cells=list(map(new_markdown_cell, texts)))}


def bibliography(file):
    "The entries of a BibTeX file, as dicts of their fields."
    library = bibtexparser.parse_file(str(file))
    if library.failed_blocks: raise ValueError(f"{file}: {library.failed_blocks[0].error}")
    def plain(value): return re.sub('[{}]', '', value).replace('--', '–')
    return [{field.key: plain(field.value) for field in entry.fields}
            for entry in library.entries]


def listed(entry):
    "An entry as a line of a list: the authors' family names, year, title, where it appeared."
    names = [name.split(',')[0] for name in entry['author'].split(' and ')]
    authors = names[0] if len(names) == 1 else ', '.join(names[:-1]) + f' and {names[-1]}'
    where = entry.get('journal') or entry.get('booktitle') or 'Preprint'
    return f"- {authors} ({entry['year']}): [{entry['title']}]({entry['url']}). {where}."


def neighbour(chapters): return next((c for c in chapters if c.written), None)


def describe(stem, nb, written):
    lines = nb.cells[0].source.splitlines()
    idea = ' '.join(line.lstrip('> ') for line in lines if line.startswith('>'))
    return Chapter(stem, lines[0].lstrip('# '), without_comments(idea), written)


def number_labels(chapter, nb):
    "Where each labelled figure, equation or table is: {label: (href, 'Figure 1.2')}."
    counts, numbers = dict.fromkeys(KINDS, 0), {}
    for label in chain.from_iterable(map(labels_of, nb.cells)):
        kind = label.split('-')[0]
        counts[kind] += 1
        number = f'{KINDS[kind]} {chapter.number}.{counts[kind]}'
        numbers[label] = f'{chapter.href}#{label}', number
    return numbers


def labels_of(cell):
    "What can be referred to in a cell."
    if cell.cell_type == 'markdown': return LABEL.findall(cell.source)
    label = options(cell).get('label', '')
    return [label] if REFERENCE.match(f'@{label}') else []


def options(cell):
    "A code cell's option lines as a dict; nbdev's bare directives are keys without a value."
    lines = OPTION.findall(cell.source) if cell.cell_type == 'code' else []
    found = {}
    for line in filter(str.strip, lines):
        found |= yaml.safe_load(line) if ': ' in line else {line.split()[0]: True}
    return found


def render(nb, numbers, nbs, **page):
    "One notebook as HTML; `page` goes to the template."
    cells = nb.cells
    if any('injected-parameters' in tags(cell) for cell in cells):  # they stand for the others
        cells = [cell for cell in cells if 'parameters' not in tags(cell)]
    nb.cells = [prepare(cell, numbers) for cell in cells if shown(cell)]
    exporter = HTMLExporter(
        template_name='book',
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_output_prompt=True,
        filters={'markdown2html': partial(markdown, nbs=nbs)})
    html, _ = exporter.from_notebook_node(nb, resources={'page': page})
    return html


def tags(cell): return cell.metadata.get('tags', [])


def shown(cell):
    if not cell.source.strip(): return False
    if 'contents' in tags(cell): return False  # the contents page has its own list of chapters
    opts = options(cell)
    return not opts.get('hide') and opts.get('include') is not False


def prepare(cell, numbers):
    if cell.cell_type == 'markdown': _prepare_text(cell, numbers)
    if cell.cell_type == 'code': _prepare_code(cell, numbers)
    return cell

def _prepare_text(cell, numbers):
    cell.metadata.book = dict(card=bool(CARD.search(cell.source)))
    cell.source = link_chapters(link_references(place_labels(cell.source, numbers), numbers))

def _prepare_code(cell, numbers):
    opts = options(cell)
    cell.outputs = lasting(cell.outputs)
    cell.source = OPTION.sub('', cell.source).strip()
    cell.metadata.book = dict(
        label=opts.get('label', ''),
        number=numbers.get(opts.get('label'), ('', ''))[1],
        caption=link_references(opts.get('fig-cap') or opts.get('tbl-cap') or '', numbers),
        echo=opts.get('echo', True),
        fold=opts.get('code-fold', False),
        summary=opts.get('code-summary', 'Code'))
    if 'fig-alt' in opts: cell.metadata.alt = opts['fig-alt']


def without_comments(text):
    """Markdown without its HTML comments, which mark the numbers that a tool writes.

    A browser would hide them, but a `|` in one would end a table's cell, and one at the
    beginning of a line would end its paragraph."""
    return COMMENT.sub(lambda found: found[1] or '', text)


def lasting(outputs):
    """What a page can show by itself.

    That is no widget, which needs a running kernel, and no bar that has gone and left its
    style."""
    return [out for out in outputs if WIDGET not in out.get('data', {}) and not _is_blank(out)]

def _is_blank(out):
    "Is this HTML with nothing to see?"
    if 'text/html' not in out.get('data', {}): return False
    return not STYLE.sub('', out.data['text/html']).strip()


def link_references(text, numbers):
    def link(match):
        href, name = numbers.get(match[1], ('', match[0]))
        return f'[{name}]({href})' if href else name
    return REFERENCE.sub(link, text)


def link_chapters(text):
    "In the notebooks a chapter's link leads to a notebook, here to its page."
    return re.sub(r'\]\((\w+)\.ipynb', r'](\1.html', text)


def place_labels(text, numbers):
    "A label becomes an anchor with its number, in place."
    def anchor(found):
        label = found[1]
        return f'<span class="number" id="{label}">{numbers[label][1]}</span>'
    return LABEL.sub(anchor, text)


class MathRenderer(IPythonRenderer):
    "Formulas as MathML, which browsers draw without a script."
    def inline_math(self, body): return to_mathml(body)
    def block_math(self, body): return to_mathml(body, display='block')


def markdown(text, nbs):
    renderer = MathRenderer(escape=False, embed_images=True, path=str(nbs))
    return MarkdownWithMath(renderer=renderer).render(without_comments(text))
