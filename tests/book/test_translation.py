"""The Chinese texts are in step with the English ones."""
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebook import NBS
from tools import pages, tables, translate
from tools.chinese_tables import in_chinese
from tools.pages import chinese
from tools.pages.catalogue import Block, english, entries, fingerprint, read, sections, write
from tools.pages.cells import CAPTIONS
from tools.pages.translated import MARKER, translated
from tools.translate import accepted, gate
from tools.translation import glossary, mistakes, prose

DOCUMENTS = translate.documents()


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda document: document.name)
def test_a_document_is_in_step_with_the_english_one(document):
    wrong = gate(document.texts, read(document.file))
    assert not wrong, '\n'.join(f'{key}: {"; ".join(why)}' for key, why in wrong.items())
    _, told = document.coverage
    assert told >= 6


@pytest.mark.parametrize('document', [document for document in DOCUMENTS
                                      if document.kind == 'cell'], ids=lambda d: d.name)
def test_each_chapter_gives_a_term_in_english_once(document):
    english, ours = (' '.join(map(prose, texts)) for texts in (
        document.texts.values(), (block.text for block in read(document.file).values())))
    lacking = [term for term, words in glossary().items()
               if re.search(rf'\b{re.escape(term)}s?\b', english, re.I)
               and any(word in ours for word in words if not word.isascii())
               and not re.search(rf'（[^（）]*{re.escape(term)}', ours, re.I)]
    assert not lacking


def test_each_chinese_file_is_of_a_document():
    files = [*(NBS/'zh').glob('*.md'), *translate.QUESTIONS.glob('zh/*.md')]
    assert {*files} <= {document.file for document in DOCUMENTS}


# What the gate finds

ENGLISH = ('The rate is `lr`, $x_1$, at most 1,500 steps or 3 %; see [Smith](https://a.org) '
           'and @fig-rates.')
CHINESE = '学习率是`lr`，$x_1$，最多1,500步或3%；见[Smith](https://a.org)和@fig-rates。'


def test_a_sound_translation_has_no_mistakes(): assert mistakes(ENGLISH, CHINESE) == []


@pytest.mark.parametrize('old,new,said', [
    ('`lr`', '学习率', 'words of code: lacks `lr`'),
    ('$x_1$', '$x_2$', 'formulas: lacks $x_1$; has beside $x_2$'),
    ('1,500', '1,600', 'numbers: lacks 1500; has beside 1600'),
    ('3%', '3', 'percent signs: lacks %'),
    ('https://a.org', 'https://b.org', 'links: lacks https://a.org; has beside https://b.org'),
    ('和@fig-rates', '', 'references: lacks @fig-rates'),
    ('步或', '步 or ', 'a space between Chinese and other signs: 步 o'),
    ('步或', '步,或', 'half-width punctuation behind Chinese: 步,'),
    ('最多', '*最多*', 'Chinese in italics: *最多*'),
    ('最多', '<b>最多</b>', 'HTML: has beside <b>, </b>'),
    ('最多', '最多 this is what nobody has yet translated', 'it is English here'),
])
def test_a_mistake_is_named(old, new, said):
    assert old in CHINESE
    found = mistakes(ENGLISH, CHINESE.replace(old, new))
    assert any(said in sentence for sentence in found), found


@pytest.mark.parametrize('text', ['## Views', 'Set-up', ENGLISH])
def test_english_is_no_translation(text):
    assert mistakes(text, text) == ['it is not in Chinese']


def test_names_and_code_may_stay():
    for text in ('## `tta`', '# Mixup', '$$x = 1$$'): assert mistakes(text, text) == []


@pytest.mark.parametrize('text', ['**是什么：**网络', '它减少**，所以**', '看这里**。网络**在'])
def test_stars_that_would_not_be_bold_are_found(text):
    "CommonMark: between punctuation and a letter, two stars open if the letter comes second."
    said, = mistakes('a **net** here', text)
    assert said.startswith('this is not bold')


