"""What GitHub runs: valid and pinned workflows of commands that exist; a fall is noticed."""
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools import regression

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT/'.github'/'workflows').glob('*.yml'))


def jobs(workflow): return yaml.safe_load(workflow.read_text())['jobs']
def steps(workflow): return [step for job in jobs(workflow).values() for step in job['steps']]


@pytest.mark.parametrize('workflow', WORKFLOWS, ids=lambda p: p.stem)
def test_workflow_is_valid(workflow):
    command = [sys.executable, '-m', 'check_jsonschema']
    command += ['--builtin-schema', 'vendor.github-workflows', workflow]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_there_are_three_of_them(): assert [w.stem for w in WORKFLOWS] == ['book', 'ci', 'gpu']


@pytest.mark.parametrize('workflow', WORKFLOWS, ids=lambda p: p.stem)
def test_actions_are_pinned_and_make_targets_exist(workflow):
    targets = set(re.findall(r'^([a-z]+):', (ROOT/'Makefile').read_text(), re.M))
    for step in steps(workflow):
        if 'uses' in step: assert re.fullmatch(r'[\w.-]+/[\w./-]+@v\d+(\.\d+)*', step['uses'])
        command = step.get('run', '')
        assert set(re.findall(r'\bmake (\w+)', command)) <= targets
        for folder, module in re.findall(r'-m (bench|tools)\.(\w+)', command):
            assert (ROOT/folder/f'{module}.py').exists()


def test_the_oldest_and_the_newest_python_are_tested():
    ci = jobs(ROOT/'.github'/'workflows'/'ci.yml')
    assert ci['test']['strategy']['matrix']['python'] == ['3.10', '3.13']
    assert ci['macos']['runs-on'].startswith('macos')


# --- the comparison

EXPERIMENTS = ROOT/'results'/'experiments'
STORED = EXPERIMENTS/'tta-64'

def fresh(folder, change=lambda run: None, recipe='plain'):
    "Results like the stored ones of one recipe, changed."
    target = folder/'tta-64'
    target.mkdir(parents=True)
    for file in STORED.glob(f'{recipe}-seed*.json'):
        run = json.loads(file.read_text())
        change(run)
        (target/file.name).write_text(json.dumps(run))
    return folder

def lower(points): return lambda run: run.update(accuracy=run['accuracy'] - points/100)
def failed(run): run.update(error='the loss is nan', accuracy=None)
def verdict(folder): return regression.main([str(EXPERIMENTS), str(folder)])


@pytest.mark.parametrize('points,code,word', [
    (0, 0, 'ok'),
    (-5, 0, 'ok'),
    (1, 0, 'ok'),
    (5, 1, 'fallen')])
def test_a_fallen_accuracy_is_noticed(tmp_path, capsys, points, code, word):
    assert verdict(fresh(tmp_path, lower(points))) == code
    shown = capsys.readouterr().out
    assert f'| {word} |' in shown and shown.count('\n') == 3 and '76.8' in shown


@pytest.mark.parametrize('factor,fallen', [
    (2.9, False),
    (3.1, True)])
def test_the_limit_is_three_standard_deviations(tmp_path, factor, fallen):
    check, = regression.compare(EXPERIMENTS, fresh(tmp_path))
    # larger than the .4 points over the seeds
    assert check.sd == pytest.approx((.768*.232/3925)**.5, rel=.02)
    assert check._replace(fresh=check.stored - factor*check.sd).fallen == fallen


def test_an_accuracy_of_half_of_the_pictures_has_a_wider_limit(tmp_path):
    fresh(tmp_path)
    whole, = regression.compare(tmp_path, tmp_path)
    for file in tmp_path.glob('*/*.json'):
        run = json.loads(file.read_text())
        run['recipe']['report'] = 'reported'
        file.write_text(json.dumps(run))
    half, = regression.compare(tmp_path, tmp_path)
    assert half.sd == pytest.approx(2**.5 * whole.sd)


def test_a_failed_run_is_a_fall(tmp_path, capsys):
    assert verdict(fresh(tmp_path, failed)) == 1
    assert 'the loss is nan' in capsys.readouterr().out


def test_what_was_never_stored_cannot_fall(tmp_path, capsys):
    shutil.copytree(STORED, tmp_path/'new experiment')
    assert verdict(tmp_path) == 0
    assert capsys.readouterr().out.count('| not stored yet |') == 8


def test_nothing_to_compare_is_said(tmp_path):
    with pytest.raises(SystemExit, match='no measured runs'): verdict(tmp_path)
