"""Run the book: `python -m tools.course` (that is `make course`) and, with --store, `make outputs`.

Each chapter is executed with papermill in a kernel of its own; what it printed and drew lands in _course/ as a
notebook and as a page. --store writes the outputs back into nbs/ instead, so that a reader on GitHub sees them."""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from sotatrain import settings
from tools import pages

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
OUT = ROOT/'_course'
KERNELS = Config(KernelManager=dict(transport_encryption='required'))  # without it, kernels warn that others may listen


class Result(NamedTuple):
    chapter: str
    seconds: float
    error: str = ''  # empty when the chapter ran to its end


def main(argv=None):
    args = _arguments(argv)
    try:
        notebooks = select(args.chapters)
        parameters = dict(profile=settings.load(args.profile).profile, data=locate(args.data or os.environ.get('SOTATRAIN_DATA') or None))
    except (ValueError, TypeError) as e: sys.exit(str(e))
    print(f"Running {len(notebooks)} chapters at the {parameters['profile']!r} profile"
          + (f" on {parameters['data']}" if parameters['data'] else ''), flush=True)
    results = run_all(notebooks, OUT, parameters)
    if args.store: store(results)
    else: print(f'\nRead it: {pages.write(NBS, OUT).relative_to(ROOT)}')
    print(table(results), flush=True)
    return int(any(r.error for r in results))


def _arguments(argv):
    parser = argparse.ArgumentParser(prog='make course', description='Execute the chapters of the book.')
    parser.add_argument('--profile', help='a section of settings.ini (default: gpu where there is one, else cpu)')
    parser.add_argument('--data', help='a data set name, or a folder with train/ and val/')
    parser.add_argument('--chapters', help='which ones, such as "01 02" (default: all)')
    parser.add_argument('--store', action='store_true', help='store the outputs in nbs/ instead of _course/')
    args = parser.parse_args(argv)
    for name, value in vars(args).items():  # `make` passes what was not given as an empty string
        if value == '': setattr(args, name, None)
    return args


def select(chapters=None):
    "The chapters whose names start with one of the words in `chapters`; all of them without it."
    known = [nb for nb in pages.notebooks(NBS) if nb.stem != 'index']  # the preface has nothing to run
    if not chapters: return known
    wanted = chapters.replace(',', ' ').split()
    lost = [w for w in wanted if not any(nb.stem.startswith(w) for nb in known)]
    if lost: raise ValueError(f"no chapter starts with {', '.join(lost)}: choose from {', '.join(nb.stem for nb in known)}")
    return [nb for nb in known if any(nb.stem.startswith(w) for w in wanted)]


def locate(data):
    "A folder as an absolute path (the kernels run elsewhere); a data set's name as it is."
    return str(Path(data).expanduser().resolve()) if data and Path(data).expanduser().is_dir() else data


def run_all(notebooks, out, parameters):
    "Execute `notebooks`; a failure does not stop the others, and Ctrl-C keeps what is finished."
    out.mkdir(exist_ok=True)
    results = []
    try:
        for i, nb in enumerate(notebooks, 1):
            results.append(run(nb, out/nb.name, parameters, label=f'[{i}/{len(notebooks)}] {nb.stem}'))
            if results[-1].error: print(f'{nb.stem}: {results[-1].error}', file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        results.append(Result(nb.stem, 0, 'interrupted'))
    return results


def run(source, target, parameters, label=''):
    "Execute one notebook with papermill, in a kernel that starts in the notebook's own folder."
    start = time.time()
    try:
        papermill.execute_notebook(
            str(source), str(target), parameters if takes_parameters(source) else {}, cwd=str(source.parent),
            progress_bar=dict(desc=label, ascii=True, leave=True), kernel_name='python3', config=KERNELS)
        error = ''
    except PapermillExecutionError as e: error = f'cell {cell_number(e, source)}: {e.ename}: {e.evalue}'
    except Exception as e: error = f'{type(e).__name__}: {e}'
    return Result(source.stem, time.time() - start, error)


def takes_parameters(nb):
    return any('parameters' in pages.tags(cell) for cell in nbformat.read(nb, 4).cells)


def cell_number(error, source):
    "Where the cell that failed stands in the source (papermill counts the cell it injected too), from 1."
    cells = nbformat.read(source, 4).cells
    return next((i for i, cell in enumerate(cells, 1) if cell.source == error.source), error.cell_index)


def table(results):
    width = max([len(r.chapter) for r in results] + [7])
    rows = [f"{r.chapter:<{width}}  {r.seconds:7.1f}  {r.error.splitlines()[0] if r.error else 'ok'}" for r in results]
    return '\n'.join(['', f"{'chapter':<{width}}  seconds  result", *rows])


def store(results):
    "Put the outputs of the chapters that ran into nbs/, cleaned; a chapter that warned or failed is left as it was."
    for i, r in enumerate(results):
        if r.error: continue
        try: store_one(OUT/f'{r.chapter}.ipynb', NBS/f'{r.chapter}.ipynb')
        except ValueError as e: results[i] = r._replace(error=str(e))


def store_one(executed, target):
    nb = nbformat.read(executed, 4)
    check_outputs(nb)
    source = nbformat.read(target, 4)
    cells = [c for c in nb.cells if 'injected-parameters' not in pages.tags(c)]
    for cell, ran in zip(source.cells, cells):
        if cell.cell_type == 'code': cell.outputs = pages.lasting(ran.outputs)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix='.') as tmp:  # same file system: the move is atomic
        draft = Path(tmp)/target.name
        nbformat.write(source, draft)
        subprocess.run([Path(sys.executable).with_name('nbdev-clean'), '--fname', draft], check=True, cwd=ROOT)
        os.replace(draft, target)


def check_outputs(nb):
    "Raise `ValueError` if a stored output would show a warning, a path of this machine, or nothing but an object's type."
    places = [str(Path.home()), str(ROOT), tempfile.gettempdir() + os.sep]
    for i, cell in enumerate(nb.cells, 1):
        for out in cell.get('outputs', []):
            if out.get('name') == 'stderr': raise ValueError(f'cell {i} wrote to stderr: {out.text.strip()[:200]}')
            shown = str(out.get('text', '')) + ''.join(str(v) for k, v in out.get('data', {}).items() if k.startswith('text/'))
            found = [p for p in places if p in shown]
            if found: raise ValueError(f'cell {i} shows a path of this machine: {found[0]}')
            if is_bare_object(out): raise ValueError(f"cell {i} shows {out.data['text/plain']}, which tells a reader nothing: end its last line with a semicolon")


def is_bare_object(out):
    "An output such as `<matplotlib.legend.Legend at 0x7fc35a8b7950>`, and nothing to look at."
    data = out.get('data', {})
    return set(data) == {'text/plain'} and bool(re.fullmatch(r'<[\w.]+( object)?( at 0x\w+)?>', data['text/plain'].strip()))


if __name__ == '__main__': sys.exit(main())
