"""Tables that a tool writes: the chapters from their first lines, the results from stored runs.

In the text a table is between `<!-- table: NAME -->` and `<!-- / -->`; `tools.numbers` renews
it."""
import json
import math
import statistics
from collections import Counter
from operator import itemgetter
from pathlib import Path

import nbformat

from sotatrain.experiment import (
    Comparison,
    leaderboard,
    load_runs,
    paired_difference,
    stored_differences,
    stored_results,
)
from sotatrain.experiment.comparison import by_recipe, on_half
from sotatrain.experiment.show import tested_at, trained_at
from sotatrain.experiment.statistics import minus
from tools import layout, pages
from tools.pages.text import table_of

ROOT = Path(__file__).resolve().parent.parent
SOFT = [  # technique, chapter, recipe
    ('Mixup', '07_mixup', 'Mixup'),
    ('label smoothing', '08_smoothing', 'smoothing'),
    ('Mixup and smoothing', '08_smoothing', 'Mixup and smoothing'),
    ('Mixup, α 0.2', '07_mixup', 'Mixup .2'),
    ('Mixup, not at the end', '07_mixup', 'Mixup, not at the end'),
    ('CutMix', '07_mixup', 'CutMix')]
NETS = {'smaller network': 'small network', 'larger network': 'large network'}
OTHER = 'the same on the deciding half'
# A rule, so that nobody picks what looks good: each recipe trained on photographs in a chapter
# has a row, beside the recipe that lacks only what the row is about. A test compares.
ROWS = [  # technique, chapter, experiment, reference, recipe
    ('decode once, crop many times', '02_presize', 'learner-64', 'DataBlock', 'baseline'),
    ('decode once, crop many times',
     '02_presize', 'claims-sizes', '64 px, DataBlock', '64 px, mild crops'),
    ('crops from 35 % of the area, not 75 %',
     '02_presize', 'claims-sizes', '64 px, mild crops', '64 px'),
    ('bfloat16', '03_learner', 'learner-64', 'fp32', 'baseline'),
    ('plain_net instead of xresnet18', '03_learner', 'learner-64', 'baseline', 'plain_net'),
    ('normalization', '04_normalize', 'learner-64', 'baseline', 'normalized'),
    ('normalization', '04_normalize', 'learner-128', 'baseline', 'normalized'),
    ('32 px instead of 64 px, equal cost', '05_resizing', 'resizing-64', '64 px', '32 px'),
    ('progressive resizing in stages, equal cost',
     '05_resizing', 'resizing-64', '64 px', 'stages'),
    ('stages that end with `fine_tune`, equal cost',
     '05_resizing', 'resizing-64', '64 px', 'stages, fine_tune'),
    ('a size that grows, equal cost', '05_resizing', 'resizing-64', '64 px', 'growing'),
    *[(technique, '05_resizing', 'claims-sizes', '64 px', recipe) for technique, recipe in (
        ('48 px instead of 64 px, equal cost', '48 px'),
        ('progressive resizing in stages, equal cost', 'stages'),
        ('a size that grows, equal cost', 'growing early'),
        ('a size that grows late, at less cost', 'growing late'))],
    *[(technique, '06_tta', experiment, 'plain', recipe)
      for experiment in ('tta-64', 'claims-tta') for technique, recipe in (
        ('test-time augmentation: flip', 'flip'),
        ('four random views', 'random'),
        ('four random views, geometric mean', 'random, gmean'),
        ('four random views, maximum', 'random, max'),
        ('eight random views', 'random 8'),
        ('five crops', 'five_crop'),
        ('several scales', 'multi_scale'))],
    *[(technique, chapter, 'claims-soft', f'plain, {n} epochs', f'{recipe}, {n} epochs')
      for n in (5, 20, 80) for technique, chapter, recipe in SOFT],
    ('normalization', '04_normalize', 'claims-soft', 'plain, 20 epochs',
     'normalized, 20 epochs'),
    *[(f'{technique}, {noise} % wrong labels', chapter, 'claims-wrong',
       f'plain, {noise} wrong, {n} epochs', f'{recipe}, {noise} wrong, {n} epochs')
      for n in (20, 80) for technique, chapter, recipe in SOFT[:3] for noise in (5, 25, 50)],
    *[(technique, chapter, 'soft-targets', f'plain{suffix}', f'{recipe}{suffix}')
      for technique, chapter, recipe, suffix in (
        ('Mixup', '07_mixup', 'Mixup', ''),
        ('CutMix', '07_mixup', 'CutMix', ''),
        ('manifold Mixup', '07_mixup', 'ManifoldMixUp', ''),
        ('Mixup or CutMix', '07_mixup', 'MixOne', ''),
        ('Mixup, 25 % wrong labels', '07_mixup', 'Mixup', ', 25 wrong'),
        ('label smoothing', '08_smoothing', 'smoothing', ''),
        ('label smoothing', '08_smoothing', 'smoothing', ', 5 epochs'),
        ('label smoothing', '08_smoothing', 'smoothing', ', 60 epochs'),
        ('label smoothing, 5 % wrong labels', '08_smoothing', 'smoothing', ', 5 wrong'),
        ('label smoothing, 25 % wrong labels', '08_smoothing', 'smoothing', ', 25 wrong'),
        ('label smoothing, 50 % wrong labels', '08_smoothing', 'smoothing', ', 50 wrong'),
        ('label smoothing, 50 % wrong labels',
         '08_smoothing', 'smoothing', ', 50 wrong, 60 epochs'),
        ('Mixup and smoothing', '08_smoothing', 'Mixup and smoothing', ''),
        ('Mixup and smoothing, 25 % wrong labels',
         '08_smoothing', 'Mixup and smoothing', ', 25 wrong'))],
    *[(technique, chapter, 'soft-targets-128', 'plain, 5 epochs', f'{recipe}, 5 epochs')
      for technique, chapter, recipe in SOFT[:3]],
    *[(technique, '09_sota', 'sota-64', f'without {part}', 'all') for technique, part in (
        ('Muon', 'Muon'), ('growing sizes', 'growing sizes'),
        ('a whitening stem', 'a whitening stem'), ('GELU', 'GELU'),
        ('tests at a larger size', 'larger tests'),
        ('label smoothing, in the whole recipe', 'smoothing'),
        ('a learning rate that falls linearly', 'the linear schedule'),
        ('weight decay', 'decay'))],
    *[(part, '09_sota', 'sota-64', 'all', f'with {part}') for part in (
        'an average of weights', 'alternating flips', 'stronger augmentation',
        'quick batch norm')],
    *[(part, '09_sota', 'sota-64', 'all', f'with {recipe}') for part, recipe in (
        ('SGD instead of Muon', 'SGD'),
        ('weight decay of batch norm and biases, too', 'decay of everything'))],
    *[(part, '09_sota', 'sota-plain', 'plain', recipe) for part, recipe in (
        ('Muon', 'Muon'), ('growing sizes', 'growing sizes'),
        ('a whitening stem', 'a whitening stem'),
        ('tests at a larger size', 'larger tests'), ('label smoothing', 'smoothing'),
        ('a learning rate that falls linearly', 'the linear schedule'),
        ('a slim network', 'a slim network'),
        ('crops from 35 % of the area, not 75 %', 'crops from 35 %'))],
    *[(part, '09_sota', 'sota-plain', f'without {recipe}', 'plain') for part, recipe in (
        ('weight decay', 'decay'), ('GELU', 'GELU'))],
    ('plain_net, equal seconds', '09_sota', 'sota-quarter', 'xresnet18', 'plain_net'),
    *[(f'stronger augmentation, {name}', '09_sota', 'claims-strong', net, f'{net}, strong')
      for name, net in NETS.items()],
    ('all of it, equal operations', '09_sota', 'sota-64', 'xresnet18', 'all'),
    ('a quarter of the operations', '09_sota', 'sota-quarter', 'xresnet18', 'a quarter')]


