"""Numbers in prose are those in results/, and are written by `python -m tools.numbers`."""
import json
import re
import shutil

import nbformat
import pytest

import experiments
from sotatrain.experiment import load_runs, stored_results
from sotatrain.experiment.comparison import by_recipe
from sotatrain.experiment.leaderboard import EXPERIMENT as LEADERBOARD
from sotatrain.experiment.named import SOTA, sota
from tools import numbers, reading, tables

ROOT = numbers.ROOT
TEXTS = dict(numbers.texts())
by_stem = dict(ids=lambda path: path.stem)


def prose(path):
    "The Markdown of a file, cell by cell."
    if path.suffix == '.md': return [path.read_text(encoding='utf-8')]
    cells = nbformat.read(path, 4).cells
    return [cell.source for cell in cells if cell.cell_type == 'markdown']


def written(span): return numbers.renewed(f'It is <!-- {span} -->…<!-- / -->.')


def said(span): return re.search('-->(.*)<!--', written(span), re.S)[1]


@pytest.mark.parametrize('path', TEXTS, **by_stem)
def test_the_text_says_what_was_measured(path):
    for text in prose(path):
        renewed = numbers.renewed(text, TEXTS[path], numbers.language_of(path))
        assert text == renewed, 'run: make numbers'


@pytest.mark.parametrize('path', TEXTS, **by_stem)
def test_spans_are_whole_and_inside_a_line(path):
    "At the beginning of a line, a comment would make the whole line HTML."
    for text in prose(path):
        spans = [*numbers.SPAN.finditer(text)]
        assert text.count('<!-- / -->') == len(spans)
        for span in spans:
            line = text[:span.start()].rpartition('\n')[2]
            assert span['source'] == 'table' or line.strip(), span[0]


def test_spans_are_not_written_in_code_or_headings():
    for path in TEXTS:
        for text in prose(path):
            assert not re.search('^#.*<!-- ', text, re.M)
            assert not [code for code in text.split('```')[1::2] if '<!-- / -->' in code]


def test_rows_of_a_benchmark_are_paired_by_their_seeds(monkeypatch, tmp_path):
    def row(way, seed, share): return dict(way=way, seed=seed, share=share)
    rows = [row('a', 0, .1), row('a', 1, .5), row('b', 1, .52), row('b', 0, .12),
            row('c', 2, .1)]
    (tmp_path/'x.json').write_text(json.dumps(dict(conditions={}, rows=rows)))
    monkeypatch.setattr(numbers, 'BENCHMARKS', tmp_path)
    assert said('x: share of way=a → share of way=b | range') == '2.0 to 2.0'
    assert said('x: share of way=b / share of way=a | min .2f') == '1.04'
    with pytest.raises(ValueError, match='no pairs'): said('x: share of way=a → share of way=c')


@pytest.mark.parametrize('span,text', [
    ('soft-targets: plain', '64.5 %'),
    ('soft-targets: plain | sd', '64.5 ± 0.6 %'),
    ('soft-targets: plain | bare', '64.5'),
    ('soft-targets: plain | n', '3'),
    ('soft-targets: plain | calibration', '12.7 %'),
    ('soft-targets: plain → Mixup', '0.5 points (−1.7 to 2.6)'),
    ('soft-targets: plain → Mixup | lower', '−0.5 points (−2.6 to 1.7)'),
    ('soft-targets: plain → Mixup | signed', '+0.5 (−1.7 to +2.6)'),
    ('soft-targets: plain → Mixup | mean', '0.5'),
    ('soft-targets: plain → Mixup | interval', '−1.7 to 2.6'),
    ('soft-targets: plain → Mixup | verdict', 'no difference shown'),
    ('soft-targets: plain, 25 wrong → Mixup, 25 wrong | verdict', 'helps'),
    ('tta-64: plain → multi_scale | verdict', 'hurts'),
    ('tta-64: plain | hardware', 'AMD EPYC, 2 cores, fp32'),
    ('tta-64: plain | date', '2026-11-21'),
    ('leaderboard: minutes-5 | training seconds', '171'),  # others had one core only
    ('leaderboard: hour | both halves', '91.7 %'),
    ('learner: conditions.date', '2026-11-21'),
])
def test_shapes(span, text): assert said(span) == text


