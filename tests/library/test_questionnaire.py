import contextlib
import importlib
import inspect
import json
import math
import re
import subprocess
import sys
import time
from functools import partial
from statistics import fmean

import numpy as np
import pytest
import torch

from sotatrain import questionnaire
from sotatrain.core import progress as progress_file
from sotatrain.core.patience import TimeIsUp, with_patience
from sotatrain.core.quiz import as_html
from sotatrain.questionnaire import *
from sotatrain.questions import FOLDER, read

EVERY = list(registry().values())
TRANSLATED = [q for q in registry('zh').values() if q.language == 'zh']
def named(found): return [pytest.param(q, id=f'{q.id} {q.language}') for q in found]
def of_kind(kind): return named(q for q in EVERY + TRANSLATED if isinstance(q, kind))
def right_answer(q): return q.right + 1 if isinstance(q, Choice) else q.answer


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    questionnaire._hints_used.clear()


# --- the registry

def test_every_chapter_has_questions_of_several_kinds():
    for chapter in CHAPTERS:
        asked = questions(chapter)
        assert len(asked) >= 5 and {q.chapter for q in asked} == {chapter}
        assert len({q.kind for q in asked}) >= 3
    assert len(EVERY) >= 28 and len({q.prompt for q in EVERY}) == len(EVERY)


@pytest.mark.parametrize('q', named(EVERY + TRANSLATED))
def test_a_questions_own_answer_is_right(q):
    verdict = q.check(right_answer(q))
    assert verdict.right and len(verdict.text) > (20 if q.language == 'en' else 4)
    assert q.prompt.strip() and q.hints and str(q.solution()).strip()
    assert q.id.startswith(f'{q.chapter}-')


@pytest.mark.parametrize('q', of_kind(Choice))
def test_each_option_has_its_own_reason(q):
    assert len(q.options) >= 3 and len({why for _, why in q.options}) == len(q.options)
    for place, (text, why) in enumerate(q.options):
        letter = 'abcdefgh'[place]
        for answer in (letter, letter.upper() + ')', place + 1, np.int64(place + 1), text):
            verdict = q.check(answer)
            assert (verdict.right, verdict.text) == (place == q.right, why)


def test_the_right_option_is_not_always_at_the_same_place():
    places = [q.right for q in EVERY if isinstance(q, Choice)]
    assert max(map(places.count, set(places))) < len(places)/2


def test_its_length_does_not_tell_which_option_is_right():
    choices = [q for q in EVERY if isinstance(q, Choice)]
    lengths = [[len(text) for text, _ in q.options] for q in choices]
    right = [of_options[q.right] for q, of_options in zip(choices, lengths)]
    wrong = [n for q, of_options in zip(choices, lengths)
             for place, n in enumerate(of_options) if place != q.right]
    for extreme in max, min:
        found = sum(n == extreme(of_options) for n, of_options in zip(right, lengths))
        assert .1 <= found / len(choices) <= .4
    assert abs(fmean(right) / fmean(wrong) - 1) < .15


@pytest.mark.parametrize('q', of_kind(Number))
def test_common_wrong_numbers_get_their_hint(q):
    assert len(q.traps) >= 2 and len({hint for _, hint in q.traps}) == len(q.traps)
    for wrong, hint in q.traps:
        verdict = q.check(wrong)
        assert not verdict.right and verdict.text == hint


@pytest.mark.parametrize('q', of_kind(Code))
def test_common_wrong_functions_get_their_hint(q):
    assert len(q.mistakes) >= 2 and len({hint for _, hint in q.mistakes}) == len(q.mistakes)
    for wrong, hint in q.mistakes:
        verdict = q.check(wrong)
        assert not verdict.right
        assert verdict.text.endswith(hint)
        assert {'en': 'it should be', 'zh': '应该是'}[q.language] in verdict.text


@pytest.mark.parametrize('q', of_kind(Code))
def test_the_shown_source_is_right(q):
    shown = re.fullmatch(r'```python\n(.*)\n```', str(q.solution()), re.S)[1]
    written = {}
    exec(shown, written)
    assert q.check(next(f for name, f in written.items() if not name.startswith('__'))).right


