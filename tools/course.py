"""Run the book: `python -m tools.course` (`make course`) and, with --store, `make outputs`.

Each chapter is executed with papermill in a kernel of its own; what it printed and drew goes to
_course/, as a notebook and as a page. Two at a time share the cores, as much of a chapter keeps
only one of them busy, and those that take longest come first, so that none is left alone at the
end; where outputs or times are stored, each has the machine to itself, in the book's order.
--store writes the outputs back into nbs/ instead, so that a reader on GitHub sees them. --times
records how long each chapter took, for the cards of the chapters."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import nbformat
from papermill.exceptions import PapermillExecutionError

from bench.common import RESULTS, conditions, write
from sotatrain import settings
from sotatrain.core.language import chosen
from tools import pages
from tools.kernels import execute

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
OUT = ROOT/'_course'
TIMES = RESULTS/'course.json'
ON_GPU = 'gpu', 'long'  # profiles
# What libraries say of one another while they are imported: no reader can mend that.
QUIET = 'ignore:`torch.jit.script` is deprecated:FutureWarning'


class Result(NamedTuple):
    chapter: str
    seconds: float
    error: str = ''  # empty when the chapter ran to its end


def main(argv=None):
    args = _arguments(argv)
    try:
        notebooks = select(args.chapters)
        profile = settings.load(args.profile).profile
        data = locate(args.data or os.environ.get('SOTATRAIN_DATA') or None)
        language = chosen(args.language)
        os.environ['SOTATRAIN_LANGUAGE'] = 'en'  # what is executed is the English book
    except (ValueError, TypeError) as e: sys.exit(str(e))
    os.environ.setdefault('PYTHONWARNINGS', QUIET)
    where = f' on {data}' if data else ''
    print(f'Running {len(notebooks)} chapters at the {profile!r} profile{where}', flush=True)
    jobs = 1 if args.store or args.times else args.jobs or jobs_for(profile)
    if jobs > 1: notebooks = longest_first(notebooks, profile, TIMES)
    results = run_all(notebooks, OUT, dict(profile=profile, data=data), jobs)
    if args.store: store(results)
    else: print(f'\nRead it: {pages.write(NBS, OUT, language).relative_to(ROOT)}')
    if args.times: record(results, profile, TIMES)
    print(table(sorted(results)), flush=True)
    return int(any(r.error for r in results))


def _arguments(argv):
    about = 'Execute the chapters of the book.'
    parser = argparse.ArgumentParser(prog='make course', description=about)
    option = parser.add_argument
    option('--profile', help='a section of settings.ini (default: gpu if there is one)')
    option('--data', help='a data set name, or a folder with train/ and val/')
    option('--chapters', help='which ones, such as "01 02" (default: all)')
    option('--language', help='en or zh: what the pages open in (default: en)')
    option('--jobs', type=lambda text: int(text or 0),
           help='chapters at a time (default: 2, on a GPU 1)')
    option('--store', action='store_true', help='store the outputs in nbs/, not in _course/')
    option('--times', action='store_true', help='record how long each chapter took')
    args = parser.parse_args(argv)
    for name, value in vars(args).items():  # `make` passes '' for what was not given
        if value == '': setattr(args, name, None)
    return args


def select(chapters=None):
    "The chapters whose names start with one of the words in `chapters`; without it, all."
    known = [nb for nb in pages.notebooks(NBS) if nb.stem != 'index']  # it has nothing to run
    if not chapters: return known
    wanted = chapters.replace(',', ' ').split()
    lost = [w for w in wanted if not any(nb.stem.startswith(w) for nb in known)]
    if lost:
        names = ', '.join(nb.stem for nb in known)
        raise ValueError(f"no chapter starts with {', '.join(lost)}: choose from {names}")
    return [nb for nb in known if any(nb.stem.startswith(w) for w in wanted)]


def locate(data):
    "A folder as an absolute path (the kernels run elsewhere); a data set's name as it is."
    folder = Path(data or '').expanduser()
    return str(folder.resolve()) if data and folder.is_dir() else data


def jobs_for(profile):
    "How many chapters run at a time: one on a GPU, or on one core."
    return min(1 if profile in ON_GPU else 2, os.cpu_count() or 1)


def longest_first(notebooks, profile, file):
    "By the times recorded in `file`; those that have none come last, in their order."
    rows = json.loads(file.read_text())['rows'] if file.exists() else []
    seconds = {row['chapter']: row['seconds'] for row in rows if row['profile'] == profile}
    return sorted(notebooks, key=lambda nb: -seconds.get(nb.stem, 0))


def run_all(notebooks, out, parameters, jobs=1):
    "Execute `notebooks`; a failure does not stop the others, Ctrl-C keeps what is finished."
    out.mkdir(exist_ok=True)
    if jobs > 1: os.environ.setdefault('OMP_NUM_THREADS', str(max(1, os.cpu_count() // jobs)))
    waiting, running, results = [*notebooks], [], {}

    def next_ones():
        "Until there is none; a thread waits for a kernel, which does the work."
        while True:
            try: nb = waiting.pop(0)
            except IndexError: return
            running.append(nb.stem)
            print(f'{nb.stem} …', flush=True)
            found = run(nb, out/nb.name, parameters)
            if results.setdefault(nb.stem, found) is not found: return  # interrupted meanwhile
            if found.error: print(f'{nb.stem}: {found.error}', file=sys.stderr, flush=True)
            else: print(f'[{len(results)}/{len(notebooks)}] {line(found)}', flush=True)

    threads = [Thread(target=next_ones, daemon=True) for _ in range(max(1, jobs))]
    try:
        for thread in threads: thread.start()
        while any(thread.is_alive() for thread in threads): time.sleep(.1)  # Ctrl-C comes here
    except KeyboardInterrupt:  # kernels end with this process
        waiting.clear()
        for stem in running: results.setdefault(stem, Result(stem, 0, 'interrupted'))
    return [results[nb.stem] for nb in notebooks if nb.stem in results]


def run(source, target, parameters):
    "Execute one notebook with papermill, in a kernel that starts in the notebook's own folder."
    start = time.time()
    given = parameters if takes_parameters(source) else {}
    try:
        execute(source, target, given)
        error = ''
    except PapermillExecutionError as e:
        error = f'cell {cell_number(e, source)}: {e.ename}: {e.evalue}'
    except Exception as e: error = f'{type(e).__name__}: {e}'
    return Result(source.stem, time.time() - start, error)


def takes_parameters(nb):
    return any('parameters' in pages.tags(cell) for cell in nbformat.read(nb, 4).cells)


def cell_number(error, source):
    "Where the failed cell is in the source, from 1 (papermill counts an injected cell too)."
    for i, cell in enumerate(nbformat.read(source, 4).cells, 1):
        if cell.source == error.source: return i
    return error.cell_index


def line(r, width=0):
    verdict = r.error.splitlines()[0] if r.error else 'ok'
    return f'{r.chapter:<{width}}  {r.seconds:7.1f}  {verdict}'


def table(results):
    width = max([len(r.chapter) for r in results] + [7])
    rows = [line(r, width) for r in results]
    return '\n'.join(['', f"{'chapter':<{width}}  seconds  result", *rows])


def record(results, profile, file):
    "Put the times of the chapters that ran into `file`; other chapters and profiles stay."
    rows = json.loads(file.read_text())['rows'] if file.exists() else []
    import torch  # here, because `make course` should start at once

    from sotatrain.learner import has_bf16
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    about = conditions(device, 'bf16' if has_bf16(device) else 'fp32')
    where = {name: about[name] for name in ('date', 'device', 'cores')}
    known = {(row['chapter'], row['profile']): row for row in rows}
    for r in results:
        if r.error: continue
        row = dict(chapter=r.chapter, profile=profile, seconds=round(r.seconds, 1))
        known[r.chapter, profile] = row | where
    write(file, about, [known[key] for key in sorted(known)])


def store(results):
    "Put the outputs of the chapters into nbs/, cleaned; not of one that warned or failed."
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
    # Next to the target, on the same file system, so that the move is atomic
    with tempfile.TemporaryDirectory(dir=target.parent, prefix='.') as tmp:
        draft = Path(tmp)/target.name
        nbformat.write(source, draft)
        nbdev_clean = Path(sys.executable).with_name('nbdev-clean')
        subprocess.run([nbdev_clean, '--fname', draft], check=True, cwd=ROOT)
        os.replace(draft, target)


def check_outputs(nb):
    """Raises `ValueError` for an output that should not be stored.

    That is a warning, a path of this machine, or nothing but an object's type."""
    for i, cell in enumerate(nb.cells, 1):
        for out in cell.get('outputs', []):
            if fault := fault_of(out): raise ValueError(f'cell {i} {fault}')


def fault_of(out):
    "What is wrong with an output, if anything is."
    if out.get('name') == 'stderr': return f'wrote to stderr: {out.text.strip()[:200]}'
    data = out.get('data', {})
    texts = [str(data[kind]) for kind in data if kind.startswith('text/')]
    shown = ''.join([str(out.get('text', '')), *texts])
    for place in (str(Path.home()), str(ROOT), tempfile.gettempdir() + os.sep):
        if place in shown: return f'shows a path of this machine: {place}'
    if is_bare_object(out):
        return (f"shows {out.data['text/plain']}, which tells a reader nothing: "
                'end its last line with a semicolon')


def is_bare_object(out):
    "An output such as `<matplotlib.legend.Legend at 0x7fc35a8b7950>`, and nothing to look at."
    data = out.get('data', {})
    if set(data) != {'text/plain'}: return False
    return bool(re.fullmatch(r'<[\w.]+( object)?( at 0x\w+)?>', data['text/plain'].strip()))


if __name__ == '__main__': sys.exit(main())
