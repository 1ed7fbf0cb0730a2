import json
import math
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.vision.all import (
    Interpretation,
    Learner,
    Normalize,
    PILImage,
    TensorCategory,
    TensorImage,
    accuracy,
    imagenet_stats,
    load_learner,
)
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from sotatrain import presize
from sotatrain.core.antialias import averaged_crops, block_sizes
from sotatrain.data import CLASSES, class_name, datablock_dls, image_files, noisy_labels
from sotatrain.doodlenette import draw
from sotatrain.presize import *
from tests.forked import Forked

CHURCH = 'n03028079'


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))


@pytest.fixture
def copy(tiny, tmp_path):
    "A data set that a test may spoil."
    return Path(shutil.copytree(tiny, tmp_path/'copy'))


@pytest.fixture
def dls(tiny):
    return get_dls(24, 8, tiny, presize=32, seed=0)


def build(path, **kwargs): return PresizedImages.build(path, 32, progress=False, **kwargs)

def seeded(seed=0): return torch.Generator().manual_seed(seed)

def tiny_net():
    layers = torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 10)
    return torch.nn.Sequential(*layers)

def squares(images, aspects=None):
    "All of `images`; they are true squares if no aspect ratios are given."
    n = len(images)
    return Squares(images, torch.arange(n), torch.ones(n) if aspects is None else aspects)


# --- one picture

@pytest.mark.parametrize('mode,colour,expected', [
    ('RGB', (200, 100, 50), (200, 100, 50)),
    ('L', 120, (120,)*3),
    ('1', 1, (255,)*3),
    ('CMYK', (0, 255, 255, 0), (255, 0, 0)),
    ('RGBA', (200, 100, 50, 255), (200, 100, 50)),
    ('RGBA', (0, 0, 0, 0), (255,)*3),
    ('LA', (0, 0), (255,)*3),
    ('I;16', 257*120, (120,)*3),
    ('P', 0, (0,)*3),
    ('YCbCr', (128, 128, 128), (128,)*3),
])
def test_every_mode_becomes_rgb(mode, colour, expected):
    rgb = to_rgb(Image.new(mode, (6, 4), colour))
    assert rgb.mode == 'RGB' and np.abs(np.asarray(rgb).astype(int) - expected).max() <= 2


@pytest.mark.parametrize('values,says', [
    (np.int32([[-5, 9]]), '-5 to 9, and whole numbers must be .* to 65,535, white'),
    (np.int32([[0, 70000]]), '0 to 70,000, and whole numbers must'),
    (np.float32([[0, 255]]), '0 to 255, and fractions must be .* to 1, white: scale'),
    (np.float32([[0, np.nan]]), 'nan to nan')])
def test_deep_gray_out_of_range_says_which_range_it_has(values, says, tmp_path):
    file = tmp_path/'deep.tif'
    Image.fromarray(values).save(file)
    for look in (open_rgb, lambda file: load_square(file, 8)):
        with pytest.raises(ValueError, match=f'deep.tif has gray from {says}') as error:
            look(file)
        assert 'Pillow' not in str(error.value)  # which can read it
    with pytest.raises(ValueError, match=f'^the picture has gray from {says}'):
        open_rgb(Image.fromarray(values))


def test_palette_with_transparency_lies_on_white():
    image = Image.new('P', (4, 4), 0)
    image.info['transparency'] = 0
    assert np.asarray(to_rgb(image)).min() == 255


def test_exif_orientation_turns_picture_and_aspect(tmp_path):
    lying = Image.new('RGB', (80, 40), 'black')
    lying.paste('white', (0, 0, 40, 40))  # the left half; upright it is the upper one
    exif = lying.getexif()
    exif[0x0112] = 6
    lying.save(tmp_path/'a.jpg', exif=exif, quality=95)
    square, aspect = load_square(tmp_path/'a.jpg', 32)
    assert aspect == pytest.approx(.5) and square[:12].mean() > 240 and square[20:].mean() < 15


def test_a_large_jpeg_is_decoded_small_but_keeps_its_shape(tmp_path):
    Image.effect_noise((1600, 801), 90).convert('RGB').save(tmp_path/'big.jpg')
    square, aspect = load_square(tmp_path/'big.jpg', 32)
    assert square.shape == (32, 32, 3) and aspect == pytest.approx(1600/801)


