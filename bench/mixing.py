"""What Mixup and label smoothing add to a training step: `python -m bench.mixing` prints a table and writes results/mixing.json.

The same network and the same batches, which are there already; the pairs of callback and loss take turns, so that the
noise of a shared machine hits all alike, and each round gives a ratio to the plain step of the same round."""
import argparse
from functools import partial

import torch
from fastai.callback.mixup import MixUp as FastaiMixUp
from fastai.vision.all import CrossEntropyLossFlat, LabelSmoothingCrossEntropyFlat

from bench.common import RESULTS, write
from bench.steps import compared, ready_batches, row_text, step_seconds
from sotatrain.learner import has_bf16, make_learner
from sotatrain.machine import conditions
from sotatrain.mixup import CutMix, MixUp
from sotatrain.smoothing import LabelSmoothingCrossEntropy

ARCH, SIZE, BS = 'xresnet18', 64, 64
PAIRS = {
    'plain': (None, CrossEntropyLossFlat),
    'MixUp + LabelSmoothingCrossEntropy': (MixUp, LabelSmoothingCrossEntropy),
    'MixUp per batch + LabelSmoothingCrossEntropy': (lambda: MixUp(scope='batch'), LabelSmoothingCrossEntropy),
    'CutMix + LabelSmoothingCrossEntropy': (CutMix, LabelSmoothingCrossEntropy),
    "fastai's MixUp + LabelSmoothingCrossEntropyFlat": (FastaiMixUp, LabelSmoothingCrossEntropyFlat)}


def learner_of(mixer, loss, dls):
    return make_learner(dls, ARCH, loss(), cbs=mixer and mixer(), seed=0, metrics=[])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=10, help='steps of each pair in a round')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='mixing.json', help='name of the file in results/')
    args = parser.parse_args()
    dls = ready_batches(args.steps, BS, SIZE, args.device)
    learners = {name: learner_of(*pair, dls) for name, pair in PAIRS.items()}
    rounds, rows = compared({name: partial(step_seconds, learn) for name, learn in learners.items()}, args.rounds)
    write(dict(conditions=conditions(args.device, 'bf16' if has_bf16(args.device) else 'fp32'), arch=ARCH, size=SIZE, bs=BS, steps=args.steps,
               rounds=rounds, rows=rows), RESULTS/args.results)
    for row in rows: print(row_text(row))


if __name__ == '__main__': main()
