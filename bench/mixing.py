"""What Mixup and label smoothing add to a training step: `python -m bench.mixing` tells it.

The same network and the same batches, which are there already; the pairs of callback and loss
take turns, so that the noise of a shared machine hits all alike, and each round gives a ratio
to the plain step of the same round. What is added is so little that this noise hides it. So the
pairs are also measured with a network of a single layer, whose step takes next to nothing: what
a pair adds to that, in milliseconds, it adds to any step. Writes
results/benchmarks/mixing.json."""
import argparse
from functools import partial

import torch
from fastai.callback.mixup import MixUp as FastaiMixUp
from fastai.vision.all import CrossEntropyLossFlat, LabelSmoothingCrossEntropyFlat, nn

from bench.common import RESULTS, conditions, write
from bench.steps import compared, precision, ready_batches, row_text, step_seconds
from sotatrain.learner import make_learner
from sotatrain.mixup import CutMix, MixUp
from sotatrain.smoothing import LabelSmoothingCrossEntropy

ARCH, SIZE, BS = 'xresnet18', 64, 64
OURS = LabelSmoothingCrossEntropy
PAIRS = {
    'plain': (None, CrossEntropyLossFlat),
    'MixUp + LabelSmoothingCrossEntropy': (MixUp, OURS),
    'MixUp per batch + LabelSmoothingCrossEntropy': (partial(MixUp, scope='batch'), OURS),
    'CutMix + LabelSmoothingCrossEntropy': (CutMix, OURS),
    "fastai's MixUp + LabelSmoothingCrossEntropyFlat":
        (FastaiMixUp, LabelSmoothingCrossEntropyFlat)}


def learner_of(mixer, loss, dls, arch=ARCH):
    return make_learner(dls, arch, loss(), cbs=mixer and mixer(), seed=0, metrics=[])


def one_layer(n_out):
    return nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(3*(SIZE//8)**2, n_out))


def measure(arch, steps, rounds, device):
    dls = ready_batches(steps, BS, SIZE, device)
    learners = {name: learner_of(*pair, dls, arch) for name, pair in PAIRS.items()}
    ways = {name: partial(step_seconds, learn) for name, learn in learners.items()}
    return compared(ways, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=3, help='steps of each pair in a round')
    parser.add_argument('--rounds', type=int, default=40)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='mixing.json', help='a file in results/benchmarks')
    args = parser.parse_args()
    settings = dict(arch=ARCH, size=SIZE, bs=BS, steps=args.steps)
    about = conditions(args.device, precision(args.device), **settings)
    rows = measure(ARCH, args.steps, args.rounds, args.device)
    alone = measure(one_layer, 20*args.steps, args.rounds, args.device)
    for row, bare in zip(rows, alone):
        row['added_milliseconds'] = bare['milliseconds'] - alone[0]['milliseconds']
    write(RESULTS/args.results, about, rows)
    for row in rows:
        added = row['added_milliseconds']
        share = added / rows[0]['milliseconds']
        print(f"{row_text(row)}; adds {added:.1f} ms, {share:.1%} of plain")


if __name__ == '__main__': main()
