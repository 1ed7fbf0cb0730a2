"""A run has a folder, and survives: it goes on as if nothing had happened."""
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, OrderedDict
from functools import cache

import numpy as np
import pytest
import torch
from fastai.vision.all import Callback, L, nn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sotatrain.cli import main as cli
from sotatrain.core.bars import Bar
from sotatrain.core.cache import DiskFull, only_one
from sotatrain.core.checks import seconds
from sotatrain.core.machine import conditions
from sotatrain.core.plain import NotPlain, from_plain, plain
from sotatrain.core.resume import state_of
from sotatrain.core.watch import Watch
from sotatrain.experiment import (
    Recipe,
    compare,
    load_runs,
    names,
    register,
    runs,
    train,
    training,
)
from sotatrain.experiment.runs import Interrupted, read_checkpoint, run_folder, write_checkpoint
from tests.forked import Forked
from tests.library.fakes import measured

pytestmark = pytest.mark.usefixtures('own_cache', 'no_peak')
CPU = torch.device('cpu')
CONDITIONS = training._conditions
TINY = dict(
    data='doodlenette-20-10', presize=24, tta={'views': 'flip'},
    arch={'plain_net': {'widths': [4, 4, 8], 'blocks': [0]}})
ONE = TINY | dict(size=16, bs=5, lr=.02, epochs=2)


def stages(*schedules):
    sizes = zip((16, 24), (5, 8), schedules)
    return [dict(size=size, epochs=2, bs=bs, lr=.02, schedule=s) for size, bs, s in sizes]


# Together they have all callbacks of the book, several stages, and all kinds of optimizers
RECIPES = {name: Recipe(name=name, **values) for name, values in {
    'averaged': TINY | dict(
        stages=stages('linear', 'linear'), opt='muon', cbs={
            'AverageWeights': {'decay': .9}, 'WhitenStem': {}, 'MixUp': {'until': .6}}),
    'flipped': ONE | dict(
        opt='SGD', schedule='flat_cos', augment={'flip': 0.}, cbs=['AlternateFlip', 'CutMix']),
    'grown': ONE | dict(
        opt='Adam', batch_tfms='Normalize', cbs={
            'ProgressiveResize': {'small': 8}, 'ManifoldMixUp': {}, 'CheckNormalize': {},
            'SharedBatchNorm': {}}),
    'chosen': TINY | dict(
        stages=stages('one_cycle', 'constant'), opt='fast_adamw', cbs=['MixOne', 'Erase'],
        loss='LabelSmoothingCrossEntropy', bf16=False),
    'coloured': ONE | dict(
        opt='fast_sgd', schedule='constant', cbs={
            'TrivialColours': {}, 'ValidateEvery': {'n': 2}, 'KeepStatistics': {},
            'GradientAccumulation': {'n_acc': 12}}),
    'tuned': TINY | dict(  # `fine_tune` lets the whitened filters be trained after all
        stages=[dict(size=16, epochs=1, bs=10, lr=.02),
                dict(size=16, epochs=3, bs=5, lr=.02, schedule='fine_tune')],
        opt='ranger', cbs=['WhitenStem']),
    'mixed': TINY | dict(
        stages=stages('fine_tune', 'linear'), opt='muon', augment={'flip': 0.}, cbs={
            'AlternateFlip': {}, 'AverageWeights': {}, 'MixOne': {},
            'KeepWeights': {'epochs': [1, 2]}}),
}.items()}


@pytest.fixture(scope='module', autouse=True)
def no_peak():
    "How fast the machine multiplies takes longer to find out than such a run."
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, '_conditions', lambda *args: {})
        yield


class StopAfter:
    "A bar that asks a run to stop after so many batches, those of validation included."
    def __init__(self, kept, batches): self.kept, self.batches = kept, batches
    def step(self):
        self.batches -= 1
        if not self.batches: self.kept.asked.append('a test')
    def skip(self, *counts): pass
    def run(self, *about): pass
    def epoch(self, values): pass
    def seconds_left(self): return 0


@cache
def facts_of(data):
    path = training.dataset(data)
    return path, training.data_facts(RECIPES['grown'], path)