def chapters(nbs):
    "The number, title and idea of each chapter, with a link."
    rows = []
    for path in pages.notebooks(ROOT/'nbs'):
        chapter = pages.describe(path.stem, nbformat.read(path, 4), written=True)
        link = f'[{chapter.title}]({nbs}{path.name})'
        if chapter.number: rows.append([str(chapter.number), link, chapter.idea])
    return table_of(['', 'chapter', 'its idea'], rows)


def everything(nbs):
    "With links to the chapters in `nbs`; a row for what was measured, none for what was not."
    return as_table(nbs, measurements(), {OTHER: on_the_other_half})


def results(nbs):
    """One measurement of each technique, by a rule: that of the most training pictures; of
    these, that of the most epochs; of these, that of the largest pictures."""
    best = {}
    for row in measurements():
        technique, *_, comparison = row
        if technique not in best or extent(comparison) > extent(best[technique][-1]):
            best[technique] = row
    return as_table(nbs, best.values())


def extent(comparison):
    run = comparison.runs[-1]
    stages = run.recipe.all_stages
    return run.data['train'], sum(s.epochs for s in stages), max(s.size for s in stages)


def measurements():
    "Chapter by chapter."
    for technique, chapter, experiment, reference, recipe in sorted(ROWS, key=itemgetter(1)):
        comparison = stored_results(experiment, reference, recipe)
        if hasattr(comparison, 'rows'): yield technique, chapter, comparison


