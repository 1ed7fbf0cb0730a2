"""The pages of the book in a real browser.

A quiz answers a click, nothing goes wrong, nothing is fetched, and a phone is wide enough."""
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sotatrain.questionnaire import questions
from tools import course, pages

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
needs_browser = pytest.mark.skipif(
    not BROWSER, reason='there is no Chromium here: on Debian, apt install chromium')

def probe(find):
    """A script that leaves on the page what the JavaScript function body `find` returns.

    It adds what went wrong, and what was fetched."""
    return '''<script>
const problems = [];
window.addEventListener('error', e => problems.push(e.message));
console.error = (...words) => problems.push(words.join(' '));
setTimeout(() => {
  const found = (() => {%s})();
  found.problems = problems;
  found.fetched = performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => !/^(file|data):/.test(name));
  document.body.insertAdjacentHTML('beforeend', '<pre id="probe"></pre>');
  document.getElementById('probe').textContent = JSON.stringify(found);
}, 1500);
</script>''' % find


CLICK_ALL = '''
  const asked = [...document.querySelectorAll('[id^=quizWrap]')].map(quiz => ({
    text: quiz.innerText,
    clicks: [...quiz.querySelectorAll('label')].map(label => {
      label.click();
      const feedback = quiz.querySelector('.Feedback');
      return {answer: label.innerText, feedback: feedback.innerText,
              right: feedback.classList.contains('correct')};
    })}));
  const folds = [...document.querySelectorAll('.question details')];
  const hidden = folds.map(fold => fold.innerText);
  folds.forEach(fold => { fold.open = true; });
  return {asked, hidden, opened: folds.map(fold => fold.innerText)};'''


QUIZ = "from sotatrain.questionnaire import quiz\nquiz('mixup')"

@pytest.fixture(scope='module')
def seen(tmp_path_factory):
    "What a reader sees of a page with chapter 7's quiz, and what clicks on every option give."
    tmp = tmp_path_factory.mktemp('book')
    nbs, out = tmp/'nbs', tmp/'out'
    nbs.mkdir()
    out.mkdir()
    cells = [new_markdown_cell('# Quiz\n\n> One idea'), new_code_cell(QUIZ)]
    nbformat.write(new_notebook(cells=[new_markdown_cell('# Book')]), nbs/'index.ipynb')
    nbformat.write(new_notebook(cells=cells), nbs/'07_quiz.ipynb')
    result = course.run(nbs/'07_quiz.ipynb', out/'07_quiz.ipynb', {})
    assert not result.error
    pages.write(nbs, out)
    return look_at(out/'07_quiz.html', CLICK_ALL, tmp/'profile')


def look_at(page, find, profile, width=800):
    "What a browser finds on a page; see `probe`."
    page.write_text(page.read_text().replace('<head>', '<head>' + probe(find), 1))
    command = [BROWSER, '--headless', '--no-sandbox', '--disable-gpu', '--dump-dom',
               '--virtual-time-budget=5000', f'--window-size={width},900',
               f'--user-data-dir={profile}', page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.findall(r'<pre id="probe">(.*?)</pre>', done.stdout, re.S)
    return json.loads(html.unescape(found[-1]))


def plain(text): return re.sub(r'[`*]', '', text)


@needs_browser
def test_the_page_has_no_errors_and_fetches_nothing(seen):
    assert seen['problems'] == [] and seen['fetched'] == []


@needs_browser
def test_every_choice_gives_its_own_feedback(seen):
    choices = [q for q in questions('mixup') if q.kind == 'choice']
    assert len(seen['asked']) == len(choices)
    for q, quiz in zip(choices, seen['asked']):
        assert plain(q.prompt) in quiz['text']
        assert not any(plain(why) in quiz['text'] for _, why in q.options)  # not before a click
        for place, ((text, why), click) in enumerate(zip(q.options, quiz['clicks'])):
            assert plain(text) in click['answer'] and plain(why) in click['feedback']
            assert click['right'] == (place == q.right)


@needs_browser
def test_hints_and_answers_are_folded(seen):
    q = next(q for q in questions('mixup') if q.kind == 'free text')
    assert not any(q.answer in text for text in seen['hidden'])
    assert any(q.answer in text for text in seen['opened'])


# --- every page of the book, with its stored outputs, as wide as a phone

NBS = Path(__file__).resolve().parents[2]/'nbs'
PHONE = 500  # px; no headless Chromium is narrower
LOOK = '''
  const answers = [...document.querySelectorAll('[id^=quizWrap]')].map(quiz => {
    quiz.querySelector('label').click();
    return quiz.querySelector('.Feedback').innerText;
  });
  return {answers, pictures: document.images.length,
          broken: [...document.images].filter(i => !i.complete || !i.naturalWidth)
            .map(i => i.alt),
          nameless: [...document.images].filter(i => !i.alt).length,
          width: innerWidth, needed: document.documentElement.scrollWidth,
          links: [...document.querySelectorAll('a[href]')].map(a => a.href)
            .filter(href => href.startsWith('file:'))};'''


@pytest.fixture(scope='module')
def book(tmp_path_factory):
    "All pages, from the stored outputs."
    out = tmp_path_factory.mktemp('course')
    for path in NBS.glob('*.ipynb'): shutil.copy(path, out)
    pages.write(NBS, out)
    return out


@needs_browser
@pytest.mark.parametrize('stem', [path.stem for path in pages.notebooks(NBS)] + ['references'])
def test_a_page_is_whole_also_on_a_phone(book, tmp_path, stem):
    copy = book/f'probed_{stem}.html'
    shutil.copy(book/f'{stem}.html', copy)
    found = look_at(copy, LOOK, tmp_path/'profile', PHONE)
    for wrong in ('problems', 'fetched', 'broken', 'nameless'): assert not found[wrong], wrong
    assert found['needed'] <= found['width'] <= PHONE
    assert all(found['answers'])
    if stem[:2].isdigit(): assert found['pictures'] and (found['answers'] or stem[:2] == '00')
    for link in found['links']: assert Path(unquote(urlparse(link).path)).exists(), link


def test_one_can_walk_through_the_book(book):
    "From the contents to the last page and back."
    stems = [path.stem for path in pages.notebooks(NBS)] + list(pages.extra_pages(NBS, []))
    for before, after in zip(stems, stems[1:]):
        for here, there, rel in ((before, after, 'next'), (after, before, 'prev')):
            links = re.findall(r'<a [^>]*>', (book/f'{here}.html').read_text())
            found = [link for link in links if f'href="{there}.html"' in link]
            assert any(f'rel="{rel}"' in link for link in found), (here, rel)
    contents = (book/'index.html').read_text()
    for path in pages.notebooks(NBS)[1:]:
        chapter = pages.describe(path.stem, nbformat.read(path, 4), True)
        assert f'href="{path.stem}.html"' in contents
        assert html.escape(chapter.idea, quote=False) in contents
