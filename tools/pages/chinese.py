"""The Chinese texts beside the English ones: what a page shows of nbs/zh/."""
import re
from functools import partial

from tools.pages.text import NO_PROSE, link_names, outside

NAMES = {'Figure ': '图', 'Equation ': '公式', 'Table ': '表'}
# Parts of the book, and pages that are no notebooks
TITLES = {
    'Before the first trick': '动手之前', 'What the network sees': '网络看到什么',
    'What the network is asked for': '要网络答什么', 'All of it together': '合在一起',
    'What you take with you': '你带走什么', 'Appendices': '附录',
    'How long it takes, and what you should see': '要多久，会看到什么', 'Glossary': '术语表',
    'References': '参考文献', 'The library, name by name': '库参考'}
CHAPTER = re.compile(r'(?<!fastbook)(第\d+(?:、\d+)*章|附录A\d(?:、A\d)*)')
WHOLE = re.compile(r'^(\||<|: |\[\^| *[-\d])', re.M)  # tables, HTML, captions, lists of cards
FENCE = re.compile(r'(^```.*?^```$)', re.M | re.S)


def attach(book, blocks_of):
    """Give a book's cells their Chinese texts, `metadata.zh`: by option, and '' for
    a Markdown cell's own. `blocks_of(stem, nb)`: those that are up to date, by their keys."""
    for stem, nb in book.items():
        found = blocks_of(stem, nb)
        nb.metadata.chinese = bool(found)
        for cell in nb.cells:
            own = {key.partition(' ')[2]: text for key, text in found.items()
                   if key.partition(' ')[0] == cell.get('id')}
            if own: cell.metadata.zh = own


def enrich(cell, stems, names, here):
    "The links of a Markdown cell's Chinese text."
    if '' not in cell.metadata.get('zh', {}): return
    links = partial(CHAPTER.sub, partial(_linked, stems, here))
    cell.metadata.zh[''] = link_names(outside(NO_PROSE, cell.metadata.zh[''], links), names)


def _linked(stems, here, found):
    "第3章 is a link; of 第3、5章, each number is."
    def link(number, shown):
        stem = stems.get(number)
        return shown if stem in (None, here) else f'[{shown}]({stem}.ipynb)'
    numbers = re.findall(r'A?\d+', found[0])
    if len(numbers) == 1: return link(numbers[0], found[0])
    return re.sub(r'A?\d+', lambda number: link(number[0], number[0]), found[0])


def name(number):
    "“Figure 1.2” in Chinese."
    for english, ours in NAMES.items(): number = number.replace(english, ours)
    return number


def pairs(english, chinese):
    """Paragraphs of both: [(English, Chinese)], with None for what is the same in both.

    What cannot be taken apart, such as a table with its caption, stays together."""
    if not chinese: return [(english, None)]
    theirs, ours = map(paragraphs, (english, chinese))
    if len(theirs) != len(ours) or WHOLE.search(english): return [(english, chinese)]
    return [(one, None if one == other else other) for one, other in zip(theirs, ours)]


def paragraphs(text):
    "What empty lines divide; a block of code is one."
    parts = FENCE.split(text)
    found = [[part] if i % 2 else re.split(r'\n\s*\n', part) for i, part in enumerate(parts)]
    return [piece.strip('\n') for piece in sum(found, []) if piece.strip()]