@pytest.mark.parametrize('span', [
    'soft-targets: plane',
    'soft-targets: plain | maen',
    'soft-targets: plain → Mixup | maen',
    'nowhere: plain',
    'loaders: images_per_second of size=128, loader=nobody | .0f',
    'table: none',
])
def test_a_span_that_cannot_be_read_is_quoted(span):
    with pytest.raises(ValueError, match='cannot be read'): written(span)


def test_another_number_in_results_is_another_number_in_the_text(tmp_path, monkeypatch):
    copy = tmp_path/'experiments'
    shutil.copytree(numbers.EXPERIMENTS/'soft-targets', copy/'soft-targets')
    monkeypatch.setattr(numbers, 'EXPERIMENTS', copy)
    text = written('soft-targets: plain')
    assert text == numbers.renewed(text)
    for file in copy.glob('soft-targets/plain-seed*.json'):
        run = json.loads(file.read_text())
        file.write_text(json.dumps(run | {'accuracy': run['accuracy'] + .1}))
    assert '64.5 %' in text and '74.5 %' in numbers.renewed(text)


def test_the_command_writes_only_what_is_old(tmp_path, monkeypatch, capsys):
    new, old = tmp_path/'new.md', tmp_path/'old.md'
    new.write_text(written('soft-targets: plain'), encoding='utf-8')
    old.write_text('It is <!-- soft-targets: plain -->12 %<!-- / -->.', encoding='utf-8')
    monkeypatch.setattr(numbers, 'ROOT', tmp_path)
    monkeypatch.setattr(numbers, 'texts', lambda: [(new, ''), (old, '')])
    numbers.main()  # without SystemExit: an empty text would be status 1
    assert capsys.readouterr().out == 'old.md\n'
    assert old.read_text(encoding='utf-8') == new.read_text(encoding='utf-8')


def test_the_command_names_each_file_with_a_span_that_cannot_be_read(tmp_path, monkeypatch):
    files = [tmp_path/'a.md', tmp_path/'b.md']
    for file in files: file.write_text('It is <!-- nowhere: x -->12<!-- / -->.')
    monkeypatch.setattr(numbers, 'ROOT', tmp_path)
    monkeypatch.setattr(numbers, 'texts', lambda: [(file, '') for file in files])
    with pytest.raises(SystemExit, match='a.md: .*nowhere: x.*\nb.md: '): numbers.main()


def test_readme_and_preface_show_both_tables():
    for path in (numbers.ROOT/'README.md', numbers.ROOT/'nbs'/'index.ipynb'):
        text = '\n'.join(prose(path))
        for name, table in tables.TABLES.items():
            if name in ('chapters', 'results'): assert table(TEXTS[path]) in text
    assert all(tables.TABLES[name]('').count('\n') >= 8 for name in ('chapters', 'results'))


def test_the_table_of_results_leaves_out_nothing_that_was_measured_on_photographs():
    shown = {(name, recipe) for _, _, name, *pair in tables.ROWS for recipe in pair}
    stored = {(name, run.recipe.name) for name in EXPERIMENTS for run in load_runs(name)
              if name != LEADERBOARD and run.recipe.data.startswith('imagenette')}
    assert shown == stored
    assert len({(name, tuple(pair)) for _, _, name, *pair in tables.ROWS}) == len(tables.ROWS)


def test_a_difference_on_the_reported_half_has_that_of_the_deciding_half_beside_it():
    row = next(line for line in tables.everything('').splitlines() if '48 px × 14' in line)
    pair = '64 px', '48 px'
    for half in ('reported', 'deciding'):
        comparison = stored_results('claims-sizes', *pair, half=half)
        assert f'| {comparison.rows[1].difference} |' in row


