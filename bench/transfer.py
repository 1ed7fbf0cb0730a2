"""What each way to use a trained network reaches: `python -m bench.transfer --data FOLDER`.

FOLDER is a data set, or has a labels.csv with file, label and split (train, test), as the
Oxford flowers do. Each way runs with each seed: a run a row, written at once, and a second call
goes on with those that are missing. Writes results/benchmarks/transfer-NAME-SIZE.json."""
import argparse
import csv
import json
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from fastai.vision.all import accuracy

from bench.common import RESULTS, conditions, write
from bench.steps import precision
from sotatrain.learner import make_learner, quietly, seeded
from sotatrain.sota import plain_net
from sotatrain.transfer import (
    each_layer,
    ensemble,
    fit_cycles,
    pretrained,
    pretrained_dls,
    probe,
    soup,
    spread,
    three_groups,
    transfer_learner,
)

SCRATCH_LR = 6e-3  # chapter 3's rate for networks that start from random weights


# --- data

def described(folder):
    "What a labels.csv says, as `get_dls` takes it; the folder itself if it has none."
    table = Path(folder)/'labels.csv'
    if not table.is_file() or (Path(folder)/'train').is_dir(): return dict(path=folder)
    with open(table, newline='', encoding='utf-8') as f: rows = list(csv.DictReader(f))
    splits = tuple([i for i, row in enumerate(rows) if row['split'] == part]
                   for part in ('train', 'test'))
    return dict(files=[Path(folder)/'images'/row['file'] for row in rows],
                labels=[row['label'] for row in rows], splits=splits)


# --- the ways: from data, number of epochs, rate and seed to the answers by name

def answers_of(learn): return {'': ensemble(learn, [learn.model.state_dict()])}


def learner(dls, seed, splitter=three_groups, head=True):
    learn = transfer_learner(dls, pretrained(dls.c, seed=seed), splitter=splitter)
    if head: probe(learn)
    return learn


def frozen(dls, epochs, lr, seed): return answers_of(learner(dls, seed))


def tuned(dls, epochs, lr, seed, times=10, splitter=three_groups, head=True):
    learn = learner(dls, seed, splitter, head)
    with quietly(learn): learn.fit_one_cycle(epochs, spread(learn, lr, times))
    return answers_of(learn)


def restarts(dls, epochs, lr, seed, cycles=3):
    "As many epochs as 2ⁿ − 1 cycles take, whatever `epochs` says."
    learn = learner(dls, seed)
    with quietly(learn): kept = fit_cycles(learn, cycles, spread(learn, lr))
    found = {'last': kept[-1:], 'ensemble': kept, 'soup': [soup(kept)]}
    return {f', {name}': ensemble(learn, weights) for name, weights in found.items()}


def scratch(dls, epochs, lr, seed):
    learn = make_learner(dls, plain_net, seed=seed)
    with quietly(learn): learn.fit_one_cycle(epochs, SCRATCH_LR)
    return answers_of(learn)


WAYS = {
    'frozen': frozen,
    'all at once': partial(tuned, times=1, head=False),
    'LP-FT, one rate': partial(tuned, times=1),
    'LP-FT, discriminative': tuned,
    'LP-FT, layer decay': partial(tuned, times=4/3, splitter=each_layer),
    'restarts': restarts,
    'from scratch': scratch}


# --- runs

def run(way, seed, args):
    "Rows of one run: a row for each kind of answer."
    dls = pretrained_dls(pretrained(2), args.bs, size=args.size, seed=seed, device=args.device,
                         **described(args.data))
    start = perf_counter()
    with seeded(seed): found = WAYS[way](dls, args.epochs, args.lr, seed)
    seconds = round(perf_counter() - start, 2)
    return [dict(way=way + kind, run=way, seed=seed, accuracy=accuracy(p, y).item(),
                 pictures=len(y), seconds=seconds) for kind, (p, y) in found.items()]


def stored(file, settings):
    "Rows that were measured in the same way. Raises `ValueError` for others."
    if not file.exists(): return []
    found = json.loads(file.read_text(encoding='utf-8'))
    if found['conditions']['settings'] != settings: raise ValueError(
        f"{file} has {found['conditions']['settings']}, and this would be {settings}: move it "
        "away, or give --results another name")
    return found['rows']


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='clothing')
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=[*WAYS])
    parser.add_argument('--size', type=int, default=128)
    parser.add_argument('--bs', type=int, default=32)
    parser.add_argument('--epochs', type=int, default=7)
    parser.add_argument('--lr', type=float, default=1e-4)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', help='file in results/benchmarks')
    args = parser.parse_args()
    name = Path(args.data).name
    file = RESULTS/(args.results or f'transfer-{name}-{args.size}.json')
    settings = dict(data=name, size=args.size, bs=args.bs, epochs=args.epochs, lr=args.lr)
    rows = stored(file, settings)
    for seed in range(args.seeds):
        for way in args.ways:
            if any(row['run'] == way and row['seed'] == seed for row in rows): continue
            rows += (new := run(way, seed, args))
            for row in new: print(f"{row['way']:24} seed {seed} {row['accuracy']:7.1%} "
                                  f"{row['seconds']:8.1f} s", flush=True)
            write(file, conditions(args.device, precision(args.device), **settings), rows)


if __name__ == '__main__': main()
