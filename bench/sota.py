"""How accurate a network from random weights gets in 5 or 20 epochs at 128 px, on one GPU.

A plain PyTorch loop on chapter 2's crops. It keeps the rules of Imagenette's leaderboard: its
own split, random initialization, no test-time augmentation, tested at no more than the largest
training size. LOG.md says how the settings were found.

    python -m bench.sota --data DIR --epochs 5 20"""
import argparse
import time
from dataclasses import asdict, dataclass, replace
from itertools import chain

import torch
import torch.nn.functional as F
from fastai.torch_core import default_device
from torch import nn

from sotatrain.core.split import half_of
from sotatrain.data import dataset
from sotatrain.learner import plain_net, seeded
from sotatrain.presize import Augment, PresizedImages, Squares, centre_crop

from . import common

PRESIZE = 160  # side of the stored squares, px


@dataclass(frozen=True)
class Config:
    "All that decides how a run goes, but its seed."
    epochs: int = 5
    size: int = 128          # side of the crops that are tested, px
    small: int = 96          # side at the start; it grows to `size`
    grown: float = .75       # from this share of the training on, all crops have `size`
    bs: int = 64
    lr: float = .02          # Muon's highest rate, for filters
    lr_other: float = 3e-3   # AdamW's, for all else
    wd: float = .1           # decoupled, on weights only
    momentum: float = .9     # Muon's
    warmup: float = .1       # share of the training until the rate is highest; then to zero
    eps: float = .1          # label smoothing
    min_scale: float = .75   # of the random crops
    widths: tuple = (32, 64, 128, 256, 512)  # two convolutions of the stem, then the stages
    blocks: tuple = (0, 1, 1)  # residual blocks of each stage
    scale: float = 1.        # of the logits


# What was best on the deciding half of the validation pictures
BEST = {5: Config(scale=.5), 20: Config(epochs=20)}


# --- the network

class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x): return self.factor * x


def network(c, n_out=10):
    return nn.Sequential(plain_net(n_out, c.widths, c.blocks, 'gelu'), Scale(c.scale))


# --- the optimizers