@pytest.mark.parametrize('name,mode,near', [
    ('a.png', 'RGB', 0), ('a.png', 'RGBA', 0), ('a.png', 'L', 0), ('a.jpg', 'RGB', 4)])
def test_a_picture_is_the_same_however_it_arrives(name, mode, near, tmp_path):
    "But for a large JPEG, which is decoded small if it is not open yet."
    draw('church', side=400).convert(mode).save(file := tmp_path/name)
    square, aspect = load_square(file, 48)
    assert np.array_equal(load_square(file.read_bytes(), 48)[0], square)
    for opened in (open_rgb(file), Image.open(file)):
        other, same = load_square(opened, 48)
        assert np.abs(other.astype(int) - square).mean() <= near and same == aspect


def test_open_rgb_keeps_what_pilimage_drops(tmp_path):
    Image.new('RGBA', (30, 20), (0, 0, 0, 0)).save(file := tmp_path/'a.png')
    assert np.asarray(open_rgb(file)).min() == 255 and load_square(file, 8)[0].min() == 255
    assert np.asarray(PILImage.create(file)).max() == 0  # so `predict` takes the file itself


# --- the store

def test_store_holds_every_picture_with_its_facts(tiny):
    store, files = build(tiny), image_files(tiny)
    assert len(store) == 60
    assert store.images.shape == (60, 32, 32, 3) and store.images.dtype == torch.uint8
    for row in (0, 31, 59):
        square, aspect = load_square(files[row], 32)
        assert (store.images[row].numpy() == square).all()
        assert store.aspects[row] == pytest.approx(aspect)
        assert list(CLASSES)[store.labels[row]] == files[row].parent.name
    assert store.rows([files[5], str(files[7]), 'elsewhere.jpg', 3]).tolist() == [5, 7, -1, -1]
    assert '60 pictures of 32 × 32 px' in repr(store)


def test_the_array_is_mapped_not_copied_and_safe_to_write_to(tiny):
    store = build(tiny)
    before = store.images[0].clone()
    store.images[0] = 0
    assert (build(tiny).images[0] == before).all()


def test_second_build_opens(tiny, monkeypatch):
    store = build(tiny)
    monkeypatch.setattr(presize, 'load_square', lambda *args: pytest.fail('it decoded again'))
    assert build(tiny).folder == store.folder


def test_changed_data_gets_a_new_store(copy):
    first = build(copy)
    victim = image_files(copy)[0]
    os.utime(victim, ns=(1, 1))
    second = build(copy)
    assert second.folder != first.folder
    victim.unlink()
    assert len(build(copy)) == 59


