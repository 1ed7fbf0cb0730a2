import re
import shutil
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.vision.all import Learner, RandomSplitter, accuracy, get_image_files
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from sotatrain import data, settings
from sotatrain.all import *

CHURCH = 'n03028079'


@pytest.fixture
def copy(tiny, tmp_path):
    "A data set that a test may spoil."
    return Path(shutil.copytree(tiny, tmp_path/'copy'))


# --- names and files

def test_class_names_in_folder_order(tiny):
    assert class_name(CHURCH) == 'church' and class_name('mine') == 'mine'
    assert class_names(tiny) == list(CLASSES.values())


def test_image_files_are_all_there_in_one_order(tiny):
    files = image_files(tiny)
    assert len(files) == 60 and files == sorted(files)
    assert set(files) == set(get_image_files(tiny))


# --- which data set

def test_dataset_by_folder_name_and_settings(tiny, monkeypatch):
    assert dataset(tiny) == dataset(str(tiny)) == tiny
    assert dataset(settings.load('smoke', data=tiny)) == tiny
    asked = []
    monkeypatch.setattr(data, 'doodlenette', lambda *args: asked.append(args) or tiny)
    cfg = settings.load('smoke', n_train=30, n_val=20)
    assert dataset('doodlenette') == dataset(cfg) == tiny
    assert asked == [(None,), (None, 30, 20)]


@pytest.mark.parametrize('name,size', [
    ('imagenette', 320),
    ('imagenette-320', 320),
    ('imagenette-160', 160),
    ('imagenette-full', 'full')])
def test_imagenette_names(name, size, tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(data, 'untar_data', lambda url: asked.append(url) or tiny)
    assert dataset(name) == tiny and asked == [data._URLS[size]]


def test_unknown_name_or_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'imagenete'.*imagenette-160.*doodlenette"):
        dataset('imagenete')
    with pytest.raises(FileNotFoundError, match='nowhere'): dataset(tmp_path/'nowhere')


def test_unknown_imagenette_size():
    with pytest.raises(ValueError, match="160, 320 and 'full', not 224"): imagenette(224)


@pytest.mark.parametrize('error', [
    URLError('no address associated with hostname'),
    ConnectionResetError('reset'),
    TimeoutError('timed out')])
def test_no_network_says_what_to_do(error, monkeypatch):
    def offline(url): raise error
    monkeypatch.setattr(data, 'untar_data', offline)
    advice = r"could not download Imagenette.*dataset\('doodlenette'\).*SOTATRAIN_DATA"
    with pytest.raises(ConnectionError, match=advice) as e: imagenette(160)
    assert '\n' not in str(e.value)


def test_a_full_disk_is_not_called_a_missing_network(monkeypatch):
    def full(url): raise OSError(28, 'No space left on device')
    monkeypatch.setattr(data, 'untar_data', full)
    with pytest.raises(OSError, match='No space left') as e: imagenette(160)
    assert not isinstance(e.value, ConnectionError)


# --- is it sound

def test_sound_set_passes_with_the_litter_of_systems(copy):
    for name in ('.DS_Store', 'Thumbs.db', 'desktop.ini'):
        (copy/'train'/CHURCH/name).write_text('')
    (copy/'train'/'.DS_Store').write_text('')
    (copy/'labels.csv').write_text('')
    assert check_dataset(copy) == copy


@pytest.mark.parametrize('split', ['train', 'val'])
def test_missing_split(copy, split):
    shutil.rmtree(copy/split)
    says = rf'{re.escape(str(copy))} has no folder {split}/'
    with pytest.raises(FileNotFoundError, match=says): dataset(copy)


@pytest.mark.parametrize('split,other', [('train', 'val'), ('val', 'train')])
def test_class_in_one_split_only(copy, split, other):
    shutil.rmtree(copy/split/CHURCH)
    says = rf'{CHURCH} is in .*{other} but not in .*{split}'
    with pytest.raises(ValueError, match=says): dataset(copy)


@pytest.mark.parametrize('split', ['train', 'val'])
def test_empty_class(copy, split):
    for f in (copy/split/CHURCH).iterdir(): f.unlink()
    with pytest.raises(ValueError, match=rf'{split}.{CHURCH} is empty'): dataset(copy)


def test_no_classes(tmp_path):
    for split in ('train', 'val'): (tmp_path/split).mkdir()
    with pytest.raises(ValueError, match='holds no classes'): dataset(tmp_path)


@pytest.mark.parametrize('name,content', [
    ('notes.txt', b'hello'),
    ('fake.JPEG', b'hello'),
    ('empty.JPEG', b''),
    ('cut.JPEG', b'\xff\xd8\xff\xe0')])
def test_file_that_is_not_a_picture(copy, name, content):
    (copy/'val'/CHURCH/name).write_bytes(content)
    says = rf'val.{CHURCH}.{re.escape(name)} is not a picture'
    with pytest.raises(ValueError, match=says): dataset(copy)


def test_folder_inside_a_class_and_file_beside_the_classes(copy):
    (copy/'train'/CHURCH/'more').mkdir()
    with pytest.raises(ValueError, match='more is not a picture'): dataset(copy)
    (copy/'train'/CHURCH/'more').rmdir()
    for split in ('train', 'val'): (copy/split/'readme.txt').write_text('')
    with pytest.raises(ValueError, match='readme.txt is a file'): dataset(copy)


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA', 'CMYK'])
def test_every_kind_of_picture_is_one(copy, mode):
    suffix = 'png' if mode in ('P', 'RGBA') else 'jpeg'
    Image.new('RGB', (20, 30)).convert(mode).save(copy/'train'/CHURCH/f'a.{suffix}')
    assert dataset(copy) == copy and len(image_files(copy)) == 61


# --- loaders

def test_datablock_uses_the_official_split_and_gives_batches(tiny):
    dls = datablock_dls(tiny, 32, 8, workers=0)
    assert {f.parts[-3] for f in dls.train_ds.items} == {'train'}
    assert {f.parts[-3] for f in dls.valid_ds.items} == {'val'}
    xb, yb = dls.one_batch()
    assert xb.shape == (8, 3, 32, 32) and xb.dtype == torch.float32
    assert 0 <= xb.min() and xb.max() <= 1
    assert list(dls.vocab) == list(CLASSES.values())


def test_labels_are_the_folders_names(tiny):
    ds = presizing_block(tiny, 48, 32).datasets(tiny)
    for file, (_, label) in zip(ds.valid.items, ds.valid):
        assert ds.vocab[label] == class_name(file.parent.name)


def test_presize_is_twice_the_size_unless_given(tiny):
    def square(presize=None):
        return datablock_dls(tiny, 32, 8, presize=presize, workers=0).after_item[0].size
    assert square() == (64, 64)
    assert square(40) == (40, 40)
    with pytest.raises(ValueError, match='presize=16 is smaller than size=32'): square(16)


def test_loaders_train_a_learner(tiny):
    net = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 10))
    learn = Learner(datablock_dls(tiny, 32, 8, workers=0), net, metrics=accuracy)
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    assert torch.isfinite(torch.tensor(learn.recorder.values[-1])).all()