def as_table(nbs, rows, more=()):
    "Columns in `more`: {title: what a comparison's cell says}."
    difference = 'difference in points, 95 % interval'
    head = ['technique', 'accuracy without → with', difference, 'verdict', *more, 'setting']

    def line(technique, chapter, comparison):
        *found, setting = cells(comparison)
        added = [more[title](comparison) for title in more]
        return [f'[{technique}]({nbs}{chapter}.ipynb)', *found, *added, setting]
    return table_of(head, [line(*row) for row in rows])


def cells(comparison):
    "What a row says of two recipes."
    without, with_it = comparison.rows
    d, run = with_it.difference, comparison.runs[-1]
    recipe = run.recipe
    stages = ', then '.join(
        f'{trained_at(recipe, stage)} × {stage.epochs}' for stage in recipe.all_stages)
    return [
        f'{without.mean:.1f} → {with_it.mean:.1f} %',
        str(d),
        d.verdict,
        f"{recipe.network[0]}, {run.data['train']:,} pictures, {stages} epochs"
        f'{tested_at(recipe)}{_crops(recipe)}, {d.n} seeds{_half(run)}']


def on_the_other_half(comparison):
    "The difference on the deciding half; nothing unless the reported one is scored."
    return str(on_deciding(comparison) or '')


def on_deciding(comparison):
    "The second recipe's `Difference` to the first on the deciding half, or None."
    if comparison.runs[-1].recipe.report != 'reported': return None
    return Comparison([on_half(run, 'deciding') for run in comparison.runs]).rows[1].difference


SIGNS = {'helps': 1, 'hurts': -1, 'no difference shown': 0}

def agreement(nbs):
    "Chapter 3: how many differences are clear on both halves of the validation pictures."
    found = Counter()
    for *_, comparison in measurements():
        if (other := on_deciding(comparison)) is None: continue
        signs = [SIGNS[d.verdict] for d in (comparison.rows[1].difference, other)]
        found[(*map(abs, signs), math.prod(signs) < 0)] += 1
    where = {
        (1, 1, False): 'both halves, with the same sign',
        (1, 1, True): 'both halves, with opposite signs',
        (1, 0, False): 'the reported half alone', (0, 1, False): 'the deciding half alone',
        (0, 0, False): 'neither'}
    return table_of(['a difference is clear on', 'comparisons'],
                    [[words, str(found[case])] for case, words in where.items()])


def _crops(recipe):
    "Unless they are the usual ones, of three quarters of the area and more."
    share = recipe.augment.get('min_scale')
    return f', crops from {100 * share:.0f} %' if share else ''


def _half(run): return '' if run.recipe.report == 'all' else f', {run.recipe.report} half'


def named(nbs):
    "The leaderboard: what the recipes that have a name reached."
    head, *rows = leaderboard.leaderboard()
    return table_of(head, rows)


def floors(nbs):
    "The rooms of the library, the ground floor last."
    return f'```text\n{layout.drawing()}\n```'


def measured(benchmark):
    "The rows of a benchmark."
    file = ROOT/'results'/'benchmarks'/f'{benchmark}.json'
    return json.loads(file.read_text(encoding='utf-8'))['rows']


def by_seed(rows, lines):
    "A column for each seed, and one for mean and standard deviation."
    head = ['seed', *(str(row['seed']) for row in rows), 'mean ± sd']
    return table_of(head, lines)


def spread(name, values, unit=' %'):
    "A line: what each seed gave, their mean and their standard deviation."
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    return [name, *(f'{value:.1f}{unit}' for value in values), f'{mean:.1f} ± {sd:.1f}{unit}']


def leak(nbs):
    "Chapter 1: accuracy on pictures that were trained on and on others, for each seed."
    rows = measured('leak')
    seen, unseen = ([100*row[name] for row in rows] for name in ('seen', 'unseen'))
    gap = [a - b for a, b in zip(seen, unseen)]
    return by_seed(rows, [spread('trained on', seen), spread('never seen', unseen),
                          spread('difference, points', gap, unit='')])


