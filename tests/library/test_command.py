"""The command `sotatrain`."""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sotatrain import __version__, settings
from sotatrain.cli import EXAMPLES
from sotatrain.cli import main as cli
from sotatrain.core.store import build_store
from sotatrain.experiment import Recipe, load_runs, store
from tests.forked import Forked
from tests.library.fakes import SMALL, fake_run

pytestmark = pytest.mark.usefixtures('own_cache')


@pytest.fixture
def sotatrain(capsys):
    "The command: its exit code, and what it prints."
    def run(*words):
        code = cli([str(word) for word in words])
        return code, capsys.readouterr().out
    return run


def a_file(folder, name, **changes):
    "A recipe's file."
    file = folder/f'{name}.json'
    file.write_text(json.dumps(SMALL | changes))
    return file


@pytest.mark.parametrize('words', [
    [], ['train'], ['compare'], ['show'], ['recipe'], ['cache']])
def test_help_says_what_to_do(words, capsys):
    with pytest.raises(SystemExit) as stop: cli([*words, '--help'])
    assert stop.value.code == 0
    assert 'usage: sotatrain' in capsys.readouterr().out


LIGHT = """
import contextlib, sys; from sotatrain.cli import main
for words in ['--help'], ['--version'], ['recipe'], ['show'], ['show', 'tta-64'], ['cache']:
    with contextlib.suppress(SystemExit): main(words)
    print('heavy:', {'torch', 'fastai', 'matplotlib'} & set(sys.modules))
"""

def test_what_trains_nothing_imports_nothing_heavy():
    done = a_process('-c', LIGHT)
    assert done.stdout.count('heavy: set()') == 6, done.stdout[-300:]
    assert not done.stderr


def a_process(*words, **kwargs):
    "A real one, with the warnings that a user sees."
    kwargs = dict(capture_output=True, env=users_environment()) | kwargs
    return subprocess.run([sys.executable, *map(str, words)], text=True, **kwargs)


def users_environment():
    return {name: value for name, value in os.environ.items() if name != 'PYTHONWARNINGS'}


def test_the_version_and_the_module():
    done = a_process('-m', 'sotatrain', '--version')
    assert done.stdout == f'sotatrain {__version__}\n'


def test_a_reader_that_ends_early_is_no_error():
    here, there = os.pipe()
    os.close(here)
    done = a_process('-m', 'sotatrain', 'show', capture_output=False, stdout=there,
                     stderr=subprocess.PIPE)
    os.close(there)
    assert (done.returncode, done.stderr) == (1, '')


# --- the examples of the help

def examples():
    "The commands, each a list of words."
    lines = [line for line in EXAMPLES.splitlines() if line.startswith('  sotatrain')]
    return [shlex.split(re.split(r'\s{2,}', line.strip())[0])[1:] for line in lines]


@pytest.fixture
def small_profiles(monkeypatch):
    "Whatever profile is asked for, a run takes a second."
    small = dict(n_train=20, n_val=10, size=16, presize=64, bs=10, epochs=1, arch='xresnet18')
    load = settings.load
    monkeypatch.setattr(settings, 'load', lambda profile=None: load('smoke', **small))


def test_the_examples_of_the_help_work(
        tmp_path, monkeypatch, sotatrain, tiny, tiny_network, small_profiles):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('SOTATRAIN_RESULTS', str(tmp_path/'results'))
    for name in ('imagenette2', 'birds', 'photos'): (tmp_path/name).symlink_to(tiny)
    assert len(examples()) == 12
    for words in examples():
        words = [word.replace('~', str(tmp_path)) for word in words]
        words, file = (words[:-2], words[-1]) if '>' in words else (words, None)
        if words[0] == 'train':
            words += ['size=32'] if Path(words[1]).is_dir() else ['epochs=1', 'bs=8']
        code, text = sotatrain(*words)
        assert not code and text, words
        if file: (tmp_path/file).write_text(text)
    assert (tmp_path/'birds.pkl').stat().st_size > 1000
    runs = load_runs('rates')
    assert {run.recipe.name for run in runs} == {'base', 'fast'} and len(runs) == 2*5