# --- the leak

def test_our_stages_never_leak_and_a_careless_split_does(tiny):
    ours = [datablock_dls(tiny, size, 8, workers=0) for size in (32, 48)]
    check_no_leak(*ours)
    def split_at_random(seed):
        block = presizing_block(tiny, 48, 32, splitter=RandomSplitter(seed=seed))
        return block.dataloaders(tiny, bs=8)
    careless = [split_at_random(seed) for seed in (0, 1)]
    says = r'\d+ validation pictures are trained on.*JPEG.*GrandparentSplitter'
    with pytest.raises(ValueError, match=says): check_no_leak(*careless)
    for one in careless: check_no_leak(one)  # each alone is sound


def test_without_a_splitter_four_fifths_leak(tiny):
    block = presizing_block(tiny, 48, 32, splitter=None)
    shares = []
    for _ in range(40):
        first, second = block.datasets(tiny), block.datasets(tiny)
        shares.append(len(set(first.train.items) & set(second.valid.items)) / len(second.valid))
    assert .7 < sum(shares)/40 < .9


# --- wrong labels

def write_table(path):
    "A table of labels, in which each fourth picture is called a church."
    rows = ['path,noisy_labels_0,noisy_labels_25,is_valid']
    for i, f in enumerate(image_files(path)):
        right = f.parent.name
        claimed = CHURCH if i % 4 == 0 else right
        rows.append(f'{f.relative_to(path).as_posix()},{right},{claimed},{"val" in f.parts}')
    (path/'noisy_mine.csv').write_text('\n'.join(rows))


