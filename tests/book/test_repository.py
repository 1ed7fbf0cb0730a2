"""What must be true of the repository: notebooks export the library, and it installs."""
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

import sotatrain
from sotatrain.experiment import stored_results
from tools.course import is_bare_object

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NOTEBOOKS = sorted((ROOT/'nbs').glob('*.ipynb'))
# What exports a module; the page before chapter 1 uses what they export.
CHAPTERS = [path for path in NOTEBOOKS if path.stem[:2].isdigit() and path.stem[:2] != '00']
by_stem = dict(ids=lambda path: path.stem)
WITHOUT_CACHE = shutil.ignore_patterns('__pycache__')


def run(*command, cwd, **kwargs):
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def contents(folder):
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in files if '__pycache__' not in path.parts}


# --- notebooks

@pytest.fixture
def checkout(tmp_path):
    "A copy of what nbdev reads and writes, so that a check changes nothing."
    ignore = shutil.ignore_patterns('__pycache__', '.*')
    for name in ('nbs', 'sotatrain'):
        shutil.copytree(ROOT/name, tmp_path/name, symlinks=True, ignore=ignore)
    for name in (
        'pyproject.toml', 'settings.ini', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE',
        '_quarto.yml'): shutil.copy(ROOT/name, tmp_path)
    return tmp_path


def test_export_leaves_no_difference(checkout):
    before = contents(checkout)
    run(BIN/'nbdev-export', cwd=checkout)
    after = contents(checkout)
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    assert not changed, f"the library is not what notebooks export; run nbdev-export: {changed}"


def test_notebooks_are_clean(checkout):
    before = contents(checkout/'nbs')
    run(BIN/'nbdev-clean', cwd=checkout)
    after = contents(checkout/'nbs')
    assert before == after, f"run nbdev-clean: {[k for k in before if before[k] != after[k]]}"


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_notebook(path):
    nb = nbformat.read(path, 4)
    nbformat.validate(nb)
    assert nb.metadata.kernelspec.name == 'python3'
    title = re.match(r'# \S[^\n]*\n\n> \S[^\n]*\Z', nb.cells[0].source)
    assert title, 'a title and one line with its idea, in a cell of their own'
    tags = [tag for cell in nb.cells for tag in cell.metadata.get('tags', [])]
    assert tags.count('parameters') == path.stem[:2].isdigit()
    assert 'injected-parameters' not in tags
    outputs = [output for cell in nb.cells for output in cell.get('outputs', [])]
    assert not [o for o in outputs if o.output_type == 'error' or o.get('name') == 'stderr']
    assert not any(map(is_bare_object, outputs))
    assert outputs or path.stem == 'index', 'no stored outputs: make outputs'
    assert path.stat().st_size < 1_500_000


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_figures_have_a_caption_and_a_description(path):
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != 'code': continue
        if not any('image/png' in output.get('data', {}) for output in cell.outputs): continue
        for option in ('label: fig-', 'fig-cap: "', 'fig-alt: "'):
            assert f'#| {option}' in cell.source, cell.source[:80]


@pytest.mark.parametrize('path', NOTEBOOKS, **by_stem)
def test_stored_comparisons_are_shown_as_they_are(path):
    "A chapter's `stored_results(…)` cell shows what is in results/ today."
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != 'code' or not cell.source.startswith('stored_results('): continue
        now = eval(cell.source, dict(stored_results=stored_results))
        shown = cell.outputs[0].data['text/plain']
        assert shown == str(now), f'make outputs CHAPTERS={path.stem[:2]}'


# --- the house

def test_a_chapter_has_one_name():
    "Its notebook, its module, its questions."
    for path in CHAPTERS:
        module = path.stem[3:]
        assert (ROOT/'sotatrain'/f'{module}.py').exists()
        source = path.read_text(encoding='utf-8')
        assert f'#| default_exp {module}\\n' in source or f'#| default_exp {module}"' in source
    questions = {file.stem for file in (ROOT/'sotatrain'/'questions').glob('*.md')}
    assert questions <= {path.stem[3:] for path in (ROOT/'nbs').glob('*_*.ipynb')}


def test_a_file_in_the_library_is_a_chapter_or_a_door_and_a_folder_is_written_by_hand():
    chapters, doors = {path.stem[3:] for path in CHAPTERS}, {'all', 'cli', 'settings'}
    package = ROOT/'sotatrain'
    assert {file.stem for file in package.glob('[!_]*.py')} == chapters | doors
    for file in package.rglob('*.py'):
        if file.name == '_modidx.py': continue
        generated = 'AUTOGENERATED' in file.read_text(encoding='utf-8')
        assert generated == (file.parent == package and file.stem in chapters), file


