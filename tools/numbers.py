"""Numbers in prose, written by a tool: `python -m tools.numbers` (`make numbers`) renews them.

A number that comes from results/ is a marked span of Markdown, invisible on every page:

    Mixup helps by <!-- soft-targets: plain → Mixup -->0.5 points (−1.7 to 2.6)<!-- / -->.

    <!-- SOURCE: QUERY | FORM -->text<!-- / -->

SOURCE is an experiment or a benchmark. Of an experiment, QUERY is a recipe, or
`reference → recipe`; FORM names a quantity and a shape (`RECIPE` and `PAIR` below). Of a
benchmark, QUERY is `field of key=value, key=value`, one or two of them: `a / b` divides pair
by pair, `a → b` is the paired difference; FORM is a reducer and a format: `median .2f`.
`conditions.date` is a condition. A whole table is `<!-- table: NAME -->` (`tools.tables`), and
`<!-- chinese: texts -->` is how much of the book is translated, `<!-- reading: CHAPTER -->` the
minutes that a chapter takes to read (`tools.reading`). In a Chinese text, units, verdicts and
the words of tables are Chinese (`tools.chinese_tables`). Outputs of cells that show only stored
files are renewed, too (`tools.pages.stored`)."""
import argparse
import json
import re
import statistics
import sys
from functools import cache
from pathlib import Path

import nbformat

from sotatrain.experiment import load_runs, paired_difference
from sotatrain.experiment.comparison import by_recipe
from sotatrain.experiment.leaderboard import timed
from sotatrain.experiment.statistics import minus, signed, signed_end
from tools import reading, tables, translate
from tools.chinese_tables import in_chinese
from tools.pages import stored
from tools.spans import SPAN

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENTS, BENCHMARKS = ROOT/'results'/'experiments', ROOT/'results'/'benchmarks'


def texts():
    "Every file with prose: its path, and what links begin with."
    yield from [(path, 'nbs/') for path in sorted(ROOT.glob('*.md'))]
    yield from [(path, '') for path in sorted((ROOT/'nbs').glob('*.ipynb'))]
    questions = ROOT/'sotatrain'/'questions'
    yield from [(path, '') for path in sorted(questions.glob('**/*.md'))]
    yield from [(path, '') for path in sorted((ROOT/'nbs'/'zh').glob('*.md'))]


def renewed(text, nbs='', language='en'):
    "The text with each span written anew."
    say = in_chinese if language == 'zh' else str
    def write(found):
        start = found[0].removesuffix(found['text'] + '<!-- / -->')
        return f'{start}{say(value(found, nbs))}<!-- / -->'
    return SPAN.sub(write, text)


def language_of(path): return 'zh' if 'zh' in (path.parent.name, path.stem[-2:]) else 'en'


def value(found, nbs=''):
    "What a span says. Raises `ValueError` that quotes it if it cannot be read."
    source, query, form = found['source'], found['query'], found['form'] or ''
    try:
        if source == 'chinese': return coverage()
        if source == 'reading': return str(reading.minutes(ROOT/'nbs'/f'{query}.ipynb'))
        if source == 'table': return f'\n\n{tables.TABLES[query](nbs)}\n\n'
        if (EXPERIMENTS/source).is_dir(): return of_experiment(source, query, form)
        return of_benchmark(source, query, form)
    except (ValueError, KeyError, OSError, IndexError, statistics.StatisticsError) as e:
        raise ValueError(f"<!-- {source}: {query} | {form} --> cannot be read: {e!r}") from e


@cache
def coverage():
    "How much of the book is translated: texts that are up to date, of all."
    done, told = map(sum, zip(*(document.coverage for document in translate.documents())))
    return f'{done:,} / {told:,}'


# Experiments