def test_noisy_labels_come_from_the_table(copy):
    for f in copy.glob('noisy_*.csv'): f.unlink()
    with pytest.raises(FileNotFoundError, match='has no noisy_'): noisy_labels(copy, 25)
    write_table(copy)
    labels, files = noisy_labels(copy, 25), image_files(copy)
    assert set(labels) == set(files)
    assert all(labels[f] == CHURCH for f in files[::4])
    ds = presizing_block(copy, 48, 32, get_y=labels.get).datasets(copy)
    assert [ds.vocab[y] for _, y in ds.train] == [class_name(labels[f]) for f in ds.train.items]
    with pytest.raises(ValueError, match='30 % errors: choose from 0, 25'):
        noisy_labels(copy, 30)


def test_doodlenette_comes_with_a_table_of_its_own(tiny):
    files = image_files(tiny)
    for percent in (0, 1, 5, 25, 50):
        labels = noisy_labels(tiny, percent)
        wrong = [f for f in files if labels[f] != f.parent.name]
        assert len(wrong) == round(40*percent/100)
        assert not [f for f in wrong if 'val' in f.parts]


# --- one guard at every entrance

def make_data(root, names):
    "A file for each of `names` below `root`; those whose suffix is of a picture are pictures."
    for i, name in enumerate(names):
        (root/name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith('/'): (root/name).mkdir()
        elif name.endswith('.txt'): (root/name).write_text('hello')
        else: Image.new('RGB', (9, 6 + i)).save(root/name, 'png')
    return root

SOUND = ['train/a/1.png', 'train/b/1.png', 'val/a/2.png', 'val/b/2.png']
SPOILT = [
    (['train/labels.txt'], 'labels.txt is a file'),
    (['train/c/'], 'c is in .*train but not in .*val'),
    (['train/c/', 'val/c/'], 'c is empty'),
    (['train/a/more/3.png'], 'more is not a picture but a folder'),
    (['train/a/notes.txt'], 'notes.txt is not a picture by its name'),
    (['train/a/no suffix'], 'no suffix is not a picture by its name'),
    (['val/c/3.png'], 'c is in .*val but not in .*train'),
    (['train/church/1', 'val/church/1', f'train/{CHURCH}/1', f'val/{CHURCH}/1'],
     'church and .*n03028079 both mean|n03028079 and .*church both mean')]

@pytest.mark.parametrize('more,says', SPOILT)
@pytest.mark.parametrize('enter', [
    check_dataset, dataset, image_files, lambda path: datablock_dls(path, 8, 2, workers=0)])
def test_every_entrance_refuses_the_same_folders(tmp_path, more, says, enter):
    make_data(tmp_path, SOUND + more)
    with pytest.raises(ValueError, match=says): enter(tmp_path)


def test_every_entrance_refuses_a_single_class_and_a_missing_split(tmp_path):
    make_data(tmp_path, SOUND[::2])
    for enter in (check_dataset, dataset, image_files, class_names):
        with pytest.raises(ValueError, match='one class, a: a classifier needs two'):
            enter(tmp_path)
        with pytest.raises(FileNotFoundError, match=r'has no folder train/'):
            enter(tmp_path/'train')


def test_what_the_machine_says_about_names_does_not_matter(tmp_path, monkeypatch):
    import mimetypes
    monkeypatch.setattr(mimetypes, 'types_map', {})
    make_data(tmp_path, [*SOUND, 'train/a/x.webp', 'train/a/X.PNG', 'train/a/.hidden.png'])
    names = [f.name for f in image_files(check_dataset(tmp_path))]
    assert names == ['1.png', 'X.PNG', 'x.webp', '1.png', '2.png', '2.png']


def test_a_name_of_a_picture_does_not_make_one(tmp_path):
    make_data(tmp_path, SOUND)
    (tmp_path/'val/a/2.png').write_text('hello')
    assert len(image_files(tmp_path)) == 4
    assert check_dataset(tmp_path, headers=False) == tmp_path
    for enter in (check_dataset, dataset, lambda path: datablock_dls(path, 8, 2, workers=0)):
        with pytest.raises(ValueError, match=r'val.a.2.png is not a picture'): enter(tmp_path)


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    make_data(tmp_path, SOUND)
    (tmp_path/'train/a/link.png').symlink_to(tmp_path/'nowhere.png')
    with pytest.raises(ValueError, match='link.png is not a picture but .*leads nowhere'):
        check_dataset(tmp_path)


def test_headers_are_read_again_once_they_changed(tmp_path, monkeypatch):
    from sotatrain.core import pictures
    read, check = [], pictures.check_picture
    monkeypatch.setattr(pictures, 'check_picture', lambda f: read.append(f.name) or check(f))
    make_data(tmp_path, SOUND)
    for _ in range(2): check_dataset(tmp_path)
    assert len(read) == 4
    (tmp_path/'train/b/1.png').write_text('hello')
    with pytest.raises(ValueError, match=r'b.1.png is not'): check_dataset(tmp_path)
    assert len(read) == 5


def test_a_picture_of_too_many_pixels_is_named(tmp_path, monkeypatch):
    make_data(tmp_path, SOUND)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 36)  # 9 × 9 is more than twice that
    with pytest.raises(ValueError, match=r'b.2.png has more .*MAX_IMAGE_PIXELS'):
        dataset(tmp_path)


