"""All offline pages on a phone and on a screen, light and dark, in both languages: whole,
legible, quiet."""
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from tests.book.browser import FETCHED
from tests.notebook import NBS
from tools import pages

MEASURE = Path(__file__).with_name('measure.js').read_text(encoding='utf-8')
# Both languages are on each paper and at each width.
WINDOWS = [(400, 'light', 'both'), (1280, 'light', 'en'), (1280, 'light', 'zh'),
           (400, 'dark', 'zh'), (1280, 'dark', 'both')]
STEMS = [path.stem for path in pages.notebooks(NBS)] + ['references']
# What a reader could miss: answers, pictures, links.
LOOK = '''(() => {
  const answers = [...document.querySelectorAll('[id^=quizWrap]')].map(quiz => {
    quiz.querySelector('label').click();
    return quiz.querySelector('.Feedback').innerText;
  });
  return {answers, pictures: document.images.length,
          broken: [...document.images].filter(i => !i.complete || !i.naturalWidth)
            .map(i => i.alt),
          nameless: [...document.images].filter(i => !i.alt).length,
          links: [...document.querySelectorAll('a[href]')].map(a => a.href)
            .filter(href => href.startsWith('file:'))};
})()'''
# All options of a quiz are clicked; colours are there at once.
READY = """{
  const style = document.createElement('style');
  style.textContent = '* { transition-duration: 0s !important;' +
                          'animation-duration: 0s !important; }';
  document.head.append(style);
  document.querySelectorAll('[id^=quizWrap] label').forEach(label => label.click());
}"""


@pytest.fixture(scope='module')
def seen(book, browser):
    "What is found on each page, and what is wrong with it in each window."
    found = {}
    for file in sorted(book.glob('*.html')):
        browser.open(file.as_uri(), 400, 'light')
        found[file.stem] = page = browser.ask(LOOK)
        browser.ask(READY)
        for window in WINDOWS:
            width, theme, language = window
            browser.show(width, theme)
            browser.ask(f"choose('{language}')")
            page[window] = faults_of(browser.ask(MEASURE), width)
        page |= dict(wrong=browser.wrong(), fetched=browser.ask(FETCHED))
    return found


def faults_of(found, width):
    assert found['width'] == width
    wide = found['needed'] > width and (found['wide'] or found['needed'])
    return list(filter(None, (wide, found['cut'], found['faint'])))


@pytest.mark.parametrize('window', WINDOWS)
def test_a_page_fits_and_is_legible(seen, window):
    assert not {stem: page[window] for stem, page in seen.items() if page[window]}


@pytest.mark.parametrize('stem', STEMS)
def test_a_page_is_whole_and_quiet(seen, stem):
    page = seen[stem]
    for fault in ('wrong', 'fetched', 'broken', 'nameless'): assert not page[fault], fault
    assert all(page['answers'])
    if stem[:2].isdigit(): assert page['pictures'] and (page['answers'] or stem[:2] == '00')
    for link in page['links']: assert Path(unquote(urlparse(link).path)).exists(), link


def test_chinese_is_drawn_with_a_chinese_font(book, browser):
    if not shutil.which('fc-list'): pytest.skip('nothing tells which fonts there are')
    fonts = subprocess.run(['fc-list', ':lang=zh-cn', 'family'], capture_output=True, text=True)
    if not fonts.stdout.strip(): pytest.skip('there is no Chinese font here')
    browser.open((book/'06_tta.html').as_uri(), 400, 'light')
    browser.ask("choose('zh')")
    for domain in 'DOM', 'CSS': browser.call(f'{domain}.enable')
    root = browser.call('DOM.getDocument')['root']['nodeId']
    for place in 'main .zh h1', 'main .zh p', '.card.zh li':
        node = browser.call('DOM.querySelector', nodeId=root, selector=place)
        used = browser.call('CSS.getPlatformFontsForNode', nodeId=node['nodeId'])['fonts']
        most = max(used, key=lambda font: font['glyphCount'])
        assert most['familyName'] in fonts.stdout, (place, used)


def test_every_page_has_been_looked_at(seen): assert set(STEMS) < set(seen)


@pytest.mark.parametrize('words', ['label smoothing', '标签平滑'])
def test_the_search_finds_a_section(book, browser, words):
    browser.open((book/'index.html').as_uri(), 1280, 'light')
    browser.ask(f"query.value = '{words}'; query.dispatchEvent(new Event('input'))")
    found = browser.ask("[...document.querySelectorAll('#found a')].map(a => a.href)")
    assert any('08_smoothing.html' in address for address in found)


def test_a_word_shows_its_meaning_to_the_keyboard(book, browser):
    browser.open((book/'03_learner.html').as_uri(), 400, 'dark')
    shown = "getComputedStyle(document.querySelector('a.term .meaning')).display"
    assert browser.ask(shown) == 'none'
    browser.ask("document.querySelector('a.term').focus()")
    assert browser.ask(shown) == 'block'
    assert not browser.ask(MEASURE)['faint']
