"""A quiz on a page answers clicks; the pages are a book that one can walk through."""
import html
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sotatrain.questionnaire import questions
from tests.book import browser as browsers
from tests.book.browser import FETCHED, Browser
from tests.notebook import NBS
from tools import course, pages

CLICK_ALL = '''(() => {
  choose('both');
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
  return {asked, hidden, opened: folds.map(fold => fold.innerText)};
})()'''

QUIZ = "from sotatrain.questionnaire import quiz\nquiz('mixup')"

@pytest.fixture(scope='module')
def seen(tmp_path_factory, browser):
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
    browser.open((out/'07_quiz.html').as_uri(), 800, 'light')
    return browser.ask(CLICK_ALL) | dict(wrong=browser.wrong(), fetched=browser.ask(FETCHED))


def plain(text): return re.sub(r'[`*]', '', text)


def test_the_page_has_no_errors_and_fetches_nothing(seen):
    assert seen['wrong'] == [] and seen['fetched'] == []


def test_every_choice_gives_its_own_feedback_in_both_languages(seen):
    choices = [q for language in ('en', 'zh') for q in questions('mixup', language)
               if q.kind == 'choice']
    assert len(seen['asked']) == len(choices)
    for q, quiz in zip(choices, seen['asked']):
        assert plain(q.prompt) in quiz['text']
        assert not any(plain(why) in quiz['text'] for _, why in q.options)  # not before a click
        for place, ((text, why), click) in enumerate(zip(q.options, quiz['clicks'])):
            assert plain(text) in click['answer'] and plain(why) in click['feedback']
            assert click['right'] == (place == q.right)


def test_hints_and_answers_are_folded(seen):
    for language in 'en', 'zh':
        q = next(q for q in questions('mixup', language) if q.kind == 'free text')
        assert not any(q.answer in text for text in seen['hidden'])
        assert any(plain(q.answer) in text for text in seen['opened'])


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
        assert chapter.idea in html.unescape(contents)


def test_a_browser_that_says_nothing_is_given_up(browser, tmp_path, monkeypatch):
    own = Browser(tmp_path)  # not the one of all other tests
    monkeypatch.setattr(browsers, 'PATIENCE', .5)
    with pytest.raises(RuntimeError, match='said nothing for 0.5 s'):
        own.ask('new Promise(() => 0)')
    with pytest.raises((RuntimeError, BrokenPipeError)): own.ask('1')
    own.close()
