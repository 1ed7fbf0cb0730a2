"""What GitHub runs: the workflows are valid, pinned, and stand on commands that exist; a fallen accuracy is noticed."""
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


def steps(workflow): return [step for job in yaml.safe_load(workflow.read_text())['jobs'].values() for step in job['steps']]


@pytest.mark.parametrize('workflow', WORKFLOWS, ids=lambda p: p.stem)
def test_workflow_is_valid(workflow):
    checked = subprocess.run([sys.executable, '-m', 'check_jsonschema', '--builtin-schema', 'vendor.github-workflows', workflow], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_there_are_three_of_them(): assert [w.stem for w in WORKFLOWS] == ['book', 'ci', 'gpu']


@pytest.mark.parametrize('workflow', WORKFLOWS, ids=lambda p: p.stem)
def test_actions_are_pinned_and_make_targets_exist(workflow):
    targets = set(re.findall(r'^([a-z]+):', (ROOT/'Makefile').read_text(), re.M))
    for step in steps(workflow):
        if 'uses' in step: assert re.fullmatch(r'[\w.-]+/[\w./-]+@v\d+(\.\d+)*', step['uses'])
        for target in re.findall(r'\bmake (\w+)', step.get('run', '')): assert target in targets
        for module in re.findall(r'-m (bench|tools)\.(\w+)', step.get('run', '')): assert (ROOT/module[0]/f'{module[1]}.py').exists()


def test_the_oldest_and_the_newest_python_are_tested():
    ci = yaml.safe_load((ROOT/'.github'/'workflows'/'ci.yml').read_text())
    assert ci['jobs']['test']['strategy']['matrix']['python'] == ['3.10', '3.13'] and ci['jobs']['macos']['runs-on'].startswith('macos')


# --- the comparison

STORED = ROOT/'results'/'experiments'/'tta-64'

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


@pytest.mark.parametrize('points,code,word', [(0, 0, 'ok'), (-5, 0, 'ok'), (1, 0, 'ok'), (5, 1, 'fallen')])
def test_a_fallen_accuracy_is_noticed(tmp_path, capsys, points, code, word):
    assert regression.main([str(ROOT/'results'/'experiments'), str(fresh(tmp_path, lower(points)))]) == code
    shown = capsys.readouterr().out
    assert f'| {word} |' in shown and shown.count('\n') == 3 and '76.8' in shown


def test_the_limit_is_three_standard_deviations(tmp_path):
    check, = regression.compare(ROOT/'results'/'experiments', fresh(tmp_path))
    assert check.sd == pytest.approx((.768*.232/3925)**.5, rel=.02)  # larger than the .4 points over the seeds
    for factor, fallen in ((2.9, False), (3.1, True)): assert check._replace(fresh=check.stored - factor*check.sd).fallen == fallen


def test_a_failed_run_is_a_fall(tmp_path, capsys):
    assert regression.main([str(ROOT/'results'/'experiments'), str(fresh(tmp_path, lambda run: run.update(error='the loss is nan', accuracy=None)))]) == 1
    assert 'the loss is nan' in capsys.readouterr().out


def test_what_was_never_stored_cannot_fall(tmp_path, capsys):
    shutil.copytree(STORED, tmp_path/'new experiment')
    assert regression.main([str(ROOT/'results'/'experiments'), str(tmp_path)]) == 0 and capsys.readouterr().out.count('| not stored yet |') == 8


def test_nothing_to_compare_is_said(tmp_path):
    with pytest.raises(SystemExit, match='no measured runs'): regression.main([str(ROOT/'results'/'experiments'), str(tmp_path)])
