"""A comparison as text, as HTML and as a plot."""
import base64
import io
import math
import textwrap
from html import escape
from itertools import cycle

from .statistics import signed

ACCURACY, MEAN = '#224466', '#cc5500'  # colours; marks differ in their shape, too
WIDE, NARROW = 40, 22  # letters of a line beside a plot; a phone shows all of a narrow one


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
        _plans([run.recipe for run in runs]),
        _each(map(_pictures, runs)),
        _each(f"{run.conditions['device']}, {run.conditions['cores']} cores" for run in runs),
        _each(run.conditions['precision'] for run in runs),
        _each(map(_versions, runs)),
        f"measured {' to '.join(dict.fromkeys((days[0], days[-1])))}"])


def _each(texts, joint=' and '):
    "Every text once."
    return joint.join(dict.fromkeys(texts))


def _plans(recipes):
    "The networks and how they were trained; one network of all is named once."
    networks = [_network(*recipe.network) for recipe in recipes]
    plans = map(_plan, recipes)
    if len({*networks}) == 1: return f"{networks[0]}, {_each(plans, ' or ')}"
    return _each(map(', '.join, zip(networks, plans)), ' or ')


def _network(name, options):
    "Its name, and what else describes it."
    described = '; '.join(f'{key} {_listed(value)}' for key, value in options.items())
    return f'{name} ({described})' if described else name


def _listed(value): return ', '.join(map(str, value)) if isinstance(value, list) else str(value)


def _plan(recipe):
    return ', then '.join(
        f"{trained_at(recipe, stage)}, {stage.epochs} epoch{'s' * (stage.epochs > 1)}, "
        f'batches of {stage.bs}' for stage in recipe.all_stages) + tested_at(recipe)


def trained_at(recipe, stage):
    "Such as `32 to 64 px`."
    return ' to '.join(map(str, dict.fromkeys(recipe.sizes_in(stage)))) + ' px'


def tested_at(recipe):
    "Such as `, tested at 72 px`; nothing where training ended at this size."
    last = recipe.all_stages[-1]
    _, end = recipe.sizes_in(last)
    return '' if end == last.size else f', tested at {last.size} px'


def _pictures(run):
    part = '' if run.recipe.report == 'all' else f'; the {run.recipe.report} half is scored'
    return f"{run.data['folder']} ({run.data['train']:,} + {run.data['val']:,} pictures{part})"


def _versions(run):
    versions = run.conditions['versions']
    return f"PyTorch {versions['torch']}, fastai {versions['fastai']}"


# As HTML

BOX = 'max-width:100%;overflow-x:auto'  # what is wide scrolls in its own box
PLOT = 'max-width:100%;height:auto;background:#fff'
PHONE = '(max-width: 600px)'

def html(comparison):
    """A table, the verdicts, a plot and where the numbers come from.

    A page may be as narrow as a phone: there the plot's panels are below each other. The styles
    are in the HTML itself, because JupyterLab, Colab and the site all show it."""
    head, *lines = table(comparison)
    rows = ''.join(_tr('td', line) for line in lines)
    verdicts = ''.join(f'<li>{escape(verdict)}</li>' for verdict in comparison.verdicts)
    return ''.join([
        f'<div class="comparison"><div style="{BOX}"><table>',
        f"<thead>{_tr('th', head)}</thead><tbody>{rows}</tbody></table></div>",
        f'<ul>{verdicts}</ul>' if verdicts else '',
        f'<picture><source media="{PHONE}" srcset="{_svg(comparison, narrow=True)}">',
        f'<img alt="{escape(comparison.alt_text)}" src="{_svg(comparison)}" style="{PLOT}">',
        f'</picture><p><small>{escape(comparison.provenance)}</small></p></div>'])


def _tr(tag, cells):
    scope = ' scope="col"' * (tag == 'th')
    return '<tr>' + ''.join(f'<{tag}{scope}>{escape(cell)}</{tag}>' for cell in cells) + '</tr>'


