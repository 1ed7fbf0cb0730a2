"""Turn executed notebooks into pages that need no network: all they show is inside the file.

What Quarto makes of the notebooks on the site, this makes on a laptop: option lines such as
`fig-cap` become captions and alt text, hidden cells and comments go, and references such as
@fig-crop become links with numbers. What both renderings need is made once, by `enrich`:
links on “chapter 3” and on names of the library, words of the glossary, captions of results."""
import json
import re
from copy import deepcopy
from functools import cache, partial
from itertools import chain, groupby
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter, TemplateExporter
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

import sotatrain
from sotatrain.core.quiz import QUIZ_STYLE
from tools.pages import api, chinese, search, times, words
from tools.pages.catalogue import current, english, read
from tools.pages.cells import (
    REFERENCE,
    STYLE,
    WIDGET,
    caption_results,
    caption_tables,
    lasting,
    number_labels,
    options,
    prepare,
    shown,
    tags,
)
from tools.pages.chapters import (
    ROOT,
    SETTINGS,
    Chapter,
    bibliography,
    describe,
    notebooks,
    number_of,
    page_of,
    parts,
    references,
)
from tools.pages.text import (
    link_names,
    link_notebook,
    link_numbers,
    markdown,
    plain,
    without_comments,
)
from tools.pages.translated import translated

__all__ = ['REFERENCE', 'STYLE', 'WIDGET', 'Chapter', 'bibliography', 'describe', 'enrich',
           'extra_pages', 'lasting', 'notebooks', 'number_labels', 'options', 'references',
           'render', 'tags', 'without_comments', 'write']

UNEXECUTED = 'index', 'references', 'glossary', 'times', 'reference'  # nothing to run
TEMPLATES = Path(__file__).resolve().parents[1]
WITHOUT_WORDS = 'reference', 'glossary', 'references'  # of the glossary
REPOSITORY = SETTINGS['book']['repo-url']
STYLE_OF_QUIZ = re.sub('</?style>', '', QUIZ_STYLE)
COLAB = REPOSITORY.replace('https://github.com', 'https://colab.research.google.com/github')


def write(nbs, out, language='en'):
    """Write a page for each executed notebook in `out`; returns the path of the first one.

    `language`: for readers who have not chosen. `out/zh` gets the notebooks in Chinese."""
    sources = {path.stem: nbformat.read(path, 4) for path in notebooks(nbs)}
    def executed(stem): return out/f'{stem}.ipynb'
    def written(stem): return stem in sources if stem in UNEXECUTED else executed(stem).exists()
    def about(): return [describe(stem, nb, written(stem)) for stem, nb in sources.items()]
    ours = translations(sources, nbs)
    chinese.attach(sources, ours)
    sources |= extra_pages(nbs, about())
    chapters = about()
    ran = {c.stem: nbformat.read(executed(c.stem), 4) for c in chapters
           if c.written and c.stem not in UNEXECUTED}
    chinese.attach(ran, ours)
    pages = {c.stem: ran.get(c.stem) or deepcopy(sources[c.stem])
             for c in chapters if c.written}
    for book in (sources, pages): enrich(book, nbs)
    chapters = [describe(c.stem, sources[c.stem], c.written) for c in chapters]
    labels = (number_labels(c, sources[c.stem]).items() for c in chapters)
    numbers = dict(chain.from_iterable(labels))
    index = []
    for i, chapter in enumerate(chapters):
        if not chapter.written: continue
        page = dict(chapters=chapters, here=chapter, language=language)
        page |= dict(before=neighbour(chapters[:i][::-1]), after=neighbour(chapters[i+1:]))
        html = render(pages[chapter.stem], numbers, nbs, **page)
        (out/chapter.href).write_text(html, encoding='utf-8')
        index += search.sections(chapter, html)
    (out/'search-index.js').write_text(search.script(index), encoding='utf-8')
    write_translated(nbs, out, out/'zh')
    return out/'index.html'


def write_translated(nbs, executed, out):
    "The notebooks in `executed`, in Chinese: pages offer them to those who read it."
    out.mkdir(exist_ok=True)
    for path in notebooks(executed):
        blocks = read(nbs/'zh'/f'{path.stem}.md')
        if blocks: nbformat.write(translated(nbformat.read(path, 4), blocks), out/path.name)


def translations(sources, nbs):
    "The Chinese of notebooks as they are in `nbs`, by stem and key, where it is up to date."
    return {stem: current(english(nb), read(nbs/'zh'/f'{stem}.md'))
            for stem, nb in sources.items()}


def neighbour(chapters): return next((c for c in chapters if c.written), None)


def extra_pages(nbs, chapters):
    """Pages of the book that are no notebooks: {stem: notebook}.

    Only the book itself has them all: a folder of other notebooks has no reference."""
    found = references(nbs)
    if (nbs/'glossary.qmd').exists():
        stems = {chapter.number: chapter.stem for chapter in chapters if chapter.number}
        listed = words.as_list(*glossaries(nbs), stems)
        found = {'glossary': page_of([('# Glossary', '# 术语表'), listed])} | found
    if (nbs.parent/'sotatrain'/'all.py').exists():
        names = api.markdown(api.entries(nbs.parent), REPOSITORY)
        benchmark = nbs.parent/'results'/'benchmarks'/'course.json'
        found = {'times': page_of(times.markdown(chapters, benchmark)), **found,
                 'reference': page_of(names)}
    return found