def doodlenette(nbs):
    "The appendix: what a small network makes of the drawings, for each seed."
    rows = [row for row in measured('doodlenette') if row['what'] == 'training']
    return by_seed(rows, [spread('accuracy', [100*row['accuracy'] for row in rows])])


INSTEAD = {'SGD': 'SGD instead of Muon',
           'decay of everything': 'decay of batch norm and biases, too'}


def parts(nbs):
    "What each part of chapter 9's recipe is worth: added to a plain one, and within the whole."
    alone, runs, rows = added_to_plain(), by_recipe(load_runs('sota-64')), []
    for name in runs:
        word, _, part = name.partition(' ')
        pair = {'without': (name, 'all'), 'with': ('all', name)}.get(word)
        if pair: rows.append([INSTEAD.get(part, f'{part}, added') if word == 'with' else part,
                              alone.pop(part, ''), *worth(*(runs[recipe] for recipe in pair))])
    rows += [[part, difference, *[''] * 5] for part, difference in alone.items()]
    return table_of(['part', 'in the plain recipe, points', 'within the whole, points',
                     'verdict', OTHER, 'log loss', 'seeds'], rows)


def added_to_plain():
    "Differences in accuracy, by the part. What the plain recipe has was left out of it."
    names = [name for name in by_recipe(load_runs('sota-plain'))
             if name != 'plain' and not name.startswith('without')]
    found = stored_differences('sota-plain', 'plain', '{}', names)
    found |= stored_differences('sota-plain', 'without {}', 'plain', ['decay', 'GELU'])
    return {part: str(difference) for part, difference in found.items()}


def worth(without, with_it):
    "Differences of accuracy, on both halves, and of log loss, which is better if lower."
    pairs = by_pairs(without, with_it)
    def difference(get): return paired_difference(*(map(list, zip(
        *((get(run), get(other)) for other, run in pairs)))))
    accuracy = difference(lambda run: 100 * run.accuracy)
    other = difference(lambda run: 100 * run.halves['deciding']['accuracy'])
    loss = difference(lambda run: run.log_loss)
    mean, *ends = (minus(f'{value:+.3f}') for value in loss[:3])
    return [str(accuracy), accuracy.verdict, str(other), f"{mean} ({' to '.join(ends)})",
            str(accuracy.n)]


def by_pairs(without, with_it):
    "Runs that started from the same seed."
    before = {run.seed: run for run in without}
    return [(before[run.seed], run) for run in with_it if run.seed in before]


def strength(nbs):
    "Chapter 9: what stronger augmentation costs networks of two sizes."
    runs = by_recipe(load_runs('claims-strong'))
    pairs = {name: (runs[net], runs[f'{net}, strong']) for name, net in NETS.items()}
    rows = [[name, *(mean_and_sd([run.accuracy for run in own]) for own in pair), *worth(*pair)]
            for name, pair in pairs.items()]
    smaller, larger = ([100 * (run.accuracy - other.accuracy) for other, run in by_pairs(*pair)]
                       for pair in pairs.values())
    both = paired_difference(larger, smaller)
    head = ['', 'accuracy without, %', 'with, %', 'difference, points', 'verdict', OTHER,
            'log loss', 'seeds']
    last = ['larger minus smaller', '', '', str(both), both.verdict, '', '', str(both.n)]
    return table_of(head, [*rows, last])


LOADERS = {
    'datablock': 'fastai `DataBlock`, 1.25 ×',
    'datablock 2x': 'fastai `DataBlock`, 2 ×',
    'torchvision': 'torchvision v2, `DataLoader`',
    'kornia': 'kornia, on the stored squares',
    'sotatrain warm': 'this chapter'}


def loaders(nbs):
    "Chapter 2: pictures a second at each size."
    rows = {(row['loader'], row['size']): row for row in measured('loaders')}
    sizes = sorted({size for _, size in rows})

    def line(loader, name):
        found = [rows[loader, size] for size in sizes]
        return [name, *(f"{row['images_per_second']:,.0f} ({row['times_datablock']:.1f})"
                        for row in found)]
    cold = [rows['sotatrain cold', size]['build_images_per_second'] for size in sizes]
    built = ['building the store', *(f'{pictures:,.0f}' for pictures in cold)]
    head = ['pictures a second (times `DataBlock`)', *(f'{size} px' for size in sizes)]
    return table_of(head, [*(line(*names) for names in LOADERS.items()), built])