# --- recipes

def test_a_recipe_without_a_name_is_called_after_its_file(tmp_path, sotatrain):
    _, text = sotatrain('recipe', '--profile', 'smoke')
    assert 'name' not in json.loads(text)
    (tmp_path/'fast.json').write_text(text)
    _, text = sotatrain('recipe', tmp_path/'fast.json')
    assert json.loads(text)['name'] == 'fast'
    _, text = sotatrain('recipe', tmp_path/'fast.json', 'name=faster')
    assert json.loads(text)['name'] == 'faster'
    _, text = sotatrain('recipe', 'name=baseline', 'lr=.25')  # said, though it is the default
    assert json.loads(text)['name'] == 'baseline' and json.loads(text)['lr'] == .25


@pytest.mark.parametrize('word,lr', [('.1', .1), ('1.', 1), ('1e-3', .001), ('0.1', .1)])
def test_a_number_may_be_written_as_in_python(sotatrain, word, lr):
    _, text = sotatrain('recipe', f'lr={word}')
    assert json.loads(text)['lr'] == lr


def test_two_recipes_of_one_name_say_how_to_give_another(tmp_path):
    files = [str(a_file(tmp_path, file)) for file in ('a', 'b')]
    for file in files: Path(file).write_text(json.dumps(SMALL | {'name': 'same'}))
    message = r"a\.json and .*b\.json are both called 'same'.*name=fast"
    with pytest.raises(SystemExit, match=message):
        cli(['compare', *files, '--name', 'x'])


def test_the_recipe_of_a_stored_run_can_be_used_again(tmp_path, sotatrain):
    run = fake_run('Mixup 50 %')
    store.write(run, tmp_path/'run.json')
    _, text = sotatrain('recipe', tmp_path/'run.json', '--profile', 'smoke')
    assert Recipe.from_json(text) == run.recipe


def test_a_recipe_from_words(sotatrain):
    _, text = sotatrain(
        'recipe', '--profile', 'smoke', 'lr=0.5', 'opt=ranger', 'tta={"n": 3}')
    recipe = Recipe.from_json(text)
    assert recipe.lr == .5
    assert recipe.opt == {'ranger': {}}
    assert recipe.tta == {'n': 3}
    assert recipe.size == 48


def test_a_recipe_from_a_file_and_words(tmp_path, sotatrain):
    (tmp_path/'quick.json').write_text('{"epochs": 2}')
    _, text = sotatrain('recipe', tmp_path/'quick.json', '--profile', 'smoke', 'bs=4')
    recipe = Recipe.from_json(text)
    assert (recipe.name, recipe.epochs, recipe.bs) == ('quick', 2, 4)


@pytest.mark.parametrize('words,message', [
    (['train', 'nowhere.json'], 'nowhere.json cannot be read'),
    (['train', 'lr=x', '--profile', 'smoke'], "lr='x'"),
    (['train', '--profile', 'huge'], "unknown profile 'huge'"),
    (['recipe', 'lr=1', 'fast'], "'fast' is neither"),
    (['recipe', '--profile', 'smoke', 'epoch=3'], "did you mean 'epochs'"),
    (['train', 'size=16', '--device', 'gpu'], "--device='gpu': PyTorch cannot compute on it"),
    (['train', 'size=16', '--device', 'meta'], 'There is cpu'),
    (['train', '--export', 'nowhere/a.pkl'], 'nowhere does not exist: make this folder'),
    (['train', '--export', '.'], 'is a folder: name a file in it'),
    (['train', '--data', 'nowhere'], "no data set 'nowhere'"),
    (['train', '--profile', 'smoke', 'bs=500'], 'bs=500'),
    (['recipe', 'name=' + 300*'x'], 'name'),
    (['show', 'tta-46'], "no experiment in .* is called 'tta-46'; did you mean 'tta-64'"),
    (['cache', '--clean', '../x'], "there is no '../x'"),
    (['cache', '--older-than', '3'], 'goes with --clean'),
    (['cache', '--clean', '--older-than', '-1'], 'older_than=-1'),
    (['cache', '--clean', '--older-than', 'nan'], 'older_than=nan'),
    (['train', '--seed=-1'], '--seed=-1: it must be 0 or more'),
    (['show', 'x', '--results', 'nowhere'], "called 'x', and there are no others"),
])
def test_mistakes_in_the_shell_are_one_sentence(words, message):
    with pytest.raises(SystemExit) as stop: cli(words)
    sentence = str(stop.value)
    assert re.match(f'sotatrain: .*{message}', sentence)
    assert len(sentence.splitlines()) == 1


