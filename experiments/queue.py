"""`python -m experiments.queue --data DIR` works the long plan off: what is missing in
results/unfinished/, seed by seed over all recipes, so that whatever is there can be compared.

Interrupt it at any time: the same command goes on, also within a run. It runs at low priority;
accuracies do not depend on that, and seconds are not taken from here."""
import argparse
import contextlib
import os
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from sotatrain.core.cache import cache_folder, only_one
from sotatrain.experiment import Workers, compare, load_runs

from . import claims

RESULTS = Path(__file__).resolve().parent.parent/'results'/'unfinished'


def main():
    args = arguments()
    todo = missing(args.names, args.results)
    print(f"{sum(len(names) for *_, names in todo)} runs are missing")
    if args.list: return print(*map(listed, todo), sep='\n')
    if hasattr(os, 'nice'): os.nice(19)
    folder = cache_folder()/'queue'
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock(sum(map(cost, todo)))
    with only_one(folder/'.lock', 'the queue'), executor(args.workers) as workers:
        for part in todo:
            seed, name, recipes, _ = part
            print(listed(part), flush=True)
            compare(recipes, [seed], name, args.data, folder=args.results, out=folder/name,
                    executor=workers)
            clock.done(cost(part))


def arguments():
    parser = argparse.ArgumentParser(prog='python -m experiments.queue',
                                     description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', default=[*claims.EXPERIMENTS],
                        help=f"experiments: {', '.join(claims.EXPERIMENTS)}; all if not given")
    parser.add_argument('--data', help="a folder with train/ and val/, instead of Imagenette")
    parser.add_argument('--results', type=Path, default=RESULTS, help='folder')
    parser.add_argument('--workers', type=int, default=1,
                        help='runs at a time, each in a process with its share of the cores')
    parser.add_argument('--list', action='store_true', help='say what is missing, no more')
    args = parser.parse_args()
    unknown = {*args.names} - {*claims.EXPERIMENTS}
    if args.workers < 1: parser.error('--workers is a number from 1 on')
    if unknown: parser.error(f"no experiment is called {', '.join(sorted(unknown))}")
    return args


def missing(names, results):
    "(seed, experiment, recipes, names of those without a run), in the order of the seeds."
    found = []
    for seed in range(max(map(claims.seeds_of, all_recipes(names)))):
        for name in names:
            done = [run.recipe for run in load_runs(name, results) if run.seed == seed]
            recipes = [recipe for recipe in claims.EXPERIMENTS[name]
                       if seed < claims.seeds_of(recipe)]
            without = [recipe.name for recipe in recipes if not is_in(recipe, done)]
            if without: found.append((seed, name, recipes, without))
    return found


def is_in(recipe, done):
    return any(recipe.name == other.name and recipe.differences(other).keys() <= {'data'}
               for other in done)


def all_recipes(names): return sum((claims.EXPERIMENTS[name] for name in names), [])


def listed(part):
    seed, name, _, names = part
    return f"{name}, seed {seed}: {'; '.join(names)}"


def cost(part):
    "In pixels, of the training runs that are missing; recipes that differ in TTA share one."
    _, _, recipes, names = part
    lacking = [recipe for recipe in recipes if recipe.name in names]
    runs = {replace(recipe, name='any', tta=None).to_json(): recipe for recipe in lacking}
    return sum(stage.epochs * stage.size**2 for recipe in runs.values()
               for stage in recipe.all_stages)


class Clock:
    "Says how long the rest of the plan takes, at the speed of now."
    def __init__(self, total): self.left, self.start, self.over = total, perf_counter(), 0

    def done(self, cost):
        self.over += cost
        self.left -= cost
        seconds = (perf_counter() - self.start) * self.left / self.over
        print(f'about {seconds / 3600:.1f} hours left', flush=True)


def executor(n): return Workers(n) if n > 1 else contextlib.nullcontext()


if __name__ == '__main__': main()