def go(recipe, place, stop=0, every=3600):
    "Train in the folder `place`, from its checkpoint if it has one."
    path, facts = facts_of(recipe.data)
    head = training._head(recipe, 0, facts)
    with run_folder(place, head, CPU, every, resume=True) as kept:
        bar = StopAfter(kept, stop)
        return training._train(recipe, 0, path, facts, 'cpu', bar, 'raise', kept)


def read(file):
    "Place and state of a checkpoint, whatever it is of."
    values = torch.load(file, weights_only=True)
    return values['place'], values['state']


TIMES = {'seconds', 'train_seconds', 'epoch_seconds', 'images_per_second', 'now', 'zero',
         'start', 'epoch_start', 'train_start', 'start_epoch', 'log', 'peak'}


def all_of(trained):
    "Whatever a run changes, but times."
    state = state_of(trained.learn, trained.watch)
    return _untimed(from_plain(state))


def _untimed(value):
    if isinstance(value, dict):
        return {k: _untimed(v) for k, v in value.items() if k not in TIMES}
    if isinstance(value, (list, tuple, L)): return [*map(_untimed, value)]
    return value


def differences(a, b, where=''):
    "Where two nests of values are not the same, bit for bit."
    if isinstance(a, torch.Tensor):
        same = isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
        return [] if same or a.numel() == 1 and a.isnan().all() and b.isnan().all() else [where]
    if isinstance(a, dict):
        if a.keys() != b.keys(): return [f'{where}: {a.keys() ^ b.keys()}']
        return [d for key in a for d in differences(a[key], b[key], f'{where}/{key}')]
    if isinstance(a, list):
        if len(a) != len(b): return [f'{where}: {len(a)} and {len(b)}']
        return [d for i, pair in enumerate(zip(a, b))
                for d in differences(*pair, f'{where}/{i}')]
    return [] if a == b else [f'{where}: {a} and {b}']


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    "What a recipe gives in one go; and how many batches it has."
    @cache
    def of(name):
        place = tmp_path_factory.mktemp(name)/'whole'
        trained = go(RECIPES[name], place)
        return all_of(trained), trained.watch.steps, _log(place)
    return of


def _log(place):
    "The log without what depends on time."
    head, *rows = [line.split(',') for line in (place/'log.csv').read_text().splitlines()]
    kept = [i for i, name in enumerate(head) if name not in TIMES | {'seconds_left'}]
    return [[row[i] for i in kept] for row in [head, *rows]]


@settings(  # to make a failing case smaller would take minutes
    max_examples=50, deadline=None, suppress_health_check=[*HealthCheck],
    phases=[Phase.generate])
@given(st.data())
def test_an_interrupted_run_ends_like_one_that_was_not(tmp_path_factory, uninterrupted, data):
    name = data.draw(st.sampled_from(sorted(RECIPES)))
    whole, steps, log = uninterrupted(name)
    place = tmp_path_factory.mktemp('runs')/'run'
    stop = data.draw(st.integers(1, steps - 1))
    with pytest.raises(Interrupted): go(RECIPES[name], place, stop)
    again = data.draw(st.integers(0, steps - stop - 1))  # 0: it goes on to the end
    if again:
        with pytest.raises(Interrupted): go(RECIPES[name], place, again)
    assert differences(whole, all_of(go(RECIPES[name], place))) == []
    assert _log(place) == log
    shutil.rmtree(place)


def test_these_recipes_have_all_callbacks_of_the_book():
    used = {name for recipe in RECIPES.values() for name in recipe.cbs}
    used |= {'MixUp', 'CutMix'}  # of `MixOne`, too
    always = {'Bfloat16', 'StopIfDiverged', 'Watch'}
    bases = {'Mixing'}
    book = {name for module in names.TECHNIQUES for name in module.__all__
            if names.is_callback(getattr(module, name))}
    assert book <= used | always | bases