def test_bold_with_its_punctuation_outside_is_sound():
    assert mistakes('**What:** a net', '**是什么**：网络') == []
    assert mistakes('a **net** here', '这里的**网络**在') == []


@pytest.mark.parametrize('english,ours', [
    ('0.8 points (0.5 to 1.0)', '0.8个百分点（0.5至1.0）'), ('no difference shown', '未见差异'),
    ('−0.4 (−1.8 to +0.9)', '−0.4（−1.8至+0.9）'), ('76.5, 76.4 %', '76.5、76.4%'),
    ('AMD EPYC, 2 cores, fp32', 'AMD EPYC、2核、fp32'),
    ('Intel(R) Xeon(R)', 'Intel(R) Xeon(R)')])
def test_what_a_tool_writes_is_chinese_there(english, ours):
    assert in_chinese(english) == ours


@pytest.mark.parametrize('cell,ours', [
    ('seconds', '秒'), ('minutes-5', 'minutes-5'),
    ('−0.4 (−1.8 to +0.9)', '−0.4（−1.8至+0.9）'),
    ('[label smoothing, 25 % wrong labels](a.ipynb)', '[标签平滑，25%错误标签](a.ipynb)'),
    ('1,234 pictures, 30 px × 3, then 60 px × 3 epochs, 7 seeds',
     '1,234张图片，30 px × 3，再60 px × 3轮，7个随机种子'),
    ('[Test-time augmentation](b.ipynb)', '[测试时增强](b.ipynb)'),
    ('AMD EPYC, 2 cores', 'AMD EPYC, 2 cores'), ('', ''), ('---', '---')])
def test_a_table_that_a_tool_writes_is_chinese_cell_by_cell(cell, ours):
    assert in_chinese(f'\n\n| {cell} | verdict |\n\n') == f'\n\n| {ours} | 结论 |\n\n'


def test_each_caption_and_each_technique_of_the_tables_has_chinese_words():
    assert {*CAPTIONS.values()} <= {*chinese.words()}
    for technique, *_ in tables.ROWS:
        said = in_chinese(f'\n\n| [{technique}](a.ipynb) |\n\n')
        names = 'Muon', 'GELU', 'Mixup', 'CutMix', 'bfloat16'
        assert technique in names or re.search('[\u4e00-\u9fff]', said), technique


def test_a_word_of_the_glossary_must_be_there(monkeypatch):
    said, = mistakes('Pick a learning rate.', '选一个步长。')
    assert said == 'terms: learning rate is 学习率'


def test_large_numbers_are_counted_as_each_language_does():
    assert mistakes('It has 1.28 million pictures.', '它有128万张图片。') == []
    assert mistakes('It has 1.28 million pictures.', '它有1.28万张图片。') != []


def test_code_is_compared_without_its_comments():
    block = 'Use it:\n\n```python\nf(x)  # {}\n```'
    ours = block.format('一步').replace('Use it:', '用法：')
    assert mistakes(block.format('a step'), ours) == []
    assert mistakes(block.format('a step'), ours.replace('f(x)', 'g(x)'))


def test_what_a_tool_writes_must_be_the_same_span():
    span = '<!-- tta-64: plain → flip -->{}<!-- / -->'
    english = f'It helps by {span.format("0.8 points")}.'
    assert mistakes(english, f'提高{span.format("0.8个百分点")}。') == []
    assert 'numbers that a tool writes' in mistakes(english, '提高很多。')[0]


# Both sides over time

@pytest.fixture
def nb():
    return new_notebook(cells=[
        new_markdown_cell('# A small title of five words', id='aaaa'),
        new_code_cell('#| label: fig-a\n#| fig-cap: "A caption with several words."\nplot()',
                      id='bbbb')])


@pytest.fixture
def blocks(nb):
    texts = {'aaaa': '# 小标题', 'bbbb fig-cap': '一行说明。'}
    found, wrong = accepted(english(nb), {key: Block(text) for key, text in texts.items()})
    assert not wrong
    return found


def test_keys_are_cells_and_their_options(nb):
    assert [*english(nb)] == ['aaaa', 'bbbb fig-cap']


