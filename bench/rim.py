"""Do black frames explain what normalization does at first? `python -m bench.rim` measures it.

The comparison of chapter 4 on drawings, with zeros around the pictures (black, unless they are
normalized) and with a mirror there: one epoch each, from several seeds.
Writes results/benchmarks/rim.json."""
import argparse
from dataclasses import replace

from fastai.torch_core import default_device

from bench.common import conditions, write
from sotatrain import settings
from sotatrain.experiment import Recipe, learner_of, paired_difference
from sotatrain.learner import seeded

RIMS = 'zeros', 'reflect'


def accuracy(recipe, rim, seed):
    "Accuracy of one run, a fraction; the first convolution sees `rim` around each picture."
    learn = learner_of(recipe, seed)
    learn.model[0][0].padding_mode = rim
    with learn.no_bar(), learn.no_logging(), seeded(seed):
        learn.fit_one_cycle(recipe.epochs, recipe.lr)
    return round(learn.final_record[-1], 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seeds', type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    cfg = settings.load('cpu')
    plain = Recipe.from_profile(cfg)
    plain = replace(plain, size=cfg.small, presize=None, epochs=1, bf16=False)
    normalized = replace(plain, name='normalized', batch_tfms={'Normalize': {}})
    about, rows = conditions(default_device(), recipe=plain.to_dict()), []
    for rim in RIMS:
        for recipe in (plain, normalized):
            for seed in seeds:
                share = accuracy(recipe, rim, seed)
                rows.append(dict(rim=rim, name=recipe.name, seed=seed, accuracy=share))
        print(rim, points(rows, rim, normalized.name, plain.name), flush=True)
    write('rim', about, rows)


def points(rows, rim, name, reference):
    "The difference between two recipes, in points."
    of_rim = [row for row in rows if row['rim'] == rim]
    def of(recipe):
        return [100*row['accuracy'] for row in of_rim if row['name'] == recipe]
    return paired_difference(of(name), of(reference))


if __name__ == '__main__': main()