def test_a_loader_with_processes_of_its_own_goes_on_at_the_ends_of_epochs(tmp_path):
    recipe = Recipe(**ONE | dict(loader='datablock', tta=None))
    whole = go(recipe, tmp_path/'whole')
    epoch = 4 + 2  # batches of training and of validation
    with pytest.raises(Interrupted): go(recipe, tmp_path/'run', epoch + 3)
    place, _ = read(tmp_path/'run'/'last.pt')
    assert (place['epoch'], place['batches']) == (0, 4)
    assert differences(all_of(whole), all_of(go(recipe, tmp_path/'run'))) == []


def test_an_interruption_says_whether_there_is_a_checkpoint(tmp_path):
    recipe = Recipe(**ONE | dict(loader='datablock', tta=None))
    with pytest.raises(Interrupted, match='there is no checkpoint yet'):
        go(recipe, tmp_path/'run', 2)
    with pytest.raises(Interrupted, match='the checkpoint is in'):
        go(recipe, tmp_path/'run', 8)


# --- what a checkpoint is made of

class Keeps(Callback):
    "With a state that only it knows how to write."
    def __init__(self): self.seen, self.reader = 0, open(os.devnull)
    def after_batch(self): self.seen += self.training
    def state_dict(self): return {'seen': [self.seen]}
    def load_state_dict(self, values): self.seen, = values['seen']


def test_a_callback_may_write_its_own_state(tmp_path):
    register(Keeps)
    recipe = Recipe(**ONE | dict(cbs=['Keeps']))
    with pytest.raises(Interrupted): go(recipe, tmp_path/'run', 3)
    assert go(recipe, tmp_path/'run').learn.keeps.seen == 8


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2**62, 2**62) | st.floats(allow_nan=False)
    | st.text(max_size=5) | st.sampled_from([
        torch.tensor(1.5), torch.arange(4)[1:3], np.float32(.1), np.float64(.1),
        np.arange(3, dtype=np.int16), Counter('aab'), OrderedDict(b=1, a=2)]),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=3).map(tuple)
    | st.lists(inner, max_size=4).map(L)
    | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=12)


def same(a, b):
    if type(a) is not type(b): return False
    if isinstance(a, (torch.Tensor, np.ndarray)):
        return a.dtype == b.dtype and a.tolist() == b.tolist()
    if isinstance(a, (list, tuple, L)): return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict): return [*a] == [*b] and all(same(a[key], b[key]) for key in a)
    return a == b


@settings(deadline=None, max_examples=100, suppress_health_check=[*HealthCheck])
@given(VALUES)
def test_plain_values_come_back_the_same(tmp_path_factory, value):
    file = tmp_path_factory.getbasetemp()/'value.pt'
    torch.save(plain(value), file)
    assert same(value, from_plain(torch.load(file, weights_only=True)))


@pytest.mark.parametrize('value', [
    nn.Linear(1, 1), len, nn.Parameter(torch.ones(1)), [1, {'a': print}], np.array([None])])
def test_what_is_no_plain_value_is_not_written(value):
    with pytest.raises(NotPlain): plain(value)


def test_a_long_list_of_losses_is_one_tensor():
    assert plain([torch.tensor(float(i)) for i in range(1000)])['value'].shape == (1000,)


class Evil:
    def __reduce__(self): return os.mkdir, ('executed',)


@pytest.mark.parametrize('damage', [
    lambda file: torch.save({'state': Evil()}, file),
    lambda file: file.write_bytes(file.read_bytes()[:-2000]),
    lambda file: file.write_bytes(b'no checkpoint'),
    lambda file: torch.save(nn.Linear(1, 1), file),
    lambda file: torch.save([1], file)])
def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    file = tmp_path/'last.pt'
    write_checkpoint(file, {}, {}, {'weights': torch.ones(1000)})
    damage(file)
    with pytest.raises(ValueError, match=r'last\.pt is no readable checkpoint .*move it away'):
        read_checkpoint(file, {}, CPU)
    assert not (tmp_path/'executed').exists()


