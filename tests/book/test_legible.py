"""All offline pages on a phone and on a screen, in light and dark: whole, legible, quiet."""
import shutil
from pathlib import Path

import pytest

from tests.book.browser import BROWSER, Browser
from tools import pages

NBS = Path(__file__).resolve().parents[2]/'nbs'
MEASURE = Path(__file__).with_name('measure.js').read_text(encoding='utf-8')
WINDOWS = [(width, theme) for theme in ('light', 'dark') for width in (400, 1280)]
# All options of a quiz are clicked; colours are there at once.
READY = """{
  const style = document.createElement('style');
  style.textContent = '* { transition-duration: 0s !important;' +
                          'animation-duration: 0s !important; }';
  document.head.append(style);
  document.querySelectorAll('[id^=quizWrap] label').forEach(label => label.click());
}"""
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


@pytest.fixture(scope='module')
def faults(book, browser):
    "What is wrong with which pages, in each window."
    found = {window: {} for window in WINDOWS}
    for file in sorted(book.glob('*.html')):
        wrong = browser.open(file.as_uri(), *WINDOWS[0])
        browser.ask(READY)
        for window in WINDOWS:
            browser.show(*window)
            fault = wrong, *faults_of(browser.ask(MEASURE), window[0])
            if any(fault): found[window][file.stem] = fault
    return found


def faults_of(found, width):
    assert found['width'] == width
    wide = found['needed'] > width and (found['wide'] or found['needed'])
    return wide, found['cut'], found['faint']


@needs_browser
@pytest.mark.parametrize('window', WINDOWS)
def test_a_page_fits_is_legible_and_has_no_errors(faults, window): assert not faults[window]


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
