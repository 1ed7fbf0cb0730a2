"""What must be true of the repository itself: the library is what the notebooks export, and it installs anywhere."""
import json
import re
import shutil
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from sotatrain.experiment import paired_difference, stored_results
from tools.course import is_bare_object

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT/'results'/'benchmarks'
BIN = Path(sys.executable).parent
NOTEBOOKS = sorted((ROOT/'nbs').glob('*.ipynb'))


@pytest.fixture
def checkout(tmp_path):
    "A copy of what nbdev reads and writes, so that a check changes nothing."
    for name in ('nbs', 'sotatrain'):
        shutil.copytree(ROOT/name, tmp_path/name, symlinks=True, ignore=shutil.ignore_patterns('__pycache__', '.*'))
    for name in ('pyproject.toml', 'settings.ini', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE', '_quarto.yml'): shutil.copy(ROOT/name, tmp_path)
    return tmp_path


def run(*command, cwd, **kwargs):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def contents(folder): return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*') if p.is_file() and '__pycache__' not in p.parts}


def test_export_leaves_no_difference(checkout):
    before = contents(checkout)
    run(BIN/'nbdev-export', cwd=checkout)
    after = contents(checkout)
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    assert not changed, f"the library is not what the notebooks export; run nbdev-export and commit {changed}"


def test_notebooks_are_clean(checkout):
    before = contents(checkout/'nbs')
    run(BIN/'nbdev-clean', cwd=checkout)
    after = contents(checkout/'nbs')
    assert before == after, f"run nbdev-clean and commit {[k for k in before if before[k] != after[k]]}"


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook(path):
    nb = nbformat.read(path, 4)
    nbformat.validate(nb)
    assert nb.metadata.kernelspec.name == 'python3'
    assert re.match(r'# \S[^\n]*\n\n> \S[^\n]*\Z', nb.cells[0].source), 'a title and one line with its idea, in a cell of their own'
    tags = [t for cell in nb.cells for t in cell.metadata.get('tags', [])]
    assert tags.count('parameters') == path.stem[:2].isdigit() and 'injected-parameters' not in tags
    outputs = [o for cell in nb.cells for o in cell.get('outputs', [])]
    assert not [o for o in outputs if o.output_type == 'error' or o.get('name') == 'stderr']
    assert not any(map(is_bare_object, outputs))
    assert outputs or path.stem == 'index', 'no stored outputs: make outputs'
    assert path.stat().st_size < 1_500_000


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.stem)
def test_figures_have_a_caption_and_a_description(path):
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != 'code' or not any('image/png' in o.get('data', {}) for o in cell.outputs): continue
        for option in ('label: fig-', 'fig-cap: "', 'fig-alt: "'): assert f'#| {option}' in cell.source, cell.source[:80]


def test_lock_has_hashes_and_no_addresses():
    lock = (ROOT/'requirements.lock').read_text()
    assert '://' not in lock and '--index' not in lock
    entries = re.split(r'\n(?=\S)', lock.strip())
    assert all('==' in e and '--hash=sha256:' in e for e in entries) and len(entries) > 100


