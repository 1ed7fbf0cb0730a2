"""Recipes of a second, runs and comparisons that nobody had to train, and work that ends its
worker. What is here imports nothing heavy."""
import os
from pathlib import Path

from sotatrain.core.machine import conditions
from sotatrain.experiment import Comparison, Recipe, Run

SMALL = dict(
    data='doodlenette-20-10', arch='xresnet18', size=16, presize=16, epochs=1, bs=10, lr=1e-3)
STAGE = dict(size=32, epochs=1, bs=8, lr=.1)


def fake_run(name='baseline', seed=0, accuracy=.5, position=0, error=None, **changes):
    facts = dict(
        recipe=Recipe(**SMALL | {'name': name}),
        seed=seed,
        data=dict(folder='doodlenette', train=20, val=10),
        conditions=conditions('cpu', 'fp32'),
        epochs=[],
        error=error,
        position=position)
    numbers = dict(
        accuracy=accuracy, seconds=10., images_per_second=100., peak_memory_mb=1000.)
    return Run(**facts | ({} if error else numbers) | changes)


def fake_comparison(better=(.55, .57, .56), **changes):
    "Three runs of a baseline, 50 to 52 %, and three of a recipe called `better`."
    runs = [fake_run(seed=seed, accuracy=a) for seed, a in enumerate((.50, .51, .52))]
    runs += [
        fake_run('better', seed, a, position=1, **changes) for seed, a in enumerate(better)]
    return Comparison(runs)


def one_seed():
    "Two recipes with one run of each: no interval."
    return Comparison([fake_run(), fake_run('other', accuracy=.9, position=1)])


def measured(run):
    "What must be the same when a run is repeated: all but times."
    times = 'seconds', 'images_per_second'
    epochs = [{k: v for k, v in epoch.items() if k not in times} for epoch in run.epochs]
    return run.calibration_error, epochs, run.accuracy


def dies_once(file, value):
    "Ends its process, unless another one has made `file` already: `value`, and its number."
    if Path(file).exists(): return value, os.getpid()
    Path(file).touch()
    os._exit(3)