@pytest.mark.parametrize('text', ['[1, 2]', '3', '"fast"', 'null', '{"recipe": []}'])
def test_a_file_without_fields_says_how_to_write_them(tmp_path, text):
    (tmp_path/'list.json').write_text(text)
    with pytest.raises(SystemExit, match=r'list\.json holds no named fields: write them as'):
        cli(['train', str(tmp_path/'list.json')])


def test_a_network_that_needs_another_size_is_one_sentence(tmp_path):
    file = a_file(tmp_path, 'vit', arch='vit_b_16', size=32, presize=32)
    with pytest.raises(SystemExit) as stop: cli(['train', str(file)])
    assert '224' in str(stop.value)
    assert len(str(stop.value).splitlines()) == 1


@pytest.fixture
def unexpected(monkeypatch):
    def fails(*args, **kwargs): raise AssertionError('first line\n' + 'and more ' * 100)
    monkeypatch.setattr('sotatrain.experiment.train', fails)


def test_an_error_that_nobody_expected_is_one_sentence(unexpected):
    with pytest.raises(SystemExit) as stop: cli(['train', '--profile', 'smoke'])
    message = str(stop.value)
    assert message.startswith('sotatrain: AssertionError: first line and more')
    assert message.endswith('(SOTATRAIN_DEBUG=1 shows where it comes from)')
    assert len(message) < 400


