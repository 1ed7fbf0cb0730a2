"""What a leaking split does to accuracy: `python -m bench.leak --data DIR` writes results/benchmarks/leak.json.

The experiment of chapter 1, on photographs and for several seeds: one random split of all pictures, a small network,
and its accuracy on pictures it trained on and on pictures it has never seen."""
import argparse
import os
import platform
from datetime import date

import fastai
import torch
from fastai.vision.all import (
    CrossEntropyLossFlat, IntToFloatTensor, L, Learner, Resize, ToTensor, accuracy, set_seed, xresnet18)

from bench.common import RESULTS, write
from sotatrain.all import *
from sotatrain.core.machine import processor


def accuracies(path, seed, size=32, bs=64, epochs=5, lr=6e-3, workers=2):
    "Accuracy on as many trained-on pictures as there are unseen ones, on these, and their number."
    set_seed(seed)
    split = presizing_block(path, size, size, splitter=None).datasets(path)
    dls = split.dataloaders(bs=bs, num_workers=workers, after_item=[Resize(size), ToTensor], after_batch=IntToFloatTensor)
    learn = Learner(dls, xresnet18(n_out=dls.c), loss_func=CrossEntropyLossFlat(), metrics=accuracy)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, lr)
        items = L(split.train.items).shuffle()[:len(split.valid)], split.valid.items
        seen, unseen = (accuracy(*learn.get_preds(dl=dls.test_dl(i, with_labels=True))).item() for i in items)
    return dict(seed=seed, seen=round(seen, 4), unseen=round(unseen, 4), pictures=len(split.valid))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='imagenette-160', help='a data set name, or a folder with train/ and val/')
    parser.add_argument('--seeds', type=int, default=3)
    args = parser.parse_args()
    path, runs = dataset(args.data), []
    for seed in range(args.seeds):
        runs.append(accuracies(path, seed))
        print(runs[-1], flush=True)
        write(dict(
            date=str(date.today()), cores=os.cpu_count(), processor=processor(), python=platform.python_version(),
            torch=torch.__version__, fastai=fastai.__version__, data=path.name, pictures=len(image_files(path)),
            settings=dict(arch='xresnet18', size=32, bs=64, epochs=5, lr=6e-3, augmentation=None), runs=runs), RESULTS/'leak.json')


if __name__ == '__main__': main()
