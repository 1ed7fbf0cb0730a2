"""Measuring time: ways that take turns, and steps of training."""
import random
from statistics import median
from time import perf_counter

import torch
from fastai.vision.all import DataLoader, DataLoaders, TensorCategory, TensorImage

from sotatrain.learner import has_bf16


def timed(function):
    "Seconds that `function()` takes, and what it returns; a GPU is waited for."
    if torch.cuda.is_available(): torch.cuda.synchronize()
    start = perf_counter()
    result = function()
    if torch.cuda.is_available(): torch.cuda.synchronize()
    return perf_counter() - start, result


def in_turns(ways, rounds):
    """What each way says, round by round. The order is another one in each round, so that the
    noise of a shared machine hits all alike."""
    order, found = random.Random(0), {name: [] for name in ways}
    for _ in range(rounds):
        for name in order.sample([*ways], len(ways)): found[name].append(ways[name]())
    return found


def compared(ways, rounds, warm=True):
    """A row for each way: what it takes, and its ratio to the first way in the same round.

    `ways` are functions that measure themselves; `warm`: once more than counts."""
    if warm: in_turns(ways, 1)
    seconds = in_turns(ways, rounds)
    first = next(iter(ways))
    return [_row(name, seconds[name], seconds[first]) for name in ways]

def _row(name, seconds, reference):
    ratios = sorted(s / r for s, r in zip(seconds, reference))
    quarter = len(ratios)//4
    return dict(name=name, milliseconds=1000*median(seconds), ratio=median(ratios),
                low=ratios[quarter], high=ratios[-1 - quarter], seconds=seconds)

def row_text(row):
    return (f"{row['name']:<50} {row['milliseconds']:8.1f} ms, {row['ratio']:.3f} of the first "
            f"(half of the rounds: {row['low']:.3f} to {row['high']:.3f})")


def precision(device):
    "What `make_learner` uses on this device: `'bf16'` or `'fp32'`."
    return 'bf16' if has_bf16(device) else 'fp32'


class _Batches(DataLoader):
    "Batches that are there already, as a loader."
    def __init__(self, batches, device):
        super().__init__(batches, bs=None, device=device)
    def __iter__(self): return iter(self.dataset)
    def __len__(self): return len(self.dataset)

def ready_batches(n, bs, size, device):
    "`DataLoaders` with `n` random batches, and nothing to wait for."
    device = torch.device(device)
    batches = [_random_batch(bs, size, device) for _ in range(n)]
    dls = DataLoaders(_Batches(batches, device), _Batches([], device))
    dls.c = 10
    return dls

def _random_batch(bs, size, device):
    images = torch.rand(bs, 3, size, size, device=device)
    return TensorImage(images), TensorCategory(torch.randint(10, (bs,), device=device))

def step_seconds(learn):
    "Of a training step with `ready_batches`."
    with learn.no_bar(), learn.no_logging():
        return timed(lambda: learn.fit(1, 1e-4))[0] / len(learn.dls.train)