def test_help_lists_the_chapters():
    listed = set(re.findall(r'^- `sotatrain\.(\w+)`', sotatrain.__doc__, re.M))
    assert {path.stem[3:] for path in CHAPTERS} <= listed


def test_the_public_names_are_in_the_changelog_or_as_they_were():
    "Names that went or came since the first layout are told to whoever used them."
    import sotatrain.all as library
    names = {name for name in vars(library) if not name.startswith('_')}
    before = set((ROOT/'tests'/'book'/'public_names.txt').read_text().split())
    changes = (ROOT/'CHANGELOG.md').read_text(encoding='utf-8')
    untold = {name for name in before ^ names if f'`{name}`' not in changes}
    assert not untold


# --- installing

def test_lock_has_hashes_and_no_addresses():
    lock = (ROOT/'requirements.lock').read_text()
    assert '://' not in lock and '--index' not in lock
    entries = re.split(r'\n(?=\S)', lock.strip())
    assert all('==' in e and '--hash=sha256:' in e for e in entries) and len(entries) > 100


def test_quarto_settings_are_shared():
    link = ROOT/'nbs'/'_quarto.yml'
    assert link.is_symlink() and link.resolve() == ROOT/'_quarto.yml'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    tmp = tmp_path_factory.mktemp('wheel')
    source = tmp/'source'
    source.mkdir()
    for name in (
        'pyproject.toml', 'settings.ini', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE',
    ): shutil.copy(ROOT/name, source)
    shutil.copytree(ROOT/'sotatrain', source/'sotatrain', ignore=WITHOUT_CACHE)
    shutil.copytree(ROOT/'results', source/'results')
    # the wheel from the sdist
    run(sys.executable, '-m', 'build', '--no-isolation', '--outdir', tmp, source, cwd=tmp)
    return next(tmp.glob('*.whl'))


def test_wheel_carries_what_the_library_reads(wheel):
    "Settings, measured comparisons, questions, the style of figures."
    with zipfile.ZipFile(wheel) as z:
        assert z.read('sotatrain/settings.ini') == (ROOT/'settings.ini').read_bytes()
        experiments = [*ROOT.glob('results/experiments/*/*.json')]
        for file in experiments:
            name = f'sotatrain/{file.relative_to(ROOT).as_posix()}'
            assert z.read(name) == file.read_bytes()
        patterns = 'questions/*.md', 'core/*.mplstyle', 'clothing/**/*.*'
        others = [file for pattern in patterns for file in (ROOT/'sotatrain').glob(pattern)]
        for file in others:
            assert z.read(file.relative_to(ROOT).as_posix()) == file.read_bytes()
        assert len(experiments) > 100 and len(others) > 5
        stray = ('tests', 'tools', 'nbs', 'results', 'experiments', 'bench')
        assert not [name for name in z.namelist() if name.startswith(stray)]


ALONE = '''
import socket, sys
MISSING = """nbdev execnb papermill nbformat nbconvert jupyterlab notebook ipywidgets timm
tools experiments""".split()
class NoNotebookTools:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in MISSING: raise ModuleNotFoundError(name)
def offline(*args): raise OSError('no network here')
sys.meta_path.insert(0, NoNotebookTools())
socket.socket.connect = offline
from sotatrain.all import *
import sotatrain
print()
print(sotatrain.__file__)
print(settings.load().profile, settings.settings_file())
print(stored_results('learner-64').rows[0].name)
print(len(questions('mixup')) > 3)
print(doodlenette(n_train=10, n_val=10, progress=False))
'''


def test_wheel_works_alone(wheel, tmp_path):
    "No checkout, GPU, network or notebook tools; from any folder."
    with zipfile.ZipFile(wheel) as z: z.extractall(tmp_path/'site')
    env = dict(
        PYTHONPATH=str(tmp_path/'site'), SOTATRAIN_CACHE=str(tmp_path/'cache'),
        CUDA_VISIBLE_DEVICES='', HOME=str(tmp_path), PATH='/usr/bin:/bin')
    out = run(sys.executable, '-c', ALONE, cwd='/', env=env).strip().splitlines()
    package, loaded, measured, asked, drawn = out[-5:]
    assert package == str(tmp_path/'site'/'sotatrain'/'__init__.py')
    assert loaded == f"cpu {tmp_path/'site'/'sotatrain'/'settings.ini'}"
    assert measured == 'baseline' and asked == 'True'
    assert drawn.startswith(str(tmp_path/'cache'))
    assert len(list(Path(drawn).rglob('*.JPEG'))) == 20


def test_importing_the_package_is_cheap():
    code = '''import sys, sotatrain, sotatrain.settings
print(*{"torch", "fastai", "matplotlib"} & set(sys.modules))'''
    assert not run(sys.executable, '-c', code, cwd='/').strip()