QUANTITIES = {  # of a run, and the factor with which it is written
    'accuracy': (lambda run: run.accuracy, 100),
    'deciding half': (lambda run: run.halves['deciding']['accuracy'], 100),
    'both halves': (lambda run: statistics.fmean(
        half['accuracy'] for half in run.halves.values()), 100),
    'calibration': (lambda run: run.calibration_error, 100),
    'training loss': (lambda run: run.epochs[-1]['train_loss'], 1),
    'validation loss': (lambda run: run.epochs[-1]['valid_loss'], 1),
    'log loss': (lambda run: run.log_loss, 1),
    'seconds': (lambda run: run.seconds, 1),
    'training seconds': (lambda run: run.train_seconds, 1),
    'TFLOP': (lambda run: run.tflop, 1),
    'speed': (lambda run: run.images_per_second, 1)}
DECIMALS = {
    'training loss': 2, 'validation loss': 2, 'log loss': 3,
    'seconds': 0, 'training seconds': 0, 'TFLOP': 0, 'speed': 0}
PERCENT = 'accuracy', 'deciding half', 'both halves', 'calibration'
TIMES = 'seconds', 'training seconds', 'speed'


def of_experiment(source, query, form):
    words = [word.strip() for word in form.split(',') if word.strip()]
    quantity = next((word for word in words if word in QUANTITIES), 'accuracy')
    shape = ' '.join(word for word in words if word not in QUANTITIES)
    runs = by_recipe(load_runs(source, EXPERIMENTS))
    if '→' not in query: return RECIPE[shape or 'mean'](runs[query], quantity)
    reference, recipe = (by_seed(runs[name.strip()], quantity) for name in query.split('→'))
    seeds = [seed for seed in recipe if seed in reference]
    return PAIR[shape or 'points'](*([values[seed] for seed in seeds]
                                     for values in (reference, recipe)))


def by_seed(runs, quantity):
    get, factor = QUANTITIES[quantity]
    complete = [run for run in runs if not run.failed]
    if quantity in TIMES: complete = timed(complete)
    return {run.seed: factor*get(run) for run in complete}


def written(values, quantity, joint=', '):
    decimals = DECIMALS.get(quantity, 1)
    unit = ' %' if quantity in PERCENT else ''
    return joint.join(minus(f'{value:,.{decimals}f}') for value in values) + unit


def _mean(runs, quantity):
    return written([statistics.fmean(by_seed(runs, quantity).values())], quantity)


def _spread(runs, quantity):
    values = [*by_seed(runs, quantity).values()]
    return written([statistics.fmean(values), statistics.stdev(values)], quantity, ' ± ')


def _range(runs, quantity):
    values = by_seed(runs, quantity).values()
    return written([min(values), max(values)], quantity, ' to ')


def _hardware(runs, quantity):
    facts = runs[0].conditions
    return f"{facts['device']}, {facts['cores']} cores, {facts['precision']}"


RECIPE = {  # shapes of one recipe's numbers
    'mean': _mean,
    'bare': lambda runs, quantity: _mean(runs, quantity).removesuffix(' %'),
    'sd': _spread,
    'range': _range,
    'each': lambda runs, quantity: written(by_seed(runs, quantity).values(), quantity),
    'n': lambda runs, quantity: str(len(by_seed(runs, quantity))),
    'hardware': _hardware,
    'date': lambda runs, quantity: max(run.conditions['date'][:10] for run in runs)}


# Pairs

def bare(points): return signed(points).lstrip('+')
def bare_end(points): return signed_end(points).lstrip('+')
def interval(d): return f'{bare_end(d.low)} to {bare_end(d.high)}'
def points(d): return f'{bare(d.mean)} points ({interval(d)})'


def turned(d): return d._replace(mean=-d.mean, low=-d.high, high=-d.low)


def _of_difference(write):
    return lambda reference, values: write(paired_difference(values, reference))


def _differences(reference, values):
    differences = sorted(v - r for v, r in zip(values, reference))
    return f'{bare(differences[0])} to {bare(differences[-1])}'


def _ratio(reference, values):
    return f'{statistics.fmean(v / r for v, r in zip(values, reference)):.2f}'


