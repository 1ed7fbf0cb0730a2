"""Every notebook, from top to bottom, at the smallest profile."""
import pytest

from tests.notebook import NBS, cells, execute
from tools.pages.chapters import notebooks


@pytest.mark.parametrize('stem', [path.stem for path in notebooks(NBS)])
def test_a_notebook_runs(stem, tmp_path):
    execute(cells(stem), tmp_path, SOTATRAIN_PROFILE='smoke')


def test_a_cell_that_fails_is_shown(tmp_path):
    with pytest.raises(AssertionError, match='ZeroDivisionError'):
        execute(['x = 0', '1 / x'], tmp_path)


def test_figures_are_drawn_and_results_formatted(tmp_path):
    figure = "import matplotlib.pyplot as plt\nplt.figure().text(0, 0, r'${}$');"
    assert '<Figure size' in execute([figure.format(r'\pi')], tmp_path)
    with pytest.raises(AssertionError, match='Unknown symbol'):
        execute([figure.format(r'\nosuch')], tmp_path)
    odd = 'class Odd:\n    def _repr_html_(self): return 1 / 0\nOdd()'
    with pytest.raises(AssertionError, match='ZeroDivisionError'): execute([odd], tmp_path)