def orthogonal(g, steps=5):
    "The nearest matrix whose singular values are about 1, by Newton and Schulz."
    a, b, c = 3.4445, -4.7750, 2.0315  # of Jordan's Muon (2024)
    x = g.bfloat16()
    x = x / (x.norm() + 1e-7)
    if tall := x.size(0) > x.size(1): x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a*x + (b*gram + c*gram@gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    "Steps of equal size in all directions, for filters seen as matrices: one row a filter."
    def __init__(self, params, lr, momentum, wd):
        super().__init__(params, dict(lr=lr, momentum=momentum, wd=wd))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params, grads = group['params'], [p.grad for p in group['params']]
            for p in params:
                if p not in self.state: self.state[p] = torch.zeros_like(p)
            means = [self.state[p] for p in params]
            torch._foreach_mul_(means, group['momentum'])
            torch._foreach_add_(means, grads)
            torch._foreach_add_(grads, means, alpha=group['momentum'])  # Nesterov
            torch._foreach_mul_(params, 1 - group['lr'] * group['wd'])
            for p, g in zip(params, grads):
                rows = g.flatten(1)
                size = max(1, rows.size(0) / rows.size(1)) ** .5
                p.add_(orthogonal(rows).view_as(p), alpha=-group['lr'] * size)


def optimizers(model, c):
    "Pairs: an optimizer, and the highest rates of its groups."
    by_dims = {dims: [p for p in model.parameters() if p.ndim == dims] for dims in (1, 2, 4)}
    rest = [dict(params=by_dims[2], weight_decay=c.wd), dict(params=by_dims[1], weight_decay=0)]
    made = (Muon(by_dims[4], c.lr, c.momentum, c.wd),
            torch.optim.AdamW(rest, c.lr_other, (.9, .99), fused=by_dims[2][0].is_cuda))
    return [(opt, [group['lr'] for group in opt.param_groups]) for opt in made]


def share_of_rate(c, done):
    "Of the highest rate, when this share of the training is done."
    return max(.02, done / c.warmup) if done < c.warmup else (1 - done) / (1 - c.warmup)


def size_at(c, done):
    return round((c.small + (c.size - c.small) * min(1, done / c.grown)) / 16) * 16


# --- one run

class Pictures:
    "All squares on the device, and their labels."
    def __init__(self, folder, side, device):
        store = PresizedImages.build(folder, side, progress=False)
        self.images, self.aspects = store.images.to(device), store.aspects
        self.labels, self.files = store.labels.to(device), store.files
        valid = torch.tensor([file.startswith('val/') for file in store.files])
        self.train, self.valid = (~valid).nonzero()[:, 0], valid.nonzero()[:, 0]

    def at(self, rows):
        return Squares(self.images, rows.to(self.images.device), self.aspects[rows])


def train(c, seed, data):
    "The trained network, and the seconds of its training."
    device = data.images.device
    augment, random = Augment(min_scale=c.min_scale), torch.Generator().manual_seed(seed)
    with seeded(seed): model = network(c).to(device, memory_format=torch.channels_last)
    made, total = optimizers(model, c), c.epochs * (len(data.train) // c.bs)
    epochs, start = (one_epoch(data.train, c.bs, random) for _ in range(c.epochs)), now(device)
    for step, rows in enumerate(chain.from_iterable(epochs)):
        done = step / total
        x = augment(data.at(rows), size_at(c, done), random)
        y = data.labels[rows.to(device)]
        F.cross_entropy(logits_of(model, x), y, label_smoothing=c.eps).backward()
        for opt, rates in made:
            for group, rate in zip(opt.param_groups, rates):
                group['lr'] = rate * share_of_rate(c, done)
            opt.step()
            opt.zero_grad()
    return model, now(device) - start


def one_epoch(rows, bs, random):
    "Whole batches, in a random order."
    order = rows[torch.randperm(len(rows), generator=random)]
    return order[:len(rows) // bs * bs].split(bs)


def logits_of(model, x):
    x = x.to(memory_format=torch.channels_last)
    with torch.autocast(x.device.type, torch.bfloat16): return model(x).float()


def now(device):
    if device.type == 'cuda': torch.cuda.synchronize()
    return time.perf_counter()


@torch.no_grad()
def quality(model, c, data):
    model.eval()
    logits = torch.cat([logits_of(model, centre_crop(data.at(rows), c.size))
                        for rows in data.valid.split(512)]).cpu()
    labels = data.labels.cpu()[data.valid]
    right = (logits.argmax(1) == labels).float()
    decide = torch.tensor([half_of(data.files[row]) == 'deciding' for row in data.valid])
    found = dict(accuracy=right,
                 accuracy_decided=right[decide], accuracy_reported=right[~decide],
                 nll=F.cross_entropy(logits, labels, reduction='none'))
    return {name: round(values.mean().item(), 6) for name, values in found.items()}


def run(c, seed, data):
    model, seconds = train(c, seed, data)
    images = c.epochs * (len(data.train) // c.bs) * c.bs
    return dict(epochs=c.epochs, seed=seed, **quality(model, c, data),
                seconds=round(seconds, 3), images_per_second=round(images / seconds))


def main():
    parser = argparse.ArgumentParser(prog='python -m bench.sota', description=__doc__)
    parser.add_argument('--data', required=True)
    parser.add_argument('--epochs', type=int, nargs='+', choices=BEST, default=list(BEST))
    parser.add_argument('--seeds', type=int, nargs='+', default=range(100, 105))
    args = parser.parse_args()
    device = default_device()
    data, rows = Pictures(dataset(args.data), PRESIZE, device), []
    configs = {str(epochs): asdict(BEST[epochs]) for epochs in args.epochs}
    about = common.conditions(device, 'bf16', presize=PRESIZE, configs=configs)
    for epochs in args.epochs:
        run(replace(BEST[epochs], epochs=1), 0, data)  # what only the first run has to do
        for seed in args.seeds:
            rows.append(run(BEST[epochs], seed, data))
            common.write('sota', about, rows)
            print(rows[-1], flush=True)


if __name__ == '__main__': main()
