import re
import shutil
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from fastai.vision.all import Learner, RandomSplitter, accuracy, get_image_files
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