NAMES = st.sampled_from(['a', 'b', 'ä ö', 'n03028079', 'church', '.hidden', 'x.y'])
FILES = st.sampled_from(
    ['1.png', 'Ü 2.PNG', 'a.b.jpg', 'no suffix', '.hidden.png', 'Thumbs.db', 'x.txt',
     'deep/1.png', ''])
TREES = st.sets(st.tuples(st.sampled_from(['train', 'val', 'test']), NAMES, FILES), max_size=12)

@given(TREES, st.booleans())
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_small_tree_is_sound_or_an_error_that_names_what_is_not(tmp_path_factory, tree, both):
    root = tmp_path_factory.mktemp('tree')
    if both: tree = {(split, *rest) for _, *rest in tree for split in SPLITS}
    for split, name, file in tree:
        folder = root/split/name
        folder.mkdir(parents=True, exist_ok=True)
        if file.endswith('.txt'): (folder/file).write_text('hello')
        elif file:
            (folder/file).parent.mkdir(exist_ok=True)
            Image.new('RGB', (3, 2)).save(folder/file, 'png')
    try: assert check_dataset(root) == dataset(root) == root
    except (ValueError, FileNotFoundError) as error:
        assert str(root) in str(error) or 'class ' in str(error)
        return
    names, files = class_names(root), image_files(root)
    assert len(names) == len(set(names)) >= 2
    for split in SPLITS:
        of_split = [f for f in files if f.parts[-3] == split]
        assert [*dict.fromkeys(class_name(f.parent.name) for f in of_split)] == names
    expected = {root/split/name/file for split, name, file in tree
                if split != 'test' and file and file != 'Thumbs.db'
                and not name.startswith('.') and not file.startswith('.')}
    assert set(files) == expected


# --- arguments

@pytest.mark.parametrize('source', [None, 34, 3.5, [], b'x', ''])
def test_what_is_no_name_of_data_is_refused(source):
    for enter in (dataset, check_dataset, image_files, class_names, noisy_labels):
        with pytest.raises(TypeError, match='it must be a path'): enter(source)


@pytest.mark.parametrize('source', ['x'*300, 'doodlenette-20', 'a\0b', 'doodlenette-1-x'])
def test_odd_names_are_no_data_sets(source):
    with pytest.raises(FileNotFoundError, match='no data set'): dataset(source)


