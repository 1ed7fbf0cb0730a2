import json
import math
import re
import time

import numpy as np
import pytest
import torch

from sotatrain import questionnaire
from sotatrain.core.patience import TimeIsUp, with_patience
from sotatrain.questionnaire import *

EVERY = list(registry().values())
def of_kind(kind): return [pytest.param(q, id=q.id) for q in EVERY if isinstance(q, kind)]
RIGHT = {Choice: lambda q: q.right + 1, Number: lambda q: q.answer, Code: lambda q: q.answer, FreeText: lambda q: q.answer}


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    questionnaire._hints_used.clear()


# --- the registry

def test_every_chapter_has_questions_of_several_kinds():
    for chapter in CHAPTERS:
        asked = questions(chapter)
        assert len(asked) >= 5 and {q.chapter for q in asked} == {chapter} and len({q.kind for q in asked}) >= 3
    assert len(EVERY) >= 28 and len({q.prompt for q in EVERY}) == len(EVERY)


@pytest.mark.parametrize('q', [pytest.param(q, id=q.id) for q in EVERY])
def test_a_questions_own_answer_is_right(q):
    verdict = q.check(RIGHT[type(q)](q))
    assert verdict.right and len(verdict.text) > 20
    assert q.prompt.strip() and q.hints and str(q.solution()).strip()
    assert q.id.startswith(f'{q.chapter}-')


@pytest.mark.parametrize('q', of_kind(Choice))
def test_each_option_has_its_own_reason(q):
    assert len(q.options) >= 3 and len({why for _, why in q.options}) == len(q.options)
    for place, (text, why) in enumerate(q.options):
        for answer in ('abcdefgh'[place], 'ABCDEFGH'[place] + ')', place + 1, np.int64(place + 1), text):
            verdict = q.check(answer)
            assert (verdict.right, verdict.text) == (place == q.right, why)


def test_the_right_option_is_not_always_at_the_same_place():
    places = [q.right for q in EVERY if isinstance(q, Choice)]
    assert max(map(places.count, set(places))) < len(places)/2


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
        assert not verdict.right and verdict.text.endswith(hint) and 'it should be' in verdict.text


@pytest.mark.parametrize('q', of_kind(Code))
def test_the_shown_source_is_right(q):
    shown = re.fullmatch(r'```python\n(.*)\n```', str(q.solution()), re.S)[1]
    written = {}
    exec(shown, written)
    assert q.check(next(f for name, f in written.items() if callable(f) and not name.startswith('__'))).right


def test_an_id_that_stands_twice(monkeypatch):
    from sotatrain.questions import mixup
    monkeypatch.setattr(mixup, 'QUESTIONS', mixup.QUESTIONS + mixup.QUESTIONS[:1])
    registry.cache_clear()
    try:
        with pytest.raises(ValueError, match="'mixup-what'.*ids are unique"): registry()
    finally: registry.cache_clear()


def test_unknown_names():
    with pytest.raises(KeyError, match="no question 'mixup-targets'; did you mean 'mixup-target'"): question('mixup-targets')
    with pytest.raises(ValueError, match="no chapter 'mixxup': choose one of data, presize"): questions('mixxup')


# --- answers in any form

VECTOR = question('smoothing-target')
RIGHT_VECTOR = [0.02, 0.92, 0.02, 0.02, 0.02]

@pytest.mark.parametrize('answer', [RIGHT_VECTOR, tuple(RIGHT_VECTOR), np.array(RIGHT_VECTOR), torch.tensor(RIGHT_VECTOR), torch.tensor([RIGHT_VECTOR]), list(map(str, RIGHT_VECTOR))],
                         ids=['list', 'tuple', 'array', 'tensor', 'row', 'text'])
def test_the_vector_in_any_form(answer): assert VECTOR.check(answer)

@pytest.mark.parametrize('answer', [.66, np.float32(.66), torch.tensor(.66), [.66], '0.66', '66 %', '0,66'])
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
    (math.nan, 'finite'), ([math.inf]*5, 'finite'), ([.02, .92], 'You gave 2 numbers; 5 are asked for'), (.9, 'You gave 1 number; 5 are asked for'), ([], 'You gave 0 numbers'),
    ('a lot', 'is no number'), (None, 'None is no number'), (True, 'True is no number'), ({'a': 1}, 'is no number'), ([None]*5, 'is no number'), (Strange(), 'this Strange'),
    (lambda: 1, 'is no number'), (torch.tensor([1j]), 'is no number')])
