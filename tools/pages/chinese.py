"""The Chinese texts beside the English ones: what a page shows of nbs/zh/."""
import re
from functools import cache, partial
from pathlib import Path

from tools.pages import quiz
from tools.pages.text import (
    NO_PROSE,
    inline,
    link_names,
    link_notebook,
    link_to,
    outside,
)

NAMES = {'Figure ': '图', 'Equation ': '公式', 'Table ': '表'}
WORDS = Path(__file__).resolve().parents[2]/'nbs'/'zh'/'tables.txt'
PARTS = {
    'Before the first trick': '动手之前', 'What the network sees': '网络看到什么',
    'What the network is asked for': '要网络答什么', 'All of it together': '合在一起',
    'What you take with you': '你带走什么', 'Appendices': '附录'}
CHAPTER = re.compile(r'(?<!fastbook)(第\d+(?:、\d+)*章|附录A\d(?:、A\d)*)')
RUN = '运行：{}，或者{}下载这个笔记本</a>。'
WHOLE = re.compile(r'^(\||<|: |\[\^| *[-\d])', re.M)  # tables, HTML, captions, lists of cards
FENCE = re.compile(r'(^```.*?^```$)', re.M | re.S)


@cache
def words() -> dict:
    "What tables and their captions say: {English: Chinese}."
    lines = WORDS.read_text(encoding='utf-8').splitlines()
    return dict(line.split(' = ') for line in lines if ' = ' in line and line[0] != '#')


def attach(book, texts):
    """Give a book's cells their Chinese texts, `metadata.zh`: by option, '' for a Markdown
    cell's own, and the HTML of a quiz.

    `texts`: of each notebook, by its stem, those that are up to date, by their keys."""
    for stem, nb in book.items():
        for cell in nb.cells:
            own = {key.partition(' ')[2]: text for key, text in texts[stem].items()
                   if key.partition(' ')[0] == cell.get('id')}
            if cell.cell_type == 'code' and (asked := quiz.in_chinese(cell.source)):
                own['quiz'] = asked
            if own: cell.metadata.zh = own
        nb.metadata.chinese = any('zh' in cell.metadata for cell in nb.cells)


def enrich(cell, stems, names, here, downloads=''):
    "The links of a Markdown cell's Chinese text."
    if '' not in cell.metadata.get('zh', {}): return
    text = link_names(link_numbers(bold(cell.metadata.zh['']), stems, here), names)
    cell.metadata.zh[''] = link_notebook(opened_in_chinese(text), f'{downloads}zh/', RUN)


# The branch that has the Chinese notebooks, for Colab; .github/workflows/book.yml writes it.
BRANCH = re.compile(r'(colab\.research\.google\.com/github/[\w-]+/[\w-]+/blob)/main/')

BOLD = re.compile(r'(```.*?```|`[^`\n]+`)|\*\*((?:`[^`\n]+`|[^*`\n])+)\*\*', re.S)

def bold(text):
    """`<strong>` for stars, which open and close nothing between Chinese and a link.

    Words of the glossary become links later."""
    return BOLD.sub(lambda found: found[1] or f'<strong>{found[2]}</strong>', text)


def opened_in_chinese(text): return BRANCH.sub(r'\1/zh/', text)


def link_numbers(text, stems, here=''):
    "“第3章” becomes a link, as “chapter 3” does in English."
    return outside(NO_PROSE, text, partial(CHAPTER.sub, partial(_linked, stems, here)))


def _linked(stems, here, found):
    "第3章 is a link; of 第3、5章, each number is."
    link = partial(link_to, stems, here)
    numbers = re.findall(r'A?\d+', found[0])
    if len(numbers) == 1: return link(numbers[0], found[0])
    return re.sub(r'A?\d+', lambda number: link(number[0], number[0]), found[0])


def name(number):
    "“Figure 1.2” in Chinese."
    for english, ours in NAMES.items(): number = number.replace(english, ours)
    return number


def both(english, ours):
    "A line of Markdown in both languages, as HTML; only in English if that is all there is."
    if not ours: return inline(english)
    return (f'<span class="en" lang="en">{inline(english)}</span>'
            f'<span class="zh" lang="zh-Hans">{inline(ours)}</span>')


def pairs(english, chinese):
    """Paragraphs of both: [(English, Chinese)], with None for what is the same in both.

    What cannot be taken apart, such as a table with its caption, stays together, but for its
    heading."""
    if not chinese: return [(english, None)]
    theirs, ours = map(paragraphs, (english, chinese))
    if len(theirs) == len(ours) and not WHOLE.search(english):
        return [(one, None if one == other else other) for one, other in zip(theirs, ours)]
    if len(theirs) > 1 < len(ours) and theirs[0].startswith('#'):
        rest = map('\n\n'.join, (theirs[1:], ours[1:]))
        return [(theirs[0], ours[0]), *pairs(*rest)]
    return [(english, chinese)]


def paragraphs(text):
    "What empty lines divide; a block of code is one."
    parts = FENCE.split(text)
    found = [[part] if i % 2 else re.split(r'\n\s*\n', part) for i, part in enumerate(parts)]
    return [piece.strip('\n') for piece in sum(found, []) if piece.strip()]