def test_each_comparison_on_the_reported_half_is_counted_once():
    counted = sum(int(n) for n in re.findall(r'\| (\d+) \|$', tables.agreement(''), re.M))
    scored = [comparison.runs[0].recipe.report for *_, comparison in tables.measurements()]
    assert counted == scored.count('reported') > 0


def test_the_front_page_shows_the_largest_measurement_of_each_technique():
    def technique(line): return re.match(r'\| \[(.*?)\]', line)[1]
    every, front = ([line for line in tables.TABLES[name]('').splitlines() if '](' in line]
                    for name in ('everything', 'results'))
    assert [*map(technique, front)] == [*dict.fromkeys(map(technique, every))]
    shown = dict(zip(map(technique, front), front))
    assert '20 epochs' in shown['normalization']  # larger pictures had five


# --- what the numbers come from

BENCHMARKS = sorted(numbers.BENCHMARKS.glob('*.json'))
EXPERIMENTS = sorted(folder.name for folder in numbers.EXPERIMENTS.iterdir())


@pytest.mark.parametrize('path', BENCHMARKS, **by_stem)
def test_a_benchmark_is_conditions_and_rows(path):
    measured = json.loads(path.read_text(encoding='utf-8'))
    assert set(measured) == {'conditions', 'rows'} and measured['rows']
    assert {'date', 'device', 'cores', 'versions'} <= set(measured['conditions'])
    for row in measured['rows']:
        assert not [value for value in row.values() if isinstance(value, dict)], 'rows are flat'


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_a_stored_experiment_is_whole(name):
    "Three seeds or more of each recipe, none failed, and each recipe is the one of today."
    expected = map(sota, SOTA) if name == LEADERBOARD else experiments.EXPERIMENTS[name]
    recipes = {recipe.name: recipe for recipe in expected}
    for recipe, runs in by_recipe(load_runs(name)).items():
        assert len(runs) >= 3 and not any(run.failed for run in runs)
        for run in runs:  # a folder may have any name; what it contains is stored beside it
            assert run.recipe.differences(recipes[recipe]).keys() <= {'data'}
        assert len({run.data['val_content'] for run in runs}) == 1


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_a_run_has_a_plain_name_and_an_epoch_a_line(name):
    for file in (numbers.EXPERIMENTS/name).iterdir():
        plain = r'[a-z0-9.]+(-[a-z0-9.]+)*(_[0-9a-f]{10})?-seed\d+\.json'
        assert re.fullmatch(plain, file.name)
        text = file.read_text(encoding='utf-8')
        epochs = json.loads(text)['epochs']
        assert all(f'\n  {json.dumps(epoch)}' in text for epoch in epochs)


# --- the time to read

def test_words_are_counted_without_code_comments_frames_and_solutions(tmp_path):
    prose = '| word | --- <!-- table: parts -->' * 1000
    solution = f'<details>{"word " * 5000}</details>'
    nb = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell(prose.replace('-->', '--> ')),
        nbformat.v4.new_markdown_cell(solution), nbformat.v4.new_code_cell('word ' * 5000)])
    nbformat.write(nb, tmp_path/'nb.ipynb')
    assert reading.minutes(tmp_path/'nb.ipynb') == 1000 // reading.PACE


@pytest.mark.parametrize('chapter', sorted((ROOT/'nbs').glob('*.ipynb')), **by_stem)
def test_a_chapter_takes_half_an_hour_at_most_and_says_how_long(chapter):
    minutes = reading.minutes(chapter)
    assert minutes <= 30
    said = f'reading <!-- reading: {chapter.stem} -->{minutes}<!-- / --> minutes'
    assert chapter.stem == 'index' or said in ''.join(prose(chapter))
