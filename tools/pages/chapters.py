"""What the book consists of: its notebooks, its parts, and pages that are no notebooks."""
import re
from pathlib import Path
from typing import NamedTuple

import bibtexparser
import yaml
from nbformat.v4 import new_markdown_cell, new_notebook

from tools.pages.text import without_comments

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = yaml.safe_load((ROOT/'_quarto.yml').read_text(encoding='utf-8'))


class Chapter(NamedTuple):
    stem: str
    title: str
    idea: str      # the `>` line below the title
    written: bool  # there is a page to link to
    chinese: str = ''       # its title
    idea_chinese: str = ''

    @property
    def number(self): return number_of(self.stem)

    @property
    def href(self): return f'{self.stem}.html'


def number_of(stem):
    found = re.match(r'0*([A-Z]?\d+)_', stem)
    return found[1] if found else ''


def notebooks(nbs):
    "The book's notebooks in reading order: the preface, the chapters, the appendix."
    def place(path): return path.stem != 'index', path.stem[0].isalpha(), path.stem
    return sorted(nbs.glob('[!_.]*.ipynb'), key=place)


def describe(stem, nb, written):
    title = _title(nb.cells[0].source.partition('\n')[0])
    ours = nb.cells[0].metadata.get('zh', {}).get('', '')
    return Chapter(stem, title, _idea(nb.cells[0].source), written,
                   _title(ours.partition('\n')[0]), _idea(ours))


def _idea(text):
    lines = [line.lstrip('> ') for line in text.splitlines() if line.startswith('>')]
    return without_comments(' '.join(lines))


def _title(line): return re.sub(r'\s*\{[.#][^}]*\}$', '', line.lstrip('# '))


def parts(settings=SETTINGS):
    "The part that each page of the book is in, by its stem; '' for those in none."
    book, found = settings['book'], {}
    for entry in book['chapters']:
        inside = [entry] if isinstance(entry, str) else entry['chapters']
        part = '' if isinstance(entry, str) else entry['part']
        found |= {Path(file).stem: part for file in inside}
    return found | {Path(file).stem: 'Appendices' for file in book.get('appendices', [])}


def page_of(texts):
    "A notebook of Markdown cells: texts, or pairs of one in English and one in Chinese."
    def cell(text):
        if isinstance(text, str): return new_markdown_cell(text)
        english, ours = text
        return new_markdown_cell(english, metadata=dict(zh={'': ours}))
    translated = any(not isinstance(text, str) for text in texts)
    return new_notebook(cells=list(map(cell, texts)), metadata=dict(chinese=translated))


def references(nbs):
    "The bibliography as a page: {stem: notebook}, or nothing without a references.bib."
    file = nbs/'references.bib'
    if not file.exists(): return {}
    entries = sorted(bibliography(file), key=lambda entry: (entry['author'], entry['year']))
    title = '# References', '# 参考文献'
    return {'references': page_of([title, '\n'.join(map(listed, entries))])}


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
