"""A page of the book in a real browser: a quiz answers a click, nothing goes wrong, nothing is fetched."""
import html
import json
import re
import shutil
import subprocess

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sotatrain.questionnaire import questions
from tools import course, pages

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)
needs_browser = pytest.mark.skipif(not BROWSER, reason='there is no Chromium here: on Debian, apt install chromium')

PROBE = '''<script>
const problems = [];
window.addEventListener('error', e => problems.push(e.message));
setTimeout(() => {
  const asked = [...document.querySelectorAll('[id^=quizWrap]')].map(quiz => ({
    text: quiz.innerText,
    clicks: [...quiz.querySelectorAll('label')].map(label => {
      label.click();
      const feedback = quiz.querySelector('.Feedback');
      return {answer: label.innerText, feedback: feedback.innerText, right: feedback.classList.contains('correct')};
    })}));
  const folds = [...document.querySelectorAll('.question details')];
  const hidden = folds.map(fold => fold.innerText);
  folds.forEach(fold => { fold.open = true; });
  const found = {problems, asked, hidden, opened: folds.map(fold => fold.innerText),
                 fetched: performance.getEntriesByType('resource').map(entry => entry.name)};
  document.body.insertAdjacentHTML('beforeend', '<pre id="probe"></pre>');
  document.getElementById('probe').textContent = JSON.stringify(found);
}, 1500);
</script>'''


@pytest.fixture(scope='module')
def seen(tmp_path_factory):
    "What a reader of a page with chapter 7's quiz would see, and what clicks on every option give."
    tmp = tmp_path_factory.mktemp('book')
    nbs, out = tmp/'nbs', tmp/'out'
    nbs.mkdir(); out.mkdir()
    nbformat.write(new_notebook(cells=[new_markdown_cell('# Book')]), nbs/'index.ipynb')
    nb = new_notebook(cells=[new_markdown_cell('# Quiz\n\n> One idea'), new_code_cell("from sotatrain.questionnaire import quiz\nquiz('mixup')")])
    nbformat.write(nb, nbs/'07_quiz.ipynb')
    result = course.run(nbs/'07_quiz.ipynb', out/'07_quiz.ipynb', {})
    assert not result.error
    pages.write(nbs, out)
    page = out/'07_quiz.html'
    page.write_text(page.read_text().replace('<head>', '<head>' + PROBE, 1))
    done = subprocess.run([BROWSER, '--headless', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=5000', '--dump-dom', f'--user-data-dir={tmp/"profile"}', page.as_uri()],
                          capture_output=True, text=True, timeout=120)
    return json.loads(html.unescape(re.findall(r'<pre id="probe">(.*?)</pre>', done.stdout, re.S)[-1]))


def plain(text): return re.sub(r'[`*]', '', text)


@needs_browser
def test_the_page_has_no_errors_and_fetches_nothing(seen):
    assert seen['problems'] == [] and [name for name in seen['fetched'] if not name.startswith(('file:', 'data:'))] == []


@needs_browser
def test_every_choice_gives_its_own_feedback(seen):
    choices = [q for q in questions('mixup') if q.kind == 'choice']
    assert len(seen['asked']) == len(choices)
    for q, quiz in zip(choices, seen['asked']):
        assert plain(q.prompt) in quiz['text'] and not any(plain(why) in quiz['text'] for _, why in q.options)  # not before a click
        for place, ((text, why), click) in enumerate(zip(q.options, quiz['clicks'])):
            assert plain(text) in click['answer'] and plain(why) in click['feedback'] and click['right'] == (place == q.right)


@needs_browser
def test_hints_and_answers_are_folded(seen):
    q = next(q for q in questions('mixup') if q.kind == 'free text')
    assert not any(q.answer in text for text in seen['hidden']) and any(q.answer in text for text in seen['opened'])
