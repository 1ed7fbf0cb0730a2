"""What Mixup and label smoothing add to a training step: `python -m bench.mixing` prints a table and writes results/benchmarks/mixing.json.

The same network and the same batches, which are there already; the pairs of callback and loss take turns, so that the
noise of a shared machine hits all alike, and each round gives a ratio to the plain step of the same round. What is added
is so little that this noise hides it. So the pairs are also measured with a network of a single layer, whose step takes
next to nothing: what a pair adds to that, in milliseconds, it adds to any step."""
import argparse
from functools import partial

import torch
from fastai.callback.mixup import MixUp as FastaiMixUp
from fastai.vision.all import CrossEntropyLossFlat, LabelSmoothingCrossEntropyFlat, nn

from bench.common import RESULTS, write
from bench.steps import compared, ready_batches, row_text, step_seconds
from sotatrain.learner import has_bf16, make_learner
from sotatrain.core.machine import conditions
from sotatrain.mixup import CutMix, MixUp
from sotatrain.smoothing import LabelSmoothingCrossEntropy

ARCH, SIZE, BS = 'xresnet18', 64, 64
PAIRS = {
    'plain': (None, CrossEntropyLossFlat),
    'MixUp + LabelSmoothingCrossEntropy': (MixUp, LabelSmoothingCrossEntropy),
    'MixUp per batch + LabelSmoothingCrossEntropy': (lambda: MixUp(scope='batch'), LabelSmoothingCrossEntropy),
    'CutMix + LabelSmoothingCrossEntropy': (CutMix, LabelSmoothingCrossEntropy),
    "fastai's MixUp + LabelSmoothingCrossEntropyFlat": (FastaiMixUp, LabelSmoothingCrossEntropyFlat)}


def learner_of(mixer, loss, dls, arch=ARCH):
    return make_learner(dls, arch, loss(), cbs=mixer and mixer(), seed=0, metrics=[])


def one_layer(n_out): return nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(3*(SIZE//8)**2, n_out))


def measure(arch, dls, rounds):
    return compared({name: partial(step_seconds, learner_of(*pair, dls, arch)) for name, pair in PAIRS.items()}, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=3, help='steps of each pair in a round')
    parser.add_argument('--rounds', type=int, default=40)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='mixing.json', help='name of the file in results/')
    args = parser.parse_args()
    dls = ready_batches(args.steps, BS, SIZE, args.device)
    rounds, rows = measure(ARCH, dls, args.rounds)
    _, alone = measure(one_layer, ready_batches(20*args.steps, BS, SIZE, args.device), args.rounds)
    for row, bare in zip(rows, alone): row['added_milliseconds'] = bare['milliseconds'] - alone[0]['milliseconds']
    write(dict(conditions=conditions(args.device, 'bf16' if has_bf16(args.device) else 'fp32'), arch=ARCH, size=SIZE, bs=BS, steps=args.steps,
               rounds=rounds, rows=rows), RESULTS/args.results)
    for row in rows: print(f"{row_text(row)}; adds {row['added_milliseconds']:.1f} ms, {row['added_milliseconds']/rows[0]['milliseconds']:.1%} of the plain step")


if __name__ == '__main__': main()
