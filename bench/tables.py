"""Chapter 11 on whole data sets: `python -m bench.tables --clothing DIR --planet DIR`.

DIR holds the clothing data set with its images.csv, or satellite tiles with a labels.csv. All
of it uses features of the trained network (chapter 10), once for each picture. Writes
results/benchmarks/split.json, rare.json and thresholds.json."""
import argparse
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from bench.common import conditions, write
from sotatrain.core.split import random_split
from sotatrain.learner import seeded
from sotatrain.tables import (
    balanced_accuracy,
    bootstrap,
    choose_thresholds,
    class_shares,
    f_beta,
    fit_labels,
    oversampled,
    with_shares,
)
from sotatrain.transfer import features, fit_head, pretrained, pretrained_dls
from sotatrain.tta import calibration_error

SEEDS = range(10)
NO_CLASS = 'Not sure', 'Skip', 'Other'
L2 = .1  # chosen on splits of the photographs that come with the library
L2_LABELS = .01


def all_features(files, labels, size):
    "Activations and targets of all pictures, in the order of `files`."
    model, last = pretrained(2, seed=0), len(files) - 1
    dls = pretrained_dls(model, 64, files=files, labels=labels, size=size, seed=0, device='cpu',
                         splits=(range(last), [last]))
    parts = [features(model, dl) for dl in (dls.train, dls.valid)]
    return *(torch.cat(part) for part in zip(*parts)), [*dls.vocab]


# --- a split by chance, or by sender

def clothing(folder, size):
    folder = Path(folder)
    table = pd.read_csv(folder/'images.csv', dtype=str, keep_default_na=False)
    table['file'] = [folder/'images'/f'{name}.jpg' for name in table.image]
    table = table[~table.label.isin(NO_CLASS) & table.file.map(Path.exists)]
    return table, *all_features([*table.file], [*table.label], size)


def splits(table, x, y, vocab):
    labels = y.tolist()
    groups = {'at random': None, 'by sender': [*table.sender_id]}
    for seed in SEEDS:
        for way, senders in groups.items():
            train, valid = random_split(len(x), .2, seed, labels, senders)
            head = fit_head(x[train], y[train], len(vocab), L2)
            right = (head(x[valid]).argmax(1) == y[valid]).float().mean().item()
            yield dict(way=way, seed=seed, accuracy=right, pictures=len(valid))


# --- few of a kind

COMMON = 'T-Shirt', 'Longsleeve', 'Pants', 'Shoes', 'Shirt', 'Dress', 'Outwear', 'Shorts'


def rare_classes(table, x, y, vocab, each=300, few=15):
    "Of eight classes, each with as many photographs, three are rare in training."
    for seed in SEEDS:
        with seeded(seed): order, rare = torch.randperm(len(x)), torch.randperm(8)[:3].tolist()
        places = [order[y[order] == vocab.index(name)][:each] for name in COMMON]
        kept = [own[:few if k in rare else 2*each//3] for k, own in enumerate(places)]
        held = [own[2*each//3:] for own in places]
        (xt, yt), (xv, yv) = ((x[torch.cat(part)], numbered(part)) for part in (kept, held))
        for way, p in ways(xt, yt, xv).items():
            yield dict(way=way, seed=seed, **scores(p, yv, torch.tensor(rare)))


def numbered(parts): return torch.cat([torch.full((len(p),), k) for k, p in enumerate(parts)])


def ways(x, y, seen):
    was, even, more = class_shares(y, 8), torch.full((8,), 1/8), oversampled(y, 8)
    fit = partial(fit_head, n_out=8, l2=L2)
    def says(head): return head(seen).softmax(1).detach()
    plain = says(fit(x, y))
    return {'plain': plain, 'weights': says(fit(x, y, weight=1 / (8*was))),
            'oversampled': says(fit(x[more], y[more])),
            'moved threshold': with_shares(plain, was, even)}


def scores(p, y, rare):
    right, seldom = p.argmax(1) == y, torch.isin(y, rare)
    return dict(accuracy=right.float().mean().item(), balanced=balanced_accuracy(p, y),
                rare=right[seldom].float().mean().item(),
                frequent=right[~seldom].float().mean().item(),
                calibration_error=calibration_error(p, y))


# --- several labels

def thresholds(folder, size):
    folder = Path(folder)
    table = pd.read_csv(folder/'labels.csv', dtype=str, keep_default_na=False)
    tags = [[*dict.fromkeys(each.split())] for each in table.tags]
    there = {file.stem: file for file in folder.rglob('*.jpg')}
    files = [there[name] for name in table.image_name]
    x, y, _ = all_features(files, tags, size)
    for seed in SEEDS:
        with seeded(seed): order = torch.randperm(len(x))
        train, deciding, reported = order.tensor_split([len(x)//2, 3*len(x)//4])
        p = fit_labels(x[train], y[train], L2_LABELS).requires_grad_(False)(x).sigmoid()
        limits = choose_thresholds(p[deciding], y[deciding])
        grid = [.1, .15, .2, .25, .3, .4, .5]
        one = max(grid, key=lambda t: f_beta(p[deciding] >= t, y[deciding]).mean().item())
        often = (y[train].mean(0) > .2).expand(len(reported), -1)
        for way, said in {'at .5': p[reported] >= .5, 'one for all': p[reported] >= one,
                          'one for each': p[reported] >= limits, 'constant': often}.items():
            f2 = f_beta(said, y[reported])
            low, high = bootstrap(f2)
            right = (said == y[reported].bool()).float().mean().item()
            yield dict(way=way, seed=seed, f2=f2.mean().item(), low=low, high=high,
                       accuracy_multi=right, pictures=len(reported))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--clothing')
    parser.add_argument('--planet')
    parser.add_argument('--size', type=int, default=128)
    args = parser.parse_args()
    about = conditions(size=args.size, l2=L2, l2_labels=L2_LABELS, seeds=len(SEEDS))
    if args.clothing:
        data = clothing(args.clothing, args.size)
        write('split', about, [*splits(*data)])
        write('rare', about, [*rare_classes(*data)])
    if args.planet: write('thresholds', about, [*thresholds(args.planet, args.size)])


if __name__ == '__main__': main()
