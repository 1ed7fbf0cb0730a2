"""The drawn data set: its pictures, its folder, and what happens when drawing goes wrong."""
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sotatrain.core.cache import DiskFull
from sotatrain.doodlenette import CLASSES, doodlenette, draw, portrait
from sotatrain.doodlenette import dataset as module

ROOT = Path(module.__file__).resolve().parents[2]
ENV = {**os.environ, 'PYTHONPATH': str(ROOT)}
SMALL = dict(n_train=20, n_val=10, progress=False)
NOT_WHOLE = '{} must be a whole number not below .*not {!r}: '


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    "The folder of a small dataset, drawn once for all the tests that only read it."
    return doodlenette(tmp_path_factory.mktemp('small')/'set', workers=2, **SMALL)


def contents(folder):
    "The bytes of every picture of a folder, by relative path."
    files = sorted(folder.rglob('*.JPEG'))
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def python(code):
    "Start `code` in a new Python process, which need not find sotatrain installed."
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([sys.executable, '-c', code], env=ENV, **pipes)


# --- the pictures

@pytest.mark.parametrize('wnid,name', CLASSES.items())
def test_every_class_draws_by_id_and_by_name(wnid, name):
    pictures = [draw(wnid, index=i) for i in range(6)]
    assert all(p.mode == 'RGB' and np.asarray(p).std() > 10 for p in pictures)
    assert draw(name, index=3).tobytes() == pictures[3].tobytes()


@pytest.mark.parametrize('name', CLASSES.values())
def test_portraits(name):
    first, again, other = portrait(name, 64), portrait(name, 64), portrait(name, 64, seed=1)
    assert first.size == (64, 64) and first.mode == 'RGB'
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_sides_vary_as_in_photographs():
    sizes = [draw('tench', index=i).size for i in range(40)]
    ratios = [wide / high for wide, high in sizes]
    assert all(192 <= min(size) <= 256 for size in sizes)
    assert min(ratios) < .8 and max(ratios) > 1.7 and len(set(map(min, sizes))) > 10


def test_side_sets_the_shorter_side():
    assert all(min(draw('church', index=i, side=100).size) == 100 for i in range(5))


def test_a_poster_is_larger_than_the_sheet_of_grain():
    assert min(draw('parachute', side=700).size) == 700


def test_each_argument_of_draw_matters():
    pictures = [draw('church'), draw('tench')]
    pictures += [draw('church', seed=1), draw('church', index=1), draw('church', split='val')]
    assert len({p.tobytes() for p in pictures}) == len(pictures)


def test_draw_does_not_touch_the_global_random_state():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    draw('golf ball')
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize('call', [draw, portrait])
def test_unknown_class(call):
    with pytest.raises(ValueError, match="'cathedral'.*n01440764.*church"): call('cathedral')


def test_unknown_split():
    with pytest.raises(ValueError, match="'test'.*train.*val"): draw('church', split='test')


@pytest.mark.parametrize('name,value', [
    ('seed', -1),
    ('seed', 1.5),
    ('index', -1),
    ('index', None),
    ('side', 0),
    ('side', 9.5)])
def test_bad_numbers_of_a_picture(name, value):
    with pytest.raises(ValueError, match=NOT_WHOLE.format(name, value)):
        draw('church', **{name: value})


# --- the folder

def test_layout_and_balance(small):
    for split, n in (('train', 2), ('val', 1)):
        assert sorted(p.name for p in (small/split).iterdir()) == list(CLASSES)
        assert all(len(list((small/split/wnid).glob('*.JPEG'))) == n for wnid in CLASSES)


def test_files_are_jpeg(small):
    for file in small.rglob('*.JPEG'):
        with Image.open(file) as picture:
            assert (picture.format, picture.mode) == ('JPEG', 'RGB')


def test_counts_that_ten_does_not_divide(tmp_path):
    path = doodlenette(tmp_path/'set', n_train=23, n_val=11, workers=0, progress=False)
    counts = [len(list((path/'train'/wnid).iterdir())) for wnid in CLASSES]
    assert counts == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    assert len(list((path/'val').rglob('*.JPEG'))) == 11


def test_train_and_val_share_no_picture(small):
    assert len(set(contents(small).values())) == 30


def test_bytes_depend_on_the_seed_alone(small, tmp_path):
    same = doodlenette(tmp_path/'same', workers=0, **SMALL)
    three = doodlenette(tmp_path/'three', workers=3, **SMALL)
    other = doodlenette(tmp_path/'other', workers=0, seed=1, **SMALL)
    assert contents(same) == contents(three) == contents(small)
    assert not set(contents(other).values()) & set(contents(small).values())


def test_a_smaller_set_is_part_of_a_larger_one(small, tmp_path):
    larger = doodlenette(tmp_path/'larger', n_train=33, n_val=14, workers=2, progress=False)
    assert contents(small).items() < contents(larger).items()


