"""Whatever comes in at a door of the library: a result that keeps its promise, or an error of
ours that names what is wrong. Never a raw error of another library, never silence."""
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.vision.all import CrossEntropyLossFlat, TensorImage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sotatrain.data import class_names, datablock_dls, image_files
from sotatrain.experiment import Recipe, compare, learner_of, train
from sotatrain.learner import make_learner, saved_gigabytes
from sotatrain.normalize import Normalize
from sotatrain.presize import (
    Augment,
    PresizedImages,
    Squares,
    centre_crop,
    crop,
    get_dls,
    load_square,
    open_rgb,
    relight,
    to_rgb,
)
from sotatrain.resizing import ProgressiveResize
from tests.networks import Net

ALWAYS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MODES = '1 L P RGB RGBA CMYK YCbCr LAB HSV I F LA PA RGBX RGBa La I;16 I;16B'.split()
VALUES = st.one_of(
    st.floats(), st.integers(-3, 200), st.booleans(), st.none(), st.text(max_size=3),
    st.sampled_from([np.float32(.4), np.int64(8), (32, 48), [], math.inf, 10**30]))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path_factory.getbasetemp()/'entrances'))


def or_refused(make, *names):
    "What `make` gives; None if it raises an error of ours, which names one of `names`."
    try: return make()
    except (TypeError, ValueError) as error:
        text = str(error)
        assert any(name in text for name in names), text
        assert len(text) > 15 and text[0] not in "<'", text
        return None


# --- where pictures come from, and where they are computed on

SMALL = Recipe(data='nowhere', arch='xresnet18', size=16, epochs=1, bs=10)
DOORS = {
    'get_dls': lambda path=None, **more: get_dls(16, 8, path, **more),
    'datablock_dls': lambda path='nowhere', **more: datablock_dls(path, 16, 8, **more),
    'learner_of': lambda path=None, **more: learner_of(SMALL, data=path, **more),
    'train': lambda path=None, **more: train(SMALL, data=path, **more),
    'compare': lambda path=None, **more: compare([SMALL], data=path, **more)}

@pytest.mark.parametrize('door', DOORS)
def test_what_is_no_path_is_called_as_at_its_door(door):
    name = 'path' if door.endswith('dls') else 'data'
    with pytest.raises(TypeError, match=f'^{name}=3: it must be a path'): DOORS[door](path=3)


@pytest.mark.parametrize('device', ['nonsense', 'meta', 10**6])
@pytest.mark.parametrize('door', DOORS)
def test_a_device_that_computes_nothing_is_refused_at_once(door, device):
    with pytest.raises(ValueError, match='^device=.*cannot compute on it here. There is cpu'):
        DOORS[door](device=device)


# --- pictures

def picture(mode, width, height, seed):
    random = np.random.default_rng(seed)
    if mode == 'F': return Image.fromarray(random.random((height, width), 'float32'))
    if mode == 'I': return Image.fromarray(random.integers(0, 65536, (height, width), 'int32'))
    if mode.startswith('I;16'): return Image.frombytes(
        mode, (width, height), random.integers(0, 256, 2*width*height, 'uint8').tobytes())
    colours = random.integers(0, 256, (height, width, 4), 'uint8')
    image = Image.fromarray(colours, 'RGBA')
    steps = {'LAB': ['RGB'], 'HSV': ['RGB'], 'RGBa': [], 'La': ['LA'], 'PA': ['P'],
             'CMYK': ['RGB'], 'YCbCr': ['RGB']}
    for step in (*steps.get(mode, []), mode): image = to_mode(image, step)
    return image


def to_mode(image, mode):
    if mode == 'LAB':
        from PIL import ImageCms
        profiles = ImageCms.createProfile('sRGB'), ImageCms.createProfile('LAB')
        return ImageCms.profileToProfile(image, *profiles, outputMode='LAB')
    return image if image.mode == mode else image.convert(mode)


@ALWAYS
@given(mode=st.sampled_from(MODES), width=st.integers(1, 40), height=st.integers(1, 40),
       side=st.integers(1, 24), seed=st.integers(0, 99))
def test_any_small_picture_becomes_a_square(mode, width, height, side, seed):
    image = picture(mode, width, height, seed)
    assert to_rgb(image).mode == 'RGB'
    square, aspect = load_square(image, side)
    assert square.shape == (side, side, 3) and square.dtype == np.uint8
    assert aspect == pytest.approx(width / height)
    assert np.array_equal(np.asarray(open_rgb(image)), np.asarray(to_rgb(image)))


@ALWAYS
@given(content=st.binary(max_size=200),
       begin=st.sampled_from([b'', b'\xff\xd8', b'\x89PNG', b'BM']))
def test_bytes_that_are_no_picture_are_refused_by_name(tmp_path_factory, content, begin):
    file = tmp_path_factory.getbasetemp()/'a.jpg'
    file.write_bytes(begin + content)
    found = or_refused(lambda: load_square(file, 8), 'a.jpg')
    assert found is None or found[0].shape == (8, 8, 3)


# --- numbers

@ALWAYS
@given(field=st.sampled_from(['min_scale', 'max_ratio', 'flip', 'max_angle', 'light']),
       value=VALUES)
