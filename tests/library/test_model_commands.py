"""The commands that use a model: train --model, predict, evaluate, export, demo."""
import csv
import io
import os
import re
import shlex
import shutil
import sys

import pytest
import torch
from PIL import Image

from sotatrain.cli import main as cli
from sotatrain.deploy import load_model
from sotatrain.deploy.about import read_about
from sotatrain.deploy.demo import answer
from sotatrain.deploy.shell import EXAMPLES
from sotatrain.deploy.stream import picture_files
from tests.library.models import NAME

pytestmark = pytest.mark.usefixtures('own_cache', 'registered')


@pytest.fixture
def sotatrain(capsys):
    "The command: its exit code, what it prints, and what it complains about."
    def run(*words):
        code = cli([str(word) for word in words])
        return code, *capsys.readouterr()
    return run


@pytest.fixture
def folder(trained): return trained[1]

@pytest.fixture
def files(tiny): return [*picture_files(tiny/'val')]


def test_help_says_what_to_do(capsys):
    for name in 'predict', 'evaluate', 'export', 'demo':
        with pytest.raises(SystemExit): cli([name, '--help'])
        assert f'usage: sotatrain {name}' in capsys.readouterr().out
    with pytest.raises(SystemExit): cli(['--help'])
    assert EXAMPLES in capsys.readouterr().out


# --- from training to a page

WORDS = f'arch={NAME}', 'size=16', 'presize=24', 'epochs=1', 'bs=8', 'lr=.001'


def test_the_examples_of_the_help_work(tmp_path, monkeypatch, sotatrain, tiny):
    monkeypatch.chdir(tmp_path)
    for name, target in ('data', tiny), ('photos', tiny/'val'):
        (tmp_path/name).symlink_to(target)
    lines = [re.split(r'\s{2,}', line.strip())[0] for line in EXAMPLES.strip().splitlines()]
    assert len(lines) == 5
    for line in lines:
        line = line.replace('~/birds', str(tmp_path/'data')).replace('~', str(tmp_path))
        words = shlex.split(line)[1:]
        words, file = (words[:-2], words[-1]) if '>' in words else (words, None)
        if words[0] in ('demo', 'export'): continue  # they have tests of their own
        if words[0] == 'train': words += WORDS
        code, text, _ = sotatrain(*words)
        assert not code and text, line
        if file: (tmp_path/file).write_text(text)
    assert len((tmp_path/'what.csv').read_text().splitlines()) == 21
    assert Image.open('confusion.png').size[0] > 300
    names = {file.name for file in (tmp_path/'birds').iterdir()}
    assert names == {'README.md', 'model.json', 'model.safetensors'}
    assert read_about(tmp_path/'birds').recipe['arch'] == NAME


def test_the_license_is_what_was_said(tmp_path, sotatrain):
    words = 'data=doodlenette-20-10', *WORDS
    sotatrain('train', *words, '--model', tmp_path/'m', '--license', 'cc-by-4.0')
    assert read_about(tmp_path/'m').license == 'cc-by-4.0'


@pytest.mark.parametrize('words,says', [
    (['train', '--license', 'mit'], '--license goes with --model'),
    (['train', '--model', 'm', '--seeds', '2'], '--model writes one learner, and --seeds'),
    (['train', '--model', 'm', '--license', 'Mine!'], "license='Mine!': it must be"),
    (['train', '--model', 'nowhere/m'], 'nowhere does not exist: make this folder'),
    (['train', '--model', '.'], 'is there already: choose another name'),
    (['predict', 'nowhere', 'a.jpg'], 'nowhere does not exist: name a folder that save_model'),
    (['predict', 'MODEL', 'empty'], 'empty: there are no pictures'),
    (['predict', 'MODEL', 'empty', '--top', '0'], '--top=0: it must be 1 or more'),
    (['predict', 'MODEL', 'empty', '--bs', '0'], '--bs=0: it must be 1 or more'),
    (['predict', 'MODEL', 'a.jpg', '--device', 'gpu'], "device='gpu': PyTorch cannot compute"),
    (['evaluate', 'MODEL', 'nowhere'], 'nowhere is no folder: name one'),
    (['evaluate', 'MODEL', 'empty'], 'empty has no pictures in its classes'),
    (['evaluate', 'MODEL', 'empty', '--plot', 'nowhere/a.png'], 'nowhere does not exist'),
    (['evaluate', 'MODEL', 'empty', '--plot', 'a.docx'], r"ending='\.docx': choose one of"),
    (['export', 'MODEL'], 'say in which form: --onnx'),
    (['demo', 'nowhere'], 'nowhere does not exist'),
])
def test_mistakes_in_the_shell_are_one_sentence(words, says, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'empty').mkdir()
    if words[0] == 'train': words = [*words, *WORDS, 'data=doodlenette-20-10']
    with pytest.raises(SystemExit) as stop:
        cli([str(folder) if word == 'MODEL' else word for word in words])
    assert re.match(f'sotatrain: .*{says}', str(stop.value))
    assert 'accuracy' not in str(stop.value)  # nothing was trained before
    assert len(str(stop.value).splitlines()) == 1


# --- predict

def test_each_picture_is_a_line_with_its_classes(sotatrain, folder, files):
    model = load_model(folder)
    code, text, complaints = sotatrain('predict', folder, files[0], files[1].parent, '--top', 3)
    lines = text.splitlines()
    assert code == 0 and not complaints and len(lines) == 1 + len([*files[1].parent.iterdir()])
    p = model.predict(files[0])[0]
    values, places = p.topk(3)
    said = [f'{model.classes[i]} {100 * value:.1f} %' for i, value in zip(places, values)]
    assert lines[0] == f'{files[0]}: {", ".join(said)}'


