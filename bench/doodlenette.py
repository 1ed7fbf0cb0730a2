"""How fast is Doodlenette drawn, and how hard is it? `python -m bench.doodlenette` measures it.

The difficulty is the accuracy of an xresnet18, at the `cpu` profile's size and for its epochs,
for several seeds: it should be between 70 % and 90 %, so that a technique has room to show
itself. Writes results/benchmarks/doodlenette.json."""
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from fastai.vision.all import CrossEntropyLossFlat, Learner, accuracy, set_seed, xresnet18

from bench.common import conditions, write
from sotatrain.all import *


def pictures_per_second(seed, n=600):
    "Drawing, compressing and writing, on all cores, the start of the processes included."
    with tempfile.TemporaryDirectory() as tmp:
        start = perf_counter()
        doodlenette(Path(tmp)/'set', n_train=n//2, n_val=n//2, seed=seed, progress=False)
        return n / (perf_counter() - start)


def accuracy_and_seconds(cfg, path, seed):
    "Validation accuracy after one run of the profile: chapter 1's data, one-cycle training."
    set_seed(seed)
    dls = datablock_dls(path, cfg.size, cfg.bs, presize=cfg.presize, workers=cfg.workers)
    model = xresnet18(n_out=dls.c)
    learn = Learner(dls, model, loss_func=CrossEntropyLossFlat(), metrics=accuracy)
    start = perf_counter()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(cfg.epochs, cfg.lr)
    return learn.recorder.values[-1][-1], perf_counter() - start


def main(seeds=range(5)):
    cfg = settings.load('cpu', data='doodlenette')
    rows = []
    for seed in seeds:
        rate = round(pictures_per_second(seed), 1)
        rows.append(dict(what='drawing', seed=seed, pictures_per_second=rate))
    rate = statistics.median(row['pictures_per_second'] for row in rows)
    print(f'drawing: median {rate:.0f} pictures/s', flush=True)
    path = dataset(cfg)
    names = 'size', 'presize', 'bs', 'epochs', 'lr'
    used = {name: getattr(cfg, name) for name in names}
    about = conditions(packages=['pillow'], data=path.name, arch='xresnet18', **used)
    for seed in seeds:
        share, seconds = accuracy_and_seconds(cfg, path, seed)
        measured = dict(accuracy=round(share, 4), seconds=round(seconds, 1))
        rows.append(dict(what='training', seed=seed, **measured))
        print(rows[-1], flush=True)
        write('doodlenette', about, rows)


if __name__ == '__main__': main()
