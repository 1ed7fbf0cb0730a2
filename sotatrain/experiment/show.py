"""A comparison as text, as HTML and as a plot."""
import base64
import io
import math
import textwrap
from html import escape

from .statistics import signed

ACCURACY, MEAN = '#224466', '#cc5500'  # colours; marks differ in their shape, too


# As a table

def table(comparison):
    "Its headings, then a line of text for each recipe."
    spread = any(row.n > 1 for row in comparison.rows)
    head = ['recipe', f"accuracy{' ± sd' * spread}, %", 'difference, 95 % interval']
    lines = [[row.name, _accuracy(row), str(row.difference or '')] for row in comparison.rows]
    if comparison.speed:
        head += ['seconds', 'images/s']
        for line, row in zip(lines, comparison.rows):
            line += [_number(row.seconds), _number(row.images_per_second)]
    return [head, *lines]


def _accuracy(row):
    if not row.n: return 'failed'
    return f'{row.mean:.1f}' if row.n == 1 else f'{row.mean:.1f} ± {row.sd:.1f}'


def _number(value): return '' if math.isnan(value) else f'{value:,.0f}'


# As text

def text(comparison):
    names, *numbers = zip(*table(comparison))
    columns = [_aligned(names, '<'), *(_aligned(column, '>') for column in numbers)]
    lines = ['  '.join(line).rstrip() for line in zip(*columns, _bars(comparison.rows))]
    source = textwrap.wrap(comparison.provenance, 96)
    return '\n'.join([*lines, '', *comparison.verdicts, *source])


def _aligned(column, side):
    width = max(map(len, column))
    return [f'{cell:{side}{width}}' for cell in column]


def _bars(rows):
    "The scale, then for each row its interval drawn with letters."
    intervals = [row.difference for row in rows if row.has_interval]
    if not intervals: return [''] * (len(rows) + 1)
    low = min([-.5, *(d.low for d in intervals)])  # there is room for 0 and for every interval
    high = max([.5, *(d.high for d in intervals)])
    bars = [_bar(row.difference, low, high) if row.has_interval else '' for row in rows]
    return [f'{signed(low)} to {signed(high)}', *bars]


def _bar(difference, low, high, width=31):
    "An interval drawn with letters; `|` is 0, `●` the mean."
    def place(x): return round((x - low) / (high - low) * (width - 1))
    first, last = place(difference.low), place(difference.high)
    line = [' '] * width
    line[first:last + 1] = '─' * (last - first + 1)
    line[place(0)] = '|'
    line[place(difference.mean)] = '●'
    return ''.join(line)


# Where the numbers come from

def provenance(runs):
    "Seeds, networks, data, hardware, versions and days of runs, in one line."
    seeds = sorted({run.seed for run in runs})
    days = sorted({run.conditions['date'][:10] for run in runs})
    return '; '.join([
        f"seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f'one seed ({seeds[0]})',
        _each(map(_plan, runs), ' or '),
        _each(map(_pictures, runs)),
        _each(f"{run.conditions['device']}, {run.conditions['cores']} cores" for run in runs),
        _each(run.conditions['precision'] for run in runs),
        _each(map(_versions, runs)),
        f"measured {' to '.join(dict.fromkeys((days[0], days[-1])))}"])


def _each(texts, joint=' and '):
    "Every text once."
    return joint.join(dict.fromkeys(texts))


def _plan(run):
    stages = ', then '.join(map(_stage, run.recipe.all_stages))
    return f'{run.recipe.arch}, {stages}'


def _stage(stage):
    epochs = f"{stage.epochs} epoch{'s' * (stage.epochs > 1)}"
    return f'{stage.size} px, {epochs}, batches of {stage.bs}'


def _pictures(run):
    return f"{run.data['folder']} ({run.data['train']:,} + {run.data['val']:,} pictures)"


def _versions(run):
    versions = run.conditions['versions']
    return f"PyTorch {versions['torch']}, fastai {versions['fastai']}"


# As HTML

def html(comparison):
    head, *lines = table(comparison)
    verdicts = ''.join(f'<li>{escape(verdict)}</li>' for verdict in comparison.verdicts)
    svg = f'data:image/svg+xml;base64,{_svg(comparison)}'
    return ''.join([
        f"<table><thead>{_tr('th', head)}</thead>",
        f"<tbody>{''.join(_tr('td', line) for line in lines)}</tbody></table>",
        f'<ul>{verdicts}</ul>' if verdicts else '',
        f'<img alt="{escape(comparison.alt_text)}" src="{svg}">',
        f'<p><small>{escape(comparison.provenance)}</small></p>'])


def _tr(tag, cells):
    return '<tr>' + ''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells) + '</tr>'


def alt_text(comparison):
    def accuracies(row): return ', '.join(f'{a:.1f} %' for a in row.accuracies.values())
    said = '; '.join(f'{row.name} {accuracies(row)}' for row in comparison.rows)
    return f'Accuracy of each run: {said}'


def _svg(comparison):
    from matplotlib.figure import Figure
    file = io.BytesIO()
    figure = _draw(comparison, Figure)
    figure.savefig(file, format='svg', metadata={'Date': None})
    return base64.b64encode(file.getvalue()).decode()


# As a plot

def plot(comparison):
    import matplotlib.pyplot as plt
    return _draw(comparison, plt.figure)


def _draw(comparison, make_figure):
    rows = comparison.rows
    figure = make_figure(figsize=(8, 1 + .45*len(rows)), layout='constrained')
    panels = 2 if any(row.has_interval for row in rows) else 1
    left, *right = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    _draw_accuracies(left, rows)
    for ax in right: _draw_differences(ax, rows)
    for ax in figure.axes: ax.spines[['top', 'right']].set_visible(False)
    return figure


def _draw_accuracies(ax, rows):
    for y, row in enumerate(rows):
        accuracies = [*row.accuracies.values()]
        ax.plot(accuracies, [y]*row.n, 'o', color=ACCURACY, alpha=.6, markersize=5)
        ax.plot(row.mean, y, '|', color=MEAN, markersize=18, markeredgewidth=2)
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.set_ylim(len(rows) - .5, -.5)
    ax.set_xlabel('accuracy, %')


def _draw_differences(ax, rows):
    for y, row in enumerate(rows):
        if not row.has_interval: continue
        ax.plot(row.difference[1:3], [y, y], '-', color=ACCURACY, linewidth=2)
        ax.plot(row.difference.mean, y, 'D', color=MEAN, markersize=6)
    ax.axvline(0, color='gray', linewidth=1, linestyle='--')
    ax.set_xlabel(f'difference to {rows[0].name}, points')
