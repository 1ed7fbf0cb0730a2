"The photographs that come with the library: whole, small, of ten classes, split by sender."
import csv
from collections import Counter

import pytest
from PIL import Image

from sotatrain.core.content import file_digests
from sotatrain.data import class_names, dataset, image_files
from sotatrain.presize import get_dls


@pytest.fixture(scope='module')
def path(): return dataset('clothing')


@pytest.fixture(scope='module')
def rows(path):
    with open(path/'labels.csv', newline='', encoding='utf-8') as f: return [*csv.DictReader(f)]


def test_ten_classes_have_enough_photographs_on_both_sides(path):
    files = image_files(path)
    counts = Counter(file.parent.relative_to(path).as_posix() for file in files)
    assert len(class_names(path)) == 10 and len(files) == sum(counts.values())
    assert min(n for side, n in counts.items() if side.startswith('train')) >= 60
    assert min(n for side, n in counts.items() if side.startswith('val')) >= 30


def test_the_table_has_a_row_for_each_photograph_and_its_folder_as_label(path, rows):
    assert [path/row['path'] for row in rows] == list(image_files(path))
    assert all(row['path'].split('/')[1] == row['label'] for row in rows)


def test_nobodys_photographs_are_on_both_sides(rows):
    train, val = ({row['sender'] for row in rows if row['path'].startswith(side)}
                  for side in ('train', 'val'))
    assert len(train) > 100 and len(val) > 50 and not train & val


def test_nobody_dominates_a_class(rows):
    assert max(Counter((r['path'].split('/')[0], r['label'], r['sender']) for r in rows)
               .values()) <= 9


def test_no_photograph_is_there_twice(path):
    digests = file_digests(image_files(path), remember=False)
    assert len(set(digests)) == len(digests)


def test_they_are_small_and_tell_no_place_or_camera(path):
    files = image_files(path)
    assert sum(file.stat().st_size for file in files) < 8e6
    for file in files:
        with Image.open(file) as image:
            assert min(image.size) == 128 and image.mode == 'RGB' and not image.getexif()


def test_they_are_data_like_any_other(own_cache):
    dls = get_dls(32, 8, 'clothing', presize=32)
    assert dls.c == 10 and dls.one_batch()[0].shape == (8, 3, 32, 32)
