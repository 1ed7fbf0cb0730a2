"""Every notebook, from top to bottom, at the smallest profile."""
import pytest

from tests.notebook import NBS, cells, execute, exercises, solutions
from tools.pages.chapters import notebooks

OFFLINE = '''import socket

def within(self, address, connect=socket.socket.connect):
    if self.family == socket.AF_UNIX: return connect(self, address)
    raise OSError(f'{address}: this notebook needs a network')

socket.socket.connect = within'''
STEMS = [path.stem for path in notebooks(NBS)]


@pytest.mark.parametrize('stem', STEMS)
def test_a_notebook_runs_and_so_do_the_solutions_of_its_exercises(stem, tmp_path):
    _, code = solutions(stem)
    execute([OFFLINE, *cells(stem), *code], tmp_path, SOTATRAIN_PROFILE='smoke')


@pytest.mark.parametrize('stem', STEMS)
def test_each_exercise_has_a_solution(stem):
    assert solutions(stem)[0] == exercises(stem)


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
