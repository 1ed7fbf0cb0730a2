"""The tables in the README and in the preface: the chapters, from their first lines, and the results, from the stored runs.

`python -m tools.tables` renews them. In the text they stand between `<!-- name: … -->` and
`<!-- /name -->`."""
import re
from pathlib import Path

import nbformat

from sotatrain.experiment import stored_results
from tools import pages

ROOT = Path(__file__).resolve().parent.parent
README, PREFACE = ROOT/'README.md', ROOT/'nbs'/'index.ipynb'
TABLE = re.compile(r'(<!-- (\w+): python -m tools.tables -->).*?(<!-- /\2 -->)', re.S)

ROWS = [  # technique, chapter, experiment, what it is compared with, recipe
    ('decode once, crop many times', '02_presize', 'learner-64', 'DataBlock', 'baseline'),
    ('normalization', '04_normalize', 'learner-64', 'baseline', 'normalized'),
    ('progressive resizing in stages, equal time', '05_resizing', 'resizing-64', '64 px', 'stages'),
    ('a size that grows, equal time', '05_resizing', 'resizing-64', '64 px', 'growing'),
    ('test-time augmentation: flip', '06_tta', 'tta-64', 'plain', 'flip'),
    ('test-time augmentation: 8 random views', '06_tta', 'tta-64', 'plain', 'random 8'),
    ('test-time augmentation: five crops', '06_tta', 'tta-64', 'plain', 'five_crop'),
    ('Mixup', '07_mixup', 'soft-targets', 'plain', 'Mixup'),
    ('Mixup, 25 % wrong labels', '07_mixup', 'soft-targets', 'plain, 25 wrong', 'Mixup, 25 wrong'),
    ('label smoothing', '08_smoothing', 'soft-targets', 'plain', 'smoothing'),
    ('label smoothing, long training', '08_smoothing', 'soft-targets', 'plain, 60 epochs', 'smoothing, 60 epochs'),
    ('label smoothing, 25 % wrong labels', '08_smoothing', 'soft-targets', 'plain, 25 wrong', 'smoothing, 25 wrong'),
]


def chapters(nbs):
    "Markdown: the number, title and idea of each chapter, with a link."
    lines = ['| | chapter | its idea |', '|---|---|---|']
    for path in pages.notebooks(ROOT/'nbs'):
        chapter = pages.describe(path.stem, nbformat.read(path, 4), written=True)
        if chapter.number: lines.append(f'| {chapter.number} | [{chapter.title}]({nbs}{path.name}) | {chapter.idea} |')
    return '\n'.join(lines)


def results(nbs):
    "Markdown, with links to the chapters in `nbs`; a row for what was measured, none for what was not."
    lines = ['| technique | accuracy without → with | difference, 95 % interval | verdict | setting |', '|---|---|---|---|---|']
    for technique, chapter, experiment, reference, recipe in ROWS:
        comparison = stored_results(experiment, reference, recipe)
        if hasattr(comparison, 'rows'): lines.append(line(technique, f'{nbs}{chapter}.ipynb', comparison))
    return '\n'.join(lines)


def line(technique, link, comparison):
    without, with_it = comparison.rows
    d, run = with_it.difference, next(run for run in comparison.runs if run.recipe.name == with_it.name)
    stages = ', then '.join(f"{stage['size']} px × {stage['epochs']}" for stage in run.recipe.all_stages)
    return (f'| [{technique}]({link}) | {without.mean:.1f} → {with_it.mean:.1f} % | {d} | {d.verdict} '
            f"| {run.data['train']:,} pictures, {stages} epochs, {d.n} seeds |")


def renewed(text, nbs):
    "The text with each of its tables made anew."
    tables = dict(chapters=chapters, results=results)
    return TABLE.sub(lambda found: f'{found[1]}\n\n{tables[found[2]](nbs)}\n\n{found[3]}', text)


def main():
    README.write_text(renewed(README.read_text(encoding='utf-8'), 'nbs/'), encoding='utf-8')
    preface = nbformat.read(PREFACE, 4)
    for cell in preface.cells: cell.source = renewed(cell.source, '')
    nbformat.write(preface, PREFACE)


if __name__ == '__main__': main()
