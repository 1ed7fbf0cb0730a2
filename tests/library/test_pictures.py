"""What a picture is, and one way from anything to a Pillow image."""
import io
import os
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sotatrain.core.pictures import (
    SUFFIXES,
    check_picture,
    check_pictures,
    has_picture_name,
    lazy_picture,
    open_picture,
    picture_errors,
)

MODES = ['1', 'L', 'P', 'RGB', 'RGBA', 'LA', 'CMYK', 'YCbCr', 'I;16', 'F']


def colours(height=6, width=5):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(image, kind='png', **options):
    "The bytes of a file."
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# --- names

@pytest.mark.parametrize('name,is_one', [
    ('a.jpg', True),
    ('A.JPEG', True),
    ('ä b.c.PnG', True),
    ('folder/x.webp', True),
    ('a', False),
    ('.jpg', False),
    ('a.jpg.txt', False),
    ('a.svg', False),
    ('a.pdf', False)])
def test_a_picture_has_one_of_a_few_suffixes(name, is_one):
    assert has_picture_name(name) == is_one


def test_the_suffixes_are_those_that_pillow_reads():
    Image.init()
    assert {'.jpg', '.webp', '.tiff', '.pgm'} <= SUFFIXES <= set(Image.registered_extensions())


# --- one way in

def test_every_way_in_gives_the_same_picture(tmp_path):
    pixels = colours()
    file, content = tmp_path/'a.png', saved(Image.fromarray(pixels))
    file.write_bytes(content)
    tensor = torch.from_numpy(pixels.copy())
    ways = [file, str(file), content, bytearray(content), io.BytesIO(content), Image.open(file),
            Image.fromarray(pixels), pixels, pixels.transpose(2, 0, 1), tensor,
            tensor.permute(2, 0, 1), tensor.permute(2, 0, 1)/255, pixels/255]
    for way in ways: assert (np.asarray(open_picture(way)) == pixels).all()
    with open(file, 'rb') as f: assert (np.asarray(open_picture(f)) == pixels).all()


def test_channels_may_be_first_or_last_and_tensors_decide_for_first():
    cube = colours(3, 3)
    assert (np.asarray(open_picture(cube)) == cube).all()
    assert (np.asarray(open_picture(torch.from_numpy(cube)))
            == cube.transpose(1, 2, 0)).all()
    assert open_picture(np.zeros((7, 9, 1), np.uint8)).size == (9, 7)
    assert open_picture(np.zeros((7, 9, 4), np.uint8)).mode == 'RGBA'
    assert open_picture(np.zeros((7, 9), np.uint16)).mode == 'I;16'


def test_a_picture_comes_upright(tmp_path):
    image, exif = Image.new('RGB', (20, 10)), Image.Exif()
    exif[0x0112] = 6  # turned to the left
    assert open_picture(saved(image, 'jpeg', exif=exif)).size == (10, 20)
    assert image.size == (20, 10)


@pytest.mark.filterwarnings('ignore:Corrupt EXIF')
def test_a_damaged_exif_note_does_not_lose_the_picture():
    content = saved(Image.new('RGB', (20, 10)), 'jpeg', exif=b'Exif\0\0II*\0\xff\xff\xff\xff')
    assert open_picture(content).size == (20, 10)


@given(st.sampled_from(MODES), st.integers(1, 9), st.integers(1, 9))
def test_any_small_picture_in_any_mode_comes_through_with_its_mode(mode, width, height):
    image = Image.new(mode, (width, height))
    opened = open_picture(image)
    assert (opened.mode, opened.size) == (mode, (width, height)) and opened is not image


@given(st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_an_error_that_names_it(content):
    try: assert open_picture(content, 'this one').size
    except ValueError as error: assert 'this one is not a picture' in str(error)


PNG = saved(Image.fromarray(colours(20, 20)))
JPEG = saved(Image.fromarray(colours(20, 20)), 'jpeg')

@given(st.sampled_from([PNG, JPEG]), st.integers(0, 10**6), st.binary(max_size=4))
def test_any_damage_gives_a_picture_or_an_error_that_names_it(content, place, damage):
    place %= len(content)
    for spoiled in (content[:place], content[:place] + damage + content[place + len(damage):]):
        try: assert open_picture(spoiled, 'this one').size
        except ValueError as error: assert str(error).startswith('this one ')


# --- errors

@pytest.mark.parametrize('array,error,says', [
    (np.zeros((2, 3, 4, 5), np.uint8), ValueError, r'2 × 3 × 4 × 5: one picture is height'),
    (np.zeros((5, 5, 2), np.uint8), ValueError, '5 × 5 × 2'),
    (np.zeros((0, 5, 3), np.uint8), ValueError, '0 × 5 × 3'),
    (np.uint8(3)[()] + np.zeros((), np.uint8), TypeError, 'is no picture'),
    (np.zeros((), np.float32)[...], ValueError, 'no size'),
    (np.zeros((5, 5), int), TypeError, 'int64.*uint8'),
    (np.zeros((5, 5), bool), TypeError, 'bool'),
    (np.full((5, 5, 3), -2.1), ValueError, '-2.1 to -2.1.*undo what normalized'),
    (np.full((5, 5, 3), 200.), ValueError, 'divide by 255'),
    (np.full((5, 5, 3), np.nan), ValueError, 'nan to nan'),
    (torch.full((3, 5, 5), 2.6), ValueError, '2.6 to 2.6'),
    (None, TypeError, 'None is no picture: give a path'),
    (34, TypeError, '34 is no picture')])
def test_what_is_no_picture_is_said(array, error, says):
    with pytest.raises(error, match=says): open_picture(array)


def test_a_tensor_on_its_way_through_a_network_is_a_picture_too():
    fractions = torch.rand(3, 5, 5, requires_grad=True)
    assert open_picture(fractions.bfloat16()).size == (5, 5)


@pytest.mark.parametrize('content', [b'', b'hello', PNG[:60], JPEG[:400]])
def test_an_unreadable_file_is_named(tmp_path, content):
    file = tmp_path/'ä b.jpg'
    file.write_bytes(content)
    with pytest.raises(ValueError, match='ä b.jpg is not a picture.*: remove or replace it'):
        open_picture(file)


def test_a_missing_file_and_a_broken_link_are_named(tmp_path):
    (tmp_path/'link.jpg').symlink_to(tmp_path/'nowhere.jpg')
    for name in ('none.jpg', 'link.jpg'):
        for look in (open_picture, lazy_picture, check_picture):
            with pytest.raises(FileNotFoundError, match=f'{name} does not exist'):
                look(tmp_path/name)


def test_a_picture_that_pillow_takes_for_an_attack_is_named(tmp_path, monkeypatch):
    file = tmp_path/'huge.png'
    Image.new('1', (300, 100)).save(file)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 10_000)
    for look in (open_picture, lazy_picture, check_picture):
        with pytest.raises(ValueError, match=r'huge.png has .*MAX_IMAGE_PIXELS = None'):
            look(file)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 20_000)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with pytest.raises(ValueError, match='huge.png has'): check_picture(file)


def test_memory_that_runs_out_is_said_with_the_files_name():
    with pytest.raises(ValueError, match=r'a.jpg .*\(MemoryError\)'), picture_errors('a.jpg'):
        raise MemoryError


def test_a_file_in_the_place_of_another_is_checked_again(tmp_path):
    file, state = tmp_path/'a.png', None
    Image.new('RGB', (8, 8)).save(file)
    check_pictures([file])
    state = file.stat()
    file.write_bytes(b'0' * state.st_size)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(ValueError, match='a.png'): check_pictures([file])
