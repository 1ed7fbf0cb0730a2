"""How fast is Doodlenette drawn, and how hard is it? `python -m bench.doodlenette` writes results/benchmarks/doodlenette.json.

The difficulty is the accuracy of the `cpu` profile's network after the `cpu` profile's epochs, for several seeds: it
should lie between 70 % and 90 %, so that a technique has room to show itself."""
import os
import platform
import statistics
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

import fastai
import PIL
import torch
from fastai.vision.all import CrossEntropyLossFlat, Learner, accuracy, set_seed, xresnet18

from bench.common import RESULTS, write
from sotatrain.all import *
from sotatrain.core.machine import processor


def pictures_per_second(n=600, repeats=5):
    "Drawing, compressing and writing, on all cores, the start of the processes included."
    rates = []
    for seed in range(repeats):
        with tempfile.TemporaryDirectory() as tmp:
            start = perf_counter()
            doodlenette(Path(tmp)/'set', n_train=n//2, n_val=n//2, seed=seed, progress=False)
            rates.append(n / (perf_counter() - start))
    return rates


def accuracy_and_seconds(cfg, path, seed):
    "Validation accuracy after one run of the profile, with chapter 1's data and plain one-cycle training."
    set_seed(seed)
    dls = datablock_dls(path, cfg.size, cfg.bs, presize=cfg.presize, workers=cfg.workers)
    learn = Learner(dls, xresnet18(n_out=dls.c), loss_func=CrossEntropyLossFlat(), metrics=accuracy)
    start = perf_counter()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(cfg.epochs, cfg.lr)
    return learn.recorder.values[-1][-1], perf_counter() - start


def main(seeds=range(5)):
    cfg = settings.load('cpu', data='doodlenette')
    rates = pictures_per_second()
    print(f'drawing: median {statistics.median(rates):.0f} pictures/s of {len(rates)} runs', flush=True)
    path, runs = dataset(cfg), []
    for seed in seeds:
        acc, seconds = accuracy_and_seconds(cfg, path, seed)
        runs.append(dict(seed=seed, accuracy=round(acc, 4), seconds=round(seconds, 1)))
        print(runs[-1], flush=True)
        write(dict(
            date=str(date.today()), cores=os.cpu_count(), processor=processor(), python=platform.python_version(),
            torch=torch.__version__, fastai=fastai.__version__, pillow=PIL.__version__, data=path.name,
            settings=dict(arch=cfg.arch, size=cfg.size, presize=cfg.presize, bs=cfg.bs, epochs=cfg.epochs, lr=cfg.lr),
            pictures_per_second=[round(r, 1) for r in rates], runs=runs), RESULTS/'doodlenette.json')


if __name__ == '__main__': main()