def alt_text(comparison):
    "What the plot shows: each run's accuracy, and the differences with their intervals."
    def accuracies(row): return ', '.join(f'{a:.1f} %' for a in row.accuracies.values())
    said = '; '.join(f'{row.name} {accuracies(row)}' for row in comparison.rows)
    shown = '; '.join(f'{row.name} {row.difference}' for row in comparison.rows
                      if row.has_interval)
    reference = comparison.rows[0].name
    if shown: shown = f'. Difference to {reference}, points, 95 % interval: {shown}'
    return f'Accuracy of each run: {said}{shown}'


def _svg(comparison, narrow=False):
    "The plot as an address that has the picture in it."
    import matplotlib
    from matplotlib.figure import Figure
    file = io.BytesIO()
    # letters as letters: smaller than their outlines, and a search in the page finds them
    with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': 'sotatrain'}):
        figure = _draw(comparison, Figure, narrow)
        figure.savefig(file, format='svg', metadata={'Date': None})
    return f'data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}'


# As a plot

def plot(comparison):
    import matplotlib.pyplot as plt
    return _draw(comparison, plt.figure)


def _draw(comparison, make_figure, narrow=False):
    "Accuracies, and beside them the differences; below them if `narrow`."
    rows = comparison.rows
    panels = 2 if any(row.has_interval for row in rows) else 1
    height = 1 + .45*len(rows)
    shape = (panels, 1) if narrow else (1, panels)
    figure = make_figure(
        figsize=(4.2, height*panels) if narrow else (8, height), layout='constrained')
    first, *others = figure.subplots(*shape, sharey=True, squeeze=False).flat
    letters = NARROW if narrow else WIDE
    _draw_accuracies(first, rows, letters)
    for ax in others: _draw_differences(ax, rows, letters)
    for ax in figure.axes: ax.spines[['top', 'right']].set_visible(False)
    return figure


def _draw_accuracies(ax, rows, letters):
    for y, row in enumerate(rows):
        accuracies = [*row.accuracies.values()]
        ax.plot(accuracies, [y]*row.n, 'o', color=ACCURACY, alpha=.6, markersize=5)
        ax.plot(row.mean, y, '|', color=MEAN, markersize=18, markeredgewidth=2)
    ax.set_yticks(range(len(rows)), [textwrap.fill(row.name, letters) for row in rows])
    ax.set_ylim(len(rows) - .5, -.5)
    ax.set_xlabel('accuracy, %')


def _draw_differences(ax, rows, letters):
    for y, row in enumerate(rows):
        if not row.has_interval: continue
        ax.plot(row.difference[1:3], [y, y], '-', color=ACCURACY, linewidth=2)
        ax.plot(row.difference.mean, y, 'D', color=MEAN, markersize=6)
    ax.axvline(0, color='gray', linewidth=1, linestyle='--')
    ax.set_xlabel(textwrap.fill(f'difference to {rows[0].name}, points', letters))


# Differences as curves

STYLES = 'o-', 's--', '^-.', 'D:', 'v-', 'P--'


def plot_differences(
    differences: dict,  # for each name, what `stored_differences` returns: keys above 0
    label: str,         # of the axis of the keys, which is logarithmic
):
    "A curve for each name, with the intervals; returns the axes."
    import matplotlib.pyplot as plt
    ax = plt.subplots(figsize=(6.5, 3.2), layout='constrained')[1]
    ax.axhline(0, color='gray', linewidth=1, linestyle='--')
    for i, ((name, found), style) in enumerate(zip(differences.items(), cycle(STYLES))):
        aside = 1.05**(i - (len(differences) - 1) / 2)  # so that no interval hides another
        means = [d.mean for d in found.values()]
        ax.errorbar([x * aside for x in found], means, _half([*found.values()]), fmt=style,
                    capsize=3, label=name)
    ticks = sorted({x for found in differences.values() for x in found})
    ax.set(xscale='log', xlabel=label, ylabel='difference, points')
    ax.minorticks_off()
    ax.set_xticks(ticks, ticks)
    if differences: ax.legend(fontsize=8)
    return ax


def _half(differences):
    "Of each interval, how far it goes; 0 where one pair has none."
    return [d.high - d.mean if d.n > 1 else 0 for d in differences]