@pytest.mark.parametrize('q', named(EVERY + TRANSLATED))
def test_a_question_that_is_shown_does_not_give_itself_away(q):
    for text in (repr(q), str(q), q._repr_markdown_()):
        assert q.prompt in text and str(q.solution()) not in text
        assert isinstance(q, Choice) == (' b) ' in text)


# --- languages

def test_a_question_is_asked_in_the_chosen_language(monkeypatch):
    english, ours = question('mixup-target'), question('mixup-target', 'zh')
    assert (english.answer, english.language) == (ours.answer, 'en')
    monkeypatch.setenv('SOTATRAIN_LANGUAGE', 'zh')
    assert question('mixup-target') is ours and question('mixup-target', 'en') is english
    assert questions('mixup') == questions('mixup', 'zh') != questions('mixup', 'en')
    assert progress() == progress('zh') != progress('en')
    for call in (partial(question, 'mixup-target'), questions, progress, answer_key,
                 partial(quiz, 'mixup')):
        with pytest.raises(ValueError, match="no language 'fr': choose one of en, zh"):
            call(language='fr')


def test_what_has_no_chinese_is_asked_in_english(monkeypatch):
    monkeypatch.setattr(questionnaire, 'read', lambda chapter, folder=FOLDER: [
        q for q in read(chapter, folder) if folder == FOLDER or q['id'] != 'mixup-target'])
    registry.cache_clear()
    try:
        assert question('mixup-target', 'zh').language == 'en'
        assert [*registry('zh')] == [*registry()]
    finally: registry.cache_clear()


@pytest.mark.parametrize('q', named(TRANSLATED))
def test_what_is_shown_of_a_chinese_question_is_chinese(q):
    shown = [str(q), str(q.hint()), q.check(right_answer(q)).text]
    if not isinstance(q, FreeText): shown.append(q.check(wrong_answer(q)).text)
    assert all(re.search('[\u4e00-\u9fff]', text) for text in shown), shown


def wrong_answer(q):
    if isinstance(q, Choice): return (q.right + 1) % len(q.options) + 1
    return [-5.] * len(as_numbers(q.answer)) if isinstance(q, Number) else lambda *args: 'no'


def test_unknown_names():
    with pytest.raises(KeyError, match="no question 'mixup-targets'; did you mean 'mixup-targ"):
        question('mixup-targets')
    with pytest.raises(ValueError, match="no chapter 'mixxup': choose one of data, presize"):
        questions('mixxup')


# --- questions as Markdown

FORMS = '''# Questions

<!-- For those who edit. -->

## mixup-choice

Which one
is it?

```python
# not a heading
- [x] and no option
```

- [ ] The first,
  on two lines.
  - No:<!-- not
    shown --> it is *not*.

    Nor was it.
- [x] The second.
  - Yes.

### Hints

- Look
  again.

- And again.

## mixup-number (number)

How much?

- [ ] `-1, −1`
  - That is less.
- [x] `.5, 2e-3` ± 2 % or 0.1
  - Yes.

### Hints

- Half.

## mixup-code (code)

Blend.

- [ ] `swapped`
  - The other one.

### Hints

- Blend.

### Solution

```python
def blend(x):

    return x
```

## mixup-text (free text)

Why?

### Points

- One.
- Two.

### Answer

Because.

Really.

### Hints

- Say it.
'''

@pytest.fixture
def written(tmp_path):
    "A function that writes a chapter's questions, and reads them."
    def written(text):
        (tmp_path/'mixup.md').write_text(text, encoding='utf-8')
        return read('mixup', tmp_path)
    return written


def test_each_kind_is_read(written):
    from sotatrain.questions import mixup
    choice, number, code, text = written(FORMS)
    assert choice == dict(
        kind='choice', id='mixup-choice', chapter='mixup', right=1,
        prompt='Which one is it?\n\n```python\n# not a heading\n- [x] and no option\n```',
        options=(('The first, on two lines.', 'No: it is *not*.\n\nNor was it.'),
                 ('The second.', 'Yes.')),
        hints=('Look again.', 'And again.'))
    assert number == dict(
        kind='number', id='mixup-number', chapter='mixup', prompt='How much?', hints=('Half.',),
        answer=(.5, .002), why='Yes.', traps=(((-1., -1.), 'That is less.'),),
        tolerance=.02, absolute=.1)
    assert code == dict(
        kind='code', id='mixup-code', chapter='mixup', prompt='Blend.', hints=('Blend.',),
        source='def blend(x):\n\n    return x', answer=mixup.mixup_code,
        cases=mixup.mixup_code_cases, mistakes=((mixup.mixup_code_swapped, 'The other one.'),))
    assert text == dict(
        kind='free text', id='mixup-text', chapter='mixup', prompt='Why?', hints=('Say it.',),
        rubric=('One.', 'Two.'), answer='Because.\n\nReally.')


