"""What explains what normalization does at first? `python -m bench.rim` measures it.

The comparison of chapter 4 on drawings, in four ways: with zeros around the pictures (black,
unless they are normalized), with a mirror there, with zeros again, but batch norm's averages
taken anew after the training, over one pass; and with zeros for five epochs. The first way
also divides or subtracts alone. One epoch each but in the last way, from several seeds. Writes
results/benchmarks/rim.json."""
import argparse
from dataclasses import replace
from itertools import product

import torch
from fastai.callback.training import bn_types
from fastai.torch_core import default_device

from bench.common import conditions, write
from sotatrain import settings
from sotatrain.experiment import Recipe, learner_of, paired_difference
from sotatrain.learner import seeded

NORMALIZE = {  # each recipe's statistics: none, those of the data, and each half of the work
    'baseline': None, 'normalized': {},
    'divided': {'mean': [0.]*3, 'std': [.2]*3}, 'subtracted': {'mean': [.5]*3, 'std': [1.]*3}}
BOTH = 'baseline', 'normalized'
WAYS = {  # what is around a picture, whether averages are taken anew, epochs, recipes
    'zeros': ('zeros', False, 1, NORMALIZE), 'reflect': ('reflect', False, 1, BOTH),
    'averages': ('zeros', True, 1, BOTH), 'longer': ('zeros', False, 5, BOTH)}


def accuracy(recipe, rim, renew, seed):
    "Accuracy of one run, a fraction; the first convolution sees `rim` around each picture."
    learn = learner_of(recipe, seed)
    learn.model[0][0].padding_mode = rim
    with learn.no_bar(), learn.no_logging(), seeded(seed):
        learn.fit_one_cycle(recipe.epochs, recipe.lr)
        if renew: take_averages(learn)
        return round(learn.validate()[1], 4)


def take_averages(learn):
    "Batch norm forgets its running means and variances, and takes those of all batches."
    norms = [layer for layer in learn.model.modules() if isinstance(layer, bn_types)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    learn.model.train()
    with torch.no_grad():
        for x, _ in learn.dls.train: learn.model(x)


def named(recipe, name, epochs):
    "The same recipe with another normalization and length."
    tfms = {} if NORMALIZE[name] is None else {'Normalize': NORMALIZE[name]}
    return replace(recipe, name=name, epochs=epochs, batch_tfms=tfms)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seeds', type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    cfg = settings.load('cpu')
    plain = Recipe.from_profile(cfg)
    plain = replace(plain, arch='xresnet18', size=cfg.small, presize=None, epochs=1, bf16=False)
    about, rows = conditions(default_device(), recipe=plain.to_dict()), []
    for way, (rim, renew, epochs, names) in WAYS.items():
        for name, seed in product(names, seeds):
            share = accuracy(named(plain, name, epochs), rim, renew, seed)
            rows.append(dict(way=way, name=name, seed=seed, accuracy=share))
        for name in [*names][1:]:
            print(way, name, points(rows, way, name, 'baseline'), flush=True)
    write('rim', about, rows)


def points(rows, way, name, reference):
    "The difference between two recipes, in points."
    def of(recipe):
        return [100*row['accuracy'] for row in rows
                if (row['way'], row['name']) == (way, recipe)]
    return paired_difference(of(name), of(reference))


if __name__ == '__main__': main()
