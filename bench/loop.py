"""What a training step takes beside forward and backward: `python -m bench.loop` says it.

Training steps of chapter 9's network on the same batches, which are there already: bare forward
and backward passes first, then a learner's steps with several optimizers. They take turns.
Writes results/benchmarks/loop.json."""
import argparse
from functools import partial

import torch
from fastai.vision.all import Adam

from bench.common import RESULTS, conditions, write
from bench.steps import compared, precision, ready_batches, row_text, step_seconds, timed
from sotatrain.core.forward import call_network
from sotatrain.learner import make_learner, plain_net
from sotatrain.sota import fast_adamw, fast_sgd, muon

OPTIMIZERS = {
    "fastai's Adam": Adam, 'fast_sgd': fast_sgd, 'fast_adamw': fast_adamw, 'muon': muon}
NET = partial(plain_net, widths=(24, 48, 128, 256, 512), act='gelu')


def bare_seconds(learn):
    "Of a forward and a backward pass, as the learner calls its network."
    learn.model.train()
    def passes():
        for x, y in learn.dls.train:
            learn.loss_func(call_network(learn, x), y).backward()
            learn.model.zero_grad()
    return timed(passes)[0] / len(learn.dls.train)


def measure(size, args):
    dls = ready_batches(args.steps, args.bs, size, args.device)
    def learner(opt): return make_learner(dls, NET, seed=0, metrics=[], opt_func=opt)
    ways = {'forward and backward': partial(bare_seconds, learner(fast_sgd))}
    ways |= {name: partial(step_seconds, learner(opt)) for name, opt in OPTIMIZERS.items()}
    return [dict(size=size, **row) for row in compared(ways, args.rounds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sizes', type=int, nargs='+', default=[32, 64])
    parser.add_argument('--bs', type=int, default=128)
    parser.add_argument('--steps', type=int, default=4, help='steps of each way in a round')
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