PREDICTIONS = {
    'plain': 'plain prediction',
    'fastai': "fastai's `learn.tta(n=4)`, the same weights",
    'ours': '`tta(learn, n=4)`',
    'forward': 'five passes of the network over pictures that are there already'}


def tta(nbs):
    "Chapter 6: seconds and accuracy of each way to predict, seed by seed."
    def line(way, name):
        found = [row for row in measured('tta') if row['way'] == way]
        seconds = ', '.join(f"{sum(row['seconds']):.0f}" for row in found)
        accuracies = [f"{100*row['accuracy']:.1f}" for row in found if 'accuracy' in row]
        return [name, seconds, ', '.join(accuracies)]
    return table_of(['', 'seconds', 'accuracy, %'], [line(*way) for way in PREDICTIONS.items()])


def mean_and_sd(values):
    "Of shares, in per cent; one value has no deviation, and none is a dash."
    if not values: return '—'
    spread = f' ± {100 * statistics.stdev(values):.1f}' if len(values) > 1 else ''
    return minus(f'{100 * statistics.fmean(values):.1f}{spread}')


def split(nbs):
    "Chapter 11: accuracy after splits at random, and by sender; the spread, and the formula's."
    def formula(rows): return 100 * statistics.fmean(
        (row['accuracy'] * (1 - row['accuracy']) / row['pictures'])**.5 for row in rows)
    lines = [[way, mean_and_sd([row['accuracy'] for row in rows]), f'{formula(rows):.1f}']
             for way, rows in grouped(measured('split'), 'way').items()]
    return table_of(['%', 'accuracy', 'sd by the formula'], lines)


def grouped(rows, field):
    found = {}
    for row in rows: found.setdefault(row[field], []).append(row)
    return found


def optimism(nbs):
    "Chapter 11: what the best of several tries seems to gain, less what it gains elsewhere."
    sizes, lines = grid(measured('optimism'), 'tries', 'pictures', 'optimism')
    return table_of(['points', *(f'{n} pictures choose' for n in sizes)],
                    [[f'best of {tries}', *cells] for tries, *cells in lines])


def rare(nbs):
    "Chapter 11: three rare classes of eight, four ways, and one of them repaired."
    def losses(rows): return [f'{statistics.fmean(row[field] for row in rows):.2f}'
                              for field in ('loss_even', 'loss_as_trained')]
    shares = 'accuracy', 'rare', 'frequent', 'calibration_error'
    lines = [[way, *(mean_and_sd([row[field] for row in rows]) for field in shares),
              *losses(rows)] for way, rows in grouped(measured('rare'), 'way').items()]
    return table_of(['%', 'accuracy', 'rare classes', 'frequent classes', 'calibration error',
                     'log loss, even mix', 'log loss, mix of the training'], lines)


def thresholds(nbs):
    "Chapter 11: several labels, with thresholds that were chosen in several ways."
    def line(way, rows):
        f2, right = ([row[field] for row in rows] for field in ('f2', 'accuracy_multi'))
        low, high = (100 * statistics.fmean(row[end] for row in rows)
                     for end in ('low', 'high'))
        return [way, mean_and_sd(f2), f'{low:.1f} to {high:.1f}', mean_and_sd(right)]
    lines = [line(*each) for each in grouped(measured('thresholds'), 'way').items()]
    return table_of(['%', 'F2', 'interval of one split', 'right answers, tag by tag'], lines)


def noise(nbs):
    "Chapter 11: how many of the suspects are wrong, and how many wrong ones are suspects."
    rows = [row for row in measured('noise') if (row['what'], row.get('judge'), row['seed'])
            == ('found', 'features', 0)]

    def share(row, name):
        return f"{100 * row[name]:.0f} ({100 * row[f'{name}_low']:.0f} to " \
               f"{100 * row[f'{name}_high']:.0f})"

    def line(row):
        first, n = row['hits_in_first_quarter'], row['flagged'] // 4
        return [f"{row['noise']} %", f"{row['wrong']:,}", f"{row['flagged']:,}",
                share(row, 'precision'), f'{first} of {n}', share(row, 'recall')]
    head = ['wrong labels', 'their number', 'flagged', 'precision, %',
            'wrong in the first quarter', 'recall, %']
    return table_of(head, [line(row) for row in sorted(rows, key=lambda row: row['noise'])])