PAIR = {  # shapes of the difference between a reference and something else
    'points': _of_difference(points),
    'lower': _of_difference(lambda d: points(turned(d))),
    'signed': _of_difference(str),
    'mean': _of_difference(lambda d: bare(d.mean)),
    'lower mean': _of_difference(lambda d: bare(-d.mean)),
    'interval': _of_difference(interval),
    'lower interval': _of_difference(lambda d: interval(turned(d))),
    'verdict': _of_difference(lambda d: d.verdict),
    'n': _of_difference(lambda d: str(d.n)),
    'range': _differences,
    'ratio': _ratio}


# Benchmarks

REDUCERS = {
    'median': statistics.median, 'mean': statistics.fmean, 'sum': sum, 'min': min, 'max': max}


def of_benchmark(source, query, form):
    measured = json.loads((BENCHMARKS/f'{source}.json').read_text(encoding='utf-8'))
    if query.startswith('conditions.'): return condition(measured, query)
    parts = [numbers(measured['rows'], part) for part in re.split(' (?:/|→) ', query)]
    if len(parts) == 2: parts = paired(*parts)
    values = [number for _, number in parts[0]]
    if '→' in query:
        return PAIR[form or 'points'](*([100*number for _, number in part] for part in parts))
    if len(parts) == 2: values = [a / b for (_, a), (_, b) in zip(*parts)]
    reducer, _, spec = form.rpartition(' ')
    if reducer == 'each': return ', '.join(formatted(number, spec) for number in values)
    return formatted(REDUCERS[reducer or 'median'](values), spec)


def formatted(number, spec): return minus(f'{number:{spec}}'.replace('%', ' %'))


def condition(measured, query):
    found = measured
    for key in query.split('.'): found = found[key]
    return str(found)[:10] if query.endswith('date') else str(found)


def numbers(rows, query):
    "(seed, number) of the rows that fit `field of key=value, …`, lists laid out."
    field, _, wanted = query.partition(' of ')
    conditions = [pair.partition('=')[::2] for pair in wanted.split(', ') if pair]
    found = [row for row in rows
             if field in row and all(str(row.get(key)) == text for key, text in conditions)]
    if not found: raise ValueError('no row fits')
    return [(row.get('seed'), n) for row in found
            for n in (row[field] if isinstance(row[field], list) else [row[field]])]


def paired(reference, others):
    "Both in the order of their seeds, wherever their rows stand."
    parts = [sorted(part, key=lambda n: str(n[0])) for part in (reference, others)]
    first, second = ([seed for seed, _ in part] for part in parts)
    if first != second: raise ValueError(f'seeds {first} and {second} are no pairs')
    return parts


# The command

def main(argv=()):
    about = 'Write the numbers in the texts again, from results/.'
    argparse.ArgumentParser(prog='python -m tools.numbers', description=about).parse_args(argv)
    errors = []
    for path, nbs in texts():
        try: renew(path, nbs)
        except ValueError as e: errors.append(f'{path.relative_to(ROOT)}: {e}')
    if errors: sys.exit('\n'.join(errors))


def renew(path, nbs):
    "Write a file again if its numbers are old."
    if path.suffix == '.md':
        text = path.read_text(encoding='utf-8')
        return rewrite(path, renewed(text, nbs, language_of(path)))
    nb = nbformat.read(path, 4)
    for cell in nb.cells:
        if cell.cell_type == 'markdown': cell.source = renewed(cell.source, nbs)
        if cell.cell_type == 'code': renew_outputs(cell)
    rewrite(path, nbformat.writes(nb) + '\n')


def renew_outputs(cell):
    outputs = stored.outputs_of(cell.source)
    if outputs is not None and not stored.is_renewed(cell, outputs): cell.outputs = outputs


def rewrite(path, text):
    if text != path.read_text(encoding='utf-8'):
        path.write_text(text, encoding='utf-8')
        print(path.relative_to(ROOT))


if __name__ == '__main__': main(sys.argv[1:])