def test_an_answer_without_spaces_has_words_too():
    asked = next(question for question in questions('mixup') if question.kind == 'free text')
    assert asked.judge('因为标签和图片一起混合').right
    for short in ('因为混合', 'Because of labels'):
        with pytest.raises(questionnaire.Unfit, match='sentence or two'): asked.judge(short)


def test_the_example_in_the_description_is_read(written):
    description = (FOLDER/'__init__.py').read_text(encoding='utf-8')
    example, = written('\n'.join(re.findall('^#(?: {5}(.*))?$', description, re.M)))
    assert example['id'] == 'mixup-target' and example['kind'] == 'number'
    assert len(example['traps']) == 1 and len(example['hints']) == 2


@pytest.mark.parametrize('written_as,limits', [
    ('', {}),
    (' ± 2 %', dict(tolerance=.02, absolute=0.)),
    (' ± 0.1', dict(tolerance=0., absolute=.1)),
    (' ± 2 % or 0.1', dict(tolerance=.02, absolute=.1)),
])
def test_how_far_off_a_number_may_be(written, written_as, limits):
    number = written(FORMS.replace(' ± 2 % or 0.1', written_as))[1]
    assert {key: number[key] for key in ('tolerance', 'absolute') if key in number} == limits


HINTS = '### Hints\n\n- Look\n  again.\n\n- And again.'
CHOICE, NUMBER, CODE, TEXT = re.findall('^## (.*)', FORMS, re.M)
CHANGES = [  # what is changed in FORMS, the heading of the question that breaks, what is said
    ('[x] The second', '[ ] The second', CHOICE, 'no answer is marked as right'),
    ('[ ] The first', '[x] The first', CHOICE, 'a second answer is marked as right'),
    ('[ ] The first', '[X] The first', CHOICE, "begins with '- [ ] ' or with '- [x] '"),
    ('[ ] The first', '[] The first', CHOICE, "an answer begins with '- [ ] '"),
    ('  - Yes.\n\n### Hints\n\n- L', '\n### Hints\n\n- L', CHOICE, 'has 0 reasons'),
    ('  - Yes.\n\n### Hints\n\n- L', '  - A\n  - B\n### Hints\n\n- L', CHOICE, '2 reasons'),
    ('- [x] The second.\n  - Yes.\n', '', CHOICE, 'two options or more'),
    (HINTS, HINTS.replace('Hints', 'Hint'), CHOICE, "unknown heading '### Hint'"),
    (HINTS, '#' + HINTS, CHOICE, "unknown heading '#### Hints'"),
    (HINTS, HINTS.replace('Hints', 'Answer'), CHOICE, 'a choice has Hints'),
    (HINTS, '### Hints', CHOICE, "nothing is below '### Hints'"),
    (HINTS, '', CHOICE, "a choice needs '### Hints'"),
    ('- Look', 'Look', CHOICE, "'Look' is in no item of a list"),
    ('  again.', 'again.', CHOICE, "'again.' is in no item of a list"),
    (FORMS[FORMS.index('Which'):FORMS.index('- [ ] The')], '', CHOICE, 'it asks nothing'),
    ('option\n```', 'option', CHOICE, 'a block of code is not closed'),
    ('## mixup-choice', '## Mixup choice', 'Mixup choice', "write '## mixup-name' for a"),
    ('## mixup-choice', '## tta-choice', 'tta-choice', "'## tta-choice' is no id"),
    ('## mixup-choice', '##mixup-choice', CHOICE, "'##mixup-choice' is no id"),
    (NUMBER, 'mixup-number (numbr)', 'mixup-number (numbr)', "no kind 'numbr': choose one of"),
    (NUMBER, 'mixup-choice (number)', 'mixup-choice (number)', 'line 5 has the same id'),
    ('[x] `.5, 2e-3`', '[ ] `.5, 2e-3`', NUMBER, 'no answer is marked as right: mark one'),
    ('[ ] `-1, −1`', '[x] `-1, −1`', NUMBER, 'a second answer is marked as right: leave one'),
    ('`.5, 2e-3` ±', 'half ±', NUMBER, "'half ± 2 % or 0.1' is no value"),
    ('`-1, −1`', '`-1, −1 or so`', NUMBER, 'is no value: write `0.5`'),
    ('± 2 % or 0.1', '± two', NUMBER, "± 'two': write ± 2 %"),
    ('`swapped`', '`swopped`', CODE, "no function 'mixup_code_swopped' in mixup.py"),
    (CODE, 'mixup-codes (code)', 'mixup-codes (code)', "no function 'mixup_codes"),
    ('```python\ndef', '```\ndef', CODE, 'begins with ```python'),
    ('### Solution', '### Solutions', CODE, 'a code has Solution, Hints'),
    ('### Points\n\n- One.\n- Two.', '', TEXT, "a free text needs '### Points'"),
    ('### Answer', '### Points', TEXT, "a second heading '### Points'"),
    ('Why?\n', 'Why?\n\n- [x] So.\n  - Yes.\n', TEXT, 'a free text has no options'),
]

