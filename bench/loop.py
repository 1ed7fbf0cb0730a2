"""The share of a training step that is outside of forward and backward passes: `python -m
bench.loop` says it.

Chapter 9's network, trained on batches that are there already, with several optimizers, which
take turns. The passes are timed within each step, so that a slow moment of a shared machine
slows both parts of the share. Writes results/benchmarks/loop.json."""
import argparse
from functools import partial
from statistics import median
from time import perf_counter

import torch
from fastai.vision.all import Adam, Callback

from bench.common import RESULTS, conditions, write
from bench.steps import in_turns, precision, ready_batches
from sotatrain.learner import make_learner, plain_net
from sotatrain.sota import fast_adamw, fast_sgd, muon

OPTIMIZERS = {
    "fastai's Adam": Adam, 'fast_sgd': fast_sgd, 'fast_adamw': fast_adamw, 'muon': muon}
NET = partial(plain_net, widths=(24, 48, 128, 256, 512), act='gelu')


def now():
    if torch.cuda.is_available(): torch.cuda.synchronize()
    return perf_counter()


class Begin(Callback):
    "The last callback before a pass: counts its seconds from here on."
    order = 1000
    def before_fit(self): self.passes = 0
    def before_train(self): self.started = now()
    def before_batch(self): self.passes -= now()
    def before_backward(self): self.passes -= now()


class End(Callback):
    "The first callback after a pass, and after all steps."
    order = -1000
    def after_loss(self): self.begin.passes += now()
    def after_backward(self): self.begin.passes += now()
    def after_train(self): self.seconds = now() - self.begin.started


def step(learn):
    "Milliseconds of a training step, and the share of it that is outside of both passes."
    with learn.no_bar(), learn.no_logging(): learn.fit(1, 1e-4)
    return (1000 * learn.end.seconds / len(learn.dls.train),
            1 - learn.begin.passes / learn.end.seconds)


def measure(size, args):
    dls = ready_batches(args.steps, args.bs, size, args.device)
    learners = {
        name: make_learner(dls, NET, seed=0, metrics=[], opt_func=opt, cbs=[Begin(), End()])
        for name, opt in OPTIMIZERS.items()}
    ways = {name: partial(step, learn) for name, learn in learners.items()}
    in_turns(ways, 1)  # warms up
    found = in_turns(ways, args.rounds)
    return [row(size, name, *zip(*steps)) for name, steps in found.items()]


def row(size, name, milliseconds, outside):
    quarter, ordered = len(outside)//4, sorted(outside)
    return dict(size=size, name=name, milliseconds=median(milliseconds),
                outside=median(outside), low=ordered[quarter], high=ordered[-1 - quarter],
                shares=outside)


def row_text(row):
    return (f"{row['name']:<15} {row['milliseconds']:8.1f} ms, outside {row['outside']:.1%} "
            f"(half of the rounds: {row['low']:.1%} to {row['high']:.1%})")


def main():
    parser = argparse.ArgumentParser(description='Where a training step goes.')
    parser.add_argument('--sizes', type=int, nargs='+', default=[32, 64])
    parser.add_argument('--bs', type=int, default=128)
    parser.add_argument('--steps', type=int, default=10, help='steps of each way in a round')
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='loop.json', help='file in results/benchmarks')
    args = parser.parse_args()
    about = conditions(args.device, precision(args.device), bs=args.bs, steps=args.steps)
    rows = []
    for size in args.sizes:
        rows += (new := measure(size, args))
        print(f'{size} px', *map(row_text, new), sep='\n', flush=True)
        write(RESULTS/args.results, about, rows)


if __name__ == '__main__': main()
