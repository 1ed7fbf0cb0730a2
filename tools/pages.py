"""Turn executed notebooks into pages that need no network: pictures, styles and formulas are inside the file.

What Quarto makes of the notebooks on the site, this makes on a laptop: option lines (`#| fig-cap: …`) become
captions and alt text, hidden cells go, and references such as @fig-crop become links with numbers."""
import re
from functools import partial
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
    "Write a page for each executed notebook in `out`, and the contents page; returns the contents page's path."
    sources = {path.stem: nbformat.read(path, 4) for path in notebooks(nbs)} | references(nbs)
    chapters = [describe(stem, nb, stem in UNEXECUTED or (out/f'{stem}.ipynb').exists()) for stem, nb in sources.items()]
    numbers = {k: v for chapter in chapters for k, v in number_labels(chapter, sources[chapter.stem]).items()}
    for i, chapter in enumerate(chapters):
        if not chapter.written: continue
        nb = sources[chapter.stem] if chapter.stem in UNEXECUTED else nbformat.read(out/f'{chapter.stem}.ipynb', 4)
        html = render(nb, numbers, nbs, chapters=chapters, here=chapter,
                      before=neighbour(chapters[:i][::-1]), after=neighbour(chapters[i+1:]))
        (out/chapter.href).write_text(html, encoding='utf-8')
    return out/'index.html'


def notebooks(nbs):
    "The book's notebooks in reading order: the preface, the chapters, the appendix."
    return sorted(nbs.glob('[!_.]*.ipynb'), key=lambda p: (p.stem != 'index', p.stem[0].isalpha(), p.stem))


def references(nbs):
    "The bibliography as a last page: {stem: notebook}, or nothing where there is no references.bib."
    file = nbs/'references.bib'
    if not file.exists(): return {}
    entries = sorted(bibliography(file), key=lambda entry: (entry['author'], entry['year']))
    return {'references': new_notebook(cells=[new_markdown_cell('# References'), new_markdown_cell('\n'.join(map(listed, entries)))])}


def bibliography(file):
    "The entries of a BibTeX file, as dicts of their fields."
    library = bibtexparser.parse_file(str(file))
    if library.failed_blocks: raise ValueError(f"{file}: {library.failed_blocks[0].error}")
    return [{field.key: re.sub('[{}]', '', field.value).replace('--', '–') for field in entry.fields} for entry in library.entries]


def listed(entry):
    "An entry as a line of a list: the authors' family names, year, title, and where it appeared."
    names = [name.split(',')[0] for name in entry['author'].split(' and ')]
    authors = names[0] if len(names) == 1 else ', '.join(names[:-1]) + f' and {names[-1]}'
    where = entry.get('journal') or entry.get('booktitle') or 'Preprint'
    return f"- {authors} ({entry['year']}): [{entry['title']}]({entry['url']}). {where}."


def neighbour(chapters): return next((c for c in chapters if c.written), None)


def describe(stem, nb, written):
    lines = nb.cells[0].source.splitlines()
    idea = ' '.join(line.lstrip('> ') for line in lines if line.startswith('>'))
    return Chapter(stem, lines[0].lstrip('# '), idea, written)


def number_labels(chapter, nb):
    "Where each labelled figure, equation and table of a chapter is, and its number: {label: (href, 'Figure 1.2')}."
    counts, numbers = dict.fromkeys(KINDS, 0), {}
    for cell in nb.cells:
        labels = LABEL.findall(cell.source) if cell.cell_type == 'markdown' else [options(cell).get('label', '')]
        for label in filter(REFERENCE.match, (f'@{label}' for label in labels)):
            kind = label[1:].split('-')[0]
            counts[kind] += 1
            numbers[label[1:]] = f'{chapter.href}#{label[1:]}', f'{KINDS[kind]} {chapter.number}.{counts[kind]}'
    return numbers


def options(cell):
    "A code cell's option lines as a dict; nbdev's bare directives are keys without a value."
    lines = OPTION.findall(cell.source) if cell.cell_type == 'code' else []
    found = {}
    for line in lines: found |= yaml.safe_load(line) if ': ' in line else {line.split()[0]: True}
    return found


def render(nb, numbers, nbs, **page):
    "One notebook as HTML; `page` goes to the template."
    injected = any('injected-parameters' in tags(cell) for cell in nb.cells)  # it repeats the parameters' cell
    nb.cells = [prepare(cell, numbers) for cell in nb.cells if shown(cell) and not (injected and 'parameters' in tags(cell))]
    exporter = HTMLExporter(template_name='book', extra_template_basedirs=[str(TEMPLATES)], exclude_output_prompt=True,
                            filters={'markdown2html': partial(markdown, nbs=nbs)})
    html, _ = exporter.from_notebook_node(nb, resources={'page': page})
    return html


def tags(cell): return cell.metadata.get('tags', [])


def shown(cell):
    opts = options(cell)
    contents = 'contents' in tags(cell)  # the chapters, of which the contents page has its own list
    return bool(cell.source.strip()) and not (opts.get('hide') or opts.get('include') is False or contents)


def prepare(cell, numbers):
    if cell.cell_type == 'markdown': cell.source = link_chapters(link_references(place_labels(cell.source, numbers), numbers))
    if cell.cell_type != 'code': return cell
    cell.outputs = lasting(cell.outputs)
    opts = options(cell)
    cell.source = OPTION.sub('', cell.source).strip()
    caption = link_references(opts.get('fig-cap') or opts.get('tbl-cap') or '', numbers)
    cell.metadata.book = dict(label=opts.get('label', ''), number=numbers.get(opts.get('label'), ('', ''))[1],
                              caption=caption, echo=opts.get('echo', True), fold=opts.get('code-fold', False))
    if 'fig-alt' in opts: cell.metadata.alt = opts['fig-alt']
    return cell


def lasting(outputs):
    "What a page can show by itself: no widgets, which need a kernel that runs, and no bars that have gone and left their style."
    return [out for out in outputs if 'application/vnd.jupyter.widget-view+json' not in out.get('data', {}) and not _is_blank(out)]

def _is_blank(out):
    "Is this HTML with nothing to see?"
    return 'text/html' in out.get('data', {}) and not STYLE.sub('', out.data['text/html']).strip()


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
    return LABEL.sub(lambda m: f'<span class="number" id="{m[1]}">{numbers[m[1]][1]}</span>', text)


class MathRenderer(IPythonRenderer):
    "Formulas as MathML, which browsers draw without a script."
    def inline_math(self, body): return to_mathml(body)
    def block_math(self, body): return to_mathml(body, display='block')


def markdown(text, nbs):
    return MarkdownWithMath(renderer=MathRenderer(escape=False, embed_images=True, path=str(nbs))).render(text)
