"""What a comparison says: means, paired differences with intervals, and a verdict in words."""
import math
import statistics
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from . import show
from .statistics import Difference, paired_difference, signed_end
from .store import check_same_report, check_same_validation, load_runs

__all__ = ['Comparison', 'NotMeasured', 'stored_differences', 'stored_results']


@dataclass(frozen=True)
class Row:
    "What is said about one recipe. Accuracies and differences are in percent and points."
    name: str
    n: int                  # finished runs
    failed: list            # of `Run`
    accuracies: dict        # by seed
    difference: Difference  # to the first recipe, over the seeds that both finished; or None
    seconds: float          # mean
    images_per_second: float
    peak_memory_mb: float

    @property
    def mean(self): return _mean(self.accuracies.values())
    @property
    def sd(self): return statistics.stdev(self.accuracies.values()) if self.n > 1 else math.nan
    @property
    def has_interval(self): return self.difference is not None and self.difference.n > 1

    @property
    def verdict(self) -> str:
        return '; '.join(filter(None, [self._effect(), self._failures()]))

    def _effect(self):
        d = self.difference
        if d is None: return ''
        if d.n == 1: return 'no difference shown: one seed cannot show any'
        ends = f'between {signed_end(d.low)} and {signed_end(d.high)} points'
        if d.verdict == 'no difference shown': return f'{d.verdict} with {d.n} seeds: {ends}'
        return f'{d.verdict}: {ends}, with {d.n} seeds'

    def _failures(self):
        if not self.failed: return ''
        runs = self.n + len(self.failed)
        return f'{len(self.failed)} of {runs} runs failed: {self.failed[0].error}'


class Comparison:
    """Runs of several recipes from the same seeds; all are compared with the first recipe.

    Raises `ValueError` without any, for two of a recipe and a seed, and for runs that were
    scored on different validation pictures."""
    def __init__(self,
        runs: list,          # of `Run`
        speed: bool = True,  # show seconds and images a second; not if the machine was busy
    ):
        if not runs: raise ValueError("no runs: there is nothing to compare")
        _check_no_double(runs)
        check_same_validation([run.data for run in runs])
        check_same_report([run.recipe for run in runs])
        self.speed = speed
        self.runs = sorted(runs, key=lambda run: run.position)  # stable: seeds stay in order
        groups = by_recipe(self.runs)
        reference, *others = groups
        self.rows = [_row(reference, groups[reference])]
        self.rows += [_row(name, groups[name], self.rows[0].accuracies) for name in others]

    @property
    def verdicts(self) -> list:
        return [f'{row.name}: {row.verdict}' for row in self.rows if row.verdict]

    @property
    def provenance(self) -> str:
        "Where the numbers come from, in one line."
        return show.provenance(self.runs)

    @property
    def alt_text(self) -> str:
        "The plot in words."
        return show.alt_text(self)

    def plot(self):
        """Left, each run's accuracy and the recipes' means; right, the differences to the first
        recipe with their intervals."""
        return show.plot(self)

    def __str__(self): return show.text(self)
    def _repr_pretty_(self, printer, cycle): printer.text(str(self))
    def _repr_html_(self): return show.html(self)


def _check_no_double(runs):
    pairs = [(run.recipe.name, run.seed) for run in runs]
    for name, seed in pairs:
        if pairs.count((name, seed)) > 1: raise ValueError(
            f"two runs of {name!r} from seed {seed}: keep one of them")


def by_recipe(runs) -> dict:
    "The runs of each recipe, by its name, in their order."
    groups = {}
    for run in runs: groups.setdefault(run.recipe.name, []).append(run)
    return groups


def _row(name, runs, reference=None):
    "`reference`: the first recipe's accuracies by seed."
    finished = [run for run in runs if not run.failed]
    accuracies = {run.seed: 100*run.accuracy for run in finished}
    return Row(
        name,
        len(finished),
        [run for run in runs if run.failed],
        accuracies,
        _difference(accuracies, reference or {}),
        _mean([run.seconds for run in finished]),
        _mean([run.images_per_second for run in finished]),
        _mean([run.peak_memory_mb for run in finished]),
    )


def _difference(accuracies, reference):
    pairs = [seed for seed in accuracies if seed in reference]
    if not pairs: return None
    return paired_difference([accuracies[s] for s in pairs], [reference[s] for s in pairs])


def _mean(values): return statistics.fmean(values) if values else math.nan


class NotMeasured:
    "What is shown where a measurement will be."
    def __init__(self, experiment, recipes=()):
        self.experiment, self.recipes = experiment, recipes

    def __str__(self):
        what = ' and '.join(self.recipes) + ' in the' if self.recipes else 'the'
        return f'Not measured yet: {what} experiment {self.experiment!r}.'

    __repr__ = __str__
    def _repr_html_(self): return f'<p><em>{escape(str(self))}</em></p>'


def stored_results(
    experiment: str,
    *recipes: str,        # names of those to show, the reference first; all if not given
    speed: bool = False,  # show seconds and images a second, if the machine was not busy
    half: str = None,     # score them on this half, 'reported' or 'deciding' (chapter 3)
    folder: Path = None,  # where experiments are kept; `results_folder()` if not given
) -> Comparison:
    """A measured comparison with its provenance; an object that says so if it was not measured.

    Raises `ValueError` for a half on which the runs were not scored."""
    runs = load_runs(experiment, folder)
    missing = [name for name in recipes if name not in by_recipe(runs)]
    if missing or not runs: return NotMeasured(experiment, missing)
    if recipes: runs = [
        replace(run, position=recipes.index(run.recipe.name))
        for run in runs if run.recipe.name in recipes]
    if half: runs = [on_half(run, half) for run in runs]
    return Comparison(runs, speed)


def on_half(run, half):
    "The run as if its recipe were scored on this half of the validation pictures."
    if run.failed: return run
    if half not in run.halves:
        known = ', '.join(map(repr, run.halves)) or 'no half'
        raise ValueError(f"half={half!r}: {run.recipe.name}, seed {run.seed}, was scored "
                         f"on {known}")
    return replace(run, recipe=replace(run.recipe, report=half), **run.halves[half])


def stored_differences(
    experiment: str,
    reference: str,   # a recipe's name with `{}` in it, such as 'plain, {} epochs'
    recipe: str,      # that of those to compare with it
    at: list,         # what takes the place of `{}`, such as numbers of epochs
    folder: Path = None,  # where experiments are kept; `results_folder()` if not given
) -> dict:
    "A paired `Difference` for each of `at` for which both recipes were measured."
    found = {each: stored_results(
        experiment, reference.format(each), recipe.format(each), folder=folder) for each in at}
    rows = {each: c.rows[1] for each, c in found.items() if isinstance(c, Comparison)}
    return {each: row.difference for each, row in rows.items() if row.difference}
