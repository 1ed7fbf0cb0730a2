"""What each way to use a trained network reaches: `python -m bench.transfer --data FOLDER`.

FOLDER is a data set, or has a labels.csv with file, label and split (train, valid, test), as
the Oxford flowers do. Each way is tried from the first seed with several learning rates, until
the best on the `valid` pictures has a worse one on either side; from the other seeds it has
that one. With `--rates-of FILE`, the rates are those that were best there. Reported are the
`test` pictures. `--shares .1 .5 1` trains on
parts of each class; epochs grow with the square root of what is missing. A run a row, written
at once, and a second call goes on with those that are missing. Writes
results/benchmarks/transfer-NAME-SIZE.json."""
import argparse
import csv
import json
import random
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter

import torch

from bench.common import RESULTS, conditions, stored, write
from bench.steps import precision
from sotatrain.core.watch import ValidateEvery
from sotatrain.learner import make_learner, quietly, seeded
from sotatrain.resizing import ProgressiveResize
from sotatrain.sota import plain_net
from sotatrain.transfer import (
    each_layer,
    ensemble,
    fit_cycles,
    fit_steps,
    interval,
    pretrained,
    pretrained_dls,
    probe,
    soup,
    spread,
    three_groups,
    transfer_learner,
)

SCRATCH = dict(times=8, lr=6e-3)  # chapter 3's rate for random weights
LADDER = 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2  # learning rates


# --- data

def described(folder, share=1, seed=0):
    """What a labels.csv says, as `get_dls` takes it, with a share of each class in training;
    the folder itself if it has none."""
    if not (rows := table(folder)): return dict(path=folder)
    train = [i for i, row in enumerate(rows) if row['split'] == 'train']
    held = [i for i, row in enumerate(rows) if row['split'] != 'train']
    splits = part_of_each([rows[i]['label'] for i in train], train, share, seed), held
    return dict(files=[Path(folder)/'images'/row['file'] for row in rows],
                labels=[row['label'] for row in rows], splits=splits)


def part_of_each(labels, places, share, seed):
    "A share of the places of each label, one or more."
    if share == 1: return places
    of, kept = {}, []
    for label, place in zip(labels, places): of.setdefault(label, []).append(place)
    for own in of.values():
        kept += random.Random(seed).sample(own, max(1, round(share * len(own))))
    return sorted(kept)


def table(folder):
    file = Path(folder)/'labels.csv'
    if not file.is_file() or (Path(folder)/'train').is_dir(): return []
    with open(file, newline='', encoding='utf-8') as f: return [*csv.DictReader(f)]


def scores(folder, p, y):
    "Accuracy on the test pictures, and on those that choose the rate, if there are any."
    right = p.argmax(1) == y
    parts = [row['split'] for row in table(folder) if row['split'] != 'train']
    if 'valid' not in parts: return share_of(right)
    test = torch.tensor([part == 'test' for part in parts])
    return share_of(right[test]) | dict(deciding=right[~test].float().mean().item())


def share_of(right):
    "How many are right, with the interval for so many pictures."
    low, high = interval(int(right.sum()), len(right))
    return dict(accuracy=right.float().mean().item(), low=low, high=high, pictures=len(right))


# --- the ways: from data, number of epochs, rate and seed to the answers by name

def at_the_end(): return ValidateEvery(1000)
def answers_of(learn): return {'': ensemble(learn, [learn.model.state_dict()])}


def learner(dls, seed, splitter=three_groups, head=True):
    learn = transfer_learner(dls, pretrained(dls.c, seed=seed), splitter=splitter)
    if head: probe(learn)
    return learn


def frozen(dls, epochs, lr, seed): return answers_of(learner(dls, seed))


def tuned(dls, epochs, lr, seed, times=10, splitter=three_groups, head=True, cbs=()):
    learn = learner(dls, seed, splitter, head)
    rates = spread(learn, lr, times)
    with quietly(learn): learn.fit_one_cycle(epochs, rates, cbs=[at_the_end(), *cbs])
    return answers_of(learn)


