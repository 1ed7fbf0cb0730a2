"""What a first visit on Colab does, without Colab: `python -m tools.rehearsal`.

That is `make rehearsal`. In a new environment that holds what Colab has (fastai, PyTorch,
Jupyter) and nothing of the course, it installs the wheel as a notebook's first cell does,
checks that no package was replaced, and runs every notebook with papermill, in a folder that
holds nothing but the notebooks. With --keep, that folder stays for you to look at."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import course, kernels

ROOT = Path(__file__).resolve().parent.parent
ON_COLAB = ['fastai', 'torch', 'torchvision', 'scipy', 'psutil']
ON_COLAB += ['ipykernel', 'ipywidgets', 'papermill']
OURS = 'SOTATRAIN_', 'PYTHONPATH', 'VIRTUAL_ENV'  # variables that would tell of this checkout


def main(argv=None):
    parser = argparse.ArgumentParser(prog='make rehearsal', description=__doc__.splitlines()[0])
    parser.add_argument('--profile', default='smoke')
    parser.add_argument('--chapters', help='which ones, such as "01 02" (default: all)')
    parser.add_argument('--keep', type=Path, help='work in this folder, and leave it')
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as tmp:
        place = (args.keep or Path(tmp)).resolve()
        python = environment(place/'env')
        before = packages(python)
        install(python, wheel(place/'wheel'))
        if replaced := before - packages(python):
            sys.exit(f"the installation replaced {', '.join(sorted(replaced))}")
        chapters = course.select(args.chapters)
        results = [run(python, nb, place/'content', args.profile) for nb in chapters]
    print(course.table(results))
    return int(any(r.error for r in results))


def environment(folder):
    "A new environment with what Colab has, in the versions of the lock; returns its Python."
    uv('venv', '-q', '--python', sys.executable, folder)
    versions = folder.with_name('versions.txt')
    lock = (ROOT/'requirements.lock').read_text().splitlines()
    pinned = [line.rstrip(' \\') for line in lock if re.match(r'[\w.-]+==', line)]
    versions.write_text('\n'.join(pinned))
    python = folder/'bin'/'python'
    uv('pip', 'install', '-q', '--python', python, '--constraint', versions, *ON_COLAB)
    return python


def packages(python): return set(uv('pip', 'freeze', '--python', python).split('\n'))


def wheel(folder):
    uv('build', '-q', '--wheel', '--out-dir', folder, ROOT)
    return next(folder.glob('*.whl'))


def install(python, file):
    uv('pip', 'install', '-q', '--python', python, f'sotatrain[colab] @ {file.as_uri()}')


def uv(*arguments):
    "Run uv, and return what it printed; what it complains of goes to the terminal."
    command = [Path(sys.executable).with_name('uv'), *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(python, notebook, content, profile):
    "A notebook in its new home; nothing there tells it of the checkout."
    content.mkdir(exist_ok=True)
    shutil.copy(notebook, content)
    env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    env |= dict(HOME=str(content))
    command = [python, '-I', kernels.__file__, notebook.name, f'ran_{notebook.name}']
    if course.takes_parameters(notebook): command.append(profile)
    start = time.time()
    done = subprocess.run(command, cwd=content, env=env, capture_output=True, text=True)
    error = done.stderr.strip().splitlines()[-1] if done.returncode else ''
    print(f"{notebook.stem}: {error or 'ok'}", flush=True)
    return course.Result(notebook.stem, time.time() - start, error)


if __name__ == '__main__': sys.exit(main())
