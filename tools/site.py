"""The site, by Quarto: `python -m tools.site` (`make book`).

nbdev hands the notebooks on; what Quarto cannot know is added here, in the copies in _proc/:
links, words of the glossary, captions of results, and the pages that a tool writes. What Quarto
says is shown, warnings included."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from tools import pages
from tools.pages import chinese
from tools.pages.bilingual import bilingual
from tools.pages.text import link_chapters

ROOT = Path(__file__).resolve().parent.parent
PROC, DOCS = ROOT/'_proc', ROOT/'_docs'
# Not beside the pages: there Quarto takes a link to a notebook for one to its page.
DOWNLOADS = 'notebooks/'
# Quarto loads them for widgets, which this book has none of; without a network they are errors.
LOADERS = re.compile(r'<script src="https://cdnjs[^"]*/(?:require|jquery)[^"]*"[^>]*></script>\s*'
                     r'|<script[^>]*>define\(.jquery.,.*?</script>\s*', re.S)


def main():
    if not shutil.which('quarto'): sys.exit('Quarto is not on the PATH: https://quarto.org')
    shutil.rmtree(PROC, ignore_errors=True)
    nbdev = Path(sys.executable).with_name('nbdev-proc-nbs')
    subprocess.run([nbdev], cwd=ROOT, check=True)
    prepare(ROOT/'nbs', PROC)
    subprocess.run(['quarto', 'render', str(PROC)], cwd=ROOT, check=True)
    shutil.rmtree(DOCS, ignore_errors=True)
    shutil.move(PROC/'_docs', DOCS)
    add_notebooks(ROOT/'nbs', DOCS)
    for file in DOCS.rglob('*.html'):
        html = file.read_text(encoding='utf-8')
        file.write_text(LOADERS.sub('', html), encoding='utf-8')


def prepare(nbs, proc):
    "Add to the notebooks in `proc` what both renderings have, and the pages that are written."
    book = {path.stem: nbformat.read(proc/path.name, 4) for path in pages.notebooks(nbs)}
    sources = {path.stem: nbformat.read(path, 4) for path in pages.notebooks(nbs)}
    chinese.attach(book, pages.translations(sources, nbs))
    chapters = [pages.describe(stem, nb, True) for stem, nb in book.items()]
    extra = pages.extra_pages(nbs, chapters)
    extra.pop('references', None)  # Quarto writes its own, from the same file
    places = {stem: place for place, stem in enumerate(book)}
    pages.enrich(book | extra, nbs, DOWNLOADS)
    for nb in (book | extra).values(): bilingual(nb)
    make_preface(book['index'])
    for chapter in chapters:
        nb = book[chapter.stem]
        nb.cells[0].source = headed(nb.cells[0].source, chapter.number, places[chapter.stem])
        nbformat.write(nb, proc/f'{chapter.stem}.ipynb')
    for stem, nb in extra.items():
        source = '\n\n'.join(link_chapters(cell.source, '.ipynb') for cell in nb.cells)
        title, _, text = source.partition('\n')
        text = f'{title} {{.unnumbered}}\n{text}'
        (proc/f'{stem}.qmd').write_text(text + '\n', encoding='utf-8')
    book_files = pages.TEMPLATES/'book'
    with open(proc/'styles.css', 'a', encoding='utf-8') as styles:
        shared = map(_text, sorted(book_files.glob('[lw]*.css')))
        styles.write('\n'.join([pages.STYLE_OF_QUIZ, *shared]))
    script = '\n'.join(map(_text, sorted(book_files.glob('[lw]*.js'))))
    (proc/'words.html').write_text(f'<script>\n{script}</script>\n', encoding='utf-8')


def _text(file): return file.read_text(encoding='utf-8')


def make_preface(nb):
    """Leave out what Quarto's title page has from the settings.

    That is the title, the sentence below it, and the cover."""
    cover = f"]({pages.SETTINGS['book']['cover-image']})"
    nb.cells = [cell for cell in nb.cells if cover not in cell.source]
    nb.cells[0].source = '# Preface'


def add_notebooks(nbs, docs):
    "What the links at the chapters' heads download."
    (docs/DOWNLOADS).mkdir()
    for path in pages.notebooks(nbs): shutil.copy(path, docs/DOWNLOADS)
    pages.write_translated(nbs, nbs, docs/DOWNLOADS/'zh')


def headed(source, number, place):
    """A title that Quarto numbers as the text does.

    Quarto counts; a chapter whose number is not its place among the chapters has it written in
    its title, and the preface has none. A comment before a title keeps Quarto from moving it,
    without its `{.unnumbered}`, into the page's metadata."""
    if number == str(place): return source
    title, _, rest = source.partition('\n')
    said = f'# {number} {title[2:]}' if number else title
    return f'<!-- numbered by hand -->\n\n{said} {{.unnumbered}}\n{rest}'


if __name__ == '__main__': main()
