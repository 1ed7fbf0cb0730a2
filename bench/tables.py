"""Chapter 11 on whole data sets: `python -m bench.tables --clothing DIR --planet DIR`.

DIR holds the clothing data set with its images.csv, or satellite tiles with a labels.csv. All
of it uses features of the trained network (chapter 10), once for each picture. Writes
split.json, optimism.json, rare.json and thresholds.json in results/benchmarks/."""
import argparse
from functools import partial
from itertools import product
from pathlib import Path

import torch

from bench.common import conditions, write
from sotatrain.core.split import random_split
from sotatrain.learner import seeded
from sotatrain.tables import (
    balanced_accuracy,
    bootstrap,
    choose_thresholds,
    class_shares,
    eight_views,
    f_beta,
    fit_labels,
    oversampled,
    read_table,
    with_shares,
)
from sotatrain.transfer import activations, features, fit_head, pretrained, pretrained_dls
from sotatrain.tta import calibration_error

SEEDS = range(10)
NO_CLASS = 'Not sure', 'Skip', 'Other'
L2 = .1  # chosen on splits of the photographs that come with the library
L2_LABELS = .01


def all_pictures(files, labels, size, device='cpu'):
    "A network, and data that have all pictures but the last one in training."
    model, last = pretrained(2, seed=0), len(files) - 1
    return model, pretrained_dls(model, 64, files=files, labels=labels, size=size, seed=0,
                                 device=device, splits=(range(last), [last]))


def all_features(files, labels, size, device='cpu'):
    "Activations and targets of all pictures, in the order of `files`; and the classes."
    model, dls = all_pictures(files, labels, size, device)
    parts = [features(model, dl) for dl in (dls.train, dls.valid)]
    return *(torch.cat(part) for part in zip(*parts)), [*dls.vocab]


# --- a split by chance, or by sender

def clothing(folder, size):
    folder = Path(folder)
    table = read_table(folder/'images.csv')
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


# --- what choosing costs

TRIES, PICTURES = (5, 10, 40), (50, 100, 200)  # each half has more


def optimism(table, x, y, vocab):
    """Layers on a sixteenth of the features each, none made to be better: what the best one
    seems to gain over the average where it was chosen, and what it gains elsewhere."""
    labels, senders = y.tolist(), [*table.sender_id]
    for seed in SEEDS:
        train, valid = random_split(len(x), .2, seed, labels, senders)
        halves = random_split(len(valid), .5, seed, groups=[senders[i] for i in valid])
        deciding, reported = (torch.tensor(valid)[half] for half in halves)
        with seeded(seed): deciding = shuffled(deciding)
        right = torch.stack([few_features(x, y, train, len(vocab), 100*seed + i)
                             for i in range(max(TRIES))]).double()
        for tries, n in product(TRIES, PICTURES):
            there, elsewhere = (right[:tries, rows].mean(1)
                                for rows in (deciding[:n], reported))
            best = there == there.max()  # several, if they are equally good there
            seems, gains = ((each[best].mean() - each.mean()).item()
                            for each in (there, elsewhere))
            yield dict(tries=tries, pictures=n, seed=seed, seems=seems, gains=gains,
                       optimism=seems - gains)