def test_a_second_call_draws_nothing(small, monkeypatch):
    monkeypatch.setattr(module, '_draw_all', lambda *args: pytest.fail('it drew again'))
    assert doodlenette(small, **SMALL) == small


def test_cache_folder_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    path = doodlenette(seed=7, workers=0, **SMALL)
    assert path == tmp_path/'cache'/f'doodlenette-v{module.VERSION}-20-10-s7'
    assert {p.name for p in path.parent.iterdir()} == {path.name, 'locks'}


def test_default_cache_folder(monkeypatch):
    monkeypatch.delenv('SOTATRAIN_CACHE', raising=False)
    cache = Path.home()/'.cache'/'sotatrain'
    assert module._default_folder(1, 20, 10, 0) == cache/'doodlenette-v1-20-10-s0'


# --- bad input

@pytest.mark.parametrize('name,value', [
    ('n_train', 9),
    ('n_train', 20.),
    ('n_train', '20'),
    ('n_train', True),
    ('n_val', 0),
    ('n_val', None),
    ('seed', -1),
    ('seed', .5),
    ('seed', None),
    ('workers', -1),
    ('workers', 1.5)])
def test_bad_numbers(tmp_path, name, value):
    with pytest.raises(ValueError, match=NOT_WHOLE.format(name, value)):
        doodlenette(tmp_path/'set', **{**SMALL, name: value})
    assert not list(tmp_path.iterdir())


def test_numpy_integers_are_whole_numbers(small):
    assert doodlenette(small, np.int64(20), np.int32(10), np.uint8(0)) == small


def test_a_path_with_another_dataset(small):
    says = "'seed': 0.*'seed': 1.*choose another path, or remove"
    with pytest.raises(FileExistsError, match=says): doodlenette(small, seed=1, **SMALL)


@pytest.mark.parametrize('text', ['notes', 'null', '{"version": 0}'])
def test_a_path_with_something_else(tmp_path, text):
    (tmp_path/'doodlenette.json').write_text(text)
    with pytest.raises(FileExistsError, match='holds .*choose another path, or remove'):
        doodlenette(tmp_path, **SMALL)


def test_a_path_with_other_files_keeps_them(tmp_path):
    (tmp_path/'holiday.jpg').write_text('mine')
    with pytest.raises(FileExistsError, match='something other than Doodlenette'):
        doodlenette(tmp_path, **SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ['holiday.jpg']


def test_a_path_that_is_a_file(tmp_path):
    (tmp_path/'set').write_text('mine')
    with pytest.raises(FileExistsError): doodlenette(tmp_path/'set', **SMALL)
    assert (tmp_path/'set').read_text() == 'mine'


def test_an_empty_folder_and_missing_parents_will_do(tmp_path):
    (tmp_path/'empty').mkdir()
    assert len(contents(doodlenette(tmp_path/'empty', workers=0, **SMALL))) == 30
    assert len(contents(doodlenette(str(tmp_path/'a'/'b'), workers=0, **SMALL))) == 30


# --- when drawing goes wrong

@pytest.mark.parametrize('error', [KeyboardInterrupt, OSError])
def test_an_interruption_leaves_nothing(tmp_path, monkeypatch, error):
    def broken(cls, seed, index, split):
        if index: raise error
        return Image.new('RGB', (8, 8))
    monkeypatch.setattr(module, 'draw', broken)
    with pytest.raises(error): doodlenette(tmp_path/'set', workers=0, **SMALL)
    assert not list(tmp_path.iterdir())


def test_a_failing_process_shows_its_error(tmp_path, monkeypatch):
    start = module._start
    monkeypatch.setattr(module, '_start', lambda folder, *rest: start(folder/'nowhere', *rest))
    says = '(?s)2 of 2 drawing processes failed.*FileNotFoundError'
    with pytest.raises(RuntimeError, match=says):
        doodlenette(tmp_path/'set', workers=2, **SMALL)
    assert not list(tmp_path.iterdir())


def full(*args, **more): raise OSError(errno.ENOSPC, 'No space left on device')

AS_A_PROCESS = """
import errno, json, sys
from PIL import Image
from sotatrain.doodlenette import dataset
def save(*args, **more): raise OSError(errno.ENOSPC, 'No space left on device')
Image.Image.save = save
dataset.draw_share(*json.loads(sys.argv[1]))
"""

@pytest.mark.parametrize('workers', [0, 2])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, workers):
    start = subprocess.Popen
    def on_a_full_disk(command, **more):
        return start([command[0], '-c', AS_A_PROCESS, command[-1]], **more)
    monkeypatch.setattr(module.subprocess, 'Popen', on_a_full_disk)
    if not workers: monkeypatch.setattr(Image.Image, 'save', full)
    with pytest.raises(DiskFull, match='the disk of .* is full: .* MB are free. Make room'):
        doodlenette(tmp_path/'set', workers=workers, **SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['_write_noisy_labels', 'content_of'])