@pytest.mark.parametrize('old,new,id,says', CHANGES, ids=[says for *_, says in CHANGES])
def test_a_malformed_question_is_named_with_its_line(written, old, new, id, says):
    assert FORMS.count(old) == 1
    text = FORMS.replace(old, new)
    with pytest.raises(ValueError) as error: written(text)
    first, *_ = str(error.value).splitlines()
    line, named, said = re.fullmatch(r'.*/mixup\.md, line (\d+), (.*?): (.*)', first).groups()
    assert named == id and says in said
    above = '\n'.join(text.splitlines()[:int(line)])  # its own heading is the last one above
    assert re.findall('^##(?!#) ?(.*)', above, re.M)[-1] == id


def test_the_line_is_that_of_the_mistake(written):
    with pytest.raises(ValueError) as error: written(FORMS.replace('`swapped`', '`swopped`'))
    line = int(re.search(r'line (\d+)', str(error.value))[1])
    assert FORMS.splitlines()[line - 1] == '- [ ] `swapped`'


def test_all_malformed_questions_are_named_at_once(written):
    with pytest.raises(ValueError) as error:
        written(FORMS.replace('[x] The', '[ ] The').replace('`swapped`', '`swopped`'))
    assert re.findall(r'line \d+, ([\w-]+)', str(error.value)) == ['mixup-choice', 'mixup-code']


@pytest.mark.parametrize('chapter', CHAPTERS)
def test_every_function_belongs_to_a_question(chapter):
    "A wrong function that no hint names would never be recognized."
    used = set()
    for q in questions(chapter):
        if q.kind == 'code': used |= {q.answer, q.cases, *(wrong for wrong, _ in q.mistakes)}
    functions = set()
    with contextlib.suppress(ModuleNotFoundError):
        module = importlib.import_module(f'sotatrain.questions.{chapter}')
        functions = {value for value in vars(module).values()
                     if inspect.isfunction(value) and value.__module__ == module.__name__}
    assert used == functions


def test_every_file_belongs_to_a_chapter():
    assert {path.stem for path in FOLDER.glob('*.md')} == set(CHAPTERS)
    assert {path.stem for path in FOLDER.glob('*.py')} <= {*CHAPTERS, '__init__'}


def test_questions_are_read_when_they_are_asked_for():
    code = ("import sys, sotatrain.questionnaire as asking; "
            "loaded = lambda: any('sotatrain.questions.' in name for name in sys.modules); "
            "before = loaded(); asking.question('mixup-code'); print(before, loaded())")
    printed = subprocess.check_output([sys.executable, '-c', code], text=True)
    assert printed.split() == ['False', 'True']


# --- answers in any form

VECTOR = question('smoothing-target')
RIGHT_VECTOR = [0.02, 0.92, 0.02, 0.02, 0.02]

