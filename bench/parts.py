"""Are equal operations equal seconds? `python -m bench.parts --data FOLDER` says how long each
recipe of chapter 9's comparisons trains, as a multiple of the recipe that it is compared with;
and how long the whole one does in float32.

On a part of the pictures, with all cores; the recipes take turns. Writes
results/benchmarks/parts.json."""
import argparse
from dataclasses import replace
from functools import partial

from bench.common import conditions, write
from bench.steps import compared, precision, row_text
from experiments import EXPERIMENTS
from experiments.measure import part_of
from sotatrain.experiment import train

GROUPS = {name: EXPERIMENTS[name] for name in ('sota-64', 'sota-plain')}
GROUPS['precision'] = [
    replace(GROUPS['sota-64'][0], name=name, bf16=name == 'bf16') for name in ('bf16', 'fp32')]


def seconds(recipe, data): return train(recipe, data=data, progress=False).train_seconds


def measure(group, data, rounds):
    ways = {recipe.name: partial(seconds, recipe, data) for recipe in GROUPS[group]}
    return [dict(group=group, **row) for row in compared(ways, rounds, warm=False)]


def main():
    parser = argparse.ArgumentParser(description='Seconds of recipes of equal operations.')
    parser.add_argument('--data', default='imagenette')
    parser.add_argument('--per-class', type=int, default=120, help='training pictures')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--results', default='parts', help='file in results/benchmarks')
    args = parser.parse_args()
    about = conditions('cpu', precision('cpu'), per_class=args.per_class, rounds=args.rounds)
    data, rows = part_of(args.data, args.per_class), []
    for group in GROUPS:
        rows += (new := measure(group, data, args.rounds))
        print(group, *map(row_text, new), sep='\n', flush=True)
        write(args.results, about, rows)


if __name__ == '__main__': main()