def retrained(nbs):
    "Chapter 11: training with wrong labels, in three ways, and without the suspects."
    rows = [row for row in measured('noise') if (row['what'], row['noise']) == ('trained', 25)]
    found = {way: [row['accuracy'] for row in sorted(own, key=lambda row: row['seed'])]
             for way, own in grouped(rows, 'way').items()}

    def line(way, shares):
        points = [[100 * share for share in part] for part in (shares, found['plain'])]
        gain = '' if way == 'plain' else str(paired_difference(*points))
        name = 'without the suspects' if way.startswith('without') else way
        return [name, mean_and_sd(shares), gain]
    head = ['trained', 'accuracy, %', 'against plain, points']
    return table_of(head, [line(*item) for item in found.items()])


def transfer(nbs):
    "Chapter 10: each way to use a trained network, at two sizes, and the rate that was chosen."
    every = [row | dict(size=size) for size in (128, 224)
             for row in measured(f'transfer-flowers102-{size}')]
    rows = [row for row in every if row['chosen']]
    rates = {row['way']: row['lr'] for row in rows}

    def fastest(*at):
        seconds = [row['seconds'] for row in every
                   if (row['way'], row['size']) == at and row['seconds'] is not None]
        return f'{min(seconds):.0f} s' if seconds else '—'

    def line(way, *accuracies):
        lr = '—' if rates[way] is None else f'{rates[way]:.0e}'.replace('e-0', 'e-')
        return [way, *accuracies, lr, fastest(way, 128), fastest(way, 224)]
    head = ['', 'accuracy at 128 px, %', 'at 224 px, %', 'learning rate',
            'fastest run at 128 px', 'at 224 px']
    return table_of(head, [line(*each) for each in grid(rows, 'way', 'size', 'accuracy')[1]])


def few(nbs):
    "Chapter 10: accuracy with fewer photographs of each kind."
    rows = measured('transfer-flowers102-few')
    ways = {row['way'] for row in rows}
    rows += [row for row in measured('transfer-flowers102-128')
             if row['chosen'] and row['way'] in ways]
    shares, lines = grid(rows, 'way', 'share', 'accuracy')
    return table_of(['%', *(f'{10 * share:.0f} of each kind' for share in shares)], lines)


def views(nbs):
    "Chapter 10: what random views bring to a last layer, by subject."
    rows = [row for row in measured('views') if row['what'] == 'views']
    subjects, lines = grid(rows, 'way', 'subject', 'score')
    return table_of(['%', *subjects], lines)


def sizes(nbs):
    "Chapter 10: a last layer trained at several sizes, tested there and at the largest."
    rows = [row for row in measured('views') if row['what'] == 'size']
    columns = [grid(rows, 'size', 'subject', field) for field in ('score', 'at_the_largest')]
    (subjects, there), (_, largest) = columns
    lines = [[f'{size} px', *same, *above[1:]] for (size, *same), above in zip(there, largest)]
    head = *subjects, *(f'{subject}, tested at {rows[-1]["size"]} px' for subject in subjects)
    return table_of(['trained at', *head], lines)


def batches(nbs):
    "Chapter 11: a last layer trained in batches of several sizes, at two kinds of rates."
    rows = measured('batches')
    steps = {row['bs']: row['steps'] for row in rows}
    rates, lines = grid(rows, 'bs', 'rate', 'accuracy')
    head = ['pictures in a batch', 'steps', *(f'rate: {rate}' for rate in rates)]
    return table_of(head, [[f'{bs:,}', f'{steps[bs]:,}', *cells] for bs, *cells in lines])


def grid(rows, line, column, field):
    "Means and standard deviations: a line for each value of one field, a column for another."
    lines, columns = (dict.fromkeys(row[key] for row in rows) for key in (line, column))
    def cell(*at):
        return mean_and_sd([row[field] for row in rows if (row[line], row[column]) == at])
    return [*columns], [[name, *(cell(name, value) for value in columns)] for name in lines]


TABLES = dict(
    chapters=chapters, results=results, everything=everything, floors=floors, leak=leak,
    doodlenette=doodlenette, loaders=loaders, tta=tta, leaderboard=named, split=split,
    rare=rare, thresholds=thresholds, parts=parts, strength=strength, optimism=optimism,
    noise=noise, transfer=transfer, few=few, views=views, sizes=sizes, retrained=retrained,
    batches=batches, agreement=agreement)