def growing(dls, epochs, lr, seed):
    "From half the size on, within the first three quarters."
    return tuned(dls, epochs, lr, seed, cbs=[ProgressiveResize(dls.train.size // 2)])


def scheduled(dls, epochs, lr, seed, fit):
    learn = learner(dls, seed)
    with quietly(learn): fit(learn, epochs, spread(learn, lr), cbs=at_the_end())
    return answers_of(learn)


def fit_cosine(learn, epochs, lr, cbs):
    "One cycle: restarts without a restart."
    fit_cycles(learn, 1, lr, cycle_len=epochs, cbs=cbs)


def restarts(dls, epochs, lr, seed, cycles=3):
    "As many epochs as 2ⁿ − 1 cycles take, whatever `epochs` says."
    learn = learner(dls, seed)
    with quietly(learn): kept = fit_cycles(learn, cycles, spread(learn, lr), cbs=at_the_end())
    found = {'last': kept[-1:], 'ensemble': kept, 'soup': [soup(kept)]}
    return {f' {name}': ensemble(learn, weights) for name, weights in found.items()}


def scratch(dls, epochs, lr, seed):
    "Chapter 9's network, its pictures growing from half their size; many more epochs."
    learn = make_learner(dls, plain_net, seed=seed)
    cbs = [at_the_end(), ProgressiveResize(dls.train.size // 2)]
    with quietly(learn): learn.fit_one_cycle(SCRATCH['times'] * epochs, SCRATCH['lr'], cbs=cbs)
    return answers_of(learn)


WAYS = {
    'frozen': frozen,
    'all at once': partial(tuned, times=1, head=False),
    'LP-FT': tuned,
    'LP-FT one rate': partial(tuned, times=1),
    'LP-FT layer decay': partial(tuned, times=4/3, splitter=each_layer),
    'LP-FT in steps': partial(scheduled, fit=fit_steps),
    'LP-FT cosine': partial(scheduled, fit=fit_cosine),
    'LP-FT growing': growing,
    'restarts': restarts,
    'from scratch': scratch}
WITHOUT_LR = 'frozen', 'from scratch'


# --- runs

def run(way, seed, share, lr, args):
    "Rows of one run: a row for each kind of answer."
    dls = pretrained_dls(pretrained(2), args.bs, size=args.size, seed=seed, device=args.device,
                         **described(args.data, share, seed))
    start = perf_counter()
    with seeded(seed): found = WAYS[way](dls, round(args.epochs / share**.5), lr, seed)
    seconds = round(perf_counter() - start, 2)
    return [dict(way=way + kind, run=way, seed=seed, share=share, lr=lr, seconds=seconds,
                 **scores(args.data, p, y)) for kind, (p, y) in found.items()]


def rates(way, seed, rows, elsewhere):
    """From the first seed, the middle of the ladder, then the neighbours of the best one, until
    they are known; from the others the best one. Or the one that was best elsewhere."""
    if way in WITHOUT_LR: return iter([None])
    if elsewhere or seed: return iter([best_rate(way, elsewhere or rows)])
    return climb(lambda: best_rate(way, rows))


def climb(best):
    tried, lr = [], LADDER[2]
    while lr:
        yield lr
        tried.append(lr)
        at = LADDER.index(best())
        around = LADDER[max(0, at - 1):at + 2]
        lr = next((lr for lr in around if lr not in tried), None)


def best_rate(way, rows):
    tried = [row for row in rows
             if (row['run'], row['seed'], row['share']) == (way, 0, 1) and 'deciding' in row]
    return max(tried, key=lambda row: row['deciding'])['lr'] if tried else None


def mark(rows, elsewhere):
    "The runs that count: those with the best rate."
    for row in rows: row['chosen'] = bool(elsewhere) or row['lr'] == best_rate(row['run'], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', required=True)
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=[*WAYS])
    parser.add_argument('--size', type=int, default=128)
    parser.add_argument('--bs', type=int, default=32)
    parser.add_argument('--epochs', type=int, default=7)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--shares', type=float, nargs='+', default=[1])
    parser.add_argument('--rates-of', help='another file in results/benchmarks')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', help='file in results/benchmarks')
    args = parser.parse_args()
    name = Path(args.data).name
    file = RESULTS/(args.results or f'transfer-{name}-{args.size}.json')
    settings = dict(data=name, size=args.size, bs=args.bs, epochs=args.epochs)
    rows = stored(file, settings)
    elsewhere = json.loads((RESULTS/args.rates_of).read_text())['rows'] if args.rates_of else []
    if not elsewhere and not any(row['split'] == 'valid' for row in table(args.data)):
        parser.error(f'no pictures of {args.data} choose a learning rate: give --rates-of')
    for seed, share, way in product(range(args.seeds), args.shares, args.ways):
        for lr in rates(way, seed, rows, elsewhere):
            known = [(r['run'], r['seed'], r['share'], r['lr']) for r in rows]
            if (way, seed, share, lr) in known: continue
            rows += (new := run(way, seed, share, lr, args))
            mark(rows, elsewhere)
            for row in new: print(row, flush=True)
            write(file, conditions(args.device, precision(args.device), **settings), rows)


if __name__ == '__main__': main()
