"""What Mixup and label smoothing add to a training step: `python -m bench.mixing` prints a table and writes results/mixing.json.

The same network and the same batches, which are there already; the pairs of callback and loss take turns, so that the
noise of a shared machine hits all alike, and each round gives a ratio to the plain step of the same round."""
import argparse
from statistics import median

import torch
from fastai.callback.mixup import MixUp as FastaiMixUp
from fastai.vision.all import CrossEntropyLossFlat, DataLoaders, LabelSmoothingCrossEntropyFlat, TensorCategory, TensorImage

from bench.common import RESULTS, timed, write
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


class Batches(list):
    "Batches that are there already, as a loader."
    def __init__(self, n, device):
        super().__init__((TensorImage(torch.rand(BS, 3, SIZE, SIZE, device=device)), TensorCategory(torch.randint(10, (BS,), device=device))) for _ in range(n))
        self.device = device
    def to(self, device): return self


def learner_of(mixer, loss, batches):
    dls = DataLoaders(batches, Batches(0, batches.device))
    dls.c = 10
    return make_learner(dls, ARCH, loss(), cbs=mixer and mixer(), seed=0, metrics=[])


def seconds(learn):
    "Of a training step."
    with learn.no_bar(), learn.no_logging(): return timed(lambda: learn.fit(1, 1e-4))[0] / len(learn.dls.train)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=10, help='steps of each pair in a round')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='mixing.json', help='name of the file in results/')
    args = parser.parse_args()
    batches = Batches(args.steps, torch.device(args.device))
    learners = {name: learner_of(*pair, batches) for name, pair in PAIRS.items()}
    for learn in learners.values(): seconds(learn)  # warms up
    rounds = [{name: seconds(learn) for name, learn in learners.items()} for _ in range(args.rounds)]
    ratios = {name: sorted(r[name] / r['plain'] for r in rounds) for name in PAIRS}
    rows = [dict(name=name, milliseconds=1000*median(r[name] for r in rounds), ratio=median(values), low=values[len(values)//4], high=values[-1 - len(values)//4])
            for name, values in ratios.items()]
    write(dict(conditions=conditions(args.device, 'bf16' if has_bf16(args.device) else 'fp32'), arch=ARCH, size=SIZE, bs=BS, steps=args.steps,
               rounds=rounds, rows=rows), RESULTS/args.results)
    for row in rows: print(f"{row['name']:<50} {row['milliseconds']:8.1f} ms a step, {row['ratio']:.3f} of plain (half of the rounds: {row['low']:.3f} to {row['high']:.3f})")


if __name__ == '__main__': main()