def test_numbers_that_cannot_be_judged(answer, says):
    verdict = VECTOR.check(answer)
    assert not verdict.right and says in verdict.text

@pytest.mark.parametrize('answer', ['z', 'ab', '', 0, 9, -1, 2.5, True, None, [], math.nan, Strange()])
def test_choices_that_are_none(answer):
    verdict = question('mixup-what').check(answer)
    assert not verdict.right and 'give a letter from a to d' in verdict.text

@pytest.mark.parametrize('answer,says', [(3, 'is no text'), ('', 'Write a sentence'), ('It mixes.', 'Write a sentence')])
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
    assert verdict.text.startswith('With 3, 10, 0.1, your function gives [0.5, 0.5') and '0.91' in verdict.text

@pytest.mark.parametrize('answer,says', [
    (3, '3 is no function'), ('smooth', 'without quotes'), (lambda: 1, 'raised TypeError'), (lambda y, n, e: 1/0, 'raised ZeroDivisionError'),
    (lambda y, n, e: exit(), 'raised SystemExit'), (lambda y, n, e: None, 'gives None'), (lambda y, n, e: 'x', "gives 'x'"), (lambda y, n, e: [math.nan]*n, 'gives [nan'),
    (lambda y, n, e: CODE.answer(y, n, e)[:-1], 'it should be')])
def test_functions_that_go_wrong(answer, says):
    verdict = CODE.check(answer)
    assert not verdict.right and says in verdict.text

def test_a_function_that_never_returns():
    ticks = []
    def forever(*args):
        while True:
            ticks.append(0)
            time.sleep(.01)
    quick = Code(id='x', chapter='x', prompt='x', answer=lambda x: x, source='', cases=lambda: [(1,)], hints=('x',), seconds=.2)
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
    verdict = question('normalize-code').check(lambda x, mean, std: ((x - mean[:, None, None]) / std[:, None, None]).flatten())
    assert not verdict.right

def test_a_tensor_instead_of_a_list():
    assert CODE.check(lambda y, n, eps: torch.tensor(CODE.answer(y, n, eps)))

def test_patience():
    assert with_patience(5, lambda a, b: a + b, 1, 2) == 3
    with pytest.raises(KeyError, match='x'): with_patience(5, lambda: {}['x'])
    with pytest.raises(TimeIsUp): with_patience(.05, time.sleep, .3)


# --- hints, progress, the teacher's table

def test_hints_come_one_by_one():
    q = question('smoothing-target')
    assert [str(q.hint()) for _ in range(3)] == [f'{q.hints[0]} (hint 1 of 2)', f'{q.hints[1]} (hint 2 of 2)', f'{q.hints[1]} (hint 2 of 2)']

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

@pytest.mark.parametrize('q', ['smoothing-target', 'mixup-what', 'mixup-text', 'smoothing-code'])
@pytest.mark.parametrize('answer', [Broken(), torch.Tensor, ENDLESS, lambda *args: Broken(), lambda *args: torch.Tensor], ids=['broken', 'class', 'endless', 'gives broken', 'gives class'])
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
    monkeypatch.setattr(questionnaire, 'write_whole', lambda *args: (_ for _ in ()).throw(PermissionError))
    assert question('mixup-epochs').check('d')

def test_the_answer_key_has_everything():
    key = answer_key()
    assert list(key.index) == [q.id for q in EVERY] and key.answer.str.len().min() > 0
    assert '[0.02, 0.92, 0.02, 0.02, 0.02]' in key.answer['smoothing-target']


# --- on a page

def test_texts_become_html():
    assert as_html('a `b<c` *d* **e** f*g*h') == 'a <code>b&lt;c</code> <em>d</em> <strong>e</strong> f*g*h'
    assert as_html('a\n\n- b\n- c') == '<p>a</p><ul><li>b</li><li>c</li></ul>'
    assert as_html('```python\na = 1\n\nb < 2\n```') == '<pre>a = 1\n\nb &lt; 2</pre>'

def test_outside_of_a_notebook_a_quiz_is_printed(capsys):
    quiz('mixup')
    printed = capsys.readouterr().out
    assert all(q.prompt in printed for q in questions('mixup')) and not any(q.answer in printed for q in questions('mixup') if isinstance(q, FreeText))
