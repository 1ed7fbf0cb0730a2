"""Files that are made whole or not at all, stores of pictures, and disks that are full."""
import errno
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sotatrain.core import cache
from sotatrain.core.cache import (
    DiskFull,
    check_writable,
    new_folder,
    remove_drafts,
    reserve,
    write_or_keep,
)
from sotatrain.core.store import (
    build_store,
    check_store,
    fingerprint,
    list_stores,
    read_store,
    remove_stores,
    stores_folder,
)

SIDE = 4


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch): monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'c'))


@pytest.fixture
def root(tmp_path): return a_data_set(tmp_path/'data', {f'{i}.txt': i for i in range(6)})


def a_data_set(root, numbers):
    "Files that stand for pictures: each holds the number that its array is full of."
    root.mkdir(exist_ok=True)
    for name, number in numbers.items(): (root/name).write_text(str(number))
    return root


def decode(file):
    number = int(file.read_text())
    return np.full((SIDE, SIDE, 3), number, np.uint8), 1 + number/10


def build(root, decode=decode, files=None, side=SIDE, **kwargs):
    "A store as chapter 2 makes it; returns its folder."
    files = sorted(root.glob('*.txt')) if files is None else files
    folder = stores_folder()/f'{root.name}-{fingerprint(root, files)}-{side}'
    build_store(folder, root, files, decode, side, **kwargs)
    return folder


class Counted:
    "`decode`, and the names of the files that it was called with."
    def __init__(self): self.names = []
    def __call__(self, file):
        self.names.append(file.name)
        return decode(file)


def content(folder):
    images, facts = read_store(folder)
    return dict(zip(facts['files'], zip(images[:, 0, 0, 0].tolist(), facts['aspects'])))


def right(root):
    numbers = {file.name: int(file.read_text()) for file in sorted(root.glob('*.txt'))}
    return {name: (number, 1 + number/10) for name, number in numbers.items()}


def stored(): return [path.name for path in stores_folder().iterdir()]


# --- stores that grow

def test_only_what_is_new_is_decoded(root):
    build(root)
    a_data_set(root, {'25.txt': 25, '3.txt': 33})  # one more, and another content
    (root/'5.txt').unlink()
    second = Counted()
    folder = build(root, second)
    assert sorted(second.names) == ['25.txt', '3.txt']
    assert content(folder) == right(root)
    assert [*content(folder)] == sorted(content(folder))


def test_the_earlier_store_goes_and_who_reads_it_can_go_on(root):
    images, _ = read_store(build(root))
    a_data_set(root, {'7.txt': 7})
    folder = build(root)
    assert stored() == [folder.name]
    assert images[:, 0, 0, 0].tolist() == [*range(6)]


def test_another_selection_of_the_same_files_is_kept(root):
    files = sorted(root.glob('*.txt'))
    first = build(root, files=files[:4])
    second = build(root, files=files[2:])
    assert sorted(stored()) == sorted([first.name, second.name])
    files[1].write_text('99')  # the first one is of no more use when a file in it has changed
    assert build(root, files=files).name not in (first.name, second.name)
    assert len(stored()) == 1


@pytest.mark.parametrize('other', [dict(version='2'), dict(side=8)])
def test_pictures_that_would_be_other_ones_are_decoded_again(root, other):
    build(root)
    def decode_other(file):
        side = other.get('side', SIDE)
        return np.zeros((side, side, 3), np.uint8), 1.
    folder = build(root, decode_other, **other)
    assert not read_store(folder)[0].any()


def test_stores_of_other_data_are_left_alone(root, tmp_path):
    other = build(a_data_set(tmp_path/'other', {'1.txt': 1}))
    build(root)
    a_data_set(root, {'7.txt': 7})
    build(root)
    assert content(other) == {'1.txt': (1, 1.1)}


def test_a_store_of_an_older_format_is_made_again(root):
    folder = build(root)
    facts = json.loads((folder/'facts.json').read_text())
    (folder/'facts.json').write_text(json.dumps(dict(
        format=1, files=facts['files'], aspects=facts['aspects'], skipped=[])))
    assert content(build(root)) == right(root)