def test_a_checkpoint_of_another_run_or_a_newer_version_is_refused(tmp_path, monkeypatch):
    file = tmp_path/'last.pt'
    write_checkpoint(file, {'seed': 1, 'lr': .1}, {}, {})
    with pytest.raises(ValueError, match=r'of another run \(seed: 1 there, 2 here\)'):
        read_checkpoint(file, {'seed': 2, 'lr': .1}, CPU)
    monkeypatch.setattr(runs, 'FORMAT', 0)
    with pytest.raises(ValueError, match='format 2, and this version reads 0'):
        read_checkpoint(file, {'seed': 1, 'lr': .1}, CPU)


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no disk that is always full')
def test_on_a_full_disk_the_old_checkpoint_stays(tmp_path, monkeypatch):
    saves, save = [], torch.save
    def full(values, out):
        saves.append(out)
        save(values, out if len(saves) < 3 else open('/dev/full', 'wb'))
    monkeypatch.setattr(torch, 'save', full)
    monkeypatch.setattr('sotatrain.core.cache._free', lambda folder: 0)
    with pytest.raises(DiskFull, match='^the disk of .* is full.*before this one stays'):
        go(RECIPES['averaged'], tmp_path/'run', every=0)
    place, _ = read(tmp_path/'run'/'last.pt')
    assert place['batches'] == 2
    assert not [*(tmp_path/'run').glob('.*.draft')]


# --- times

def test_the_time_between_an_interruption_and_its_resumption_does_not_count():
    before, after = Watch(), Watch()
    before.zero -= 100  # it has run for so many seconds
    before.steps = 7
    after.load_state_dict(before.state_dict())
    assert after.now() == pytest.approx(100, abs=2) and after.steps == 7


def test_the_time_left_is_of_the_batches_of_this_process(capsys):
    bar = Bar(100)
    bar.run('x', 5)
    bar.skip(50, 2)
    bar.start -= 10
    for _ in range(10): bar.step()
    assert bar.seconds_left() == pytest.approx(40, abs=2)
    bar.epoch({})
    assert capsys.readouterr().out.startswith('x: epoch 3 of 5')


# --- the folder

@pytest.fixture
def unfinished(tmp_path):
    "A run that was interrupted in its second epoch, by its recipe and its folder."
    recipe = RECIPES['flipped']
    with pytest.raises(Interrupted): go(recipe, tmp_path/'run', 8)
    return recipe, tmp_path/'run'


def options(place, **more): return dict(progress=False, device='cpu', out=place) | more


def test_what_a_folder_holds(unfinished):
    recipe, place = unfinished
    files = {file.name for file in place.iterdir()} - {'.lock'}
    assert files == {'recipe.json', 'log.csv', 'last.pt', 'best.pt'}
    run = train(recipe, **options(place, resume=True))
    assert run == store_read(place)
    head, *rows = (place/'log.csv').read_text().splitlines()
    assert head == ('epoch,stage,size,train_loss,valid_loss,accuracy,rate,seconds,'
                    'images_per_second,seconds_left')
    assert [row.split(',')[0] for row in rows] == ['1', '2']
    assert measured(run) == measured(train(recipe, progress=False, device='cpu'))
    assert Recipe.from_json((place/'recipe.json').read_text()) == recipe


def store_read(place): return training.store.read(place/'run.json')


def test_the_best_checkpoint_is_of_the_epoch_with_the_highest_accuracy(tmp_path):
    recipe = Recipe(**ONE | dict(epochs=6, lr=.05))
    epochs = go(recipe, tmp_path/'run').watch.epochs
    place, state = read(tmp_path/'run'/'best.pt')
    accuracies = [epoch['accuracy'] for epoch in epochs]
    assert place['epoch'] == accuracies.index(max(accuracies))
    assert place['batches'] == 4


def test_an_unfinished_run_is_not_begun_again_by_mistake(unfinished):
    recipe, place = unfinished
    with pytest.raises(ValueError, match='holds this run, unfinished: resume=True'):
        train(recipe, **options(place))


def test_another_run_is_refused(unfinished, tiny):
    recipe, place = unfinished
    other = Recipe(**{**recipe.to_dict(), 'lr': .5})
    for message, change in {
        'lr: 0.02 there, 0.5 here': dict(recipe=other), 'seed: 0 there, 3 here': dict(seed=3),
        'data: ': dict(data=tiny)}.items():
        with pytest.raises(ValueError, match=f'holds another run .*{message}.*another folder'):
            train(**dict(recipe=recipe) | options(place, resume=True) | change)


