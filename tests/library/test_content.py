"""What data are, wherever and whenever they are."""
import os
import shutil
import time
from pathlib import Path

import pytest

from sotatrain.core import content
from sotatrain.core.content import CONTENT, MARKER, below, data_identity, file_digests
from sotatrain.doodlenette import doodlenette


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'


@pytest.fixture
def data(tmp_path):
    "Four files in two classes."
    for i, name in enumerate(['train/a/1', 'train/b/1', 'val/a/ü', 'val/b/1']):
        file = tmp_path/'data'/name
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes([i]) * 9)
    return tmp_path/'data'


def files(root): return sorted(f for f in root.rglob('*') if f.is_file() and f.name != MARKER)
def identity(root): return data_identity(root, files(root))

def make_old(file, hours=1):
    then = time.time() - 3600*hours
    os.utime(file, (then, then))


# --- names below a folder

@pytest.mark.parametrize('file,root', [
    ('/data/a/1.jpg', '/data'), (Path('/data/a/1.jpg'), Path('/data')), ('a/1.jpg', '.'),
    (Path('a/1.jpg'), Path('.')), ('/a/1.jpg', '/')])
def test_a_name_below_its_folder(file, root): assert below(file, root) == 'a/1.jpg'


def test_a_name_that_only_begins_alike_is_elsewhere():
    with pytest.raises(ValueError, match='/database/1.jpg'): below('/database/1.jpg', '/data')


# --- the identity of data

def test_a_copy_elsewhere_and_later_is_the_same_data(data, tmp_path):
    copy = shutil.copytree(data, tmp_path/'another name')
    for file in files(copy): make_old(file)
    assert identity(copy) == identity(data) == data_identity(data, files(data)[::-1])
    assert len(identity(data)) == 16 and int(identity(data), 16)
    (tmp_path/'link').symlink_to(data)
    assert identity(tmp_path/'link') == identity(data)


def test_a_picture_that_moved_to_another_class_makes_other_data(data):
    before = identity(data)
    (data/'train/a/1').rename(data/'train/b/2')
    assert identity(data) != before


def test_other_bytes_of_the_same_length_make_other_data(data):
    before = identity(data)
    (data/'train/a/1').write_bytes(b'x'*9)
    assert identity(data) != before


def test_another_table_of_labels_makes_other_data(data):
    fs = files(data)
    tables = [None, {f: 'a' for f in fs}, {f: 'b' for f in fs}]
    found = {data_identity(data, fs, labels=table) for table in tables}
    assert len(found) == 3
    again = {f: 'a' for f in fs[::-1]}
    assert data_identity(data, fs, labels=again) in found


def test_a_name_is_the_same_in_both_ways_to_write_an_umlaut(data):
    before = identity(data)
    (data/'val/a/ü').rename(data/'val/a/u\N{COMBINING DIAERESIS}')
    assert identity(data) == before


# --- drawn data

def test_drawn_data_are_their_recipe_until_somebody_touches_them(tmp_path):
    drawn = doodlenette(tmp_path/'drawn', 10, 10, workers=0, progress=False)
    def found(root): return data_identity(root, sorted(root.glob('*/*/*')))
    with_other_bytes = Path(shutil.copytree(drawn, tmp_path/'other'))
    for file in with_other_bytes.glob('*/*/*'): file.write_bytes(file.read_bytes() + b' ')
    assert found(with_other_bytes) != found(drawn)
    anew = content.content_of(with_other_bytes, sorted(with_other_bytes.glob('*/*/*')))
    (with_other_bytes/CONTENT).write_text(anew)  # as if another encoder had drawn it
    assert found(with_other_bytes) == found(drawn)
    (with_other_bytes/CONTENT).unlink()  # as earlier versions draw it
    assert found(with_other_bytes) == found(drawn)
    assert doodlenette(drawn, 10, 10) == drawn
    first = sorted(drawn.glob('train/*/*'))[0]
    before = found(drawn)
    first.write_bytes(b'')
    assert found(drawn) != before


def test_another_seed_is_another_recipe(tmp_path):
    def found(seed):
        root = doodlenette(tmp_path/str(seed), 10, 10, seed, workers=0, progress=False)
        return data_identity(root, sorted(root.glob('*/*/*')))
    assert found(0) != found(1)


@pytest.mark.parametrize('marker', ['', '[]', '3', '{', '\xff'])
def test_a_marker_that_is_none_does_not_matter(data, marker):
    before = identity(data)
    (data/MARKER).write_text(marker)
    assert identity(data) == before


# --- digests

@pytest.fixture
def read(monkeypatch):
    "The files that are read."
    paths, digest = [], content._digest
    monkeypatch.setattr(content, '_digest', lambda p: paths.append(Path(p).name) or digest(p))
    return paths


def test_files_that_did_not_change_are_read_once(data, read):
    for file in files(data): make_old(file)
    first = file_digests(files(data))
    assert len(read) == 4 and len(set(first)) == 4 and {len(d) for d in first} == {32}
    assert file_digests(map(str, files(data))) == first and len(read) == 4
    changed = data/'train/b/1'
    changed.write_bytes(b'x'*9)
    make_old(changed, 2)
    assert file_digests(files(data)) != first and read[4:] == ['1']


def test_a_file_that_has_just_changed_is_read_again(data, read):
    for _ in range(2): file_digests(files(data))
    assert len(read) == 8


def test_digests_of_different_folders_share_no_memory(data, tmp_path, read):
    other = Path(shutil.copytree(data, tmp_path/'other'))
    for file in files(data) + files(other): make_old(file)
    for _ in range(2):
        assert file_digests(files(data)) == file_digests(files(other))
    assert len(read) == 8


@pytest.mark.parametrize('spoil', [b'', b'[1]', b'{', b'\xff'])
def test_a_damaged_memory_is_forgotten(data, cache, spoil):
    for file in files(data): make_old(file)
    before = file_digests(files(data))
    memory, = (cache/'digests').iterdir()
    memory.write_bytes(spoil)
    assert file_digests(files(data)) == before


def test_without_a_cache_folder_digests_are_right_still(data, tmp_path, monkeypatch):
    before = file_digests(files(data))
    (tmp_path/'file').write_text('')
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'file'/'below'))
    for file in files(data): make_old(file)
    assert file_digests(files(data)) == before and file_digests([]) == []


def test_a_missing_file_is_named(data):
    with pytest.raises(FileNotFoundError, match='nowhere'): file_digests([data/'nowhere'])
