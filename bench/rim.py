"""What explains what normalization does at first? `python -m bench.rim` measures it.

The comparison of chapter 4 on drawings: with zeros around the pictures (black, unless they are
normalized), with a mirror there, and with zeros again, but batch norm's averages taken anew
after the training, over one pass. One epoch each, from several seeds. Writes
results/benchmarks/rim.json."""
import argparse
from dataclasses import replace

import torch
from fastai.callback.training import bn_types
from fastai.torch_core import default_device

from bench.common import conditions, write
from sotatrain import settings
from sotatrain.experiment import Recipe, learner_of, paired_difference
from sotatrain.learner import seeded

WAYS = {  # the rim, and whether averages are taken anew
    'zeros': ('zeros', False), 'reflect': ('reflect', False), 'averages': ('zeros', True)}


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seeds', type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    cfg = settings.load('cpu')
    plain = Recipe.from_profile(cfg)
    plain = replace(plain, arch='xresnet18', size=cfg.small, presize=None, epochs=1, bf16=False)
    normalized = replace(plain, name='normalized', batch_tfms={'Normalize': {}})
    about, rows = conditions(default_device(), recipe=plain.to_dict()), []
    for way, how in WAYS.items():
        for recipe in (plain, normalized):
            for seed in seeds:
                share = accuracy(recipe, *how, seed)
                rows.append(dict(rim=way, name=recipe.name, seed=seed, accuracy=share))
        print(way, points(rows, way, normalized.name, plain.name), flush=True)
    write('rim', about, rows)


def points(rows, rim, name, reference):
    "The difference between two recipes, in points."
    of_rim = [row for row in rows if row['rim'] == rim]
    def of(recipe):
        return [100*row['accuracy'] for row in of_rim if row['name'] == recipe]
    return paired_difference(of(name), of(reference))


if __name__ == '__main__': main()