def test_a_damaged_last_checkpoint_may_be_moved_away(unfinished):
    recipe, place = unfinished
    (place/'last.pt').write_bytes(b'damaged')
    with pytest.raises(ValueError, match='goes on from the other one'):
        train(recipe, **options(place, resume=True))
    (place/'last.pt').unlink()
    run = train(recipe, **options(place, resume=True))
    assert measured(run) == measured(train(recipe, progress=False, device='cpu'))


def test_a_finished_run_is_said_and_not_trained_again(unfinished, monkeypatch, capsys):
    recipe, place = unfinished
    run = train(recipe, **options(place, resume=True))
    monkeypatch.setattr(training, '_train', None)
    assert train(recipe, **options(place, progress=True)) == run
    assert 'finished: it is not trained again' in capsys.readouterr().out


def test_a_finished_run_can_be_exported_later(unfinished, tmp_path, monkeypatch):
    recipe, place = unfinished
    run = train(recipe, **options(place, resume=True))
    monkeypatch.setattr(training, 'fit_progressive', None)  # nothing is trained
    again = train(recipe, **options(place, export=tmp_path/'learner.pkl'))
    assert measured(again) == measured(run)
    assert (tmp_path/'learner.pkl').stat().st_size > 1000


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path/'thesis.tex').write_text('')
    with pytest.raises(ValueError, match='holds thesis.tex, and no run: name a new folder'):
        train(RECIPES['flipped'], **options(tmp_path))
    assert [*tmp_path.iterdir()] == [tmp_path/'thesis.tex']
    with pytest.raises(OSError, match='cannot be made'):
        train(RECIPES['flipped'], **options(tmp_path/'thesis.tex'))


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    with only_one(tmp_path/'.lock', 'this'):
        with pytest.raises(BlockingIOError, match=f'is in use by process {os.getpid()}: wait'):
            train(RECIPES['flipped'], **options(tmp_path))
    with only_one(tmp_path/'.lock', 'this'): pass


HOLDS = """
import sys, time; from pathlib import Path; from sotatrain.core.cache import only_one
with only_one(Path(sys.argv[1]), 'this'): print('held', flush=True); time.sleep(100)
"""

def test_a_process_that_is_killed_keeps_no_lock(tmp_path):
    held = subprocess.Popen([sys.executable, '-c', HOLDS, tmp_path/'lock'],
                            stdout=subprocess.PIPE, text=True)
    assert held.stdout.readline() == 'held\n'
    with pytest.raises(BlockingIOError, match=f'process {held.pid}'):
        with only_one(tmp_path/'lock', 'this'): pass
    held.kill()
    held.wait()
    with only_one(tmp_path/'lock', 'this'): pass


def test_a_run_that_diverges_is_over_too(tmp_path):
    recipe = Recipe(**ONE | dict(opt='SGD', lr=1e38, schedule='constant'))
    run = train(recipe, **options(tmp_path/'run'))
    assert run.failed and train(recipe, **options(tmp_path/'run')) == run


@pytest.mark.parametrize('value, expected', [
    (5, 5), (0, 0), ('90s', 90), ('90', 90), ('5m', 300), ('1.5h', 5400)])
def test_times_may_have_units(value, expected): assert seconds('every', value) == expected


@pytest.mark.parametrize('value', ['soon', '5 d', '', 'm', '-5m', -1, None])
def test_other_times_are_refused(value):
    with pytest.raises((ValueError, TypeError), match='every='): seconds('every', value)


# --- several runs, and the shell

def test_a_comparison_goes_on_within_a_run(tmp_path, monkeypatch):
    recipe = RECIPES['flipped']
    kept = dict(experiment='x', device='cpu', folder=tmp_path/'results', progress=False,
                out=tmp_path/'out')
    batches = iter(range(7))  # more than an epoch
    step = training.Watch.after_batch
    def interrupted(self):
        step(self)
        if next(batches, None) is None: raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(training.Watch, 'after_batch', interrupted)
        with pytest.raises(KeyboardInterrupt): compare([recipe], [0], **kept)
    assert (tmp_path/'out'/'flipped-seed0'/'last.pt').exists()
    restored, restore = [], runs.resumed
    monkeypatch.setattr(runs, 'resumed', lambda learn, state, **place: (
        restored.append(place['epoch']) or restore(learn, state, **place)))
    compare([recipe], [0], **kept)
    assert restored == [0] and [*(tmp_path/'out').iterdir()] == []
    run, = load_runs('x', tmp_path/'results')
    assert measured(run) == measured(train(recipe, progress=False, device='cpu'))


