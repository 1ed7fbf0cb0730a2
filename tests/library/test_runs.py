"""A run has a folder, and survives: it goes on as if nothing had happened."""
import json
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotatrain.cli import main as cli
from sotatrain.core.cache import DiskFull, only_one
from sotatrain.core.checks import seconds
from sotatrain.core.plain import NotPlain, from_plain, plain
from sotatrain.core.resume import state_of
from sotatrain.experiment import Recipe, compare, load_runs, names, register, runs, train, training
from sotatrain.experiment.runs import Interrupted, read_checkpoint, run_folder, write_checkpoint
from tests.library.fakes import measured

pytestmark = pytest.mark.usefixtures('own_cache', 'no_peak')
CPU = torch.device('cpu')
TINY = dict(
    data='doodlenette-20-10', presize=24, arch={'plain_net': {'widths': [4, 4, 8], 'blocks': [0]}},
    tta={'views': 'flip'})
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
            'ProgressiveResize': {'small': 8}, 'ManifoldMixUp': {}, 'CheckNormalize': {}}),
    'chosen': TINY | dict(
        stages=stages('one_cycle', 'constant'), opt='fast_adamw', cbs=['MixOne', 'Erase'],
        loss='LabelSmoothingCrossEntropy', bf16=False),
    'coloured': ONE | dict(
        opt='fast_sgd', schedule='constant', cbs={
            'TrivialColours': {}, 'ValidateEvery': {'n': 2}, 'GradientAccumulation': {
                'n_acc': 12}}),
    'tuned': TINY | dict(
        stages=stages('one_cycle', 'fine_tune'), opt='ranger', cbs=['WhitenStem']),
    'mixed': TINY | dict(
        stages=stages('fine_tune', 'linear'), opt='muon', augment={'flip': 0.}, cbs={
            'AlternateFlip': {}, 'AverageWeights': {}, 'MixOne': {}}),
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


TIMES = {'seconds', 'train_seconds', 'epoch_seconds', 'images_per_second', 'now', 'zero', 'start',
         'epoch_start', 'train_start', 'start_epoch', 'log', 'peak'}


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
        return [d for i, pair in enumerate(zip(a, b)) for d in differences(*pair, f'{where}/{i}')]
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


@settings(max_examples=50, deadline=None, suppress_health_check=[*HealthCheck])
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