def few_features(x, y, train, n_out, seed):
    "Which pictures a layer gets right that sees a sixteenth of the features."
    with seeded(seed): columns = torch.randperm(x.shape[1])[:x.shape[1] // 16]
    head = fit_head(x[train][:, columns], y[train], n_out, L2)
    return head(x[:, columns]).argmax(1) == y


# --- few of a kind

COMMON = 'T-Shirt', 'Longsleeve', 'Pants', 'Shoes', 'Shirt', 'Dress', 'Outwear', 'Shorts'


def rare_classes(table, x, y, vocab, each=200, few=15, checks=80):
    "Of eight classes, each with as many photographs, three are rare in training."
    labels, senders = y.tolist(), [*table.sender_id]
    for seed in SEEDS:
        with seeded(seed): rare = torch.randperm(8)[:3].tolist()
        train, held = map(torch.tensor, random_split(len(x), .3, seed, labels, senders))
        with seeded(seed): train, held = map(shuffled, (train, held))
        def some(rows, name, n): return rows[y[rows] == vocab.index(name)][:n]
        kept = [some(train, name, few if k in rare else each) for k, name in enumerate(COMMON)]
        seen = [some(held, name, checks) for name in COMMON]
        (xt, yt), (xv, yv) = ((x[torch.cat(part)], numbered(part)) for part in (kept, seen))
        for way, p in ways(xt, yt, xv).items():
            yield dict(way=way, seed=seed, **scores(p, yv, torch.tensor(rare), yt))


def shuffled(rows): return rows[torch.randperm(len(rows))]
def numbered(parts): return torch.cat([torch.full((len(p),), k) for k, p in enumerate(parts)])


def ways(x, y, seen):
    was, even, more = class_shares(y, 8), torch.full((8,), 1/8), oversampled(y, 8)
    fit = partial(fit_head, n_out=8, l2=L2)
    def says(head): return head(seen).softmax(1).detach()
    plain, weights = says(fit(x, y)), says(fit(x, y, weight=1 / (8*was)))
    return {'plain': plain, 'weights': weights,
            'oversampled': says(fit(x[more], y[more])),
            'moved threshold': with_shares(plain, was, even),
            'weights repaired': with_shares(weights, even, was)}


def scores(p, y, rare, trained):
    "Shares of right answers; and the log loss in an even mix, and in that of the training."
    right, seldom = p.argmax(1) == y, torch.isin(y, rare)
    loss = -p[torch.arange(len(p)), y].clamp(min=1e-12).log()
    def mixed(shares):
        weight = (shares / class_shares(y, 8))[y]
        return ((loss * weight).sum() / weight.sum()).item()
    return dict(accuracy=right.float().mean().item(), balanced=balanced_accuracy(p, y),
                rare=right[seldom].float().mean().item(),
                frequent=right[~seldom].float().mean().item(),
                calibration_error=calibration_error(p, y), pictures=len(y),
                loss_even=mixed(torch.full((8,), 1/8)),
                loss_as_trained=mixed(class_shares(trained, 8)))


# --- several labels

def tiles(folder):
    "Satellite tiles: their files, and the tags of each, none of them twice."
    table = read_table(Path(folder)/'labels.csv')
    there = {file.stem: file for file in Path(folder).rglob('*.jpg')}
    return ([there[name] for name in table.image_name],
            [[*dict.fromkeys(tags.split())] for tags in table.tags])


def thresholds(folder, size):
    files, tags = tiles(folder)
    x, y, vocab = all_features(files, tags, size)
    views = of_eight_views(files, tags, size)
    always = torch.tensor([name in ('primary', 'clear') for name in vocab])
    for seed in SEEDS:
        with seeded(seed): order = torch.randperm(len(x))
        train, deciding, reported = order.tensor_split([len(x)//2, 3*len(x)//4])
        head = fit_labels(x[train], y[train], L2_LABELS).requires_grad_(False)
        p, mean = head(x).sigmoid(), head(views).sigmoid().mean(0)
        limits, limits_mean = (choose_thresholds(each[deciding], y[deciding])
                               for each in (p, mean))
        grid = [.1, .15, .2, .25, .3, .4, .5]
        one = max(grid, key=lambda t: f_beta(p[deciding] >= t, y[deciding]).mean().item())
        often = (y[train].mean(0) > .2).expand(len(reported), -1)
        said = {
            'at .5': p[reported] >= .5, 'one for all': p[reported] >= one,
            'one for each': p[reported] >= limits,
            'one for each and eight views': mean[reported] >= limits_mean,
            'constant': often, '“primary” and “clear”': always.expand(len(reported), -1)}
        for way, each in said.items():
            f2 = f_beta(each, y[reported])
            low, high = bootstrap(f2)
            right = (each == y[reported].bool()).float().mean().item()
            yield dict(way=way, seed=seed, f2=f2.mean().item(), low=low, high=high,
                       accuracy_multi=right, pictures=len(reported))


def of_eight_views(files, labels, size):
    "Activations of each view of all pictures: views × pictures × activations."
    model, dls = all_pictures(files, labels, size)
    batches = (x.as_subclass(torch.Tensor) for x, in dls.test_dl(files))
    return torch.cat([torch.stack([activations(model, view) for view in eight_views(x)])
                      for x in batches], 1)


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
        write('optimism', about, [*optimism(*data)])
        write('rare', about, [*rare_classes(*data)])
    if args.planet: write('thresholds', about, [*thresholds(args.planet, args.size)])


if __name__ == '__main__': main()