def test_any_field_of_augment_gives_pictures_or_is_refused(field, value):
    augment = or_refused(lambda: Augment(**{field: value}), field)
    if augment is None: return
    images = torch.randint(0, 256, (4, 16, 16, 3), dtype=torch.uint8)
    crops = augment(Squares(images, torch.arange(4), torch.tensor([.5, 1., 1., 2.])), 8)
    assert crops.shape == (4, 3, 8, 8)
    assert crops.isfinite().all() and crops.min() >= 0 and crops.max() <= 1


@settings(ALWAYS, max_examples=40)
@given(name=st.sampled_from(['size', 'bs', 'presize', 'seed']), value=VALUES)
def test_any_number_of_a_loader_gives_batches_or_is_refused(tiny, name, value):
    arguments = dict(size=16, bs=8, path=tiny, presize=24, device='cpu') | {name: value}
    dls = or_refused(lambda: get_dls(**arguments), name, 'presize')
    if dls is None: return
    x, y = dls.one_batch()
    size, bs = int(arguments['size']), int(arguments['bs'])
    assert x.shape == (bs, 3, size, size) and y.shape == (bs,)


@settings(ALWAYS, max_examples=40)
@given(name=st.sampled_from(['lr', 'wd', 'bf16', 'seed']), value=VALUES)
def test_any_number_of_a_learner_is_taken_or_refused(tiny, name, value):
    dls = get_dls(16, 8, tiny, presize=24, device='cpu')
    learn = or_refused(lambda: make_learner(dls, Net, **{name: value}), name)
    assert learn is None or isinstance(learn.loss_func, CrossEntropyLossFlat)


@ALWAYS
@given(name=st.sampled_from(['small', 'begin', 'end', 'step']), value=VALUES)
def test_any_number_of_a_growing_size_is_taken_or_refused(name, value):
    or_refused(lambda: ProgressiveResize(**dict(small=16, begin=0., end=.75) | {name: value}),
               name, 'begin')


@ALWAYS
@given(name=st.sampled_from(['mean', 'std']),
       value=st.one_of(VALUES, st.lists(VALUES, max_size=4)))
def test_any_statistics_normalize_or_are_refused(name, value):
    statistics = dict(mean=[.5]*3, std=[.2]*3) | {name: value}
    found = or_refused(lambda: Normalize(**statistics), name, 'mean')
    if found is None: return
    x = TensorImage(torch.rand(2, len(found.mean), 4, 4))
    assert found(x).shape == x.shape and found(x).isfinite().all()


# --- tensors

def two(images): return Squares(images, torch.arange(2), torch.ones(2))


@pytest.mark.parametrize('call,message', [
    (lambda: Augment()(torch.rand(4, 64, 64, 3), 32), 'Squares'),
    (lambda: centre_crop(torch.rand(4, 64, 64, 3), 32), 'Squares'),
    (lambda: centre_crop(two(torch.rand(2, 8, 8, 3)), 4), 'uint8'),
    (lambda: centre_crop(two(torch.rand(2, 3, 8, 8).byte()), 4), '3'),
    (lambda: Squares(torch.zeros(1, 8, 8, 3).byte(), torch.arange(2), torch.ones(2)), 'rows'),
    (lambda: crop(torch.rand(1, 8, 8, 3).byte(), torch.zeros(1, 3, 2), 4), 'matrices'),
    (lambda: relight(torch.rand(2, 3, 4, 4) * 255, torch.ones(2, 2)), 'between 0 and 1'),
    (lambda: saved_gigabytes(Net(10), 32, 0), 'bs'),
])
def test_tensors_that_do_not_fit_are_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message): call()


# --- data that are no folders

def test_pictures_from_anywhere_are_a_store(tiny):
    files = image_files(tiny)[::7]
    store = PresizedImages.from_items(files, 24)
    assert len(store) == len(files) and store.side == 24
    assert np.array_equal(store.images[0].numpy(), load_square(files[0], 24)[0])


def test_labels_are_the_loaders_also_when_a_class_has_lost_its_pictures(tiny, tmp_path):
    import shutil
    folder = shutil.copytree(tiny, tmp_path/'set')
    first = sorted((folder/'train').iterdir())[0].name
    for split in ('train', 'val'):
        for file in (folder/split/first).iterdir(): file.write_bytes(b'no picture')
    dls = get_dls(16, 8, folder, presize=24, on_error='skip', device='cpu')
    store = dls.train.store
    of_file = dict(zip(store.files, store.labels.tolist()))
    names = class_names(folder)
    for item, label in zip(dls.train.items, dls.train.targets[0].tolist()):
        assert of_file[Path(item).relative_to(folder).as_posix()] == label
        assert dls.vocab[label] == names[label]


def test_pictures_that_cannot_be_decoded_are_left_out_if_asked(tiny, tmp_path):
    good, bad = tmp_path/'good.jpg', tmp_path/'bad.jpg'
    good.write_bytes(image_files(tiny)[0].read_bytes())
    bad.write_bytes(b'no picture')
    dls = get_dls(16, 8, tiny, presize=24, device='cpu')
    with pytest.raises(ValueError, match='bad.jpg'): dls.test_dl([good, bad])
    loader = dls.test_dl([good, bad], on_error='skip')
    assert len(loader.dataset) == 1 and loader.one_batch()[0].shape == (1, 3, 16, 16)