def test_a_catalogue_survives_its_file(blocks, tmp_path):
    write(tmp_path/'a.md', blocks)
    assert read(tmp_path/'a.md') == blocks
    text = (tmp_path/'a.md').read_text(encoding='utf-8')
    (tmp_path/'a.md').write_text(text + text, encoding='utf-8')
    with pytest.raises(ValueError, match='two blocks are of aaaa'): read(tmp_path/'a.md')


def test_an_english_edit_names_its_block_and_shows_the_english(nb, blocks):
    assert gate(english(nb), blocks) == {}
    nb.cells[0].source = '# Another title of five words'
    assert [*gate(english(nb), blocks)] == ['aaaa']
    title, code = translated(nb, blocks).cells
    assert title.source.startswith('# Another title') and MARKER in title.source
    assert '#| fig-cap: "一行说明。"' in code.source and code.source.endswith('\nplot()')


def test_a_chinese_edit_has_to_be_accepted(nb, blocks):
    blocks['aaaa'].text = '# 另一个小标题'
    assert gate(english(nb), blocks) == {'aaaa': [translate.REASONS['edited']]}
    assert accepted(english(nb), blocks)[1] == {} == gate(english(nb), blocks)


def test_english_that_moved_is_not_accepted_with_the_old_chinese_but_on_purpose(nb, blocks):
    nb.cells[0].source = '# A short title of five words'
    _, wrong = accepted(english(nb), blocks)
    assert [*wrong] == ['aaaa'] and '--same' in wrong['aaaa'][0]
    assert accepted(english(nb), blocks, same=True)[1] == {}


def test_a_block_of_no_cell_is_found(nb, blocks):
    blocks['cccc'] = Block('多余。', 'x', fingerprint('多余。'))
    assert gate(english(nb), blocks) == {'cccc': [translate.REASONS['unknown']]}


def test_a_measured_number_is_no_edit():
    text = 'It is <!-- leaderboard: hour -->{}<!-- / -->.'
    assert fingerprint(text.format('90 %')) == fingerprint(text.format('91 %'))
    assert fingerprint(text.format(1)) != fingerprint('It was' + text.format(1)[5:])


def test_code_and_outputs_stay_as_they_are():
    for name, _, file, _ in translate.documents(['00_your_photos', '01_data']):
        nb = nbformat.read(NBS/f'{name}.ipynb', 4)
        before = [without_texts(cell.source) for cell in nb.cells if cell.cell_type == 'code']
        code = [cell for cell in nb.cells if cell.cell_type == 'code']
        outputs = [cell.outputs for cell in code if 'quiz(' not in cell.source]
        after = [cell for cell in translated(nb, read(file)).cells if cell.cell_type == 'code']
        def asked(source): return source.replace(", language='zh')", ')')
        assert before == [asked(without_texts(cell.source)) for cell in after]
        assert outputs == [cell.outputs for cell in after if 'quiz(' not in cell.source]
        for cell in after:
            if 'quiz(' in cell.source: assert re.search('[\u4e00-\u9fff]', str(cell.outputs))


# Other documents

def test_a_markdown_file_has_a_text_for_each_section():
    asked = '## What is it?\n\n### Hints\n\n- One.'
    found = sections(f'# Title\n\nFirst.\n\n{asked}\n\n## tta-b (code)\n')
    assert found == {'top': '# Title\n\nFirst.', 'what-is-it': asked,
                     'tta-b-code': '## tta-b (code)'}


def test_a_glossary_has_a_text_for_each_term():
    found = entries('# Glossary\n\nmap, maps\n: A thing. See chapter 2.\n\nnet\n: Another.\n')
    assert found == {'top': '# Glossary', 'map-maps': 'map, maps\n: A thing. See chapter 2.',
                     'net': 'net\n: Another.'}


