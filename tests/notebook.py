"""A notebook's cells in a process that has imported fastai already: a kernel would do so anew.

They run as IPython runs them: figures are drawn, and results are formatted."""
import multiprocessing
import os
import re
from pathlib import Path

import nbformat

from tests.forked import Forked

NBS = Path(__file__).resolve().parents[1]/'nbs'


def cells(stem):
    "The code of a notebook."
    found = nbformat.read(NBS/f'{stem}.ipynb', 4).cells
    return [cell.source for cell in found if cell.cell_type == 'code']


SOLUTION = re.compile(
    r'^<details><summary>Solution (\d+)</summary>$(.*?)^</details>$', re.M | re.S)
CODE = re.compile(r'^```python\n(.*?)^```$', re.M | re.S)
EXERCISE = re.compile(r'^(\d+)\. ', re.M)


def texts(stem):
    found = nbformat.read(NBS/f'{stem}.ipynb', 4).cells
    return [cell.source for cell in found if cell.cell_type == 'markdown']


def exercises(stem):
    "Their numbers."
    text = '\n\n'.join(texts(stem)).partition('\n## Exercises\n')[2]
    return EXERCISE.findall(SOLUTION.sub('', text.partition('\n## ')[0]))


def solutions(stem):
    "Their numbers, and the code of all of them."
    found = SOLUTION.findall('\n\n'.join(texts(stem)))
    return [number for number, _ in found], sum((CODE.findall(text) for _, text in found), [])


def execute(sources, folder, **environment):
    """What the cells show, as text; files of the process are in `folder`. Raises
    `AssertionError` with the traceback of a cell that fails, or of what it shows."""
    process = Forked(folder, run, sources, **environment)
    status, shown = process.wait(600), process.out + process.err
    assert status == 0 and 'Traceback (most recent call last)' not in shown, shown[-4000:]
    return process.out


def run(sources):
    import matplotlib.pyplot as plt
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib_inline.backend_inline import configure_inline_support
    multiprocessing.set_start_method(None, force=True)  # as a kernel: whatever is usual here
    os.chdir(NBS)
    shell, inline = InteractiveShell.instance(), 'module://matplotlib_inline.backend_inline'
    plt.switch_backend(inline)
    plt.ion()  # or nothing is drawn after a cell
    configure_inline_support(shell, inline)
    for source in sources: shell.run_cell(source).raise_error()