@pytest.mark.parametrize('form', [
    list,
    tuple,
    np.array,
    torch.tensor,
    lambda values: torch.tensor([values]),
    lambda values: list(map(str, values)),
], ids=['list', 'tuple', 'array', 'tensor', 'row', 'text'])
def test_the_vector_in_any_form(form): assert VECTOR.check(form(RIGHT_VECTOR))

@pytest.mark.parametrize('answer', [
    .66,
    np.float32(.66),
    torch.tensor(.66),
    [.66],
    '0.66',
    '66 %',
    '0,66',
])
def test_a_number_in_any_form(answer): assert question('tta-merge').check(answer)

def test_a_whole_number_for_a_real_one():
    assert Number(id='x', chapter='x', prompt='x', answer=2., why='x', hints=('x',)).check(2)


class Strange:
    def __repr__(self): raise RuntimeError

class Broken:
    def tolist(self): raise RuntimeError

ENDLESS = []
ENDLESS.append(ENDLESS)

@pytest.mark.parametrize('answer,says', [
    (math.nan, 'finite'),
    ([math.inf]*5, 'finite'),
    ([.02, .92], 'You gave 2 numbers; 5 are asked for'),
    (.9, 'You gave 1 number; 5 are asked for'),
    ([], 'You gave 0 numbers'),
    ('a lot', 'is no number'),
    (None, 'None is no number'),
    (True, 'True is no number'),
    ({'a': 1}, 'is no number'),
    ([None]*5, 'is no number'),
    (Strange(), 'this Strange'),
    (lambda: 1, 'is no number'),
    (torch.tensor([1j]), 'is no number'),
])
def test_numbers_that_cannot_be_judged(answer, says):
    verdict = VECTOR.check(answer)
    assert not verdict.right and says in verdict.text

@pytest.mark.parametrize('answer', [
    'z',
    'ab',
    '',
    0,
    9,
    -1,
    2.5,
    True,
    None,
    [],
    math.nan,
    Strange(),
])
def test_choices_that_are_none(answer):
    verdict = question('mixup-what').check(answer)
    assert not verdict.right and 'give a letter from a to d' in verdict.text

@pytest.mark.parametrize('answer,says', [
    (3, 'is no text'),
    ('', 'Write a sentence'),
    ('It mixes.', 'Write a sentence'),
])
def test_text_that_is_none(answer, says):
    verdict = question('mixup-text').check(answer)
    assert not verdict.right and says in verdict.text

def test_a_rubric_is_shown_after_an_attempt_only():
    q = question('mixup-text')
    assert q.rubric[0] not in str(q)
    verdict = q.check('I would blend the embeddings of two sentences.')
    assert all(point in verdict.text for point in q.rubric) and q.answer in verdict.text


# --- functions of a reader

CODE = question('smoothing-code')

def test_the_first_failing_case_is_reported_with_its_inputs():
    verdict = CODE.check(lambda y, n, eps: [.5]*n)
    assert verdict.text.startswith('With 3, 10, 0.1, your function gives [0.5, 0.5')
    assert '0.91' in verdict.text

@pytest.mark.parametrize('answer,says', [
    (3, '3 is no function'),
    ('smooth', 'without quotes'),
    (lambda: 1, 'raised TypeError'),
    (lambda y, n, e: 1/0, 'raised ZeroDivisionError'),
    (lambda y, n, e: exit(), 'raised SystemExit'),
    (lambda y, n, e: None, 'gives None'),
    (lambda y, n, e: 'x', "gives 'x'"),
    (lambda y, n, e: [math.nan]*n, 'gives [nan'),
    (lambda y, n, e: CODE.answer(y, n, e)[:-1], 'it should be'),
])
def test_functions_that_go_wrong(answer, says):
    verdict = CODE.check(answer)
    assert not verdict.right and says in verdict.text

def test_a_function_that_never_returns():
    ticks = []
    def forever(*args):
        while True:
            ticks.append(0)
            time.sleep(.01)
    quick = Code(id='x', chapter='x', prompt='x', answer=lambda x: x, source='',
                 cases=lambda: [(1,)], hints=('x',), seconds=.2)
    verdict = quick.check(forever)
    assert not verdict.right and 'did not come back within 0.2 seconds' in verdict.text
    time.sleep(.2)
    n = len(ticks)
    time.sleep(.2)
    assert len(ticks) == n  # it was stopped

