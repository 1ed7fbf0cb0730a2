"""The course on a reader's own photographs: two classes, and few pictures."""
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

NBS = Path(__file__).resolve().parents[2]/'nbs'


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
def test_a_chapter_runs_on_two_classes_of_ones_own(chapter, photographs, monkeypatch, tmp_path):
    monkeypatch.setenv('SOTATRAIN_PROFILE', 'smoke')
    monkeypatch.setenv('SOTATRAIN_DATA', str(photographs))
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    execute(nbformat.read(NBS/f'{chapter}.ipynb', 4))


def execute(notebook):
    where = dict(metadata=dict(path=str(NBS)))
    NotebookClient(notebook, timeout=300, resources=where).execute()


def test_the_page_before_the_chapters_runs_on_a_folder_of_ones_own(
    photographs, monkeypatch, tmp_path,
):
    "As its card says: one line is changed. A file that is no picture is left out and listed."
    (photographs/'train'/'ants'/'broken.jpg').write_bytes(b'no picture')
    monkeypatch.setenv('SOTATRAIN_PROFILE', 'smoke')
    monkeypatch.setenv('SOTATRAIN_CACHE', str(tmp_path/'cache'))
    notebook = nbformat.read(NBS/'00_your_photos.ipynb', 4)
    cell, = (cell for cell in notebook.cells if 'own = None' in cell.source)
    cell.source = cell.source.replace('own = None', f"own = {str(photographs/'train')!r}")
    execute(notebook)
    shown = [out for cell in notebook.cells for out in cell.get('outputs', [])]
    assert any('broken.jpg' in str(out) for out in shown)
