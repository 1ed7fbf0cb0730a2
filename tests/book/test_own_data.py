"""The course on a reader's own photographs: two classes, and few pictures."""
import numpy as np
import pytest
from PIL import Image

from tests.notebook import cells, execute


@pytest.fixture
def photographs(tmp_path):
    "Eight pictures of each of two classes in each split: one batch of the smoke profile."
    rng = np.random.default_rng(0)
    for split in ('train', 'val'):
        for name in ('ants', 'bees'):
            folder = tmp_path/'own'/split/name
            folder.mkdir(parents=True)
            for i in range(8):
                pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder/f'{i}.jpg')
    return tmp_path/'own'


@pytest.mark.parametrize('chapter', ['01_data', '06_tta'])
def test_a_chapter_runs_on_two_classes_of_ones_own(chapter, photographs, tmp_path):
    execute(cells(chapter), tmp_path, SOTATRAIN_PROFILE='smoke',
            SOTATRAIN_DATA=str(photographs), SOTATRAIN_CACHE=str(tmp_path/'cache'))


def test_the_page_before_the_chapters_runs_on_a_folder_of_ones_own(photographs, tmp_path):
    "As its card says: one line is changed. A file that is no picture is left out and listed."
    (photographs/'train'/'ants'/'broken.jpg').write_bytes(b'no picture')
    sources = cells('00_your_photos')
    first = next(i for i, source in enumerate(sources) if 'own = None' in source)
    sources[first] += f"\nown = {str(photographs/'train')!r}"
    shown = execute(sources, tmp_path, SOTATRAIN_PROFILE='smoke',
                    SOTATRAIN_CACHE=str(tmp_path/'cache'))
    assert 'broken.jpg' in shown
