"""One's own callbacks, losses, metrics and networks in recipes and comparisons."""
import linecache
from dataclasses import replace
from functools import partial

import pytest
import torch
from fastai.vision.all import Callback, nn

from sotatrain.experiment import Recipe, compare, own, register, train
from tests.library.fakes import SMALL
from tests.networks import Net

pytestmark = pytest.mark.usefixtures('own_cache', 'no_registrations')


@pytest.fixture
def no_registrations():
    before = own.OWN.copy()
    yield
    own.OWN.clear()
    own.OWN.update(before)


class Counts(Callback):
    "Counts what it sees."
    batches = 0
    def __init__(self, step=1): self.step = step
    def after_batch(self): type(self).batches += self.step


def mine(n_out, width=4): return Net(n_out)

def gentle(predictions, targets): return nn.functional.cross_entropy(predictions, targets) / 2

def share_of_zeros(predictions, targets): return (predictions.argmax(-1) == 0).float().mean()


def test_a_callback_of_ones_own_takes_part(tiny_network):
    register(Counts)
    Counts.batches = 0
    train(Recipe(**SMALL, cbs={'Counts': {'step': 10}}), progress=False)
    assert Counts.batches == 40  # two batches of training, one of validation, one of prediction


def test_a_network_a_loss_and_a_metric_of_ones_own_take_part():
    assert register(mine) is mine
    register(gentle)
    register(share_of_zeros, 'zeros')
    run = train(
        Recipe(**SMALL | dict(arch='mine'), loss='gentle', metrics='zeros'), progress=False)
    assert 0 <= run.metrics['zeros'] <= 1
    assert {*run.sources} == {'mine', 'gentle', 'zeros'}


def test_parameters_of_ones_own_are_checked():
    register(Counts)
    with pytest.raises(TypeError, match="there is no 'stpe'; did you mean 'step'"):
        Recipe(cbs={'Counts': {'stpe': 1}})


def test_what_was_not_registered_is_an_error_that_says_how():
    with pytest.raises(ValueError, match='register'): Recipe(cbs='Unheard')


@pytest.mark.parametrize('thing,name,message', [
    (3, 'three', 'is none of these'),
    (Counts(), 'counts', 'is none of these'),
    (lambda p, y: 0, None, 'has no name'),
    (Counts, 'MixUp', "name='MixUp' is taken"),
    (Counts, '', 'name='),
    (type('Path', (), {}), 'Mine', 'is none of these'),
])
def test_what_cannot_be_registered_is_an_error(thing, name, message):
    with pytest.raises((ValueError, TypeError), match=message): register(thing, name)


def defined(source, name):
    "A class or a function of a cell with this source."
    file = f'<cell {hash(source)}>'
    linecache.cache[file] = len(source), None, source.splitlines(True), file
    space = {'__name__': 'notebook', 'Callback': Callback}
    exec(compile(source, file, 'exec'), space)
    return space[name]


CELL = """
def amount(): return 1

class Cell(Callback):
    factor = 2
    def before_fit(self): self.seen = amount() * self.factor
"""


@pytest.mark.parametrize('old,new', [
    ('self.seen =', 'self.noticed ='),
    ('factor = 2', 'factor = 3'),
    ('return 1', 'return 4'),
], ids=['a method', 'a value', 'a function that it calls'])
def test_a_change_of_ones_own_does_not_serve_old_runs(tiny_network, tmp_path, old, new):
    kept = dict(experiment='x', folder=tmp_path, progress=False)
    register(defined(CELL, 'Cell'))
    recipe = Recipe(**SMALL, cbs='Cell')
    first = compare([recipe], [0], **kept)
    register(defined(CELL, 'Cell'))  # run again, the cell is the same
    assert compare([recipe], [0], **kept).runs == first.runs
    register(defined(CELL.replace(old, new), 'Cell'))
    with pytest.raises(ValueError, match='registered: '): compare([recipe], [0], **kept)


def test_without_a_source_nothing_is_stored(tiny_network, tmp_path):
    space = {'Callback': Callback}
    exec('class Hidden(Callback):\n    def before_fit(self): pass', space)
    register(space['Hidden'])
    recipe = Recipe(**SMALL, cbs='Hidden')
    with pytest.raises(ValueError, match='Hidden has no source'):
        compare([recipe], [0], 'x', folder=tmp_path, progress=False)
    assert compare([recipe], [0], progress=False).rows[0].n == 1


def test_one_function_may_be_registered_with_several_values():
    half, third = partial(mine, width=2), partial(mine, width=3)
    register(half, 'half')
    register(third, 'third')
    digests = {**own.sources(Recipe(arch='half')), **own.sources(Recipe(arch='third'))}
    assert len({*digests.values()}) == 2


def test_a_recipe_without_ones_own_depends_on_no_sources():
    register(Counts)
    assert own.sources(replace(Recipe(**SMALL), cbs='MixUp')) == {}
    assert torch.is_tensor(gentle(torch.zeros(2, 3), torch.zeros(2).long()))
