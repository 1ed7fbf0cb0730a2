"""What makes our learner faster than a plain one: `python -m bench.learner` prints a table and writes results/benchmarks/learner.json.

Training steps of the same network on the same batches, which are there already. The learners take turns, and each round
gives a ratio to the plain step of the same round. Where the processor has no bfloat16, the last two do the same work."""
import argparse
from functools import partial

import torch
from fastai.vision.all import CrossEntropyLossFlat, Learner

from bench.common import RESULTS, write
from bench.steps import compared, ready_batches, row_text, step_seconds
from sotatrain.core.convolution import quicken
from sotatrain.learner import has_bf16, make_learner, make_model, seeded
from sotatrain.core.machine import conditions

ARCH, BS = 'xresnet18', 64


def plain_learner(dls, prepare):
    with seeded(0): model = prepare(make_model(ARCH, 10).to(dls.device))
    return Learner(dls, model, loss_func=CrossEntropyLossFlat())


LEARNERS = {
    "fastai's defaults": lambda dls: plain_learner(dls, lambda model: model),
    'channels_last': lambda dls: plain_learner(dls, lambda model: model.to(memory_format=torch.channels_last)),
    'channels_last, quicken': lambda dls: plain_learner(dls, lambda model: quicken(model.to(memory_format=torch.channels_last))),
    'make_learner': lambda dls: make_learner(dls, ARCH, seed=0, metrics=[])}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sizes', type=int, nargs='+', default=[32, 64, 128])
    parser.add_argument('--steps', type=int, default=4, help='steps of each learner in a round')
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='learner.json', help='name of the file in results/')
    args = parser.parse_args()
    tables = []
    for size in args.sizes:
        dls = ready_batches(args.steps, BS, size, args.device)
        rounds, rows = compared({name: partial(step_seconds, make(dls)) for name, make in LEARNERS.items()}, args.rounds)
        tables.append(dict(size=size, rounds=rounds, rows=rows))
        print(f'{size} px', *map(row_text, rows), sep='\n', flush=True)
        write(dict(conditions=conditions(args.device, 'bf16' if has_bf16(args.device) else 'fp32'), arch=ARCH, bs=BS, steps=args.steps, tables=tables), RESULTS/args.results)


if __name__ == '__main__': main()