def test_one_store_serves_those_that_skip_and_those_that_do_not(root):
    folder = build(root, on_error='skip')
    assert build(root, lambda file: pytest.fail('decoded again')) == folder
    (root/'2.txt').write_text('no number')
    folder = build(root, on_error='skip')
    assert '2.txt' not in content(folder) and len(content(folder)) == 5
    with pytest.raises(ValueError, match=r'2\.txt cannot be decoded .*1 of 6'): build(root)
    assert stored() == [folder.name]


def test_an_array_of_another_shape_is_an_error_that_names_the_file(root):
    with pytest.raises(ValueError, match=r'0\.txt cannot be decoded .*shape \(4, 4\)'):
        build(root, lambda file: (np.zeros((4, 4)), 1.))


def test_the_error_of_another_library_is_named_on_one_line_and_chained(root):
    def decode(file): raise RuntimeError('[enforce fail at a.cc:1]\n' + 40*'far too much ')
    for on_error in ('raise', 'skip'):
        with pytest.raises(ValueError) as error:
            build(root, decode, on_error=on_error)
            build(root, decode)
        text = str(error.value)
        assert re.search(r'0\.txt cannot be decoded \(RuntimeError: \[enforce fail at a.cc:1\] '
                         r'far .* \[...\]\): remove or replace it, or build with', text)
        assert len(text.splitlines()) == 1 and text.count('far') < 12
        if on_error == 'raise': assert isinstance(error.value.__cause__, RuntimeError)


TICKS = itertools.count()
changes = st.lists(st.dictionaries(st.sampled_from('abcd'), st.integers(0, 255) | st.none()),
                   min_size=1, max_size=4)

@hypothesis_settings(deadline=None, max_examples=25)
@given(changes)
def test_after_any_changes_a_store_has_what_a_fresh_one_would_have(changes):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv('SOTATRAIN_CACHE', folder + '/c')
        root = a_data_set(Path(folder)/'data', {'always.txt': 1})
        for change in changes:
            for name, number in change.items():
                file = root/f'{name}.txt'
                file.unlink(missing_ok=True)
                if number is None: continue
                file.write_text(str(number))
                os.utime(file, ns=(next(TICKS),) * 2)  # a file system's clock may be coarse
            assert content(build(root)) == right(root)
        assert len(stored()) == 1


IN_A_PROCESS = f"""
import sys, time; from pathlib import Path
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from sotatrain.core import cache, store
"""