def test_notebooks_are_written_once(tmp_path, monkeypatch):
    "A reader's copy, run and changed, stays."
    monkeypatch.setattr(sys, 'argv', ['translate', 'A2_pieces', '--write', str(tmp_path/'zh')])
    translate.main()
    file = tmp_path/'zh'/'A2_pieces.ipynb'
    assert '不用' in file.read_text(encoding='utf-8') and (tmp_path/'zh'/'images').is_dir()
    file.write_text('mine')
    translate.main()
    assert file.read_text() == 'mine'


def test_an_unknown_document_is_named():
    with pytest.raises(ValueError, match='no document is called 13_x'):
        translate.documents(['13_x'])


# Pages

def test_paragraphs_stand_in_pairs_and_what_is_the_same_stands_once():
    formula = '$$x$$'
    assert chinese.pairs(f'One.\n\n{formula}', f'一。\n\n{formula}') == [
        ('One.', '一。'), (formula, None)]
    assert chinese.pairs('One.', None) == [('One.', None)]


def test_what_cannot_be_taken_apart_stays_together():
    table, ours = '| a |\n\n: Caption', '| 甲 |\n\n: 说明'
    assert chinese.pairs(table, ours) == [(table, ours)]
    assert chinese.pairs('One.\n\nTwo.', '一和二。') == [('One.\n\nTwo.', '一和二。')]
    code = 'Look:\n\n```python\na = 1\n\nb = 2\n```'
    assert chinese.paragraphs(code) == ['Look:', '```python\na = 1\n\nb = 2\n```']


@pytest.mark.parametrize('text,linked', [
    ('见第3章。', '见[第3章](03_c.ipynb)。'),
    ('见第3、5章。', '见第[3](03_c.ipynb)、[5](05_e.ipynb)章。'),
    ('见附录A1。', '见[附录A1](A1_x.ipynb)。'),
    ('见第4章。', '见第4章。'), ('`第3章`', '`第3章`'),
    ('fastbook第5章', 'fastbook第5章')])
def test_chapters_are_links_in_chinese(text, linked):
    cell = new_markdown_cell('English.', metadata=dict(zh={'': text}))
    chinese.enrich(cell, {'3': '03_c', '5': '05_e', 'A1': 'A1_x', '4': '04_d'}, {}, '04_d')
    assert cell.metadata.zh[''] == linked


@pytest.mark.parametrize('text,shown', [
    ('一个**词**。', '一个<strong>词</strong>。'),
    ('`**`和**`a`的**', '`**`和<strong>`a`的</strong>'),
    ('```\na**b**c\n```\n**词**', '```\na**b**c\n```\n<strong>词</strong>'), ('没有', '没有')])
def test_bold_chinese_stays_bold_beside_links(text, shown):
    assert chinese.bold(text) == shown


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    "A page of two paragraphs, one of which has no Chinese, with a picture."
    folder = tmp_path_factory.mktemp('zh')
    nbs, out = folder/'nbs', folder/'out'
    (nbs/'zh').mkdir(parents=True)
    out.mkdir()
    picture = new_output('display_data', data={'image/png': PIXEL})
    nb = new_notebook(cells=[
        new_markdown_cell('# A title\n\n> An idea', id='aaaa'),
        new_markdown_cell('## A section\n\nA paragraph in English. See @fig-a.', id='bbbb'),
        new_markdown_cell('Nobody has translated this one.', id='cccc'),
        new_code_cell(CODE, id='dddd', outputs=[picture], execution_count=1)])
    texts = {'aaaa': '# 标题\n\n> 想法', 'bbbb': '## 一节\n\n一段中文。见@fig-a。',
             'dddd fig-cap': '说明。', 'dddd fig-alt': '一个点。'}
    blocks, _ = accepted(english(nb), {key: Block(text) for key, text in texts.items()})
    write(nbs/'zh'/'07_x.md', blocks)
    nbformat.write(new_notebook(cells=[new_markdown_cell('# Book')]), nbs/'index.ipynb')
    for place in (nbs, out): nbformat.write(nb, place/'07_x.ipynb')
    pages.write(nbs, out)
    return (out/'07_x.html').as_uri()


CODE = '#| label: fig-a\n#| fig-cap: "A caption."\n#| fig-alt: "A dot."\nplot()'
PIXEL = ('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kg'
         'AAAABJRU5ErkJggg==')
