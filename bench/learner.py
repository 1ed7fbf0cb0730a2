"""What makes our learner faster than a plain one: `python -m bench.learner` prints a table.

Training steps of the same network on the same batches, which are there already. The learners
take turns, and each round gives a ratio to the plain step of the same round. Where the
processor has no bfloat16, the last ones do the same work as those before them. Writes
results/benchmarks/learner.json."""
import argparse
from functools import partial

import torch
from fastai.vision.all import CrossEntropyLossFlat, Learner

from bench.common import RESULTS, conditions, write
from bench.steps import compared, precision, ready_batches, row_text, step_seconds
from sotatrain.core.convolution import QuickConvolutions
from sotatrain.learner import Bfloat16, make_learner, make_model, seeded

BS = 64


def unchanged(model): return model
def channels_last(model): return model.to(memory_format=torch.channels_last)


def plain_learner(dls, arch, prepare, cbs=None):
    with seeded(0): model = prepare(make_model(arch, 10).to(dls.device))
    return Learner(dls, model, loss_func=CrossEntropyLossFlat(), cbs=cbs)


LEARNERS = {
    "fastai's defaults": partial(plain_learner, prepare=unchanged),
    'channels_last': partial(plain_learner, prepare=channels_last),
    'channels_last, quicken': partial(
        plain_learner, prepare=channels_last, cbs=QuickConvolutions),
    'channels_last, bfloat16': partial(
        plain_learner, prepare=channels_last, cbs=Bfloat16()),
    'make_learner': partial(make_learner, seed=0, metrics=[])}


def measure(arch, size, steps, rounds, device):
    "A row for each learner."
    dls = ready_batches(steps, BS, size, device)
    ways = {name: partial(step_seconds, make(dls, arch=arch))
            for name, make in LEARNERS.items()}
    return [dict(size=size, **row) for row in compared(ways, rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--arch', default='xresnet18')
    parser.add_argument('--sizes', type=int, nargs='+', default=[32, 64, 128])
    parser.add_argument('--steps', type=int, default=4, help='steps of each learner in a round')
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='learner.json', help='file in results/benchmarks')
    args = parser.parse_args()
    about = conditions(args.device, precision(args.device), arch=args.arch, bs=BS,
                       steps=args.steps)
    rows = []
    for size in args.sizes:
        rows += (new := measure(args.arch, size, args.steps, args.rounds, args.device))
        print(f'{size} px', *map(row_text, new), sep='\n', flush=True)
        write(RESULTS/args.results, about, rows)


if __name__ == '__main__': main()
