"""How fast are image loaders? `python -m bench.loaders` prints a table.

All give training batches of the same pictures at the same size: float images of shape
N×3×size×size in [0, 1], on the CPU. Those that presize use the same side, `--ratio` times the
size; `datablock 2x` uses twice the size, as is customary (and as chapter 1 does). Each
measurement has a process of its own, so that its memory is its own too; and the loaders take
turns, so that the noise of a shared machine hits all of them alike. Kornia is no part of the
course; without it (`pip install kornia`), its rows are missing. Writes
results/benchmarks/loaders.json.

Does everything run? `python -m bench.loaders --sizes 64 --seconds 1 --repeats 1 --results
check.json` tells it within a minute, and leaves results/benchmarks/loaders.json as it is."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from itertools import islice, product
from pathlib import Path
from time import perf_counter

import psutil

from bench.common import RESULTS, write
from bench.common import conditions as common_conditions

# Libraries are imported where they are used: a loader's memory should not include those that
# only others need.

BS, WORKERS = 64, 2
WARM_UP = 6        # batches before the clock starts: more than the 2*WORKERS prepared ahead
MIN_BATCHES = 20   # in a measurement
CHECK_EVERY = .1   # seconds between two looks at the memory, or more, so that looking
LOOKING = .03      # takes at most this share of a core: a look at 1 GB takes 10 ms
ROOT = Path(__file__).resolve().parent.parent


# The loaders: functions of a folder, the sides of crops and presized pictures, and a batch size

def datablock(path, size, presize, bs):
    "Chapter 1's: DataBlock decodes in workers, and augments batches in the training process."
    from sotatrain.data import datablock_dls
    return datablock_dls(path, size, bs, presize=presize, workers=WORKERS, device='cpu').train


def datablock_2x(path, size, presize, bs): return datablock(path, size, 2*size, bs)


def torchvision(path, size, presize, bs):
    "All in workers, picture by picture, from the whole picture: there is no presizing."
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2
    tfms = v2.Compose([
        v2.ToImage(),  # as torchvision advises: tensors of bytes as long as possible
        v2.RandomResizedCrop(size, scale=(.75, 1), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.RandomRotation(10, interpolation=v2.InterpolationMode.BILINEAR),  # as the others do
        v2.ColorJitter(brightness=.2, contrast=.2),
        v2.ToDtype(torch.float32, scale=True)])
    return torch.utils.data.DataLoader(
        ImageFolder(path/'train', tfms), bs, shuffle=True, drop_last=True, num_workers=WORKERS)


class KorniaBatches:
    "Kornia's augmentations, each picture with its own, of batches of the presized pictures."
    def __init__(self, path, size, presize, bs):
        import kornia.augmentation as K
        import torch

        from sotatrain.presize import PresizedImages
        store, self.bs = PresizedImages.build(path, side=presize, progress=False), bs
        self.images, self.labels = store.images, store.labels
        split = [Path(file).parts[-3] for file in store.files]
        self.train = torch.tensor([i for i, part in enumerate(split) if part == 'train'])
        self.tfms = torch.nn.Sequential(
            K.RandomResizedCrop((size, size), scale=(.75, 1.), cropping_mode='resample'),
            K.RandomHorizontalFlip(),
            K.RandomRotation(10., p=1.),  # its default is to rotate every other picture
            K.ColorJiggle(brightness=.2, contrast=.2))

    def __iter__(self):
        import torch
        order = self.train[torch.randperm(len(self.train))]
        for some in order.split(self.bs)[:len(order) // self.bs]:
            images = self.images[some].permute(0, 3, 1, 2).float().div_(255)
            yield self.tfms(images), self.labels[some]


def sotatrain_warm(path, size, presize, bs):
    "The library's: pictures presized before, augmented in batches by one resampling."
    from sotatrain.presize import get_dls
    return get_dls(size, bs, path=path, presize=presize, device='cpu', seed=0).train


LOADERS = {
    'datablock': datablock,
    'datablock 2x': datablock_2x,
    'torchvision': torchvision,
    'kornia': KorniaBatches,
    'sotatrain warm': sotatrain_warm}
COLD = 'sotatrain cold'  # the same as warm, and the presizing before it
NEED_STORE = {'kornia', 'sotatrain warm'}  # they use what a cold run presized, so come after it
NAMES = 'datablock', 'datablock 2x', 'torchvision', COLD, 'kornia', 'sotatrain warm'


# One measurement, in its own process

def check(batch, size, bs):
    "Raises `ValueError` for a batch unlike those of the others: times would not compare."
    x, y = batch
    found = tuple(x.shape), len(y), str(x.dtype), x.device.type
    expected = (bs, 3, size, size), bs, 'torch.float32', 'cpu'
    if found != expected: raise ValueError(f'a batch is {found}, not {expected}')
    low, high = float(x.min()), float(x.max())
    if low < -.01 or high > 1.01 or high < .5:
        raise ValueError(f'images in [{low:.3f}, {high:.3f}], not in [0, 1]')


def steady(batches, size, bs, seconds):
    """Whole epochs until `seconds` are over; of a longer epoch, the part after the warm-up.

    That counts neither batches that workers had ready when the clock started, nor those that
    nobody fetched."""
    for batch in islice(batches, WARM_UP): check(batch, size, bs)  # and what happens only once
    counts, times = [], [perf_counter()]
    def enough(): return len(counts) >= MIN_BATCHES and perf_counter() - times[0] >= seconds
    for batch in batches:
        counts.append(len(batch[0]))
        times.append(perf_counter())
        if enough():
            return dict(images=sum(counts[WARM_UP:]), seconds=times[-1] - times[WARM_UP])
    if not counts: raise ValueError(f'fewer than {bs} training pictures: not one batch')
    while not enough(): counts.extend(len(batch[0]) for batch in batches)
    return dict(images=sum(counts), seconds=perf_counter() - times[0])


def cold(path, size, presize, bs):
    "Presizing all pictures, then one epoch."
    from sotatrain.presize import PresizedImages
    start = perf_counter()
    store = PresizedImages.build(path, side=presize, progress=False)
    built = perf_counter() - start
    images = sum(len(batch[0]) for batch in sotatrain_warm(path, size, presize, bs))
    seconds = perf_counter() - start
    build = dict(build_images=len(store.files), build_seconds=built, folder=str(store.folder))
    return dict(images=images, seconds=seconds, **build)


def in_this_process(loader, path, size, presize, seconds):
    path = Path(path)
    if loader == COLD: return cold(path, size, presize, BS)
    return steady(LOADERS[loader](path, size, presize, BS), size, BS, seconds)


# Its memory, and its turn

SMAPS = Path('/proc/self/smaps_rollup').exists()

def memory(pid):
    """MB in use by a process and its workers, and MB of files mapped into them.

    The system may drop mapped files. On Linux that is PSS, which counts what processes share
    once; elsewhere USS, without the files."""
    own = mapped = 0
    with suppress(psutil.Error, OSError):  # they may end while one looks
        for process in [main := psutil.Process(pid), *main.children(recursive=True)]:
            kb = _kilobytes(process.pid) if SMAPS else _unshared(process)
            own += kb.get('Pss_Anon', 0) + kb.get('Pss_Shmem', 0)
            mapped += kb.get('Pss_File', 0)
    return own / 1024, mapped / 1024


def _kilobytes(pid):
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()[1:]
    return {name: int(value.split()[0]) for name, value in (line.split(':') for line in lines)}


def _unshared(process): return dict(Pss_Anon=process.memory_full_info().uss / 1024)


def in_its_own_process(cache, **job):
    "Measure one loader; and its memory from outside, at the same cost for each loader."
    peak, pause = (0, 0), CHECK_EVERY
    command = [sys.executable, '-m', 'bench.loaders', '--job', json.dumps(job)]
    env = os.environ | dict(SOTATRAIN_CACHE=cache)
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(command, cwd=ROOT, env=env, **pipes) as child:
        try:
            while child.returncode is None:
                try: out, err = child.communicate(timeout=pause)
                except subprocess.TimeoutExpired:
                    start = perf_counter()
                    peak = tuple(map(max, peak, memory(child.pid)))
                    pause = max(CHECK_EVERY, (perf_counter() - start) / LOOKING)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise RuntimeError(f"{job['loader']} at size {job['size']} failed:\n{err}")
    result = json.loads(out.splitlines()[-1])
    speed = round(result['images'] / result['seconds'], 1)
    memory_mb, mapped_mb = map(round, peak)
    return result | dict(images_per_second=speed, memory_mb=memory_mb, mapped_mb=mapped_mb)


def take_turns(path, sizes, loaders, ratio, seconds, repeats):
    "All measurements, one after the other; their cache is on the disk of the reader's own."
    from sotatrain.core.cache import cache_folder
    cache_folder().mkdir(parents=True, exist_ok=True)
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix='bench-', dir=cache_folder()) as cache:
            job = dict(path=str(path), size=size, presize=round(ratio * size), seconds=seconds)
            if COLD not in loaders and NEED_STORE & {*loaders}:
                measure(cache, loader=COLD, **job)  # for its store
            for repeat, loader in product(range(repeats), loaders):
                measured = measure(cache, loader=loader, **job)
                yield dict(size=size, loader=loader, repeat=repeat, **measured)


def measure(cache, **job):
    "One measurement; a cold one finds nothing in the cache."
    if job['loader'] == COLD: forget(cache)
    result = in_its_own_process(cache, **job)
    if not Path(result.pop('folder', cache)).is_relative_to(cache):
        raise RuntimeError(
            'sotatrain.presize has its store outside $SOTATRAIN_CACHE: cold may have been warm')
    os.sync()  # what the one has written should not slow down the next one
    return result


def forget(cache):
    shutil.rmtree(cache)
    os.mkdir(cache)


# The results

def summary(measured):
    "A row for each size and loader, with the raw repeats."
    rows = {}
    for m in measured: rows.setdefault((m['size'], m['loader']), {})[m['repeat']] = m
    return [_row(size, loader, runs, rows.get((size, 'datablock'), {}))
            for (size, loader), runs in rows.items()]


def _row(size, loader, runs, reference):
    rates = {repeat: run['images_per_second'] for repeat, run in runs.items()}
    ratios = [rate / reference[repeat]['images_per_second']
              for repeat, rate in rates.items() if repeat in reference]
    builds = [run['build_images'] / run['build_seconds']
              for run in runs.values() if 'build_images' in run]
    return dict(
        size=size, loader=loader,
        images_per_second=statistics.median(rates.values()),
        min=min(rates.values()),
        max=max(rates.values()),
        times_datablock=round(statistics.median(ratios), 2) if ratios else None,
        build_images_per_second=round(statistics.median(builds), 1) if builds else None,
        memory_mb=max(run['memory_mb'] for run in runs.values()),
        mapped_mb=max(run['mapped_mb'] for run in runs.values()),
        repeats=[_without_names(run) for run in runs.values()])

def _without_names(run): return {k: v for k, v in run.items() if k not in ('size', 'loader')}


COLUMNS = {
    'size': '>4',
    'loader': '<14',
    'images/s': '>8',
    'min': '>6',
    'max': '>6',
    '× datablock': '>11',
    'build, images/s': '>15',
    'MB': '>6',
    'MB mapped': '>9'}


def table(rows): return '\n'.join(map(_line, [COLUMNS, *map(_cells, rows)]))

def _line(cells):
    return '  '.join(f'{cell:{width}}' for cell, width in zip(cells, COLUMNS.values()))

def _cells(r):
    rates = (f'{r[name]:.0f}' for name in ('images_per_second', 'min', 'max'))
    times = '' if r['times_datablock'] is None else f"{r['times_datablock']:.2f}"
    build = r['build_images_per_second']
    built = '' if build is None else f'{build:.0f}'
    return r['size'], r['loader'], *rates, times, built, r['memory_mb'], r['mapped_mb']


def conditions(path, args):
    "What one has to know to compare these results with others."
    from sotatrain.data import image_files
    packages = ['pillow', 'numpy'] + ['kornia'] * ('kornia' in args.loaders)
    settings = dict(bs=BS, workers=WORKERS, ratio=args.ratio, seconds=args.seconds)
    of_c = ('OMP_', 'GOMP_', 'MALLOC_')  # what the Makefile sets
    return common_conditions(
        packages=packages, data=path.name, pictures=len(image_files(path)), **settings,
        repeats=args.repeats,
        memory='PSS without mapped files, and PSS of mapped files' if SMAPS else 'USS',
        environment={k: v for k, v in os.environ.items() if k.startswith(of_c)})


def arguments():
    about = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog='python -m bench.loaders', description=about)
    option = parser.add_argument
    option('--job', type=json.loads, help=argparse.SUPPRESS)  # one measurement, in this process
    data = os.environ.get('SOTATRAIN_DATA') or 'doodlenette'
    option('--data', default=data, metavar='DIR', help='a folder, or a name for `dataset`')
    option('--sizes', type=int, nargs='+', default=[64, 128, 224], help='sides of crops, px')
    option('--ratio', type=float, default=1.25, help='side of the presized pictures / size')
    option('--loaders', nargs='+', choices=NAMES, default=NAMES, metavar='LOADER',
           help=', '.join(NAMES))
    option('--repeats', type=int, default=5, help='measurements of each')
    option('--seconds', type=float, default=8, help='length of a measurement')
    option('--results', default=RESULTS/'loaders.json', help='the file to write')
    args = parser.parse_args()
    names = [name for name in NAMES if name in args.loaders]
    args.loaders = [name for name in names if name != 'kornia' or find_spec('kornia')]
    return args


def main():
    args = arguments()
    if args.job: return print(json.dumps(in_this_process(**args.job)))
    from sotatrain.data import dataset, image_files
    path = dataset(args.data).resolve()
    for file in image_files(path): file.read_bytes()  # each loader finds the files in memory
    about = conditions(path, args)
    turns = take_turns(path, args.sizes, args.loaders, args.ratio, args.seconds, args.repeats)
    measured = []
    try:
        for m in turns:
            measured.append(m)
            write(args.results, about, summary(measured))
            done = f"size {m['size']}, repeat {m['repeat'] + 1}, {m['loader']}"
            speed = f"{m['images_per_second']:.0f} images/s"
            print(f'{done}: {speed}', file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        sys.exit('interrupted; what was measured so far:\n' + table(summary(measured)))
    print(table(summary(measured)))


if __name__ == '__main__': main()
