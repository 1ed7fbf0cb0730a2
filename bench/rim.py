"""Do black frames explain what normalization does in the first epoch? `python -m bench.rim` writes results/benchmarks/rim.json.

The comparison of chapter 4 on drawings, with zeros around the pictures (black, unless they are normalized) and with a
mirror there: one epoch each, from several seeds."""
import argparse
from dataclasses import replace

from fastai.torch_core import default_device

from bench.common import RESULTS, write
from sotatrain import settings
from sotatrain.experiment import Recipe, learner_of, paired_difference
from sotatrain.learner import seeded
from sotatrain.core.machine import conditions

RIMS = 'zeros', 'reflect'


def accuracy(recipe, rim, seed):
    "Accuracy after the recipe's training, %; the first convolution sees `rim` around each picture."
    learn = learner_of(recipe, seed)
    learn.model[0][0].padding_mode = rim
    with learn.no_bar(), learn.no_logging(), seeded(seed): learn.fit_one_cycle(recipe.epochs, recipe.lr)
    return round(100*learn.final_record[-1], 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seeds', type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    cfg = settings.load('cpu')
    plain = replace(Recipe.from_profile(cfg), size=cfg.small, presize=None, epochs=1, bf16=False)
    normalized = replace(plain, name='normalized', batch_tfms={'Normalize': {}})
    rows = []
    for rim in RIMS:
        accuracies = {recipe.name: [accuracy(recipe, rim, seed) for seed in seeds] for recipe in (plain, normalized)}
        rows.append(dict(rim=rim, accuracies=accuracies))
        print(rim, paired_difference(accuracies['normalized'], accuracies[plain.name]), flush=True)
    write(dict(conditions=conditions(default_device(), 'fp32'), recipe=plain.to_dict(), rows=rows), RESULTS/'rim.json')


if __name__ == '__main__': main()