def test_a_disk_that_is_full_at_the_end_leaves_nothing(tmp_path, monkeypatch, name):
    monkeypatch.setattr(module, name, full)
    with pytest.raises(DiskFull): doodlenette(tmp_path/'set', workers=0, **SMALL)
    assert not list(tmp_path.iterdir())


def test_an_exception_while_waiting_ends_the_processes(tmp_path, monkeypatch):
    start, children = module._start, []

    def start_and_tell(*args):
        children.append(start(*args))
        return children[-1]

    def impatient(items, *more):
        next(items)
        raise KeyboardInterrupt
    monkeypatch.setattr(module, '_start', start_and_tell)
    monkeypatch.setattr(module, 'behind_bar', impatient)
    with pytest.raises(KeyboardInterrupt):
        doodlenette(tmp_path/'set', n_train=5000, n_val=10, workers=2)
    assert [child.poll() is None for child in children] == [False, False]
    assert not list(tmp_path.iterdir())


def alive(pid):
    "Whether a process runs (one that has ended and awaits its parent does not)."
    try: return Path(f'/proc/{pid}/stat').read_text().rsplit(')')[-1].split()[0] != 'Z'
    except OSError: return False


def wait_until(condition, seconds=20):
    "Wait for `condition()` to become true, and fail if it does not."
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, 'waited in vain'
        time.sleep(.05)


@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='needs /proc')
def test_a_killed_call_leaves_no_dataset_and_no_processes(tmp_path):
    call = f'doodlenette({str(tmp_path/"set")!r}, 20000, workers=2)'
    caller = python(f'from sotatrain.doodlenette import *; {call}')
    wait_until(lambda: list(tmp_path.rglob('*.JPEG')))
    children = Path(f'/proc/{caller.pid}/task/{caller.pid}/children').read_text().split()
    caller.send_signal(signal.SIGKILL)
    caller.communicate()
    assert len(children) == 2
    wait_until(lambda: not any(map(alive, children)))
    assert not (tmp_path/'set').exists()
    # its draft is not in the way
    assert len(contents(doodlenette(tmp_path/'set', workers=0, **SMALL))) == 30


def test_old_drafts_are_removed_and_new_ones_are_not(tmp_path):
    for name, age in (('old', 2 * 24 * 3600), ('new', 60)):
        draft = tmp_path/f'.set-draft-{name}'
        (draft/'dataset').mkdir(parents=True)
        os.utime(draft, (time.time() - age,) * 2)
    doodlenette(tmp_path/'set', workers=0, **SMALL)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['.set-draft-new', 'set']


def test_two_processes_at_once(tmp_path):
    code = ('from sotatrain.doodlenette import doodlenette\n'
            f'print(doodlenette({str(tmp_path/"set")!r}, 20, 10, workers=0, progress=False))')
    callers = [python(code) for _ in range(2)]
    answers = [caller.communicate() for caller in callers]
    assert answers == [(f'{tmp_path/"set"}\n', '')] * 2
    assert [p.name for p in tmp_path.iterdir()] == ['set']
    assert len(contents(tmp_path/'set')) == 30


def test_the_slower_of_two_takes_the_result_of_the_faster(small, tmp_path, monkeypatch):
    draw_all = module._draw_all

    def overtaken(folder, recipe, workers, progress):
        monkeypatch.setattr(module, '_draw_all', draw_all)
        module._draw(tmp_path/'set', recipe, 0, progress)  # on a machine without this lock
    monkeypatch.setattr(module, '_draw_all', overtaken)
    assert contents(doodlenette(tmp_path/'set', **SMALL)) == contents(small)
    assert [p.name for p in tmp_path.iterdir()] == ['set']


def test_without_an_executable_it_draws_in_this_process(small, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'executable', None)
    assert contents(doodlenette(tmp_path/'set', **SMALL)) == contents(small)


# --- the callers

def test_a_plain_script_needs_no_main_guard(tmp_path):
    script = tmp_path/'script.py'
    script.write_text('from sotatrain.doodlenette import doodlenette\n'
                      f'print(doodlenette({str(tmp_path/"set")!r}, 20, 10, workers=2))\n')
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=ENV, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ''
    assert done.stdout.count(f'{tmp_path/"set"}\n') == 1


def test_importing_is_light():
    code = ('import sotatrain.doodlenette, sys\n'
            'print({"torch", "fastai", "fastprogress"} & set(sys.modules))')
    assert python(code).communicate()[0] == 'set()\n'


def test_the_marker_tells_the_recipe(small):
    recipe = json.loads((small/'doodlenette.json').read_text())
    assert recipe == dict(version=module.VERSION, n_train=20, n_val=10, seed=0)


@pytest.mark.parametrize('name', module.__all__)
def test_public_names_are_documented(name):
    assert name == 'CLASSES' or getattr(module, name).__doc__
