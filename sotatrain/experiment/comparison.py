"""What a comparison says: means, paired differences, intervals, a verdict in words; as text, as HTML, as a plot."""
import base64
import io
import math
import statistics
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import NamedTuple

from .store import load_runs

__all__ = ['Difference', 'paired_difference', 'Comparison', 'NotMeasured', 'stored_results']


class Difference(NamedTuple):
    "The mean difference of pairs, and its confidence interval."
    mean: float
    low: float
    high: float
    n: int

    @property
    def verdict(self) -> str:
        "`helps` or `hurts` if the interval lies on one side of 0, else `no difference shown`."
        return 'helps' if self.low > 0 else 'hurts' if self.high < 0 else 'no difference shown'

    def __str__(self): return _signed(self.mean) + (f' ({_end(self.low)} to {_end(self.high)})' if self.n > 1 else '')


def paired_difference(
    values,     # n numbers
    reference,  # n numbers, each with the same seed (or the like) as its partner in `values`
    confidence: float = .95,
) -> Difference:
    """Student's interval for the mean of `values − reference`; for a single pair it is without ends.

    Raises `ValueError` if the two are not of equal length, or empty."""
    if not len(values) or len(values) != len(reference):
        raise ValueError(f"{len(values)} values and {len(reference)} references are no pairs: give one of each for each seed")
    differences = [v - r for v, r in zip(values, reference)]
    n, mean = len(differences), statistics.fmean(differences)
    if n == 1: return Difference(mean, -math.inf, math.inf, 1)
    half = _student(n - 1, confidence) * statistics.stdev(differences) / math.sqrt(n)
    return Difference(mean, mean - half, mean + half, n)


def _student(degrees, confidence):
    from scipy.stats import t  # here, because importing it takes half a second
    return float(t.ppf((1 + confidence) / 2, degrees))


@dataclass(frozen=True)
class Row:
    "What is said about one recipe. Accuracies and differences are in percent and percentage points."
    name: str
    n: int                 # finished runs
    failed: list           # of `Run`
    accuracies: dict       # by seed
    difference: Difference  # to the first recipe, over the seeds that both finished; None for the first, and without pairs
    seconds: float         # mean
    images_per_second: float
    peak_memory_mb: float

    @property
    def mean(self): return statistics.fmean(self.accuracies.values()) if self.n else math.nan
    @property
    def sd(self): return statistics.stdev(self.accuracies.values()) if self.n > 1 else math.nan

    @property
    def has_interval(self): return self.difference is not None and self.difference.n > 1

    @property
    def verdict(self) -> str:
        failures = f'{len(self.failed)} of {self.n + len(self.failed)} runs failed: {self.failed[0].error}' if self.failed else ''
        return '; '.join(filter(None, [self._effect(), failures]))

    def _effect(self):
        d = self.difference
        if d is None: return ''
        if d.n == 1: return 'no difference shown: one seed cannot show any'
        between = f'between {_end(d.low)} and {_end(d.high)} points, with {d.n} seeds'
        return f'{d.verdict}: {between}' if d.verdict != 'no difference shown' else f'no difference shown with {d.n} seeds: {between.rsplit(",", 1)[0]}'


