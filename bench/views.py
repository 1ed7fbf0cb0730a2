"""Which random views suit which subject, and what small pictures cost a trained network:
`python -m bench.views --flowers DIR --planet DIR`.

Clothes that come with the library are seen from the side, mostly upright; flowers from all
sides; satellite tiles from above. A last layer is trained on the features of four random views
of each picture, or of the picture as it is (chapter 10); the test pictures are as they are.
Then on features at several sizes. Writes results/benchmarks/views.json."""
import argparse
from dataclasses import asdict, replace
from itertools import chain

import torch

from bench.common import conditions, write
from bench.tables import tiles
from bench.transfer import described
from sotatrain.core.split import random_split
from sotatrain.data import dataset
from sotatrain.presize import Augment
from sotatrain.tables import choose_thresholds, f_beta, fit_labels
from sotatrain.transfer import Features, features, fit_head, pretrained, pretrained_dls


class Zoomed(Augment):
    "A turned window gets smaller until all of it is in the picture: nothing is reflected."
    def matrices(self, aspects, generator=None):
        window, centre = super().matrices(aspects, generator).split((2, 1), -1)
        def reach(): return window.abs().sum(-1, keepdim=True)  # 1: the border
        window = window / reach().amax(1, keepdim=True).clamp(min=1)
        room = 1 - reach()
        return torch.cat([window, centre.clamp(-room, room)], -1)


CROPS = Augment(min_scale=.5, flip=0., max_angle=0., light=0.)
MIRRORED = replace(CROPS, flip=.5)
TURNED = replace(MIRRORED, max_angle=180.)
WAYS = {
    'as it is': None,
    'crops': CROPS,
    'mirrored': MIRRORED,
    'turned by up to 10°': replace(MIRRORED, max_angle=10.),
    'turned by any angle': TURNED,
    'turned by any angle and zoomed': Zoomed(**asdict(TURNED)),
    'with other light': replace(MIRRORED, light=.3)}
VIEWS, SIZES = 4, (64, 96, 128, 160, 192, 224)
L2 = {'clothes': .1, 'flowers': .01, 'satellite tiles': .01}


# --- subjects: how `get_dls` takes them

def planet(folder, seed=0):
    files, tags = tiles(folder)
    return dict(files=files, labels=tags, splits=random_split(len(files), .5, seed))


def subjects(args):
    found = {'clothes': dict(path=dataset('clothing'))}
    if args.flowers: found['flowers'] = described(args.flowers)
    if args.planet: found['satellite tiles'] = planet(args.planet)
    return found


# --- scores

def accuracy(train, valid, n_out, l2):
    head = fit_head(*train, n_out, l2)
    return (head(valid.x).argmax(1) == valid.y).float().mean().item()


def f2(train, valid, n_out, l2):
    "Thresholds are chosen on one half of the held-back pictures, and used on the other."
    p = fit_labels(*train, l2).requires_grad_(False)(valid.x).sigmoid()
    half = len(p) // 2
    limits = choose_thresholds(p[:half], valid.y[:half])
    return f_beta(p[half:] >= limits, valid.y[half:]).mean().item()


def score(subject, *parts):
    return (f2 if subject == 'satellite tiles' else accuracy)(*parts, L2[subject])


# --- what is measured

def by_way(subject, given, size, seeds):
    model = pretrained(2)
    for way, augment in WAYS.items():
        dls = pretrained_dls(model, 64, size=size, seed=0, device='cpu',
                             tfms=augment or Augment(), **given)
        valid = features(model, dls.valid)
        for seed in range(seeds if augment else 1):
            train = features(model, dls.train, views=VIEWS if augment else 0, seed=seed)
            yield dict(what='views', subject=subject, way=way, seed=seed,
                       score=score(subject, train, valid, dls.c))


def by_size(subject, given):
    "Trained and tested at each size; and trained there, tested at the largest."
    model, parts = pretrained(2), {}
    for size in SIZES:
        dls = pretrained_dls(model, 64, size=size, seed=0, device='cpu', **given)
        parts[size] = features(model, dls.train), features(model, dls.valid)
    for size, (train, valid) in parts.items():
        large = Features(*parts[SIZES[-1]][1])
        yield dict(what='size', subject=subject, size=size,
                   score=score(subject, train, valid, dls.c),
                   at_the_largest=score(subject, train, large, dls.c))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--flowers')
    parser.add_argument('--planet')
    parser.add_argument('--size', type=int, default=128)
    parser.add_argument('--seeds', type=int, default=3)
    args = parser.parse_args()
    about, rows = conditions(size=args.size, views=VIEWS, l2=L2), []
    for subject, given in subjects(args).items():
        measured = by_way(subject, given, args.size, args.seeds)
        if subject != 'clothes': measured = chain(measured, by_size(subject, given))  # 128 px
        for row in measured:
            rows.append(row)
            print(row, flush=True)
            write('views', about, rows)


if __name__ == '__main__': main()
