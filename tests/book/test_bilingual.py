"""Both languages in the notebooks that Quarto renders."""
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.notebook import NBS
from tools import pages
from tools.pages import chinese
from tools.pages.bilingual import bilingual
from tools.pages.cells import options


def shown(english, ours, first='# Title'):
    cells = [new_markdown_cell(first), new_markdown_cell(english, metadata=dict(zh={'': ours}))]
    return bilingual(new_notebook(cells=cells)).cells[1].source


def test_paragraphs_stand_one_below_the_other():
    assert shown('One.\n\n$$x$$ {#eq-x}\n\nTwo.', '一。\n\n$$x$$ {#eq-x}\n\n二。') == (
        '::: {.en}\nOne.\n:::\n\n::: {.zh lang=zh-Hans}\n一。\n:::\n\n$$x$$ {#eq-x}\n\n'
        '::: {.en}\nTwo.\n:::\n\n::: {.zh lang=zh-Hans}\n二。\n:::')


@pytest.mark.parametrize('english,anchor', [
    ('Does it help?', 'does-it-help'), ('2. Two sizes, one `Stage`', 'two-sizes-one-stage')])
def test_a_heading_is_one_line_with_the_address_of_the_english_one(english, anchor):
    text = shown(f'## {english}\n\n- A list', '## 标题\n\n- 列表')
    heading, rest = text.split('\n\n', 1)
    assert heading == f'## [{english}]{{.en}} [标题]{{.zh lang=zh-Hans}} {{#{anchor}}}'
    assert rest.startswith('::: {.en}\n- A list')
    assert '{#mine}' in shown('### `f` {#mine}', '### `f`函数')


def test_a_title_stays_english_with_the_chinese_one_below():
    title = new_markdown_cell('# Title\n\n> Idea', metadata=dict(zh={'': '# 标题\n\n> 想法'}))
    text = bilingual(new_notebook(cells=[title])).cells[0].source
    assert text.startswith('# Title\n\n[标题]{.zh .title lang=zh-Hans}\n\n::: {.en}\n> Idea')


def test_references_carry_chinese_words_and_labels_stand_once():
    text = shown('See @fig-a.\n\n| a |\n\n: Words {#tbl-b}',
                 '见@fig-a和（@eq-c）。\n\n| 甲 |\n\n: 说明 {#tbl-b}')
    assert '见图[-@fig-a]和（公式[-@eq-c]）。' in text and text.count('{#tbl-b}') == 1


def test_captions_are_in_both_languages_and_so_are_quizzes():
    lines = '#| label: fig-a', '#| fig-cap: "One."', '#| fig-subcap: ["A", "B"]', 'plot()'
    cell = new_code_cell('\n'.join(lines))
    cell.metadata.zh = {'fig-cap': '一。', 'fig-subcap': '甲\n\n乙', 'quiz': '<b>问</b>'}
    cell, = bilingual(new_notebook(cells=[cell])).cells
    assert options(cell)['fig-cap'] == '[One.]{.en} [一。]{.zh lang=zh-Hans}'
    assert options(cell)['fig-subcap'][1] == '[B]{.en} [乙]{.zh lang=zh-Hans}'
    assert '<b>问</b>' in cell.outputs[0].data['text/html']


def texts(nb):
    return '\n\n'.join(cell.source for cell in nb.cells if cell.cell_type == 'markdown')


def test_the_whole_book_keeps_its_labels_and_closes_what_it_opens():
    book = {path.stem: nbformat.read(path, 4) for path in pages.notebooks(NBS)}
    chinese.attach(book, pages.translations(book, NBS))
    for stem, nb in book.items():
        before = re.findall(r'\{#[\w-]+\}', texts(nb))
        after = texts(bilingual(nb))
        assert {*before} <= {*re.findall(r'\{#[\w-]+\}', after)}, stem
        labels = re.findall(r'\{#(?:fig|tbl|eq)-[\w-]+\}', after)
        assert len(labels) == len({*labels})
        opened, closed = (len(re.findall(mark, after, re.M)) for mark in ('^::: ', '^:::$'))
        assert opened == closed > 9
        assert not re.search('[\u4e00-\u9fff]@(?:fig|tbl|eq)-', after)