def test_who_wants_to_know_where_an_error_comes_from_sees_it(unexpected, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_DEBUG', '1')
    with pytest.raises(AssertionError): cli(['train', '--profile', 'smoke'])


def test_a_file_that_is_not_json(tmp_path):
    (tmp_path/'bad.json').write_text('{')
    with pytest.raises(SystemExit, match='bad.json is not JSON'):
        cli(['train', str(tmp_path/'bad.json')])


def test_train_compare_and_show(tmp_path, sotatrain, tiny_network):
    slow, fast = a_file(tmp_path, 'slow', lr=.001), a_file(tmp_path, 'fast', lr=.01)
    here = '--results', tmp_path
    sotatrain('train', slow)  # the first one decodes the pictures, behind a bar
    code, text = sotatrain('train', slow, '--seed', '1', '--device', 'cpu')
    assert code == 0
    assert text.splitlines()[-1].startswith('slow, seed 1: accuracy')
    _, text = sotatrain('compare', slow, fast, '--seeds', '2', '--name', 'rates', *here)
    assert 'fast' in text
    assert 'with 2 seeds' in text
    assert text.endswith(sotatrain('show', 'rates', *here)[1])
    assert sotatrain('show', *here)[1] == 'rates\n'
    with pytest.raises(SystemExit, match="called 'x': there are rates"):
        sotatrain('show', 'x', *here)


def test_each_epoch_is_a_line_where_bars_cannot_be_drawn(tmp_path, sotatrain, tiny_network):
    _, text = sotatrain('train', a_file(tmp_path, 'slow', epochs=3))
    *lines, last = text.splitlines()
    assert len(lines) == 3 and 'accuracy' in last
    for epoch, line in enumerate(lines, 1):
        assert f'epoch {epoch} of 3' in line
        assert all(word in line for word in ('loss', 'accuracy', 'left'))
    assert '\r' not in text


def test_pictures_that_cannot_be_decoded_can_be_left_out(
        tmp_path, tiny, sotatrain, tiny_network):
    shutil.copytree(tiny, data := tmp_path/'data')
    first = sorted((data/'train').glob('*/*'))[0]
    first.write_bytes(first.read_bytes()[:len(first.read_bytes()) // 2])
    words = 'train', a_file(tmp_path, 'slow'), '--data', data
    with pytest.raises(SystemExit, match=f'{first.name} cannot be decoded'): sotatrain(*words)
    assert sotatrain(*words, '--on-error', 'skip')[0] == 0


def test_a_failed_run_is_a_failed_command(tmp_path, sotatrain, tiny_network):
    file = a_file(tmp_path, 'wild', lr=1e38, opt='SGD', epochs=3, schedule='constant')
    assert sotatrain('train', file)[0] == 1


# --- the cache

@pytest.fixture
def a_store(tmp_path, monkeypatch):
    "A store of two pictures, in a cache of its own."
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    (root := tmp_path/'data').mkdir()
    files = [root/'a', root/'b']
    for file in files: file.touch()
    folder = tmp_path/'cache'/'presized'/'data-1-32'
    build_store(folder, root, files, lambda file: (np.ones((32, 32, 3), np.uint8), 1.), 32)
    return folder


def test_the_cache_is_listed(a_store, sotatrain, tmp_path):
    code, text = sotatrain('cache')
    assert not code
    head, line = text.splitlines()
    assert head.startswith(f'1 stores of decoded pictures in {a_store.parent}, 0.0 MB')
    assert line.startswith('data-1-32  0.0 MB, last used 20')
    assert line.endswith(f': 2 pictures of {tmp_path}/data, 32 px')


def test_the_cache_is_checked(a_store, sotatrain):
    assert sotatrain('cache', '--check') == (0, 'data-1-32: sound\n')
    images = np.load(a_store/'images.npy', mmap_mode='r+')
    images[1] = 0
    images.flush()
    code, text = sotatrain('cache', '--check')
    assert code == 1 and 'data-1-32: 1 pictures are damaged, b first' in text
    (a_store/'images.npy').unlink()
    code, text = sotatrain('cache', '--check')
    assert code == 1 and 'No such file' in text


@pytest.mark.parametrize('words,n', [
    ([], 0),
    (['data-1-32'], 1),
    (['--older-than', '1'], 0),
    (['--older-than', '0'], 1),
])
def test_the_cache_is_cleaned(a_store, sotatrain, words, n):
    _, text = sotatrain('cache', '--clean', *words)
    assert text.startswith(f'{n} stores of decoded pictures removed from')
    assert ('data-1-32' in text) == (not a_store.exists()) == bool(n)


def test_what_nothing_can_use_is_said_and_removed(a_store, sotatrain, tmp_path):
    shutil.rmtree(tmp_path/'data')
    assert '/data (gone), 32 px' in sotatrain('cache')[1]
    sotatrain('cache', '--clean')
    assert not a_store.exists()


# --- interruptions

def test_interruption_in_the_shell_says_how_to_go_on(monkeypatch, tmp_path):
    def interrupted(*args, **kwargs): raise KeyboardInterrupt
    monkeypatch.setattr('sotatrain.experiment.compare', interrupted)
    with pytest.raises(SystemExit, match='the same command goes on'):
        cli(['compare', str(a_file(tmp_path, 'a')), '--name', 'x'])


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    "A real process, a real signal."
    words = ['compare', str(a_file(tmp_path, 'a')), '--seeds', '1000', '--name', 'x',
             '--results', str(tmp_path)]
    child = Forked(tmp_path, cli, words)
    try:
        wait_for_two_files(tmp_path/'x', child)
        child.send_signal(signal.SIGINT)
        assert child.wait() == 1
    finally: child.kill()
    assert child.err.strip() == (
        'sotatrain: interrupted; finished runs are kept, and the same command goes on')
    assert 'epoch 1 of 1, train loss' in child.out and '\r' not in child.out
    assert len(load_runs('x', tmp_path)) >= 2
    assert not [*(tmp_path/'x').glob('.*')]


def wait_for_two_files(folder, child, seconds=120):
    deadline = time.monotonic() + seconds
    while len([*folder.glob('*.json')]) < 2 and time.monotonic() < deadline:
        if child.poll() is not None: return
        time.sleep(.1)