def python(code, *args, **kwargs):
    "Another process, with what it prints as text."
    return subprocess.Popen([sys.executable, '-c', IN_A_PROCESS + code, *map(str, args)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


GROW = """
import numpy as np
root = Path(sys.argv[1])
def decode(file): time.sleep(.01); return np.full((4, 4, 3), int(file.read_text()), 'u1'), 1.
files = sorted(root.glob('*.txt'))
folder = store.stores_folder()/f'data-{store.fingerprint(root, files)}-4'
store.build_store(folder, root, files, decode, 4)
print(folder.name)
"""

def test_two_processes_that_add_to_a_store_give_one(root):
    build(root)
    a_data_set(root, {f'1{i}.txt': i for i in range(40)})
    outputs = [process.communicate() for process in [python(GROW, root) for _ in range(2)]]
    assert [[out.strip()] for out, _ in outputs] == [stored()] * 2, outputs
    assert {name: number for name, (number, _) in content(build(root)).items()} == {
        name: number for name, (number, _) in right(root).items()}


def test_of_several_that_need_a_store_at_once_one_builds_it(root):
    counted = Counted()
    with ThreadPoolExecutor(4) as pool:
        folders = [*pool.map(lambda _: build(root, counted), range(4))]
    assert len({*folders}) == 1
    assert sorted(counted.names) == sorted(file.name for file in root.iterdir())


# --- damage

def damage(folder, rows=slice(None)):
    images = np.load(folder/'images.npy', mmap_mode='r+')
    images[rows] = 0
    images.flush()


def test_pixels_that_were_damaged_are_found_and_decoded_again(root):
    folder = build(root)
    damage(folder, slice(2, 4))
    with pytest.raises(ValueError, match=r'2 of its 6 pictures are damaged, 2\.txt first'):
        read_store(folder)
    second = Counted()
    assert build(root, second) == folder
    assert sorted(second.names) == ['2.txt', '3.txt']
    assert content(folder) == right(root)


def test_a_store_is_read_as_a_whole_only_if_it_was_touched(root, monkeypatch):
    folder = build(root)
    checked = []
    monkeypatch.setattr('sotatrain.core.store._damaged', lambda *args: checked.append(1))
    read_store(folder)
    assert not checked
    os.utime(folder/'images.npy')
    read_store(folder)
    read_store(folder)
    assert checked == [1]


def test_damage_without_a_trace_is_found_when_one_asks(root):
    folder = build(root)
    damage(folder, 1)
    stat = (folder/'images.npy').stat()  # as if the disk, and no program, had done it
    (folder/'checked').write_text(
        json.dumps([stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]))
    read_store(folder)
    assert check_store(folder) == ['1.txt']
    assert content(build(root)) == right(root)
    assert check_store(folder) == []


# --- full disks

def test_room_is_reserved_before_a_picture_is_decoded(root, monkeypatch):
    free = shutil.disk_usage(root)._replace(free=100)
    monkeypatch.setattr('sotatrain.core.cache.shutil.disk_usage', lambda path: free)
    with pytest.raises(DiskFull) as error: build(root, lambda file: pytest.fail('decoded'))
    message = str(error.value)
    assert '0.0 MB are needed, and 0.0 MB are free' in message
    assert str(stores_folder()) in message and 'SOTATRAIN_CACHE' in message
    assert stored() == []


@pytest.mark.skipif(not hasattr(os, 'posix_fallocate'), reason='the system cannot reserve')
@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_does_not_give_what_is_free_is_full(root, monkeypatch, number):
    def full(*args): raise OSError(number, os.strerror(number))
    monkeypatch.setattr('sotatrain.core.cache.os.posix_fallocate', full)
    with pytest.raises(DiskFull, match='are needed, and .* are free'): build(root)
    assert stored() == []


@pytest.mark.skipif(not hasattr(os, 'posix_fallocate'), reason='no system reserves')
def test_a_file_system_that_cannot_reserve_is_written_to(root, monkeypatch):
    def unable(*args): raise OSError(errno.EOPNOTSUPP, 'not supported')
    monkeypatch.setattr('sotatrain.core.cache.os.posix_fallocate', unable)
    assert content(build(root)) == right(root)


def test_a_disk_that_fills_up_meanwhile_is_an_error_and_leaves_nothing(root, monkeypatch):
    def full(*args): raise OSError(errno.ENOSPC, 'No space left on device')
    monkeypatch.setattr('sotatrain.core.store._Rows.write', full)
    with pytest.raises(DiskFull, match='the disk of .* is full'): build(root)
    assert stored() == []


def test_other_errors_of_a_disk_are_not_taken_for_a_full_one(root, monkeypatch):
    def broken(*args): raise OSError(errno.EIO, 'Input/output error')
    monkeypatch.setattr('sotatrain.core.store._Rows.write', broken)
    with pytest.raises(OSError, match='Input/output error') as error: build(root)
    assert not isinstance(error.value, DiskFull)
    assert stored() == []


ON_A_SMALL_DISK = """
import numpy as np
disk = Path(sys.argv[1])
(disk/'a.txt').touch()
def decode(file): return np.full((200, 200, 3), 1, 'u1'), 1.
for n in (10, 100):  # pictures of 0.12 MB
    try: store.build_store(disk/'stores'/f'{n}', disk, [disk/'a.txt'] * n, decode, 200)
    except cache.DiskFull as error: print(error)
print([path.name for path in (disk/'stores').iterdir()])
"""

def test_a_build_on_a_disk_of_three_megabytes_is_an_error_and_no_bus_error(tmp_path):
    mount = 'mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"'
    small = ['unshare', '-rm', 'sh', '-c', mount, str(tmp_path)]
    try: subprocess.run([*small, 'true'], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError): pytest.skip('no disks can be mounted')
    command = [*small, sys.executable, '-c', IN_A_PROCESS + ON_A_SMALL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    message, left = done.stdout.splitlines()
    assert '12 MB are needed, and 1.9 MB are free' in message
    assert left == "['10']"


# --- drafts

DRAFT = """
with cache.new_folder(Path(sys.argv[1])) as draft: print('ready', flush=True); time.sleep(60)
"""

def test_the_draft_of_a_killed_process_goes_at_once_and_a_running_ones_stays(tmp_path):
    killed, running = (python(DRAFT, tmp_path/name) for name in ('a[1]', 'b'))
    try:
        for process in (killed, running): assert process.stdout.readline() == 'ready\n'
        killed.kill()
        killed.wait()
        with new_folder(tmp_path/'a[1]'): pass
        assert [d.name[:3] for d in tmp_path.glob('.*-draft-*')] == ['.b-']
        assert remove_drafts(tmp_path) == []
    finally: running.kill()
    running.wait()
    assert len(remove_drafts(tmp_path)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ['a[1]']


@pytest.mark.skipif(not hasattr(signal, 'SIGINT'), reason='no such signal')
def test_ctrl_c_removes_the_draft(tmp_path):
    process = python(DRAFT, tmp_path/'a')
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert 'KeyboardInterrupt' in process.communicate()[1]
    assert not [*tmp_path.iterdir()]


# --- what there is of them

def test_stores_are_listed_with_what_they_hold(root):
    folder = build(root)
    store, = list_stores()
    assert (store.name, store.root, store.side, store.pictures) == (
        folder.name, root, SIDE, 6)
    assert store.size > 6*SIDE*SIDE*3 and not store.useless
    assert store.days < 1


def test_the_last_use_of_a_store_is_when_it_was_opened(root):
    folder = build(root)
    for file in folder.iterdir(): os.utime(file, (1e9, 1e9))
    assert list_stores()[0].days > 3650
    read_store(folder)
    assert list_stores()[0].days < 1


def test_what_nothing_can_use_is_removed(root, tmp_path):
    good = build(root)
    lost = build(a_data_set(tmp_path/'lost', {'1.txt': 1}))
    shutil.rmtree(tmp_path/'lost')
    old = build(a_data_set(tmp_path/'old', {'1.txt': 1}))
    (old/'facts.json').write_text('{"format": 1, "files": []}')
    reasons = {store.name: store.useless for store in list_stores()}
    assert reasons[lost.name] == 'the data set is gone'
    assert 'it has format 1' in reasons[old.name]
    assert {store.folder for store in remove_stores()} == {lost, old}
    assert stored() == [good.name]


def test_stores_are_removed_by_name_and_by_age(root, tmp_path):
    first, second, third = build(root), *(
        build(a_data_set(tmp_path/name, {'1.txt': 1})) for name in 'ab')
    assert [store.folder for store in remove_stores([first.name])] == [first]
    for file in second.iterdir(): os.utime(file, (time.time() - 10*24*3600,) * 2)
    assert remove_stores(older_than=11) == []
    assert [store.folder for store in remove_stores(older_than=9)] == [second]
    assert stored() == [third.name]


@pytest.mark.parametrize('name', ['nothing', '..', '.', '', '/', '../data', 'a/../../data'])
def test_nothing_is_removed_for_a_name_that_no_store_has(root, name):
    folder = build(root)
    with pytest.raises(TypeError, match='there is no'): remove_stores([name])
    assert content(folder) == right(root)


def test_an_empty_cache_has_no_stores(): assert list_stores() == remove_stores() == []


# --- files

@pytest.mark.parametrize('file,kind,message', [
    ('nowhere/a.pkl', FileNotFoundError, 'nowhere does not exist: make this folder'),
    ('folder', IsADirectoryError, 'is a folder: name a file in it, such as .*learner.pkl'),
    ('x' * 300, OSError, 'cannot be written .*: choose another place'),
    (os.devnull, FileExistsError, 'name an ordinary file'),
])
def test_a_file_that_cannot_be_written_is_noticed_before(tmp_path, file, kind, message):
    (tmp_path/'folder').mkdir()
    with pytest.raises(kind, match=message): check_writable(tmp_path/file)
    assert [path.name for path in tmp_path.iterdir()] == ['folder']


def test_a_file_that_needs_more_room_than_there_is(tmp_path):
    with pytest.raises(DiskFull, match='1,000,000,000 MB are needed'):
        check_writable(tmp_path/'a.pkl', 10**15)
    assert not [*tmp_path.iterdir()]


def test_trying_out_a_file_leaves_it_as_it_was(tmp_path):
    (tmp_path/'a.pkl').write_text('mine')
    assert check_writable(tmp_path/'a.pkl', 10) == tmp_path/'a.pkl'
    assert [path.read_text() for path in tmp_path.iterdir()] == ['mine']


@pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid() == 0,
                    reason='root may write anywhere')
def test_a_folder_that_is_not_writable(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match='choose another place'):
        check_writable(tmp_path/'a.pkl')


def test_what_could_not_be_written_is_kept_elsewhere(tmp_path):
    def fails(file):
        file.write_text('half')
        raise RuntimeError('it cannot be pickled')
    with pytest.raises(OSError, match='it cannot be pickled.*kept as (.*)') as error:
        write_or_keep(tmp_path/'a.pkl', fails, lambda file: file.write_text('weights'))
    kept = Path(str(error.value).split('kept as ')[1])
    assert kept.read_text() == 'weights' and kept.is_relative_to(cache.cache_folder())
    assert not (tmp_path/'a.pkl').exists()
    assert not [*tmp_path.glob('.*')]


def test_without_a_cache_folder_it_is_kept_among_temporary_files(tmp_path, monkeypatch):
    (tmp_path/'file').touch()
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'file'))
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    with pytest.raises(OSError, match='kept as') as error:
        write_or_keep(tmp_path/'nowhere'/'a.pkl', lambda file: file.write_text('weights'))
    assert Path(str(error.value).split('kept as ')[1]).parent == tmp_path


def test_what_can_be_written_nowhere_says_so(tmp_path):
    def fails(file): raise RuntimeError('no')
    says = r'could not be written \(RuntimeError: no\).*nor anywhere else'
    with pytest.raises(OSError, match=says):
        write_or_keep(tmp_path/'a.pkl', fails)


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='no disk that is always full')
def test_what_pytorch_says_of_a_full_disk_becomes_a_sentence(tmp_path, monkeypatch):
    def full(file): torch.save({'a': torch.ones(10**5)}, '/dev/full')
    monkeypatch.setattr(cache, '_free', lambda folder: 0)
    with pytest.raises(OSError, match=r'a.pkl could not be written \(the disk of .* is full: '):
        write_or_keep(tmp_path/'a.pkl', full, lambda file: file.write_text('weights'))


def test_reserved_room_is_there(tmp_path):
    reserve(tmp_path/'a', 10_000)
    assert (tmp_path/'a').stat().st_size in (0, 10_000)  # as the system does it
    reserve(tmp_path/'a', 0)
    assert (tmp_path/'a').stat().st_size == 0


@pytest.mark.skipif(not cache.fcntl, reason='this system has no such locks anyway')
@pytest.mark.parametrize('number', cache.NO_LOCKS)
def test_disks_without_locks(number, tmp_path, monkeypatch):
    def none(*args): raise OSError(number, 'no locks here')
    monkeypatch.setattr(cache.fcntl, 'flock', none)
    with new_folder(tmp_path/'made') as draft:
        (draft/'file').write_text('1')
        assert not remove_drafts(tmp_path)  # it may be in use
    assert (tmp_path/'made'/'file').exists()
    with cache.only_one(tmp_path/'.lock', 'this'): pass
    with cache.one_at_a_time(tmp_path/'made'): pass
    old = tmp_path/'.other-draft-x'
    old.mkdir()
    (old/'lock').touch()
    os.utime(old, (0, 0))
    assert remove_drafts(tmp_path) == [old]
