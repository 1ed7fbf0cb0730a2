"""What Imagenette flatters a network of ImageNet by: `python -m bench.seen --data FOLDER`.

Nearly all photographs of Imagenette, whatever their folder, are training ones of ImageNet;
500 are of its validation set, as their names say. The network answers with its own last layer,
among all thousand classes and among Imagenette's ten. Writes results/benchmarks/seen.json; and
what the 500 lose with other statistics, and with other crops, in statistics.json."""
import argparse
import random
from pathlib import Path

import timm
import torch
from fastai.vision.all import imagenet_stats
from PIL import Image

from bench.common import conditions, write
from sotatrain.core.pretrained import load_in_order, packaged_weights, read_weights
from sotatrain.data import dataset, image_files
from sotatrain.experiment import paired_difference
from sotatrain.learner import seeded
from sotatrain.normalize import Normalize
from sotatrain.presize import get_dls
from sotatrain.transfer import interval, preprocessing

ARCH = 'tf_efficientnet_lite0'
PLACES = {  # of Imagenette's classes among the thousand
    'n01440764': 0, 'n02102040': 217, 'n02979186': 482, 'n03000684': 491, 'n03028079': 497,
    'n03394916': 566, 'n03417042': 569, 'n03425413': 571, 'n03445777': 574, 'n03888257': 701}


def with_its_own_layer():
    with seeded(0): model = timm.create_model(ARCH)
    file = packaged_weights(ARCH)
    load_in_order(model, read_weights(file), file)
    return model.eval()


def some_of_each(files, n):
    "Up to n of each class, at random."
    of = {}
    for file in sorted(files): of.setdefault(file.parent.name, []).append(file)
    return [file for own in of.values()
            for file in random.Random(0).sample(own, min(n, len(own)))]


def right_answers(model, batches, files):
    "Which are right, among all classes and among the ten."
    truth = torch.tensor([PLACES[file.parent.name] for file in files])
    with torch.no_grad(): scores = torch.cat([*map(model, batches)])
    ten = torch.tensor([*PLACES.values()])
    return {1000: scores.argmax(1) == truth, 10: ten[scores[:, ten].argmax(1)] == truth}


def as_in_the_book(model, files, stats=None):
    "Batches that the loader of this book makes, with the network's statistics or others."
    own = preprocessing(model)
    labels = [file.parent.name for file in files]
    two = [each[::len(files) - 1] for each in (files, labels)]  # all others follow
    dls = get_dls(own.size, 1, files=two[0], labels=two[1], splits=([0], [1]), seed=0,
                  device='cpu', after_batch=Normalize(*(stats or (own.mean, own.std))))
    for x, in dls.test_dl(files, bs=50): yield x.as_subclass(torch.Tensor)


def as_its_makers(model, files):
    "Batches by the network's own account: bicubic, and the middle seven eighths."
    prepare = timm.data.create_transform(**timm.data.resolve_data_config(model.pretrained_cfg))
    for at in range(0, len(files), 50):
        pictures = (Image.open(file).convert('RGB') for file in files[at:at + 50])
        yield torch.stack([*map(prepare, pictures)])


def flattered(model, seen, unseen):
    for name, files in {'seen': seen, 'unseen': unseen}.items():
        found = right_answers(model, as_in_the_book(model, files), files)
        for classes, right in found.items():
            n = int(right.sum())
            low, high = interval(n, len(files))
            yield dict(pictures=name, classes=classes, right=n, of=len(files),
                       accuracy=n / len(files), low=low, high=high)


def prepared(model, files):
    "Among all classes, picture by picture: what each way of preparing them costs or brings."
    ways = {'this book': as_in_the_book(model, files),
            'its makers': as_its_makers(model, files),
            "ImageNet's usual statistics": as_in_the_book(model, files, imagenet_stats)}
    right = {way: right_answers(model, batches, files)[1000] for way, batches in ways.items()}
    for way, those in right.items():
        difference = paired_difference(100. * those.numpy(), 100. * right['this book'].numpy())
        yield dict(way=way, accuracy=those.float().mean().item(), pictures=len(files),
                   difference=difference.mean, low=difference.low, high=difference.high)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='imagenette')
    parser.add_argument('--each', type=int, default=200, help='seen pictures of a class')
    args = parser.parse_args()
    files, model = image_files(dataset(args.data)), with_its_own_layer()
    unseen = sorted(file for file in files if file.name.startswith('ILSVRC2012_val'))
    seen = some_of_each({*files} - {*unseen}, args.each)
    about = conditions(data=Path(args.data).name, arch=ARCH)
    for name, measured in {'statistics': prepared(model, unseen),
                           'seen': flattered(model, seen, unseen)}.items():
        rows = []
        for row in measured:
            rows.append(row)
            print(row, flush=True)
        write(name, about, rows)


if __name__ == '__main__': main()