class Comparison:
    "Runs of several recipes from the same seeds; the first recipe is what the others are compared with."
    def __init__(self,
        runs: list,           # of `Run`
        speed: bool = True,   # show seconds and images a second; without, if the machine was busy with other things
    ):
        if not runs: raise ValueError("no runs: there is nothing to compare")
        self.speed = speed
        self.runs = sorted(runs, key=lambda run: run.position)  # stable: in the order of the seeds
        names = list(dict.fromkeys(run.recipe.name for run in self.runs))
        first = self._accuracies(names[0])
        self.rows = [self._row(name, first if name != names[0] else None) for name in names]

    def _of(self, name): return [run for run in self.runs if run.recipe.name == name]
    def _accuracies(self, name): return {run.seed: 100*run.accuracy for run in self._of(name) if not run.failed}

    def _row(self, name, first):
        accuracies = self._accuracies(name)
        finished = [run for run in self._of(name) if not run.failed]
        pairs = [seed for seed in accuracies if seed in first] if first else []
        def mean(field): return statistics.fmean(getattr(run, field) for run in finished) if finished else math.nan
        return Row(name, len(finished), [run for run in self._of(name) if run.failed], accuracies,
                   paired_difference([accuracies[s] for s in pairs], [first[s] for s in pairs]) if pairs else None,
                   mean('seconds'), mean('images_per_second'), mean('peak_memory_mb'))

    @property
    def verdicts(self) -> list: return [f'{row.name}: {row.verdict}' for row in self.rows if row.verdict]

    @property
    def _with_intervals(self): return [row for row in self.rows if row.has_interval]

    @property
    def provenance(self) -> str:
        "Where the numbers come from, in one line."
        def all_of(get, joint=' and '): return joint.join(dict.fromkeys(str(get(run)) for run in self.runs))
        seeds = sorted({run.seed for run in self.runs})
        versions = lambda run: f"PyTorch {run.conditions['versions']['torch']}, fastai {run.conditions['versions']['fastai']}"
        days = sorted({run.conditions['date'][:10] for run in self.runs})
        return '; '.join([
            f"seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f'one seed ({seeds[0]})',
            all_of(lambda run: f"{run.recipe.arch}, {', then '.join(_stage(s) for s in run.recipe.all_stages)}", ' or '),
            all_of(lambda run: f"{run.data['folder']} ({run.data['train']:,} + {run.data['val']:,} pictures)"),
            all_of(lambda run: f"{run.conditions['device']}, {run.conditions['cores']} cores"), all_of(lambda run: run.conditions['precision']),
            all_of(versions), f"measured {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else '')])

    def _cells(self):
        "The table: its headings, then a line for each recipe."
        accuracy = 'accuracy ± sd, %' if any(row.n > 1 for row in self.rows) else 'accuracy, %'
        table = [['recipe', accuracy, 'difference, 95 % interval', 'seconds', 'images/s'],
                 *([row.name, _mean_and_sd(row), str(row.difference or ''), _number(row.seconds), _number(row.images_per_second)] for row in self.rows)]
        return table if self.speed else [line[:3] for line in table]

    # as text

    def __str__(self): return '\n'.join([self._text_table(), '', *self.verdicts, *_wrap(self.provenance)])
    def _repr_pretty_(self, printer, cycle): printer.text(str(self))

    def _text_table(self):
        low, high = _bounds(self._with_intervals)
        bars = [f'{_signed(low)} to {_signed(high)}' if self._with_intervals else '']
        bars += [_bar(row.difference, low, high) if row.has_interval else '' for row in self.rows]
        names, *numbers = [_aligned(column, '<>'[i > 0]) for i, column in enumerate(zip(*self._cells()))]
        return '\n'.join('  '.join(line).rstrip() for line in zip(names, *numbers, bars))

    # as HTML

    def _repr_html_(self):
        headings, *rows = self._cells()
        head = ''.join(f'<th>{escape(h)}</th>' for h in headings)
        body = ''.join('<tr>' + ''.join(f'<td>{escape(cell)}</td>' for cell in row) + '</tr>' for row in rows)
        verdicts = ''.join(f'<li>{escape(v)}</li>' for v in self.verdicts)
        return (f'<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>' + (f'<ul>{verdicts}</ul>' if verdicts else '') +
                f'<img alt="{escape(self.alt_text)}" src="data:image/svg+xml;base64,{self._svg()}"><p><small>{escape(self.provenance)}</small></p>')

    @property
    def alt_text(self) -> str:
        "The plot in words."
        return 'Accuracy of each run: ' + '; '.join(
            f"{row.name} {', '.join(f'{a:.1f} %' for a in row.accuracies.values())}" for row in self.rows)

    def _svg(self):
        from matplotlib.figure import Figure
        figure = Figure(figsize=(8, 1 + .45*len(self.rows)), layout='constrained')
        self._draw(figure)
        file = io.BytesIO()
        figure.savefig(file, format='svg', metadata={'Date': None})
        return base64.b64encode(file.getvalue()).decode()

    # as a plot

    def plot(self):
        "Left, each run's accuracy and the recipes' means; right, the differences to the first recipe with their intervals."
        import matplotlib.pyplot as plt
        figure = plt.figure(figsize=(8, 1 + .45*len(self.rows)), layout='constrained')
        return self._draw(figure)

    def _draw(self, figure):
        left, *right = figure.subplots(1, 2 if self._with_intervals else 1, sharey=True, squeeze=False)[0]
        self._draw_accuracies(left)
        for ax in right: self._draw_differences(ax)
        for ax in figure.axes: ax.spines[['top', 'right']].set_visible(False)
        return figure

    def _draw_accuracies(self, ax):
        for y, row in enumerate(self.rows):
            ax.plot([*row.accuracies.values()], [y]*row.n, 'o', color='#224466', alpha=.6, markersize=5)
            ax.plot(row.mean, y, '|', color='#cc5500', markersize=18, markeredgewidth=2)
        ax.set_yticks(range(len(self.rows)), [row.name for row in self.rows])
        ax.set_ylim(len(self.rows) - .5, -.5)
        ax.set_xlabel('accuracy, %')

    def _draw_differences(self, ax):
        for y, row in enumerate(self.rows):
            if not row.has_interval: continue
            d = row.difference
            ax.plot([d.low, d.high], [y, y], '-', color='#224466', linewidth=2)
            ax.plot(d.mean, y, 'D', color='#cc5500', markersize=6)
        ax.axvline(0, color='gray', linewidth=1, linestyle='--')
        ax.set_xlabel(f'difference to {self.rows[0].name}, points')


def _mean_and_sd(row):
    if not row.n: return 'failed'
    return f'{row.mean:.1f}' if row.n == 1 else f'{row.mean:.1f} ± {row.sd:.1f}'

def _number(value): return '' if math.isnan(value) else f'{value:,.0f}'

def _signed(points): return '0.0' if abs(points) < .05 else f'{points:+.1f}'.replace('-', '−')

def _end(points):
    "An end of an interval. On which side of 0 it lies decides the verdict, so near 0 there is a decimal more."
    return _signed(points) if points == 0 or abs(points) >= .05 else f'{points:+.2f}'.replace('-', '−')

def _stage(s): return f"{s['size']} px, {s['epochs']} epoch{'s' * (s['epochs'] > 1)}, batches of {s['bs']}"


def _aligned(column, side):
    width = max(map(len, column))
    return [f'{cell:{side}{width}}' for cell in column]

def _bounds(rows):
    "Ends of a scale that has room for every interval, and for 0."
    ends = [end for row in rows for end in row.difference[1:3]]
    return min([-.5, *ends]), max([.5, *ends])

def _bar(d, low, high, width=31):
    "An interval drawn with letters; `|` is 0, `●` the mean."
    def place(x): return round((x - low) / (high - low) * (width - 1))
    line = [' ']*width
    line[place(d.low):place(d.high) + 1] = '─' * (place(d.high) - place(d.low) + 1)
    line[place(0)], line[place(d.mean)] = '|', '●'
    return ''.join(line)

def _wrap(text, width=100):
    import textwrap
    return textwrap.wrap(text, width)


class NotMeasured:
    "What stands where a measurement will stand."
    def __init__(self, experiment, recipes=()): self.experiment, self.recipes = experiment, recipes
    def __str__(self):
        what = ' and '.join(self.recipes) + ' in the' if self.recipes else 'the'
        return f'Not measured yet: {what} experiment {self.experiment!r}.'
    __repr__ = __str__
    def _repr_html_(self): return f'<p><em>{escape(str(self))}</em></p>'


def stored_results(
    experiment: str,
    *recipes: str,        # names of those to show, the one to compare with first; all of them if not given
    speed: bool = False,  # show seconds and images a second, too; runs of a busy machine are better shown without
    folder: Path = None,  # where experiments are kept; `results_folder()` if not given
) -> Comparison:
    "A measured comparison with its provenance; if something was not measured, an object that says so."
    runs = load_runs(experiment, folder)
    missing = [name for name in recipes if name not in {run.recipe.name for run in runs}]
    if missing or not runs: return NotMeasured(experiment, missing)
    if recipes: runs = [replace(run, position=recipes.index(run.recipe.name)) for run in runs if run.recipe.name in recipes]
    return Comparison(runs, speed)