def a_process(folder, file, place, *words):
    words = ['train', file, '--out', place, '--every', '0', '--device', 'cpu', *words]
    return Forked(folder, cli, [*map(str, words)])


def wait_for(process, condition):
    for _ in range(1200):
        if condition(): return
        if process.poll() is not None: raise AssertionError(process.out + process.err)
        time.sleep(.05)
    raise AssertionError('it took more than a minute')


def test_kill_9_and_sigterm_of_a_real_process_and_on_from_the_shell(tmp_path, monkeypatch):
    monkeypatch.setattr(training, '_conditions', CONDITIONS)  # it draws random numbers
    recipe = Recipe(**RECIPES['mixed'].to_dict() | {
        'stages': [dict(size=16, epochs=8, bs=5, lr=.02)]})
    file, place, log = tmp_path/'mixed.json', tmp_path/'run', tmp_path/'run'/'log.csv'
    file.write_text(recipe.to_json())

    killed = a_process(tmp_path, file, place)
    wait_for(killed, lambda: log.exists() and len(log.read_text().splitlines()) > 2)
    killed.kill()
    killed.wait()
    assert not (place/'run.json').exists()

    asked, before = a_process(tmp_path, file, place, '--resume'), log.read_text()
    wait_for(asked, lambda: log.read_text() != before)
    asked.send_signal(signal.SIGTERM)
    assert asked.wait() == 1
    assert asked.err.splitlines()[-1].startswith('sotatrain: SIGTERM in epoch ')
    assert '--resume in the shell) goes on' in asked.err

    words = ['train', str(file), '--out', str(place), '--device', 'cpu']
    with pytest.raises(SystemExit, match='unfinished'): cli(words)
    assert not cli([*words, '--resume'])
    whole = train(recipe, **options(tmp_path/'whole'))
    (_, a), (_, b) = (read(p/'last.pt') for p in (place, tmp_path/'whole'))
    assert differences(a['model'], b['model']) == []
    assert measured(store_read(place)) == measured(whole)


def test_ctrl_c_ends_a_run_after_the_batch_and_a_second_one_at_once(tmp_path, monkeypatch):
    before, after_batch = signal.getsignal(signal.SIGINT), training.Watch.after_batch
    def with_ctrl_c(self):
        after_batch(self)
        if self.steps == 2: signal.raise_signal(signal.SIGINT)
    monkeypatch.setattr(training.Watch, 'after_batch', with_ctrl_c)
    with pytest.raises(Interrupted, match='^Ctrl-C in epoch 1: the checkpoint is in .*/run;'):
        train(RECIPES['flipped'], **options(tmp_path/'run'))
    place, _ = read(tmp_path/'run'/'last.pt')
    assert place['batches'] == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_several_seeds_have_a_folder_each(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training, '_conditions', conditions)
    file, out = tmp_path/'flipped.json', tmp_path/'out'
    file.write_text(RECIPES['flipped'].to_json())
    words = ['train', str(file), '--seeds', '2', '--out', str(out), '--device', 'cpu']
    assert not cli(words)
    first = capsys.readouterr().out
    assert sorted(place.name for place in out.iterdir()) == ['seed0', 'seed1']
    monkeypatch.setattr(training, '_train', None)
    assert not cli(words)
    again = capsys.readouterr().out
    assert again.count('not trained again') == 2
    assert again.splitlines()[-1] == first.splitlines()[-1]


@pytest.mark.parametrize('words, message', [
    (['--resume'], '--resume goes with --out'),
    (['--out', 'x', '--every', 'soon'], "--every='soon': write a time as 90s, 5m or 1h")])
def test_the_shell_says_what_is_missing(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message): cli(['train', 'epochs=1', *words])
    assert [*tmp_path.iterdir()] == []
