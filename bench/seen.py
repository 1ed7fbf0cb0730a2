"""What Imagenette flatters a network of ImageNet by: `python -m bench.seen --data FOLDER`.

Nearly all photographs of Imagenette, whatever their folder, are training ones of ImageNet;
500 are of its validation set, as their names say. The network answers with its own last layer,
among all thousand classes and among Imagenette's ten. Writes results/benchmarks/seen.json."""
import argparse
import random
from pathlib import Path

import timm
import torch

from bench.common import conditions, write
from sotatrain.core.pretrained import load_in_order, packaged_weights, read_weights
from sotatrain.data import dataset, image_files
from sotatrain.learner import seeded
from sotatrain.transfer import interval, pretrained_dls

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


def right_answers(model, files):
    "How many are right, among all classes and among the ten."
    labels = [file.parent.name for file in files]
    two = [each[::len(files) - 1] for each in (files, labels)]  # all others follow
    dls = pretrained_dls(model, 1, files=two[0], labels=two[1], splits=([0], [1]), seed=0,
                         device='cpu')
    dl = dls.test_dl(files, bs=50)
    truth = torch.tensor([PLACES[label] for label in labels])
    with torch.no_grad(): scores = torch.cat([model(x.as_subclass(torch.Tensor)) for x, in dl])
    ten = torch.tensor([*PLACES.values()])
    return {'1000': (scores.argmax(1) == truth).sum().item(),
            '10': (ten[scores[:, ten].argmax(1)] == truth).sum().item()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='imagenette')
    parser.add_argument('--each', type=int, default=200, help='seen pictures of a class')
    args = parser.parse_args()
    files, model = image_files(dataset(args.data)), with_its_own_layer()
    unseen = [file for file in files if file.name.startswith('ILSVRC2012_val')]
    seen = some_of_each({*files} - {*unseen}, args.each)
    rows = []
    for name, those in {'seen': seen, 'unseen': sorted(unseen)}.items():
        for classes, right in right_answers(model, those).items():
            low, high = interval(right, len(those))
            rows.append(dict(pictures=name, classes=int(classes), right=right, of=len(those),
                             accuracy=right / len(those), low=low, high=high))
            print(rows[-1], flush=True)
    write('seen', conditions(data=Path(args.data).name, arch=ARCH), rows)


if __name__ == '__main__': main()