def test_quarto_settings_are_shared():
    assert (ROOT/'nbs'/'_quarto.yml').is_symlink() and (ROOT/'nbs'/'_quarto.yml').resolve() == ROOT/'_quarto.yml'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    tmp = tmp_path_factory.mktemp('wheel')
    source = tmp/'source'
    source.mkdir()
    for name in ('pyproject.toml', 'settings.ini', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE'): shutil.copy(ROOT/name, source)
    shutil.copytree(ROOT/'sotatrain', source/'sotatrain', ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copytree(ROOT/'results', source/'results')
    run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', tmp, source, cwd=tmp)  # the wheel from the sdist
    return next(tmp.glob('*.whl'))


def test_wheel_carries_the_settings_and_the_measured_comparisons(wheel):
    with zipfile.ZipFile(wheel) as z:
        assert z.read('sotatrain/settings.ini') == (ROOT/'settings.ini').read_bytes()
        for file in ROOT.glob('results/experiments/*/*.json'): assert z.read(f'sotatrain/{file.relative_to(ROOT).as_posix()}') == file.read_bytes()
        assert not [n for n in z.namelist() if n.startswith(('tests', 'tools', 'nbs', 'results'))]


ALONE = '''
import socket, sys
class NoNotebookTools:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {'nbdev', 'execnb', 'papermill', 'nbval', 'nbformat', 'nbconvert', 'jupyterlab', 'notebook', 'ipywidgets', 'timm', 'tools'}:
            raise ModuleNotFoundError(name)
def offline(*args): raise OSError('no network here')
sys.meta_path.insert(0, NoNotebookTools())
socket.socket.connect = offline
from sotatrain.all import *
import sotatrain
print()
print(sotatrain.__file__)
print(settings.load().profile, settings.settings_file())
print(stored_results('learner-64').rows[0].name)
print(doodlenette(n_train=10, n_val=10, progress=False))
'''


def test_wheel_works_alone(wheel, tmp_path):
    "No checkout, GPU, network or notebook tools; from any folder."
    with zipfile.ZipFile(wheel) as z: z.extractall(tmp_path/'site')
    env = dict(PYTHONPATH=str(tmp_path/'site'), SOTATRAIN_CACHE=str(tmp_path/'cache'), CUDA_VISIBLE_DEVICES='', HOME=str(tmp_path), PATH='/usr/bin:/bin')
    package, loaded, measured, drawn = run(sys.executable, '-c', ALONE, cwd='/', env=env).strip().splitlines()[-4:]
    assert package == str(tmp_path/'site'/'sotatrain'/'__init__.py')
    assert loaded == f"cpu {tmp_path/'site'/'sotatrain'/'settings.ini'}"
    assert measured == 'baseline'
    assert drawn.startswith(str(tmp_path/'cache')) and len(list(Path(drawn).rglob('*.JPEG'))) == 20


def test_importing_the_package_is_cheap():
    heavy = run(sys.executable, '-c', 'import sys, sotatrain, sotatrain.settings; print(*{"torch", "fastai", "matplotlib"} & set(sys.modules))', cwd='/')
    assert not heavy.strip()


def test_appendix_quotes_the_measured_difficulty():
    measured = json.loads((BENCHMARKS/'doodlenette.json').read_text())
    appendix = (ROOT/'nbs'/'A1_doodlenette.ipynb').read_text()
    accuracies = [run['accuracy'] for run in measured['runs']]
    assert len(accuracies) >= 3 and all(.7 <= a <= .9 for a in accuracies)
    assert ' | '.join(f'{a:.1%}' for a in accuracies) in appendix and measured['date'] in appendix
    assert statistics.median(measured['pictures_per_second']) >= 150


def test_chapter_1_quotes_the_measured_leak():
    measured = json.loads((BENCHMARKS/'leak.json').read_text())
    chapter = (ROOT/'nbs'/'01_data.ipynb').read_text()
    assert len(measured['runs']) >= 3 and measured['pictures'] == 13394 and measured['date'] in chapter
    for column in ('seen', 'unseen'): assert ' | '.join(f'{run[column]:.1%}' for run in measured['runs']) in chapter


def test_chapter_2_quotes_the_measured_loaders():
    measured = json.loads((BENCHMARKS/'loaders.json').read_text())
    chapter = (ROOT/'nbs'/'02_presize.ipynb').read_text()
    assert measured['date'] in chapter and measured['images'] == 13394
    for row in measured['rows']:
        if row['loader'] != 'sotatrain cold': assert f"{row['images_per_second']:,.0f} ({row['times_datablock']:.1f})" in chapter


def test_chapter_2_quotes_the_measured_accuracies():
    chapter = (ROOT/'nbs'/'02_presize.ipynb').read_text()
    ours, theirs = stored_results('learner-64', 'baseline', 'DataBlock').rows
    for row in (ours, theirs): assert f'{row.mean:.1f} ± {row.sd:.1f} %' in chapter and row.n >= 3
    low, high = (f'{-end:+.1f}'.replace('-', '−') for end in (theirs.difference.high, theirs.difference.low))
    assert f'between {low} and {high} points' in chapter and theirs.difference.verdict == 'no difference shown'


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.stem)
def test_stored_comparisons_are_shown_as_they_are(path):
    "A chapter's `stored_results(…)` cell shows what is in results/ today."
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != 'code' or not cell.source.startswith('stored_results('): continue
        now = eval(cell.source, dict(stored_results=stored_results))
        assert cell.outputs[0].data['text/plain'] == str(now), f'make outputs CHAPTERS={path.stem[:2]}'


def test_chapter_3_says_what_was_measured():
    rows = {row.name: row for row in stored_results('learner-rates-32').rows}
    assert rows['rate 0.0006'].difference.high < -15 and rows['rate 0.002'].difference.verdict == 'hurts'
    assert all(row.n >= 3 for row in rows.values())


def test_chapter_5_says_what_was_measured():
    rows = {row.name: row for row in stored_results('resizing-64').rows}
    assert {name: row.difference.verdict for name, row in rows.items() if row.difference} == {
        '32 px': 'hurts', 'stages': 'helps', 'growing': 'no difference shown', 'stages, fine_tune': 'no difference shown'}
    assert rows['growing'].mean == max(row.mean for row in rows.values())
    seconds = [row.seconds for row in rows.values()]
    assert max(seconds) < 1.07 * min(seconds)  # equal time


def test_chapter_6_says_what_was_measured():
    table = stored_results('tta-64')
    d = {row.name: row.difference for row in table.rows if row.difference}
    assert {name: difference.verdict for name, difference in d.items()} == {
        'flip': 'helps', 'random': 'no difference shown', 'random 8': 'helps', 'five_crop': 'helps', 'multi_scale': 'hurts',
        'random, max': 'no difference shown', 'random, gmean': 'no difference shown'}
    means = {name: round(difference.mean, 1) for name, difference in d.items()}
    assert (means['flip'], means['random'], means['five_crop'], means['random 8'], means['multi_scale']) == (.8, 1.2, 1.2, 1.9, -2.4)
    accuracies = {row.name: row.accuracies for row in table.rows}
    def gains(name, reference='plain'): return [accuracies[name][seed] - accuracies[reference][seed] for seed in accuracies[name]]
    assert (round(min(gains('random')), 1), round(max(gains('random')), 1)) == (.8, 1.8)
    assert round(min(gains('five_crop')), 2) >= 1.15 and round(max(gains('five_crop')), 2) <= 1.30
    assert {round(gain, 1) for gain in gains('random, max', 'random')} == {-.4, -.5}
    merges = {row.name: row.difference for row in stored_results('tta-64', 'random', 'random, max', 'random, gmean').rows}
    assert merges['random, max'].verdict == 'hurts' and merges['random, gmean'].verdict == 'no difference shown'
    corners = stored_results('tta-64', 'random', 'five_crop').rows[1].difference
    assert (round(corners.mean, 1), round(corners.low, 1), round(corners.high, 1)) == (0., -1.4, 1.4)
    errors = {}
    for run in table.runs: errors.setdefault(run.recipe.name, []).append(round(100*run.calibration_error, 1))
    assert (min(errors['plain']), max(errors['plain'])) == (1.3, 2.5) and (min(errors['random, max']), max(errors['random, max'])) == (8.6, 9.6)
    assert max(abs(a - b) for a, b in zip(errors['random, gmean'], errors['plain'])) < 1


def test_chapter_6_quotes_the_measured_time():
    rows = json.loads((BENCHMARKS/'tta.json').read_text())['rows']
    chapter = (ROOT/'nbs'/'06_tta.ipynb').read_text()
    def ratio(a, b): return statistics.median(x / y for row in rows for x, y in zip(row['seconds'][a], row['seconds'][b]))
    for way in rows[0]['seconds']:
        assert '| ' + ', '.join(f"{sum(row['seconds'][way]):.0f}" for row in rows) + ' |' in chapter
        if way != 'forward': assert '| ' + ', '.join(f"{100*row['quality'][way]['accuracy']:.1f}" for row in rows) + ' |' in chapter
    assert f"takes {ratio('ours', 'fastai'):.2f} of fastai's time" in chapter and f"takes {ratio('ours', 'forward'):.2f} times as long" in chapter
    assert f"needs {ratio('forward', 'fastai'):.2f} of fastai's time" in chapter and len(rows) >= 3
    d = paired_difference(*([100*row['quality'][way]['accuracy'] for row in rows] for way in ('ours', 'fastai')))
    assert f'is {d.mean:.1f} points, with an interval from −{-d.low:.1f} to {d.high:.1f}' in chapter
    assert rows[0]['conditions']['date'][:10] in chapter


def test_chapters_3_and_5_quote_the_measured_steps():
    tables = {table['size']: {row['name']: row for row in table['rows']} for table in json.loads((BENCHMARKS/'learner.json').read_text())['tables']}
    chapter = {n: next(ROOT.glob(f'nbs/{n}_*.ipynb')).read_text() for n in ('03', '05')}
    ours = {size: f"{rows['make_learner']['ratio']:.2f}" for size, rows in tables.items()}
    assert f"takes {ours[32]} of the time of fastai's defaults at 32 px, and {ours[64]} at 64 px" in chapter['03']
    before, now = (tables[32][way]['milliseconds'] / tables[64][way]['milliseconds'] for way in ('channels_last', 'make_learner'))
    assert f'a half of the time of one at 64 px ({before:.2f}), and now it takes about a third ({now:.2f})' in chapter['05']


def calibration_errors(runs):
    "The mean error of each recipe over its seeds, %, as the chapters write it."
    errors = {}
    for run in runs: errors.setdefault(run.recipe.name, []).append(100*run.calibration_error)
    return {name: f'{statistics.fmean(values):.1f}' for name, values in errors.items()}


def test_chapters_7_and_8_say_what_was_measured():
    mixup, smoothing = (next(ROOT.glob(f'nbs/{n}_*.ipynb')).read_text() for n in ('07', '08'))
    runs = stored_results('soft-targets').runs
    assert {run.seed for run in runs} == {0, 1, 2} and not any(run.failed for run in runs)
    d = {row.name: row.difference for row in stored_results('soft-targets', *(f'{way}, 25 wrong' for way in ('plain', 'Mixup', 'smoothing', 'Mixup and smoothing'))).rows}
    clean = {row.name: row.difference for row in stored_results('soft-targets', 'plain', 'Mixup', 'smoothing', 'Mixup and smoothing').rows}
    assert {x.verdict for x in clean.values() if x} == {d['smoothing, 25 wrong'].verdict} == {'no difference shown'}
    assert d['Mixup, 25 wrong'].verdict == d['Mixup and smoothing, 25 wrong'].verdict == 'helps'
    def minus(points): return f'{points:.1f}'.replace('-', '−')
    for chapter in (mixup, smoothing): assert 'by {:.1f} points ({:.1f} to {:.1f})'.format(*d['Mixup, 25 wrong'][:3]) in chapter
    assert 'together are {:.1f} points above plain ({:.1f} to {:.1f})'.format(*d['Mixup and smoothing, 25 wrong'][:3]) in smoothing
    alone, first = d['smoothing, 25 wrong'], clean['Mixup']
    assert f'{alone.mean:.1f} points, and it may be anything from {minus(alone.low)} to {alone.high:.1f}' in smoothing
    assert f'{first.mean:.1f} points, and it may be anything from {minus(first.low)} to {first.high:.1f}' in mixup
    e = calibration_errors(runs)
    assert f"differ by {e['plain']} points on average. Smoothing brings that down to {e['smoothing']}, Mixup to {e['Mixup']}" in smoothing
    few = stored_results('soft-targets', 'plain, 5 epochs', 'smoothing, 5 epochs').rows[1].difference
    assert few.verdict == 'no difference shown' and f"is small, {e['plain, 5 epochs']} %, and smoothing makes it larger, {e['smoothing, 5 epochs']} %" in smoothing
    assert f"After twenty epochs it was {e['plain']} % and {e['smoothing']} %" in smoothing
    wrong = {share: stored_results('soft-targets', f'plain, {share} wrong', f'smoothing, {share} wrong').rows[1].difference for share in (5, 25, 50)}
    assert {x.verdict for x in wrong.values()} == {'no difference shown'}
    assert '{} points, and it may be anything from {} to {:.1f}'.format(minus(wrong[50].mean), minus(wrong[50].low), wrong[50].high) in smoothing
    unlearned = statistics.fmean(run.epochs[-1]['train_loss'] for run in runs if run.recipe.name == 'plain, 50 wrong')
    assert f'the training loss of the plain networks is still {unlearned:.2f} then' in smoothing
    longer = stored_results('soft-targets', 'plain, 50 wrong', 'plain, 50 wrong, 60 epochs').rows[1].difference
    assert longer.verdict == 'hurts' and f'{-longer.mean:.1f} points lower than after twenty ({-longer.high:.1f} to {-longer.low:.1f} ' in smoothing
    held = stored_results('soft-targets', 'plain, 50 wrong, 60 epochs', 'smoothing, 50 wrong, 60 epochs').rows[1].difference
    assert held.verdict == 'no difference shown'
    assert f'{minus(held.mean)} points after sixty epochs, and it may be anything from {minus(held.low)} to {minus(held.high)}' in smoothing
    assert f"of {e['smoothing, 50 wrong, 60 epochs']} % against {e['plain, 50 wrong, 60 epochs']} %" in smoothing
    many = stored_results('soft-targets', 'plain, 60 epochs', 'smoothing, 60 epochs').rows[1].difference
    assert many.verdict == 'helps' and '{:.1f} points more with smoothing ({:.1f} to {:.1f};'.format(*many[:3]) in smoothing
    assert f"error of {e['plain, 60 epochs']} %, against {e['smoothing, 60 epochs']} % with smoothing" in smoothing
    final = {name: {run.seed: run.accuracy for run in runs if run.recipe.name == name} for name in ('plain, 60 epochs', 'smoothing, 60 epochs')}
    assert all(final['smoothing, 60 epochs'][seed] > accuracy for seed, accuracy in final['plain, 60 epochs'].items())
    by_heart = statistics.fmean(run.epochs[-1]['train_loss'] for run in runs if run.recipe.name == 'plain, 60 epochs')
    assert f'the training loss is {by_heart:.2f}' in smoothing
    assert 'a validation loss three times the training loss' in smoothing  # that is, too sure
    assert all(2.5 < run.epochs[-1]['valid_loss'] / run.epochs[-1]['train_loss'] < 3.7 for run in runs if run.recipe.name == 'plain')
    assert f"each alone ({e['Mixup and smoothing']})" in smoothing and f"already ({e['plain, 25 wrong']} %)" in smoothing
    assert f"changes it little ({e['smoothing, 25 wrong']} %), Mixup makes it larger ({e['Mixup, 25 wrong']} %), and both together much larger ({e['Mixup and smoothing, 25 wrong']} %)" in smoothing


def test_chapter_11_says_what_the_variants_gave():
    chapter = next(ROOT.glob('nbs/12_*.ipynb')).read_text()
    comparison = stored_results('soft-targets', 'Mixup', 'CutMix', 'ManifoldMixUp', 'MixOne')
    d = {row.name: row.difference for row in comparison.rows[1:]}
    assert {x.verdict for x in d.values()} == {'no difference shown'} and {x.n for x in d.values()} == {3}
    assert max(d, key=lambda name: abs(d[name].mean)) == 'CutMix'
    assert '−{:.1f} points, and it may be anything from −{:.1f} to {:.1f}'.format(*map(abs, d['CutMix'][:3])) in chapter
    e = calibration_errors(stored_results('soft-targets').runs)
    assert f"is {e['Mixup']} % with Mixup, {e['ManifoldMixUp']} % with `ManifoldMixUp`, {e['MixOne']} % with `MixOne` and {e['CutMix']} % with `CutMix`" in chapter
    assert f"without any of them it is {e['plain']} %" in chapter


def test_the_readme_quotes_the_measured_import():
    rounds = json.loads((BENCHMARKS/'imports.json').read_text())['rounds']
    fastai, *ours = (statistics.median(row['seconds'] for row in rows) for rows in zip(*rounds))
    assert sum(ours) <= .3 and f"Its import takes {sum(ours):.1f} s, after fastai's {fastai:.0f}" in (ROOT/'README.md').read_text()


def test_chapter_7_quotes_the_measured_cost():
    measured = json.loads((BENCHMARKS/'mixing.json').read_text())
    rows, chapter = {row['name']: row for row in measured['rows']}, next(ROOT.glob('nbs/07_*.ipynb')).read_text()
    plain = rows['plain']['milliseconds']
    def quoted(name): return f"{rows[name]['added_milliseconds']:.1f} ms ({100*rows[name]['added_milliseconds']/plain:.1f} %)"
    ours, fastai, cutmix = map(quoted, ('MixUp + LabelSmoothingCrossEntropy', "fastai's MixUp + LabelSmoothingCrossEntropyFlat", 'CutMix + LabelSmoothingCrossEntropy'))
    assert f'takes {plain:.0f} ms' in chapter and f"adds {ours}, fastai's own two {fastai}" in chapter and f'adds {cutmix}' in chapter
    assert rows['MixUp + LabelSmoothingCrossEntropy']['added_milliseconds'] < .02*plain and measured['conditions']['date'][:10] in chapter
