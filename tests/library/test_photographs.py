"""A folder of photographs, learned without a recipe: `sotatrain train FOLDER`."""
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from pytest import approx

from sotatrain.cli import main as cli
from sotatrain.deploy import load_model
from sotatrain.deploy.photos import learn_photographs, photographs, report

pytestmark = pytest.mark.usefixtures('own_cache')


def draw(folder, colours, senders, n):
    "n pictures of each colour and sender, in a folder for each colour."
    rng = np.random.default_rng(0)
    for name, colour in colours.items():
        (folder/name).mkdir(parents=True)
        for sender in senders:
            for i in range(n):
                pixels = rng.integers(0, 60, (48, 64, 3)) + np.array(colour)
                Image.fromarray(pixels.astype('uint8')).save(folder/name/f'{sender}-{i}.png')
    return folder


COLOURS = {'red': (180, 20, 20), 'blue': (20, 20, 180)}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp('photos')/'mine', COLOURS, 'abcde', 4)


def test_the_folder_is_the_class_at_any_depth(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path/'copy')
    (copy/'red'/'2026').mkdir()
    (copy/'red'/'a-0.png').rename(copy/'red'/'2026'/'a-0.png')
    found = photographs(copy)
    assert [*found.labels] == ['blue'] * 20 + ['red'] * 20
    assert found.groups is None  # each is by itself


def test_groups_are_what_a_pattern_finds(folder):
    assert {*photographs(folder, '^[a-z]').groups} == {*'abcde'}


@pytest.mark.parametrize('pattern, message', [
    ('^[0-9]', "'a-0.png' has no match of"), ('(', 'is no regular expression')])
def test_a_pattern_that_fits_no_name_is_refused(folder, pattern, message):
    with pytest.raises(ValueError, match=message): photographs(folder, pattern)


def test_what_is_no_folder_of_photographs_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match='have pictures: 0'): photographs(tmp_path)
    copy = shutil.copytree(folder, tmp_path/'copy')
    shutil.rmtree(copy/'blue')
    with pytest.raises(ValueError, match='have pictures: 1'): photographs(copy)
    (copy/'red'/'a-0.png').rename(copy/'loose.png')
    with pytest.raises(ValueError, match="loose.png is in no class's folder"): photographs(copy)


def test_groups_stay_on_one_side(folder):
    learn = learn_photographs(folder, 32, '^[a-z]')
    sides = [{file.name[0] for file in dl.items} for dl in (learn.dls.train, learn.dls.valid)]
    assert sides[1] and not sides[0] & sides[1] and sides[0] | sides[1] == {*'abcde'}
    assert report(learn).startswith('8 of 8 photographs held back are right: 100%, 95 %')


def test_a_folder_that_is_split_stays_so(folder, tmp_path):
    for split in 'train', 'val': shutil.copytree(folder, tmp_path/split)
    for file in (tmp_path/'val').rglob('*.png'): file.write_bytes(file.read_bytes() + b'.')
    learn = learn_photographs(tmp_path, 32)
    assert len(learn.dls.train.dataset) == len(learn.dls.valid.dataset) == 40
    with pytest.raises(ValueError, match='leave the groups out'):
        learn_photographs(tmp_path, 32, '^[a-z]')


def test_what_cannot_be_read_is_left_out_and_said(folder, tmp_path, capsys):
    copy = shutil.copytree(folder, tmp_path/'copy')
    (copy/'red'/'f-0.png').write_bytes(b'no picture')
    with pytest.raises(SystemExit, match='f-0.png cannot be decoded'):
        cli(['train', str(copy), 'size=32'])
    cli(['train', str(copy), 'size=32', '--on-error', 'skip'])
    said = capsys.readouterr().out
    assert 'cannot be read: red/f-0.png' in said
    assert '--group' in said


def test_from_the_shell_to_a_model_that_predicts(folder, tmp_path, capsys):
    cli(['train', str(folder), 'size=32', '--group', '^[a-z]', '--model', str(tmp_path/'m')])
    assert 'photographs held back are right' in capsys.readouterr().out
    model = load_model(tmp_path/'m')
    assert model.about.size == 32 and model.classes == ['blue', 'red']
    assert model.predict(folder/'red'/'a-0.png')[0].argmax() == 1


@pytest.mark.parametrize('words, message', [
    (['epochs=3'], 'epochs=3 goes with a recipe'), (['--seeds', '2'], '--seeds goes with'),
    (['--out', 'x'], '--out goes with'), (['size=big'], 'it must be a whole number'),
    (['size=0'], 'size=0'), (['--license', 'mit'], '--license goes with --model')])
def test_what_goes_with_recipes_is_refused(folder, words, message):
    with pytest.raises(SystemExit, match=message): cli(['train', str(folder), *words])


def test_groups_without_photographs_are_refused():
    with pytest.raises(SystemExit, match='--group goes with a folder'):
        cli(['train', '--group', 'a'])


def test_a_split_under_another_name_is_not_taken_for_classes(folder, tmp_path):
    for split in 'train', 'test': shutil.copytree(folder, tmp_path/split)
    with pytest.raises(ValueError, match='train with folders in it, and no val'):
        learn_photographs(tmp_path, 32)


def test_what_is_left_when_most_cannot_be_read_is_learned(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path/'copy')
    for i, file in enumerate([*copy.rglob('*.png')]):
        if i % 4: file.write_bytes(b'no picture')
    shutil.copytree(copy/'red', copy/'green')
    for file in (copy/'green').iterdir(): file.write_bytes(b'no picture')
    learn = learn_photographs(copy, 32, on_error='skip')
    assert [*learn.dls.vocab] == ['blue', 'red'] and len(learn.dls.train.dataset) < 10


def test_copies_on_both_sides_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path/'copy')
    for file in [*copy.rglob('*.png')]: shutil.copy(file, file.with_name(f'again-{file.name}'))
    with pytest.raises(ValueError, match='are copies of training pictures'):
        learn_photographs(copy, 32)


def test_the_report_is_of_the_model_that_is_written(tmp_path, capsys):
    draw(tmp_path/'f', {'a': (90, 80, 80), 'b': (80, 90, 80)}, 'abcdef', 6)
    cli(['train', str(tmp_path/'f'), 'size=32', '--model', str(tmp_path/'m')])
    right, n = map(int, re.match(r'(\d+) of (\d+)', capsys.readouterr().out).groups())
    measured = load_model(tmp_path/'m').about.measured
    assert measured['accuracy']['value'] == approx(right / n, abs=1e-5)


def test_a_licence_is_looked_at_before_the_work(folder, tmp_path):
    with pytest.raises(SystemExit, match="--license='Foo Bar'"):
        cli(['train', str(folder), '--model', str(tmp_path/'m'), '--license', 'Foo Bar'])