def test_a_table_is_one_that_programs_read(sotatrain, folder, files, tmp_path):
    odd = shutil.copy(files[0], tmp_path/'a, "b" ä.jpg')
    _, text, _ = sotatrain('predict', folder, odd, '--csv', '--top', '99')
    row, = csv.DictReader(io.StringIO(text))
    assert row['file'] == str(odd)
    assert [*row][:5] == ['file', 'class', 'probability', 'class_2', 'probability_2']
    assert len(row) == 1 + 2*10
    shares = [float(value) for name, value in row.items() if name.startswith('probability')]
    assert sum(shares) == pytest.approx(1, abs=1e-4) and shares == sorted(shares)[::-1]


def test_names_come_from_the_standard_input(sotatrain, folder, files, monkeypatch):
    monkeypatch.setattr(sys, 'stdin', io.StringIO(f'{files[0]}\n\n{files[1]}\r\n'))
    _, text, _ = sotatrain('predict', folder, '-')
    assert [line.split(': ')[0] for line in text.splitlines()] == [*map(str, files[:2])]
    monkeypatch.setattr(sys, 'stdin', io.StringIO(''))
    with pytest.raises(SystemExit, match='there are no pictures'):
        cli(['predict', str(folder), '-'])


def test_bad_files_are_listed_and_stop_nothing(sotatrain, folder, files, tmp_path):
    (tmp_path/'bad.jpg').write_text('no')
    code, text, complaints = sotatrain(
        'predict', folder, files[0], tmp_path/'bad.jpg', files[1], tmp_path/'none.jpg')
    assert code == 1 and len(text.splitlines()) == 2
    bad, none, sum_of_it = complaints.splitlines()
    assert 'bad.jpg is not a picture' in bad and 'none.jpg does not exist' in none
    assert sum_of_it == '2 of 4 pictures cannot be read'


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere names are text')
def test_a_name_that_is_no_text_is_written_as_it_is(folder, files, tmp_path, capfdbinary):
    name = os.fsencode(tmp_path) + b'/\xff.jpg'
    shutil.copy(files[0], name)
    assert cli(['predict', str(folder), os.fsdecode(name)]) == 0
    assert capfdbinary.readouterr().out.startswith(name + b': ')


def test_views_are_merged_if_asked_for(sotatrain, folder, files):
    model = load_model(folder)
    _, text, _ = sotatrain('predict', folder, files[0], '--tta', '--csv')
    row, = csv.DictReader(io.StringIO(text))
    expected = model.predict(files[0], tta=True).max().item()
    assert float(row['probability']) == pytest.approx(expected, abs=1e-5)
    assert expected != pytest.approx(model.predict(files[0]).max().item(), abs=1e-5)


# --- evaluate

def test_what_is_evaluated_is_what_was_measured(sotatrain, folder, tiny):
    code, text, _ = sotatrain('evaluate', folder, tiny)
    measured = read_about(folder).measured
    found = re.search(r'accuracy +([\d.]+) % \(([\d.]+) to ([\d.]+)\)', text).groups()
    accuracy = measured['accuracy']
    expected = [round(100 * accuracy[name], 1) for name in ('value', 'low', 'high')]
    assert [*map(float, found)] == expected
    assert code == 0 and text.startswith('20 pictures\n') and 'calibration error' in text
    for name in read_about(folder).classes: assert re.search(rf'\n{name} +[\d.]+ % ', text)
    assert 'taken for' in text


def test_bad_files_do_not_hide_the_scores(sotatrain, folder, tiny, tmp_path):
    shutil.copytree(tiny/'val', tmp_path/'val')
    (tmp_path/'val'/'n03028079'/'bad.jpg').write_text('no')
    code, text, complaints = sotatrain(
        'evaluate', folder, tmp_path, '--plot', tmp_path/'c.svg')
    assert code == 1 and text.startswith('20 pictures')
    assert 'bad.jpg is not a picture' in complaints
    assert complaints.endswith('1 of 21 pictures cannot be read\n')
    assert '<svg' in (tmp_path/'c.svg').read_text()


# --- export and demo

def test_a_graph_is_written_beside_the_weights(sotatrain, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path/'m')
    assert sotatrain('export', copy, '--torch')[:2] == (None, f'{copy/"model.pt2"}\n')
    assert load_model(copy).classes  # the folder is one as before


def test_the_page_answers_for_files_in_any_mode_and_says_what_is_none(folder, files, tmp_path):
    model = load_model(folder)
    assert answer(model, None) == (None, None)
    found, picture = answer(model, str(files[0]))
    assert [*found.values()] == pytest.approx(model.predict(files[0])[0].tolist(), abs=1e-6)
    assert [*found] == model.classes
    assert picture.shape == (256, 256, 3) and picture.dtype == 'uint8'
    (tmp_path/'bad.jpg').write_text('no')
    with pytest.raises(ValueError, match='no picture that can be read'):
        answer(model, str(tmp_path/'bad.jpg'))


def test_a_network_without_maps_answers_without_a_picture(folder, files):
    model = load_model(folder)
    values = 3 * model.about.size**2
    model.network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(values, len(model.classes)))
    found, picture = answer(model, str(files[0]))
    assert picture is None and [*found] == model.classes


def test_without_gradio_the_page_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr('sotatrain.deploy.demo.find_spec', lambda name: None)
    with pytest.raises(SystemExit, match=r"sotatrain: the page needs gradio: pip install '"):
        cli(['demo', str(folder)])
