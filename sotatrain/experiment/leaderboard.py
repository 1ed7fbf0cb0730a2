"""The leaderboard: the recipes that have a name, and what each reached."""
import statistics

from .comparison import by_recipe
from .named import SOTA
from .store import load_runs

__all__ = ['EXPERIMENT', 'leaderboard']

EXPERIMENT = 'leaderboard'  # under this name its runs are kept
HEAD = ('recipe', 'accuracy, %', 'seeds', 'epochs', 'training', 'TFLOP', 'peak, GFLOP/s',
        'hardware', 'commit')


def leaderboard(
    folder=None,  # where experiments are kept; `results_folder()` if not given
) -> list:        # a heading, then a line for each recipe: lists of text
    "What was measured of each recipe of `SOTA`, and which were not measured yet."
    runs = by_recipe([run for run in load_runs(EXPERIMENT, folder) if not run.failed])
    return [list(HEAD), *(_line(name, runs.get(name, [])) for name in SOTA)]


def _line(name, runs):
    if not runs: return [name, 'not measured yet', *[''] * (len(HEAD) - 2)]
    alone = timed(runs)
    return [name, _accuracy(runs), str(len(runs)), str(len(runs[0].epochs)),
            _seconds(alone, len(runs)), f'{statistics.fmean(run.tflop for run in runs):.0f}',
            _range([run.conditions.get('gflops') for run in alone]),
            _same(alone + runs, 'device'), _same(alone + runs, 'commit')]


def _accuracy(runs):
    values = [100 * run.accuracy for run in runs]
    spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
    return f'{statistics.fmean(values):.1f}{spread}'


def timed(runs):
    """Those that had most of the machine: with fewer threads, others may have run beside them.
    A processor's are none beside a GPU's, which multiplies more than ten times as fast."""
    def threads(run): return run.conditions.get('threads') or 0
    best = max(run.conditions.get('gflops') or 0 for run in runs)
    fast = [run for run in runs if 10 * (run.conditions.get('gflops') or best) >= best]
    most = max(map(threads, fast))
    return [run for run in fast if threads(run) == most]


def _seconds(runs, of):
    "Of training, validation excluded. A range, as machines differ; and how many of the runs."
    words = f'{_range([run.train_seconds for run in runs])} s'
    return words if len(runs) == of else f'{words}, {len(runs)} of {of} runs'


def _range(values):
    known = [round(value) for value in values if value]
    if not known: return '?'
    low, high = min(known), max(known)
    return str(low) if low == high else f'{low} to {high}'


def _same(runs, key):
    found = dict.fromkeys(str(run.conditions.get(key) or '?') for run in runs)
    return ', '.join(found)


def as_text(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join('  '.join(map(str.ljust, row, widths)).rstrip() for row in rows)