def test_a_function_that_changes_its_inputs_harms_itself_only():
    def greedy(x, mean, std): return x.sub_(mean[:, None, None]).div_(std[:, None, None])
    assert question('normalize-code').check(greedy)

def test_tensors_count_by_shape():
    q = question('normalize-code')
    assert not q.check(lambda x, mean, std: q.answer(x, mean, std).flatten())

def test_a_tensor_instead_of_a_list():
    assert CODE.check(lambda y, n, eps: torch.tensor(CODE.answer(y, n, eps)))

def test_patience():
    assert with_patience(5, lambda a, b: a + b, 1, 2) == 3
    with pytest.raises(KeyError, match='x'): with_patience(5, lambda: {}['x'])
    with pytest.raises(TimeIsUp): with_patience(.05, time.sleep, .3)


# --- hints, progress, the teacher's table

def test_hints_come_one_by_one():
    q = question('smoothing-target')
    assert [str(q.hint()) for _ in range(3)] == [f'{q.hints[0]} (hint 1 of 2)',
                                                 f'{q.hints[1]} (hint 2 of 2)',
                                                 f'{q.hints[1]} (hint 2 of 2)']

ALL = len(questions('mixup'))

def test_progress_is_kept(tmp_path):
    assert f'| Mixup | 0 of {ALL} |' in str(progress())
    question('mixup-target').check([1, 2])
    assert f'| Mixup | 0 of {ALL} |' in str(progress())
    question('mixup-target').check((0, .3, 0, .7))
    question('mixup-target').check('wrong again')
    assert f'| Mixup | 1 of {ALL} |' in str(progress())
    kept = json.loads((tmp_path/'cache'/'progress.json').read_text())['mixup-target']
    assert kept['right'] and kept['tries'] == 3

@pytest.mark.parametrize('q', [
    'smoothing-target',
    'mixup-what',
    'mixup-text',
    'smoothing-code',
])
@pytest.mark.parametrize('answer', [
    pytest.param(Broken(), id='broken'),
    pytest.param(torch.Tensor, id='class'),
    pytest.param(ENDLESS, id='endless'),
    pytest.param(lambda *args: Broken(), id='gives broken'),
    pytest.param(lambda *args: torch.Tensor, id='gives class'),
])
def test_no_answer_whatever_raises(q, answer):
    verdict = question(q).check(answer)
    assert not verdict.right and len(verdict.text) > 20

@pytest.mark.parametrize('content', ['[]', '3', '{}'])
def test_progress_in_an_unknown_form(tmp_path, content):
    (tmp_path/'cache').mkdir(exist_ok=True)
    (tmp_path/'cache'/'progress.json').write_text(content)
    assert question('mixup-what').check('c') and f'1 of {ALL}' in str(progress())

def test_progress_survives_a_damaged_or_a_forbidden_file(tmp_path, monkeypatch):
    (tmp_path/'cache').mkdir(exist_ok=True)
    (tmp_path/'cache'/'progress.json').write_text('{')
    assert question('mixup-what').check('c') and f'1 of {ALL}' in str(progress())
    def forbidden(*args): raise PermissionError
    monkeypatch.setattr(progress_file, 'write_whole', forbidden)
    assert question('mixup-epochs').check('d')

def test_the_answer_key_has_everything():
    key = answer_key()
    assert list(key.index) == [q.id for q in EVERY] and key.answer.str.len().min() > 0
    assert '[0.02, 0.92, 0.02, 0.02, 0.02]' in key.answer['smoothing-target']


# --- on a page

def test_texts_become_html():
    assert (as_html('a `b<c` *d* **e** f*g*h')
            == 'a <code>b&lt;c</code> <em>d</em> <strong>e</strong> f*g*h')
    assert as_html('a\n\n- b\n- c') == '<p>a</p><ul><li>b</li><li>c</li></ul>'
    assert as_html('```python\na = 1\n\nb < 2\n```') == '<pre>a = 1\n\nb &lt; 2</pre>'

def test_outside_of_a_notebook_a_quiz_is_printed(capsys):
    quiz('mixup')
    printed = capsys.readouterr().out
    for q in questions('mixup'):
        assert q.prompt in printed and str(q.solution()) not in printed