def test_a_path_is_always_a_folder_and_home_is_known(tmp_path, monkeypatch):
    make_data(tmp_path/'doodlenette', SOUND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    assert dataset(Path('doodlenette')) == dataset('~/doodlenette') == tmp_path/'doodlenette'
    assert len(image_files('~/doodlenette')) == 4 and class_names('doodlenette') == ['a', 'b']
    assert len(datablock_dls('~/doodlenette', 8, 2, workers=0).train_ds) == 2
    with pytest.raises(ValueError, match='home folder'): dataset('~nobody_of_this_name/x')


@pytest.mark.parametrize('size', [[160], None, '160', 161])
def test_any_other_size_of_imagenette_is_refused(size):
    with pytest.raises(ValueError, match='Imagenette comes in sizes'): imagenette(size)


@pytest.mark.parametrize('wrong', [
    dict(size=(32, 48)), dict(size='32'), dict(size=32.), dict(size=0), dict(size=None),
    dict(bs=0), dict(bs=-1), dict(bs=None), dict(presize='64'), dict(presize=0),
    dict(workers=-1), dict(workers=1.5)])
def test_impossible_numbers_are_refused_by_name(tiny, wrong):
    (name, value), = wrong.items()
    with pytest.raises((TypeError, ValueError), match=f'{name}=.*: it must be'):
        datablock_dls(tiny, **{**dict(size=32, bs=8, workers=0), **wrong})


def test_numbers_of_numpy_are_numbers(tiny):
    dls = datablock_dls(tiny, np.int64(32), np.int32(8), presize=np.int64(40), workers=0)
    assert dls.one_batch()[0].shape == (8, 3, 32, 32)


def test_a_batch_that_nothing_can_fill_is_refused(tiny):
    assert len(datablock_dls(tiny, 8, 40, workers=0).train) == 1
    with pytest.raises(ValueError, match='bs=41 is more than the 40 training pictures'):
        datablock_dls(tiny, 8, 41, workers=0)


@pytest.mark.parametrize('label', [0, None, 'no class', ['church']])
def test_a_label_that_is_no_class_is_refused_with_the_files_name(tiny, label):
    block = presizing_block(tiny, 16, 8, get_y=lambda file: label)
    with pytest.raises(ValueError, match=r'JPEG has the label .*which is no class'):
        block.datasets(tiny).train[0]


# --- leaks, however items are written

class Stage:
    "Data with items, as fastai's have them."
    def __init__(self, train, valid):
        self.train, self.valid = (type('Part', (), dict(items=i)) for i in (train, valid))


def test_a_leak_is_found_however_a_path_is_written(tmp_path, monkeypatch):
    make_data(tmp_path/'data', SOUND)
    (tmp_path/'link').symlink_to(tmp_path/'data')
    monkeypatch.chdir(tmp_path)
    file = tmp_path/'data/train/a/1.png'
    for other in (str(file), Path('data/train/a/1.png'), 'data/train/../train/a/1.png',
                  tmp_path/'link/train/a/1.png'):
        with pytest.raises(ValueError, match=r'1 validation pictures are trained on.*a.1.png'):
            check_no_leak(Stage([file], []), Stage([], [other]))
    check_no_leak(Stage([file], [tmp_path/'data/val/a/2.png']), content=True)


def test_rows_of_a_table_are_compared_by_the_pictures_they_name():
    def stage(*valid):
        table = pd.DataFrame(dict(fname=['1.png', '2.png', '3.png'], label=['a', 'b', 'a'],
                                  is_valid=[name in valid for name in '123']))
        return Stage(table[~table.is_valid], table[table.is_valid])
    check_no_leak(stage('1'), stage('1'))
    with pytest.raises(ValueError, match='2 validation pictures are trained on'):
        check_no_leak(stage('1'), stage('2'))


def test_rows_without_names_and_arrays_are_compared_by_their_values():
    check_no_leak(Stage([('x1', 'a', False)], [('x2', 'a', True)]))
    with pytest.raises(ValueError, match='1 validation'):
        check_no_leak(Stage([('x1', 'a', False)], [('x1', 'a', True)]))
    one, two = np.zeros((2, 2)), np.ones((2, 2))
    check_no_leak(Stage([one], [two]), Stage([torch.zeros(3)], [torch.ones(3)]))
    for image in (one, torch.zeros(3), Image.new('L', (2, 2))):
        with pytest.raises(ValueError, match='1 validation'):
            check_no_leak(Stage([image], [image]))


def test_copies_under_other_names_are_found_by_their_content(copy):
    stage = datablock_dls(copy, 32, 8, workers=0)
    check_no_leak(stage, content=True)
    file = sorted((copy/'val'/CHURCH).iterdir())[0]
    shutil.copy(file, copy/'train'/CHURCH/'another name.jpg')
    stage = datablock_dls(copy, 32, 8, workers=0)
    check_no_leak(stage)
    with pytest.raises(ValueError, match=rf'1 validation .*{file.name}.*another name.jpg'):
        check_no_leak(stage, content=True)


@pytest.mark.parametrize('stages,says', [
    ([], 'needs DataLoaders'),
    ([[1, 2]], 'has no train.items'),
    ([None], 'None has no train.items'),
    ([Stage([{}], [])], 'cannot be compared')])
def test_what_cannot_be_compared_is_refused(stages, says):
    with pytest.raises(TypeError, match=says): check_no_leak(*stages)


def test_what_names_no_file_has_no_content_to_compare():
    with pytest.raises(TypeError, match='names no file'):
        check_no_leak(Stage([('x', 1)], [('y', 2)]), content=True)


@pytest.mark.parametrize('table', [
    b'', b'path,noisy_labels_1\n', b'a,b\n1,2\n', b'\xff\xfe\n',
    b'path,noisy_labels_1\ntrain/a/1.png\n'])
def test_a_damaged_table_of_labels_is_named(tmp_path, table):
    (tmp_path/'noisy_x.csv').write_bytes(table)
    with pytest.raises(ValueError, match='noisy_x.csv is no table of labels'):
        noisy_labels(tmp_path, 1)
