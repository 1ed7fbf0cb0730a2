"""All offline pages on a phone and on a screen, in light and dark: whole, legible, quiet."""
import shutil
from pathlib import Path

import pytest

from tests.book.browser import BROWSER, Browser
from tools import pages

NBS = Path(__file__).resolve().parents[2]/'nbs'
MEASURE = Path(__file__).with_name('measure.js').read_text(encoding='utf-8')
# The colours of what was clicked change within a second.
CLICK = """new Promise(done => {
  const options = document.querySelectorAll('[id^=quizWrap] label');
  options.forEach(label => label.click());
  setTimeout(() => done(options.length), options.length ? 1000 : 0);
})"""
needs_browser = pytest.mark.skipif(
    not BROWSER, reason='there is no Chromium here: on Debian, apt install chromium')


@pytest.fixture(scope='module')
def book(tmp_path_factory):
    "All pages, from the stored outputs."
    out = tmp_path_factory.mktemp('course')
    for path in NBS.glob('*.ipynb'): shutil.copy(path, out)
    pages.write(NBS, out)
    return out


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp('profile'))
    yield made
    made.close()


@needs_browser
@pytest.mark.parametrize('theme', ['light', 'dark'])
@pytest.mark.parametrize('width', [400, 1280])
def test_a_page_fits_is_legible_and_has_no_errors(book, browser, width, theme):
    faults = {}
    for file in sorted(book.glob('*.html')):
        wrong = browser.open(file.as_uri(), width, theme)
        browser.ask(CLICK)
        found = browser.ask(MEASURE)
        assert found['width'] == width
        wide = found['needed'] > width and (found['wide'] or found['needed'])
        fault = wrong, wide, found['cut'], found['faint']
        if any(fault): faults[file.stem] = fault
    assert not faults


@needs_browser
def test_the_search_finds_a_section(book, browser):
    browser.open((book/'index.html').as_uri(), 1280, 'light')
    browser.ask("query.value = 'label smoothing'; query.dispatchEvent(new Event('input'))")
    found = browser.ask("[...document.querySelectorAll('#found a')].map(a => a.href)")
    assert any('08_smoothing.html' in address for address in found)


@needs_browser
def test_a_word_shows_its_meaning_to_the_keyboard(book, browser):
    browser.open((book/'03_learner.html').as_uri(), 400, 'dark')
    shown = "getComputedStyle(document.querySelector('a.term .meaning')).display"
    assert browser.ask(shown) == 'none'
    browser.ask("document.querySelector('a.term').focus()")
    assert browser.ask(shown) == 'block'
    assert not browser.ask(MEASURE)['faint']