TEXT = "document.querySelector('main').innerText"
ALT = "document.querySelector('main img').alt"


def test_a_chinese_notebook_lies_beside_the_page(page):
    source = Path(unquote(urlparse(page).path))
    assert 'href="zh/07_x.ipynb"' in source.read_text(encoding='utf-8')
    nb = nbformat.read(source.parent/'zh'/'07_x.ipynb', 4)
    assert nb.cells[1].source.startswith('## 一节') and MARKER in nb.cells[2].source


def test_colab_opens_the_chinese_notebook():
    badge = '[![Open in Colab](images/colab.svg)](https://{}/a/b/blob/{}/nbs/06_tta.ipynb)'
    there = 'colab.research.google.com/github'
    here, ours = badge.format(there, 'main'), badge.format(there, 'zh')
    assert chinese.opened_in_chinese(here) == ours
    elsewhere = badge.format('github.com', 'main')
    assert chinese.opened_in_chinese(elsewhere) == elsewhere


@pytest.mark.parametrize('words,title', [('一段', 'zh'), ('一节', 'zh'), ('paragraph', 'zh'),
                                         ('section', 'en'), ('想法', 'en'), ('nowhere', '')])
def test_the_search_finds_both_languages_and_answers_in_the_chosen_one(
        page, browser, words, title):
    browser.open(page, 400, 'light')
    choose(browser, title or 'zh')
    found = browser.ask(f"""query.value = '{words}';
        query.dispatchEvent(new Event('input'));
        document.getElementById('found').innerText""")
    shown = {'zh': '标题', 'en': 'A title', '': '没有找到'}[title]
    assert shown in found and browser.wrong() == []
    choose(browser, 'en')


def choose(browser, language):
    browser.ask(f"document.querySelector('[data-choice={language}]').click()")
    return browser.ask(TEXT)


def test_a_page_is_read_in_english_in_chinese_or_in_both(page, browser):
    browser.open(page, 400, 'light')
    text = choose(browser, 'en')
    assert 'A paragraph in English. See Figure 7.1.' in text and '中文' not in text
    text = choose(browser, 'zh')
    assert '一段中文。见图7.1。' in text and '图7.1. 说明。' in text and '第7章' in text
    assert 'A paragraph' not in text and browser.ask(ALT) == '一个点。'
    assert 'Nobody has translated this one.\n\n（这一段还没有中文。）' in text
    text = choose(browser, 'both')
    assert text.index('A paragraph') < text.index('一段中文') < text.index('Nobody')
    assert browser.ask(ALT) == 'A dot.' and browser.wrong() == []


def test_each_text_says_its_language(page, browser):
    "For those who listen: a voice is chosen by `lang`."
    browser.open(page, 400, 'light')
    for language, own in (('en', 'en'), ('zh', 'zh-Hans'), ('both', 'en')):
        choose(browser, language)
        assert browser.ask('document.documentElement.lang') == own
    said = browser.ask("""[...document.querySelectorAll('.en, .zh')]
        .map(e => [e.classList.contains('zh') ? 'zh-Hans' : 'en', e.lang])""")
    assert len(said) > 9 and all(own == lang for own, lang in said)


def test_the_choice_is_kept_and_addresses_lead_to_what_is_shown(page, browser):
    browser.open(page, 400, 'light')
    choose(browser, 'zh')
    for _ in range(20):  # another process keeps it, on a busy machine somewhat later
        browser.open('about:blank', 400, 'light')
        browser.open(page + '#A-section', 400, 'light')
        language = browser.ask("document.documentElement.dataset.language")
        if language == 'zh': break
    assert language == 'zh'
    pressed = "document.querySelector('[aria-pressed=true]').innerText"
    assert browser.ask(pressed) == '中文'
    assert browser.ask("document.documentElement.scrollWidth") <= 400
    choose(browser, 'en')


def without_texts(source): return re.sub('^#[|] (fig|tbl|code)-.*\n', '', source, flags=re.M)
