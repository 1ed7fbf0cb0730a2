"""Measuring time: ways that take turns, and steps of training."""
import random
from statistics import median
from time import perf_counter

import torch
from fastai.vision.all import DataLoaders, TensorCategory, TensorImage


def timed(function):
    "Seconds that `function()` takes, and what it returns; a GPU is waited for."
    if torch.cuda.is_available(): torch.cuda.synchronize()
    start = perf_counter()
    result = function()
    if torch.cuda.is_available(): torch.cuda.synchronize()
    return perf_counter() - start, result


def compared(ways, rounds):
    """Seconds of all rounds, and a row for each way: what it takes, and its ratio to the first way in the same round.

    `ways` are functions that measure themselves. They take turns, in an order that is another one in each round, so that
    the noise of a shared machine hits all alike."""
    for measure in ways.values(): measure()  # warms up
    names, order = list(ways), random.Random(0)
    seconds = [{name: ways[name]() for name in order.sample(names, len(names))} for _ in range(rounds)]
    first = names[0]
    return seconds, [_row(name, [s[name] for s in seconds], [s[first] for s in seconds]) for name in ways]

def _row(name, seconds, reference):
    ratios = sorted(s / r for s, r in zip(seconds, reference))
    return dict(name=name, milliseconds=1000*median(seconds), ratio=median(ratios), low=ratios[len(ratios)//4], high=ratios[-1 - len(ratios)//4])

def row_text(row):
    return f"{row['name']:<50} {row['milliseconds']:8.1f} ms, {row['ratio']:.3f} of the first (half of the rounds: {row['low']:.3f} to {row['high']:.3f})"


class _Batches(list):
    "Batches that are there already, as a loader."
    def __init__(self, batches, device): super().__init__(batches); self.device = device
    def to(self, device): return self

def ready_batches(n, bs, size, device):
    "`DataLoaders` with `n` random batches, and nothing to wait for."
    device = torch.device(device)
    batches = [(TensorImage(torch.rand(bs, 3, size, size, device=device)), TensorCategory(torch.randint(10, (bs,), device=device))) for _ in range(n)]
    dls = DataLoaders(_Batches(batches, device), _Batches([], device))
    dls.c = 10
    return dls

def step_seconds(learn):
    "Of a training step with `ready_batches`."
    with learn.no_bar(), learn.no_logging(): return timed(lambda: learn.fit(1, 1e-4))[0] / len(learn.dls.train)
