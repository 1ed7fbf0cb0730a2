"""The command `sotatrain`."""
import json
import signal
import subprocess
import sys
import time

import pytest

from sotatrain.cli import main as cli
from sotatrain.experiment import Recipe, load_runs
from tests.library.fakes import SMALL

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


@pytest.mark.parametrize('words', [[], ['train'], ['compare'], ['show']])
def test_help_says_what_to_do(words):
    command = [sys.executable, '-m', 'sotatrain.cli', *words, '--help']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert 'usage: sotatrain' in done.stdout


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
])
def test_mistakes_in_the_shell_are_one_sentence(words, message):
    with pytest.raises(SystemExit) as stop: cli(words)
    assert message in str(stop.value)
    assert 'Traceback' not in str(stop.value)


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
    assert text.startswith('slow, seed 1: accuracy')
    _, text = sotatrain('compare', slow, fast, '--seeds', '2', '--name', 'rates', *here)
    assert 'fast' in text
    assert 'with 2 seeds' in text
    assert sotatrain('show', 'rates', *here)[1] == text
    assert sotatrain('show', *here)[1] == 'rates\n'
    assert 'Not measured yet' in sotatrain('show', 'x', *here)[1]


def test_a_failed_run_is_a_failed_command(tmp_path, sotatrain, tiny_network):
    file = a_file(tmp_path, 'wild', lr=1e38, opt='SGD', epochs=3, schedule='constant')
    assert sotatrain('train', file)[0] == 1


def test_interruption_in_the_shell_says_how_to_go_on(monkeypatch, tmp_path):
    def interrupted(*args, **kwargs): raise KeyboardInterrupt
    monkeypatch.setattr('sotatrain.experiment.compare', interrupted)
    with pytest.raises(SystemExit, match='the same command goes on'):
        cli(['compare', str(a_file(tmp_path, 'a')), '--name', 'x'])


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    "A real process, a real signal."
    command = [
        sys.executable, '-m', 'sotatrain.cli', 'compare', str(a_file(tmp_path, 'a')),
        '--seeds', '1000', '--name', 'x', '--results', str(tmp_path)]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(command, **pipes) as child:
        try:
            wait_for_two_files(tmp_path/'x', child)
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=60)
        finally: child.kill()
    assert child.returncode == 1
    assert 'interrupted; finished runs are kept, and the same command goes on' in err
    assert len(load_runs('x', tmp_path)) >= 2
    assert not [*(tmp_path/'x').glob('.*')]


def wait_for_two_files(folder, child, seconds=120):
    deadline = time.monotonic() + seconds
    while len([*folder.glob('*.json')]) < 2 and time.monotonic() < deadline:
        if child.poll() is not None: return
        time.sleep(.1)
