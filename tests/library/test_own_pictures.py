"""Pictures from anywhere: their split, their labels, and the checks of a loader's arguments."""
import copy
import pickle
from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.vision.all import Learner, PILImage, Pipeline
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sotatrain.core.split import parts_for, random_split
from sotatrain.data import image_files
from sotatrain.learner import make_learner
from sotatrain.presize import *
from tests.networks import Net


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))


def test_groups_stay_on_one_side_and_labels_keep_their_share():
    groups = [i // 3 for i in range(300)]
    train, val = random_split(300, .2, groups=groups)
    assert not {groups[i] for i in train} & {groups[i] for i in val} and len(val) == 60
    labels = ['a']*80 + ['b']*20
    assert sum(labels[i] == 'b' for i in random_split(100, labels=labels)[1]) == 4
    assert random_split(100, seed=1) == random_split(100, seed=1) != random_split(100, seed=2)


def lists(values, n): return st.lists(values, min_size=n, max_size=3*n)

classes, shares, seeds = st.sampled_from('abc'), st.floats(.2, .8), st.integers(0, 99)

@given(lists(classes, 30), shares, seeds)
@settings(max_examples=15, deadline=None)
def test_of_each_label_its_share_is_held_back_up_to_one_picture(labels, valid, seed):
    train, val = random_split(len(labels), valid, seed, labels)
    assert sorted(train + val) == [*range(len(labels))]
    held_back = Counter(labels[i] for i in val)
    assert all(abs(held_back[k] - valid*n) <= 1 for k, n in Counter(labels).items())


@given(lists(classes, 20), lists(st.integers(0, 19), 20), shares, seeds)
@settings(max_examples=15, deadline=None)
def test_of_each_label_a_share_of_its_groups_is_held_back(class_of, more, valid, seed):
    groups = more + [*range(20)]
    labels = [class_of[group] for group in groups]
    train, val = random_split(len(groups), valid, seed, labels, groups)
    assert sorted(train + val) == [*range(len(groups))]
    ours, theirs = ({groups[i] for i in side} for side in (train, val))
    assert not ours & theirs
    held_back = Counter(class_of[group] for group in theirs)
    there = Counter(class_of[:20])
    assert all(abs(held_back[k] - valid*n) <= 1 for k, n in there.items())


def test_with_labels_and_groups_a_seed_gives_one_split():
    groups = [f'sender {i % 40}' for i in range(120)]
    labels = ['ab'[i % 40 // 30] for i in range(120)]
    split = partial(random_split, 120, labels=labels, groups=groups)
    assert split(seed=1) == split(seed=1) != split(seed=2)


@pytest.mark.parametrize('files, splits, groups, named', [
    ('abcd', ([0, 1], [2, 3]), 'sttu', 't'),
    ('abcd', lambda files: ([0, 1], [2, 3]), 'sttu', 't'),
    ('abcd', ([0, 1], [1, 2, 3]), None, 'b'),
    ('abbc', ([0, 1], [2, 3]), None, 'b')])
def test_a_split_by_hand_with_the_same_on_both_sides_is_refused(files, splits, groups, named):
    groups = groups and [*groups]
    with pytest.raises(ValueError, match=f'splits has {named} on both sides'):
        parts_for([*files], [*'xyxy'], splits, groups)
    assert parts_for([*files], [*'xyxy'], ([0], [1, 2, 3]), groups) == ([0], [1, 2, 3])


@pytest.mark.parametrize('broken', [False, True])
def test_pictures_of_a_table_stay_with_their_group(tiny, tmp_path, broken):
    "So they do where one before them cannot be read and is left out."
    files = image_files(tiny)
    senders = [i % 12 for i in range(60)]
    sender_of = dict(zip(files, senders))
    labels = [file.parent.name for file in files]
    if broken:
        (tmp_path/'a.jpg').write_bytes(b'no picture')
        files, senders, labels = [tmp_path/'a.jpg', *files], [12, *senders], ['no', *labels]
    dls = get_dls(24, 8, presize=32, files=files, labels=labels, groups=senders,
                  on_error='skip')
    ours, theirs = ({sender_of[file] for file in dl.items} for dl in (dls.train, dls.valid))
    assert theirs and not ours & theirs and ours | theirs == {*range(12)}
    for dl in dls.train, dls.valid:
        assert [dls.vocab[y] for y in dl.targets[0]] == [file.parent.name for file in dl.items]


@pytest.mark.parametrize('label,c,shape', [
    (lambda f: f.parent.name, 10, (8,)),
    (lambda f: ['x', f.parent.name], 11, (8, 11)),
    (lambda f: len(f.name) / 2, 1, (8,)),
    (lambda f: [.5, 1.], 2, (8, 2)),
])
def test_labels_of_every_kind(tiny, label, c, shape):
    dls = get_dls(24, 8, presize=32, files=image_files(tiny), labels=label)
    assert dls.c == c and dls.one_batch()[1].shape == shape
    assert len(dls.train_ds) + len(dls.valid_ds) == 60


def test_a_batch_larger_than_the_training_set_is_refused(tiny):
    with pytest.raises(ValueError, match='bs=41 is more than the 40 training pictures'):
        get_dls(24, 41, tiny)


@pytest.mark.parametrize('bad', [
    dict(size=(32, 48)), dict(size='32'), dict(size=32.), dict(bs=0), dict(bs=-1),
    dict(bs=None), dict(seed=-1), dict(tfms=[1]), dict(presize=0),
    dict(device='gpu'), dict(splits=.2),
    dict(labels=lambda f: 'nowhere'), dict(labels=lambda f: 0), dict(labels=lambda f: ''),
])
def test_arguments_are_checked_at_the_door(tiny, bad):
    with pytest.raises((TypeError, ValueError), match=':'):
        get_dls(**dict(size=24, bs=8, path=tiny, presize=32) | bad)


@pytest.mark.parametrize('bad', [
    dict(min_scale=-1), dict(light=50), dict(flip=3), dict(flip='x'), dict(max_ratio=.5),
    dict(max_angle=float('nan')), dict(min_scale=0),
])
def test_augment_is_checked_when_it_is_made(bad):
    with pytest.raises((TypeError, ValueError), match=next(iter(bad))): Augment(**bad)


def test_transforms_that_never_run_are_refused(tiny):
    dls = get_dls(24, 8, tiny, presize=32, seed=np.int64(0))
    for event in ('after_item', 'before_batch'):
        with pytest.raises(ValueError, match=f'{event}.* never runs'):
            dls.add_tfms([lambda x: x], event)
    for event in ('after_item', 'before_batch'):
        dls = get_dls(24, 8, tiny, presize=32)
        setattr(dls.train, event, Pipeline([lambda x: x]))
        with pytest.raises(ValueError, match=f'{event}.* never runs'): dls.one_batch()


@pytest.mark.parametrize('labels, said', [
    ([None, 'a', 'b'], 'None .*, and .a. .*leave out files without a label'),
    (['a', None, 'b'], 'None .*, and .a. .*leave out files without a label'),
    ([None, None, None], 'None for [^,]*: give'),
    ([float('nan'), 'a', 'b'], 'nan for .*the same kind for all')])
def test_a_missing_label_is_named_with_its_file(tiny, labels, said):
    with pytest.raises(TypeError, match=said):
        get_dls(24, 8, files=image_files(tiny)[:30], labels=labels * 10)


@pytest.mark.parametrize('missing', [None, float('nan'), 3])
def test_a_missing_file_is_named_by_its_row(tiny, missing):
    files = [*image_files(tiny)[:2], missing]
    for make in (PresizedImages.from_items, lambda files: get_dls(24, 1, files=files)):
        with pytest.raises(TypeError, match=rf'files\[2\] is {missing}: give paths.*leave out'):
            make(files)


def test_an_impossible_share_is_called_as_it_was_given(tiny):
    with pytest.raises(ValueError, match='splits=1.5'):
        get_dls(24, 8, files=image_files(tiny), splits=1.5)


def test_copies_and_pickles_have_their_pictures(tiny):
    dls = get_dls(24, 8, tiny, presize=32, seed=0)
    again = copy.deepcopy(Learner(dls, torch.nn.Flatten())).dls
    for other in (again, pickle.loads(pickle.dumps(dls))):
        assert torch.equal(other.valid.one_batch()[0], dls.valid.one_batch()[0])
        assert other.one_batch()[0].shape == (8, 3, 24, 24)


@pytest.mark.parametrize('mode', ['RGBA', 'I;16', 'CMYK', 'L', 'F', 'P'])
def test_one_way_from_any_source_to_rgb(tmp_path, mode):
    gray = np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)
    image = Image.fromarray(gray).convert('RGB')
    if mode == 'F': image = Image.fromarray(gray.astype(np.float32) / 255)
    elif mode == 'I;16': image = Image.fromarray(gray.astype(np.uint16))
    elif mode == 'RGBA': image.putalpha(Image.fromarray(gray))
    else: image = image.convert(mode)
    file = tmp_path/'a.tif'
    image.save(file)
    square, _ = load_square(file, 16)
    for source in (file.read_bytes(), Image.open(file), image, open_rgb(file)):
        assert np.abs(load_square(source, 16)[0].astype(int) - square).max() <= 1
    if mode == 'I;16': assert square.max() == 0  # 255 of 65,535 is dark
    assert isinstance(open_rgb(file), PILImage)


def test_folders_of_one_class_are_not_merged(tiny, tmp_path):
    files = []
    for i, name in enumerate(['church', 'n03028079', 'dog']):
        (tmp_path/name).mkdir()
        for j, file in enumerate(image_files(tiny)[8*i:8*i + 8]):
            files.append(tmp_path/name/f'{j}.jpg')
            files[-1].write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match='church and n03028079 both mean'):
        get_dls(16, 4, files=files, splits=.25)
    with pytest.raises(ValueError, match='needs two classes'):
        get_dls(16, 4, files=files, labels=['one']*24, splits=.25)


@pytest.mark.parametrize('label', [
    lambda f: f.parent.name, lambda f: ['x', f.parent.name], lambda f: len(f.name) / 2,
    lambda f: [.5, 1.]])
def test_each_kind_of_label_has_a_loss_and_a_metric(tiny, label):
    dls = get_dls(16, 8, presize=24, files=image_files(tiny), labels=label, device='cpu')
    learn = make_learner(dls, Net)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
        loss, metric = learn.validate()
    assert np.isfinite([loss, metric]).all()



@pytest.mark.parametrize('groups', [
    np.arange(100) // 2, torch.arange(100) // 2, pd.Series(range(100)) // 2,
    [*torch.arange(100) // 2]])
def test_groups_may_be_an_array_a_tensor_or_a_column(groups):
    train, val = random_split(100, groups=groups)
    assert train + val and not {i // 2 for i in train} & {i // 2 for i in val}
    half = [*range(50)], [*range(50, 100)]
    assert parts_for([*range(100)], [*'xy']*50, half, groups) == half
    across = torch.arange(0, 100, 2), torch.arange(1, 100, 2)
    with pytest.raises(ValueError, match='both sides'):
        parts_for([*range(100)], [*'xy']*50, across, groups)


@pytest.mark.parametrize('missing', [None, '', float('nan'), pd.NA, pd.NaT])
def test_a_picture_without_a_group_is_named(missing):
    with pytest.raises(ValueError, match='at place 3'):
        random_split(9, groups=['a', 'b', 'c', missing, *'defgh'])


def test_groups_by_name_are_refused_and_not_taken_for_their_names():
    with pytest.raises(TypeError, match='one for each'):
        parts_for([*'abcd'], [*'xyxy'], groups=dict.fromkeys('abcd', 1))


@given(lists(classes, 20), st.floats(.5, .98), seeds)
@settings(max_examples=15, deadline=None)
def test_each_label_keeps_something_for_training(labels, valid, seed):
    train, _ = random_split(len(labels), valid, seed, labels)
    assert {labels[i] for i in train} == {*labels}


@pytest.mark.parametrize('splits, message', [
    (([True, False, True], [False, True, False]), 'two lists of places'),
    (([0, 0], [1, 1]), 'splits has 1 twice for validation')])
def test_a_split_by_hand_is_two_lists_of_places(splits, message):
    with pytest.raises((TypeError, ValueError), match=message):
        parts_for([*'abc'], [*'xxx'], splits)


def test_a_picture_that_is_there_twice_has_to_be_in_one_group():
    files, labels = [*'abcdefgh']*2, [*'xy']*8
    for splits in None, ([*range(8)], [*range(8, 16)]):
        with pytest.raises(ValueError, match='on both sides'):
            parts_for(files, labels, splits, groups=[*range(16)])
    assert parts_for(files, labels, groups=[*range(8)]*2)


@pytest.mark.parametrize('label, message', [
    (lambda i: '' if i == 3 else 'ab'[i % 2], 'an empty name'),
    (lambda i: [''] if i == 3 else ['a'], 'an empty name'),
    (lambda i: [int(i % 2 == 0), int(i % 2)], '0 or 1 for each class'),
    (lambda i: torch.tensor([i % 2 == 0, i % 2 == 1]), '0 or 1 for each class'),
    (lambda i: np.eye(3)[i % 3], '0 or 1 for each class'),
    (lambda i: [], 'empty for each file')])
def test_labels_that_name_nothing_are_refused(tiny, label, message):
    files = image_files(tiny)
    with pytest.raises(ValueError, match=message):
        get_dls(24, 8, presize=32, files=files, labels=[*map(label, range(len(files)))])


@pytest.mark.parametrize('labels', [
    lambda files: torch.arange(60) % 2, lambda files: [*torch.arange(60) % 2],
    lambda files: dict(zip(files, torch.arange(60) % 2)),
    lambda files: lambda file: torch.tensor(ord(file.parent.name[-1]) % 2),
    lambda files: [np.array(['a', 'b'][i % 2]) for i in range(60)]])
def test_classes_may_come_as_tensors(tiny, labels):
    files = image_files(tiny)
    vocab = get_dls(24, 8, presize=32, files=files, labels=labels(files)).vocab
    assert [*vocab] in ([0, 1], ['a', 'b']) and not any(map(torch.is_tensor, vocab))
