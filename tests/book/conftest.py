"""The pages of the book and a browser, made once for all tests."""
import shutil

import pytest

from tests.book.browser import BROWSER, Browser
from tests.notebook import NBS
from tools import pages


@pytest.fixture(scope='session')
def book(tmp_path_factory):
    "All pages, from the stored outputs."
    out = tmp_path_factory.mktemp('course')
    for path in NBS.glob('*.ipynb'): shutil.copy(path, out)
    pages.write(NBS, out)
    return out


@pytest.fixture(scope='session')
def browser(tmp_path_factory):
    if not BROWSER: pytest.skip('there is no Chromium here: on Debian, apt install chromium')
    made = Browser(tmp_path_factory.mktemp('profile'))
    yield made
    made.close()
