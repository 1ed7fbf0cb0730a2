"""Is a fresh measurement far below the stored one? `python -m tools.regression stored fresh`.

Prints a table of all that is fresh, and ends with 1 if the mean accuracy of a recipe has fallen
by more than three standard deviations, or if one of its runs has failed. What was never stored
cannot fall; the table says so. The standard deviation is that over the stored seeds, or, if it
is larger, that of a binomial distribution over so many validation pictures: three seeds may
agree by luck."""
import argparse
import math
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

from sotatrain.experiment import experiments, load_runs
from sotatrain.experiment.comparison import by_recipe

LIMIT = 3  # standard deviations


class Check(NamedTuple):
    experiment: str
    recipe: str
    stored: float  # mean accuracy, from 0 to 1
    fresh: float
    sd: float      # of a single stored run
    problem: str = ''

    @property
    def lowest(self): return self.stored - LIMIT*self.sd
    @property
    def fallen(self): return bool(self.problem) or self.fresh < self.lowest  # not for NaN
    @property
    def verdict(self):
        if self.problem: return self.problem
        if math.isnan(self.stored): return 'not stored yet'
        return 'fallen' if self.fallen else 'ok'


def main(argv=None):
    about = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog='python -m tools.regression', description=about)
    parser.add_argument('stored', type=Path, help='a folder of experiments')
    parser.add_argument('fresh', type=Path, help='the same experiments, measured again')
    args = parser.parse_args(argv)
    checks = compare(args.stored, args.fresh)
    if not checks: sys.exit(f"nothing to compare: there are no measured runs in {args.fresh}")
    print(table(checks))
    return int(any(check.fallen for check in checks))


def compare(stored, fresh):
    "A `Check` for each recipe of the fresh experiments."
    checks = []
    for name in experiments(fresh):
        before, now = (by_recipe(load_runs(name, folder)) for folder in (stored, fresh))
        checks += [check(name, recipe, before.get(recipe, []), now[recipe]) for recipe in now]
    return checks


def check(experiment, recipe, before, now):
    stored, fresh = ([run.accuracy for run in runs if not run.failed] for runs in (before, now))
    mean = statistics.fmean(stored) if stored else math.nan
    by_chance = math.sqrt(mean*(1 - mean) / scored(before[0])) if stored else math.nan
    spread = statistics.stdev(stored) if len(stored) > 1 else 0
    new_mean = statistics.fmean(fresh) if fresh else math.nan
    problem = next((run.error for run in now if run.failed), '')
    return Check(experiment, recipe, mean, new_mean, max(by_chance, spread), problem)


def scored(run):
    "How many pictures an accuracy is of, about."
    return run.data['val'] / (1 if run.recipe.report == 'all' else 2)


def table(checks):
    names = '| experiment | recipe | stored | now | lowest allowed | |'
    lines = [names, '|---|---|---|---|---|---|']
    for c in checks:
        shares = map(percent, (c.stored, c.fresh, c.lowest))
        lines.append(f"| {' | '.join([c.experiment, c.recipe, *shares, c.verdict])} |")
    return '\n'.join(lines)

def percent(share): return '' if math.isnan(share) else f'{100*share:.2f} %'


if __name__ == '__main__': sys.exit(main())