def broken(copy):
    file = copy/'train'/CHURCH/'broken.JPEG'
    whole = image_files(copy)[0].read_bytes()
    file.write_bytes(whole[:len(whole)//3])
    return file


def test_a_broken_picture_is_named_and_nothing_is_left(copy, tmp_path):
    file = broken(copy)
    message = rf'{file.name} cannot be decoded .*on_error=.skip.*1 of 61'
    with pytest.raises(ValueError, match=message): build(copy)
    assert not list((tmp_path/'cache'/'presized').iterdir())


def test_a_broken_picture_is_skipped_and_listed(copy):
    file, store = broken(copy), build(copy, on_error='skip')
    assert store.skipped == [file.relative_to(copy).as_posix()]
    assert len(store) == len(store.images) == 60
    files = [store.root/f for f in store.files]
    for image, file in zip(store.images, files):
        assert (image.numpy() == load_square(file, 32)[0]).all()
    assert len(get_dls(24, 8, copy, presize=32, on_error='skip').train_ds) == 40


@pytest.mark.parametrize('bad', [
    dict(on_error='ignore'),
    dict(side=0),
    dict(side=32.5),
])
def test_bad_arguments(tiny, bad):
    with pytest.raises((TypeError, ValueError), match=next(iter(bad))):
        PresizedImages.build(tiny, **bad)


def damage_cut(folder):
    with open(folder/'images.npy', 'r+b') as f: f.truncate(5000)

def damage_header(folder):
    with open(folder/'images.npy', 'r+b') as f: f.write(b'nonsense')

def damage_facts(folder): (folder/'facts.json').write_text('{"format"')

def damage_count(folder):
    facts = json.loads((folder/'facts.json').read_text())
    (folder/'facts.json').write_text(json.dumps(facts | dict(files=facts['files'][1:])))

def damage_format(folder):
    facts = json.loads((folder/'facts.json').read_text())
    (folder/'facts.json').write_text(json.dumps(facts | dict(format=0)))

def damage_missing(folder): (folder/'images.npy').unlink()


@pytest.mark.parametrize('damage', [
    damage_cut,
    damage_header,
    damage_facts,
    damage_count,
    damage_format,
    damage_missing,
])
def test_a_damaged_store_is_refused_by_load_and_made_again_by_build(tiny, damage):
    store = build(tiny)
    folder, images = store.folder, store.images.clone()
    del store  # nothing may look at a mapped file that is cut off
    damage(folder)
    with pytest.raises(ValueError, match='is no sound store of pictures: .*build it again'):
        PresizedImages.load(folder)
    assert (build(tiny).images == images).all()


def test_an_older_format_says_so(tiny):
    store = build(tiny)
    damage_format(store.folder)
    with pytest.raises(ValueError, match='it has format 0, and this version reads format'):
        PresizedImages.load(store.folder)


def large_build(path): print(PresizedImages.build(path, 600, progress=False).folder)


def test_a_killed_build_leaves_nothing_under_the_name(tiny, tmp_path):
    process = Forked(tmp_path, large_build, tiny)
    stores = tmp_path/'cache'/'presized'
    def has_begun(): return stores.exists() and list(stores.glob('.*/folder/images.npy'))
    while not has_begun() and process.poll() is None: time.sleep(.002)
    process.kill()
    process.wait()
    assert [p for p in stores.iterdir() if not p.name.startswith('.')] == []
    assert len(PresizedImages.build(tiny, 600, progress=False)) == 60


def test_two_builds_at_once_give_one_store(tiny, tmp_path):
    both = [Forked(tmp_path, large_build, tiny) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    folders = {process.out.strip() for process in both}
    assert len(folders) == 1
    assert [str(p) for p in (tmp_path/'cache'/'presized').iterdir()] == list(folders)


def test_an_exception_while_building_leaves_nothing(tiny, tmp_path, monkeypatch):
    def interrupted(*args): raise KeyboardInterrupt
    monkeypatch.setattr(presize, 'load_square', interrupted)
    with pytest.raises(KeyboardInterrupt): build(tiny)
    assert not list((tmp_path/'cache'/'presized').iterdir())


# --- geometry

def picture(side=64):
    "A smooth picture, so that interpolation hardly changes it."
    x = torch.linspace(0, 3, side)
    waves = torch.stack([torch.sin(x[:, None] + k*x) for k in (0, 1, 2)], 2)
    return (waves*100 + 128).round().to(torch.uint8)[None]


def window(half=(1., 1.), centre=(0., 0.), degrees=0., flip=1., aspect=1.):
    one = aspect, half, centre, math.radians(degrees), flip
    return crop_matrices(*(torch.tensor([value]) for value in one))


def test_identity_returns_the_stored_picture():
    image = picture()
    same = crop(image, window(), 64)
    assert (same*255 - image.permute(0, 3, 1, 2)).abs().max() < .01
    whole_of_a_wide_one = window(half=(2., 1.), aspect=2.)
    assert (crop(image, whole_of_a_wide_one, 64) - same).abs().max() < 1e-6


def test_sampling_grid_is_affine_grid():
    matrices = Augment().matrices(torch.linspace(.5, 2, 5), seeded())
    reference = F.affine_grid(matrices, (5, 3, 33, 33), align_corners=False)
    assert torch.allclose(sampling_grid(matrices, 33), reference, atol=1e-5)


class Written(TorchDispatchMode):
    "The most numbers that an operation inside wrote, views aside."
    most = 0
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **kwargs or {})
        if isinstance(result, torch.Tensor) and not func.is_view:
            self.most = max(self.most, result.numel())
        return result


def test_a_batch_costs_the_same_however_large_the_store_is(tiny):
    store = build(tiny)
    with Written() as written: Augment()(store.at([1, 3]), 16, seeded())
    assert 0 < written.most <= 2 * 3*32*32 < store.images.numel()


def test_flip_twice_is_the_identity():
    image, mirror = picture(), window(flip=-1.)
    def mirrored(image):
        return (crop(image, mirror, 64)*255).round().to(torch.uint8).permute(0, 2, 3, 1)
    once = mirrored(image)
    assert torch.equal(once, image.flip(2))
    assert torch.equal(mirrored(once), image)


@pytest.mark.parametrize('aspect', [.5, 1., 1.5, 2.])
@pytest.mark.parametrize('degrees', [0., 30.])
def test_unsquishing_keeps_a_circle_round(aspect, degrees):
    side = 200  # a disc of radius .24 in the true picture, stored squished
    y, x = torch.meshgrid(*[(2*torch.arange(side) + 1)/side - 1]*2, indexing='ij')
    disc = (((x*aspect)**2 + y**2 < .24**2) * 255).to(torch.uint8)
    stored = disc[None, ..., None].expand(1, side, side, 3)
    close = window(half=(.3, .3), degrees=degrees, aspect=aspect)
    result = crop(stored, close, 100)[0, 0] > .5
    width, height = result.any(0).sum().item(), result.any(1).sum().item()
    assert abs(width - 80) <= 2 and abs(height - 80) <= 2


def test_windows_stay_inside_and_keep_their_area_and_shape():
    aspects = torch.rand(5000, generator=seeded())*2 + .4
    augment = Augment(max_angle=0, flip=0)
    matrices = augment.matrices(aspects, seeded(1))
    half = torch.stack([matrices[:, 0, 0], matrices[:, 1, 1]], 1)  # of the stored square
    assert (matrices[:, :, 2].abs() + half <= 1 + 1e-5).all()
    ratio, share = half[:, 0]*aspects/half[:, 1], half.prod(1)
    assert ratio.min() >= 3/4 - 1e-4 and ratio.max() <= 4/3 + 1e-4
    assert share.max() <= 1 + 1e-5
    square = augment.matrices(torch.ones(5000), seeded(2))
    assert square[:, 0, 0].mul(square[:, 1, 1]).min() >= .35 - 1e-4


def test_flips_and_angles_are_as_often_and_as_large_as_asked():
    matrices = Augment(max_angle=10, flip=.25).matrices(torch.ones(8000), seeded())
    mirrored = torch.linalg.det(matrices[:, :, :2]) < 0
    assert mirrored.float().mean() == pytest.approx(.25, abs=.02)
    angle = torch.atan2(matrices[:, 0, 1], matrices[:, 1, 1]).rad2deg()
    assert angle.abs().max() <= 10.01 and angle.abs().max() > 9.5


def test_crops_of_a_batch_differ_and_the_datablocks_do_not(tiny):
    one = torch.rand(1, 48, 48, 3, generator=seeded()).mul(255).to(torch.uint8)
    same = one.expand(6, 48, 48, 3)
    ours = Augment(light=0, max_angle=0, flip=0)(squares(same), 24, seeded())
    assert all((ours[0] - ours[i]).abs().max() > .05 for i in range(1, 6))
    theirs = datablock_dls(tiny, 24, 6, workers=0).train.after_batch[2]
    batch = theirs(TensorImage(same.permute(0, 3, 1, 2).float()/255), split_idx=0)
    assert all(torch.equal(batch[0], batch[i]) for i in range(1, 6))


def test_light_changes_mean_and_spread_as_asked():
    x = torch.rand(2, 3, 20, 20, generator=seeded())*.2 + .4
    mean, spread = x.mean((1, 2, 3)), x.std((1, 2, 3))
    y = relight(x, torch.tensor([[1.1, .5], [1., 1.]]))
    assert torch.allclose(y.mean((1, 2, 3)), mean*torch.tensor([1.1, 1.]), atol=1e-4)
    assert torch.allclose(y.std((1, 2, 3)), spread*torch.tensor([.5, 1.]), atol=1e-4)
    assert relight(x, torch.full((2, 2), 9.)).max() <= 1


def test_centre_crop_is_pytorchs_antialiased_resize():
    image = picture(96).expand(5, 96, 96, 3)
    whole = image.permute(0, 3, 1, 2).float()/255
    for size in (24, 50, 96, 120):
        reference = F.interpolate(whole, size, mode='bilinear', antialias=True)
        assert torch.allclose(centre_crop(squares(image), size), reference, atol=1e-4)


def test_centre_crop_takes_the_middle_of_the_true_picture():
    side = 120
    wide = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    wide[:, :, 30:90] = 255  # the centre square of a picture that is twice as wide as high
    tall = wide.transpose(1, 2).contiguous()
    def darkest(images, aspect):
        "Without the rim, whose pixels see their neighbours outside, as antialiasing should."
        crops = centre_crop(squares(images, torch.tensor([aspect])), 30)
        return crops[..., 1:-1, 1:-1].min()
    assert darkest(wide, 2.) > .99
    assert darkest(tall, .5) > .99
    assert darkest(wide, 1.) < .01


# --- squares that travel together

def many(n=37, side=300):
    return torch.randint(0, 255, (n, side, side, 3), dtype=torch.uint8, generator=seeded())


def test_parts_give_what_the_whole_gives():
    images, some = many(), torch.randperm(37)[:20]
    for rows in (torch.arange(37), some):
        given = Squares(images, rows, torch.ones(len(rows)))
        parts = [*given.parts()]
        assert len(parts) > 10  # of a few pictures each
        assert torch.equal(torch.cat([part for _, part in parts]), images[rows])
        for where, part in parts: assert torch.equal(part, images[rows[where]])


def test_crops_in_parts_are_the_crops_of_the_whole():
    images, some = many(), torch.randperm(37)[:20]
    aspects = torch.rand(20, generator=seeded()) + .5
    given = Squares(images, some, aspects)
    plain = Augment(light=0)
    matrices = plain.matrices(aspects, seeded())
    whole = images[some].permute(0, 3, 1, 2).float()
    blocks = block_sizes(matrices, 300, 20)
    expected = averaged_crops(presize._look_up, whole, matrices, blocks, 20)
    assert torch.allclose(plain(given, 20, seeded()), expected.clamp(0, 1), atol=1e-6)
    fine = crop(images[some], matrices, 200).clamp(0, 1)
    assert torch.equal(plain(given, 200, seeded()), fine)  # less than two pixels become one
    one_by_one = [centre_crop(Squares(images, some[[i]], aspects[[i]]), 20) for i in range(20)]
    assert torch.allclose(centre_crop(given, 20), torch.cat(one_by_one), atol=1e-6)


def test_squares_know_their_number_and_their_side():
    given = Squares(many(), torch.tensor([3, 3, 5]), torch.ones(3))
    assert len(given) == 3 and given.side == 300


def test_squares_of_a_store_are_not_copied(tiny):
    store = build(tiny)
    given = store.at([4, 2])
    assert given.images is store.images and given.rows.tolist() == [4, 2]
    assert torch.equal(given.aspects, store.aspects[[4, 2]])
    assert given.to('cpu') is given
    assert store.on(None, given.rows).images is store.images


def test_squares_on_another_device_are_their_own_only():
    "'meta' is a device without numbers, which every machine has."
    there = Squares(many(), torch.tensor([3, 3, 5]), torch.ones(3)).to('meta')
    assert there.images.shape == (3, 300, 300, 3) and there.images.device.type == 'meta'
    assert there.rows.shape == (3,) and there.rows.device.type == 'meta'
    assert there.aspects.device.type == 'cpu'


def test_no_pictures_give_no_crops():
    none = Squares(many(2), torch.arange(0), torch.ones(0))
    assert centre_crop(none, 20).shape == Augment()(none, 20).shape == (0, 3, 20, 20)


FIRST = [0.994777, 0.093258, -0.000000, -0.071448, 0.636239, -0.101432]
LAST = [0.597963, 0.029373, -0.044079, -0.045013, 0.998895, -0.000000]
LIGHTS = [1.013969, 0.879521, 1.063685, 1.062756]

def test_the_windows_of_a_seed_are_those_of_the_first_version():
    "Stored experiments were made with them: the same numbers are drawn, in the same order."
    first, last = Augment().matrices(torch.tensor([.7, 1., 1.6]), seeded(7))[[0, 2]]
    assert first.flatten().tolist() == pytest.approx(FIRST, abs=1e-5)
    assert last.flatten().tolist() == pytest.approx(LAST, abs=1e-5)
    assert Augment().lights(2, seeded(7)).flatten().tolist() == pytest.approx(LIGHTS, abs=1e-5)


# --- loaders

def test_batches_and_their_types(dls):
    xb, yb = dls.one_batch()
    assert isinstance(xb, TensorImage) and isinstance(yb, TensorCategory)
    assert xb.shape == (8, 3, 24, 24) and xb.dtype == torch.float32
    assert 0 <= xb.min() and xb.max() <= 1
    assert dls.c == 10 and list(dls.vocab) == list(CLASSES.values())
    assert len(dls.train) == 5 and len(dls.valid) == 3


def test_the_split_is_the_folders(dls):
    assert {f.parts[-3] for f in dls.train_ds.items} == {'train'}
    assert {f.parts[-3] for f in dls.valid_ds.items} == {'val'}


def test_labels_and_files_follow_their_picture_through_shuffling(tiny):
    dls = get_dls(32, 8, tiny, presize=32, seed=3)
    exact = Augment(min_scale=1., max_ratio=1., flip=0., max_angle=0., light=0.)
    dls.train.augment = exact
    def whole(square): return exact(squares(torch.tensor(square)[None]), 32)[0]
    loaded = {file: load_square(file, 32) for file in dls.train_ds.items}
    known = {file: whole(square) for file, (square, aspect) in loaded.items() if aspect == 1}
    assert known, 'some square pictures, whose only window of full area is the whole'
    found = 0
    for xb, yb in dls.train:
        for x, y in zip(xb, yb):
            owners = [file for file, square in known.items() if (square - x).abs().max() < 1e-4]
            if not owners: continue
            found += 1
            assert class_name(owners[0].parent.name) == dls.vocab[y]
    assert found == len(known)


def test_the_same_seed_gives_the_same_batches(tiny):
    def batches(seed):
        return [b for _ in range(2) for b in get_dls(24, 8, tiny, presize=32, seed=seed).train]
    one, two, other = batches(0), batches(0), batches(1)
    for a, b in zip(one, two): assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert not torch.equal(one[0][0], other[0][0])


def test_two_epochs_differ(dls):
    assert not torch.equal(next(iter(dls.train))[0], next(iter(dls.train))[0])


def test_validation_depends_on_nothing(tiny, dls):
    first = torch.cat([x for x, _ in dls.valid])
    list(dls.train)
    assert torch.equal(torch.cat([x for x, _ in dls.valid]), first)
    other = get_dls(24, 20, tiny, presize=32, seed=7)
    assert torch.equal(torch.cat([x for x, _ in other.valid]), first)


def test_presize_has_a_default_and_a_rule(tiny):
    assert get_dls(24, 8, tiny).train.store.side == 32
    with pytest.raises(ValueError, match='presize=16 is smaller than size=24'):
        get_dls(24, 8, tiny, presize=16)


def label(file): return list(CLASSES).index(file.parent.name)

def learner(dls, path='.'):
    torch.manual_seed(0)
    return Learner(dls, tiny_net(), metrics=accuracy, path=path)


def test_a_learner_does_with_them_what_it_does_with_fastais(tiny, dls, tmp_path):
    learn = learner(dls, tmp_path)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(2, 1e-2)
        learn.lr_find(show_plot=False, num_it=6)
        probs, targets = learn.get_preds()
        assert probs.shape == (20, 10)
        assert targets.tolist() == [label(file) for file in dls.valid_ds.items]
        assert learn.get_preds(ds_idx=0)[0].shape == (40, 10)
        interpretation = Interpretation.from_learner(learn)
        assert len(interpretation.top_losses(5)[1]) == 5
        learn.dls = get_dls(32, 8, tiny, presize=32)
        learn.fit(1)
        assert learn.get_preds()[0].shape == (20, 10)
        learn.show_results(max_n=2)
    dls.show_batch(max_n=4)


def test_normalize_can_be_added_and_is_undone_for_display(tiny):
    normalize = Normalize.from_stats(*imagenet_stats)
    dls = get_dls(24, 8, tiny, presize=32, seed=0, after_batch=normalize)
    assert dls.one_batch()[0].min() < 0
    assert 0 <= dls.train.decode(dls.one_batch())[0].min()


def test_new_files_are_decoded_as_the_stored_ones_are(tiny, copy, dls):
    learn = learner(dls)
    files = list(dls.valid_ds.items)
    elsewhere = [copy/f.relative_to(tiny) for f in files]
    with learn.no_bar():
        stored = learn.get_preds(dl=dls.test_dl(files))[0]
        fresh = learn.get_preds(dl=dls.test_dl(elsewhere))[0]
        labelled = learn.get_preds(dl=dls.test_dl(elsewhere, with_labels=True))[1]
        assert torch.allclose(stored, fresh, atol=1e-5)
        assert labelled.tolist() == [label(file) for file in elsewhere]
        as_text = dls.test_dl([*map(str, elsewhere)], with_labels=True)
        assert torch.cat([y for _, y in as_text]).tolist() == labelled.tolist()
        assert learn.predict(elsewhere[0])[0] in CLASSES.values()


def test_an_exported_learner_works_without_the_store(tiny, copy, dls, tmp_path):
    learn = learner(dls, tmp_path)
    with learn.no_bar():
        before = learn.get_preds()[0]
        learn.export('model.pkl')
        assert (tmp_path/'model.pkl').stat().st_size < 200_000
        loaded = load_learner(tmp_path/'model.pkl')
        dl = loaded.dls.test_dl(list(dls.valid_ds.items))
        with loaded.no_bar(): after = loaded.get_preds(dl=dl)[0]
    assert torch.allclose(before, after, atol=1e-5)


def test_a_transform_that_sets_itself_up_sees_a_training_batch(tiny):
    dls = get_dls(24, 8, tiny, presize=32, seed=0, after_batch=Normalize())
    again = get_dls(24, 8, tiny, presize=32, seed=0)
    mean, sd = dls.after_batch.fs[0].mean, dls.after_batch.fs[0].std
    assert mean.shape == (1, 3, 1, 1)
    assert dls.valid.after_batch.fs[0].mean is mean  # the training set's, for both
    normalized = (again.one_batch()[0] - mean) / sd
    assert torch.allclose(dls.one_batch()[0], normalized, atol=1e-5)  # in the same order


# --- labels from a table

def test_labels_from_a_table(tiny, tmp_path, monkeypatch):
    labels = noisy_labels(tiny, 25)
    dls = get_dls(24, 8, tiny, presize=32, labels=labels)
    names = [class_name(labels[file]) for file in dls.train.items]
    assert [dls.vocab[y] for y in dls.train.targets[0]] == names
    assert names != [class_name(file.parent.name) for file in dls.train.items]
    monkeypatch.chdir(tiny.parent)
    path = Path(tiny.name)
    relative = get_dls(24, 8, path, presize=32, labels=noisy_labels(path, 25))
    assert torch.equal(relative.train.targets[0], dls.train.targets[0])
    few = {file: label for file, label in labels.items() if 'val' not in file.parts}
    with pytest.raises(ValueError, match=f'labels has none for {dls.valid.items[0].parent}'):
        get_dls(24, 8, tiny, presize=32, labels=few)


def test_a_learner_with_labels_from_a_table_is_exported_without_it(tiny, tmp_path):
    dls = get_dls(24, 8, tiny, presize=32, labels=noisy_labels(tiny, 25))
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3*24*24, 10))
    learn = Learner(dls, net, path=tmp_path)
    learn.export('model.pkl')
    assert (tmp_path/'model.pkl').stat().st_size < 200_000
    dl = dls.test_dl(dls.valid.items[:3], with_labels=True)
    assert torch.equal(dl.one_batch()[1].cpu(), dls.valid.targets[0][:3])


def test_crops_that_shrink_a_picture_average_all_of_its_pixels():
    "A chess board of single pixels is gray from afar; a look-up alone finds its fields."
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 255
    images = board.byte()[None, :, :, None].expand(1, 64, 64, 3).contiguous()
    plain = Augment(min_scale=1, max_ratio=1, flip=0, max_angle=0, light=0)
    squares = Squares(images, torch.arange(1), torch.ones(1))
    assert (plain(squares, 16) - .5).abs().max() < .01
    assert (plain(squares, 48) - .5).abs().max() > .2  # too little to average
