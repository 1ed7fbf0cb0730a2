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
    notebook = nbformat.read(NBS/f'{chapter}.ipynb', 4)
    where = dict(metadata=dict(path=str(NBS)))
    NotebookClient(notebook, timeout=300, resources=where).execute()