def glossaries(nbs):
    "The terms in English and in Chinese; none in a folder without a glossary."
    file = nbs/'glossary.qmd'
    if not file.exists(): return [], []
    text = file.read_text(encoding='utf-8')
    return words.glossary(text), words.in_chinese(text, read(nbs/'zh'/'glossary.md'))


def enrich(book, nbs, downloads=''):
    """Links, explained words and captions for the notebooks of a book, {stem: notebook}.

    `downloads`: the folder, with a slash, where a reader of the pages finds the notebooks."""
    stems = {number_of(stem): stem for stem in book if number_of(stem)}
    has_library = (nbs.parent/'sotatrain'/'all.py').exists()
    names = api.addresses(api.entries(nbs.parent)) if has_library else {}
    terms, terms_zh = glossaries(nbs)
    caption_results(book)
    for stem, nb in book.items():
        if stem == 'glossary': continue  # is HTML, with links of its own
        texts = [cell for cell in nb.cells if cell.cell_type == 'markdown'][1:]
        sources = [link_numbers(cell.source, stems, stem) for cell in texts]
        if stem != 'reference': sources = [link_names(source, names) for source in sources]
        if stem not in WITHOUT_WORDS: sources = words.explain(sources, terms)
        for cell, source in zip(texts, sources):
            cell.source = link_notebook(caption_tables(source), downloads)
            chinese.enrich(cell, stems, names, stem, downloads)
            if '' in (ours := cell.metadata.get('zh', {})):
                ours[''] = caption_tables(ours[''], chinese.words().get)
        translated = [cell.metadata.zh for cell in texts if '' in cell.metadata.get('zh', {})]
        if stem in WITHOUT_WORDS: continue
        explained = words.explain([ours[''] for ours in translated], terms_zh)
        for ours, source in zip(translated, explained): ours[''] = source


def render(nb, numbers, nbs, **page):
    "One notebook as HTML; `page` goes to the template."
    cells = nb.cells
    if any('injected-parameters' in tags(cell) for cell in cells):  # they stand for the others
        cells = [cell for cell in cells if 'parameters' not in tags(cell)]
    nb.cells = [prepare(cell, numbers) for cell in cells if shown(cell)]
    here = page['here']
    names = [chapter.chinese for chapter in page['chapters'] if chapter.stem == 'index']
    about = dict(
        name_zh=next(iter(names), ''),
        headings=headings(nb, nbs), chinese=nb.metadata.get('chinese', False),
        titles=chinese.PARTS,
        notebook=here.stem not in UNEXECUTED[1:],
        colab=f'{COLAB}/blob/main/nbs/{here.stem}.ipynb',
        colab_zh=f'{COLAB}/blob/zh/nbs/{here.stem}.ipynb',
        version=sotatrain.__version__, repository=REPOSITORY, parts=parts(),
        quiz=QUIZ_STYLE, day=_day())
    html, _ = exporter(nbs).from_notebook_node(nb, resources={'page': about | page})
    return html


class PageExporter(HTMLExporter):
    """Without nbconvert's second reading of a page, which took half of the time: it marks what
    has JupyterLab's classes, and our template has none."""
    def from_notebook_node(self, nb, resources=None, **kw):
        resources = self._init_resources(resources)
        return TemplateExporter.from_notebook_node(self, nb, resources, **kw)


@cache  # it compiles its templates once
def exporter(nbs):
    made = PageExporter(
        template_name='book',
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_output_prompt=True,
        filters={'markdown2html': partial(markdown, nbs=nbs), 'highlight_code': code})
    made.environment.filters['groupby_part'] = by_part
    return made


def by_part(chapters, part_of):
    "Neighbours of the same part together: [(part, chapters)]."
    return [(part, list(inside)) for part, inside in
            groupby(chapters, lambda chapter: part_of.get(chapter.stem, ''))]


def headings(nb, nbs):
    "The sections of a page: (anchor, title, Chinese title)."
    def found(texts):
        html = ''.join(markdown(text, nbs) for text in texts)
        return re.findall(r'<h2 id="([^"]+)"[^>]*>(.*?)<a class="anchor', html)
    cells = [cell for cell in nb.cells if cell.cell_type == 'markdown']
    english = found(cell.source for cell in cells)
    ours = english
    if nb.metadata.get('chinese'):
        ours = found(cell.metadata.get('zh', {}).get('', cell.source) for cell in cells)
    if len(ours) != len(english): ours = english
    return [(anchor, plain(title), plain(title_zh))
            for (anchor, title), (_, title_zh) in zip(english, ours)]


def _day():
    "The day of the book's newest measurements: the same whenever the pages are made."
    benchmark = ROOT/'results'/'benchmarks'/'course.json'
    return json.loads(benchmark.read_text())['conditions']['date'][:10]


def code(source, language='python', metadata=None):
    "Highlighted, a line in its own box, so that one that wraps keeps its indentation."
    lexer = get_lexer_by_name('ipython3' if language.startswith(('python', 'ipython')) else
                              language)
    lines = highlight(source, lexer, HtmlFormatter(nowrap=True)).rstrip('\n').split('\n')
    written = source.strip('\n').split('\n')
    depths = [len(line) - len(line.lstrip()) for line in written]
    depths += [0]*(len(lines) - len(depths))
    spans = ''.join(f'<span class="line" style="--depth:{depth}ch">{line}\n</span>'
                    for depth, line in zip(depths, lines))
    return f'<div class="highlight"><pre>{spans}</pre></div>'
