"""The table of results in the README and in the preface, from the stored runs: `python -m tools.readme` renews it."""
from pathlib import Path

import nbformat

from sotatrain.experiment import stored_results

ROOT = Path(__file__).resolve().parent.parent
README, PREFACE = ROOT/'README.md', ROOT/'nbs'/'index.ipynb'
BEGIN, END = '<!-- results: python -m tools.readme -->', '<!-- /results -->'

ROWS = [  # technique, chapter, experiment, what it is compared with, recipe
    ('decode once, crop many times', '02_presizing', 'imagenette-64', 'DataBlock', 'baseline'),
    ('normalization', '04_normalization', 'imagenette-64', 'baseline', 'normalized'),
    ('progressive resizing in stages, equal time', '05_progressive_resizing', 'progressive-64', '64 px', 'stages'),
    ('a size that grows, equal time', '05_progressive_resizing', 'progressive-64', '64 px', 'growing'),
    ('test-time augmentation: flip', '06_test_time_augmentation', 'tta-64', 'plain', 'flip'),
    ('test-time augmentation: 8 random views', '06_test_time_augmentation', 'tta-64', 'plain', 'random 8'),
    ('test-time augmentation: five crops', '06_test_time_augmentation', 'tta-64', 'plain', 'five_crop'),
    ('Mixup', '07_mixup', 'soft-targets', 'plain', 'Mixup'),
    ('Mixup, 25 % wrong labels', '07_mixup', 'soft-targets', 'plain, 25 wrong', 'Mixup, 25 wrong'),
    ('label smoothing', '08_label_smoothing', 'soft-targets', 'plain', 'smoothing'),
    ('label smoothing, 25 % wrong labels', '08_label_smoothing', 'soft-targets', 'plain, 25 wrong', 'smoothing, 25 wrong'),
]


def table(nbs):
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
    before, rest = text.split(BEGIN)
    return f'{before}{BEGIN}\n\n{table(nbs)}\n\n{END}{rest.split(END)[1]}'


def main():
    README.write_text(renewed(README.read_text(encoding='utf-8'), 'nbs/'), encoding='utf-8')
    preface = nbformat.read(PREFACE, 4)
    for cell in preface.cells:
        if BEGIN in cell.source: cell.source = renewed(cell.source, '')
    nbformat.write(preface, PREFACE)


if __name__ == '__main__': main()
