"""Does confident learning find wrong labels? `python -m bench.noise --data imagenette`.

The tables of Imagenette say which labels are wrong: 1, 5 or 25 %. Networks of chapter 9 that
were trained on three quarters of the pictures, with those labels, judge the last quarter. So do
last layers on the features of chapter 10's network, which has seen nearly all of these pictures
with their right labels. Then networks of chapter 9 are trained on what was not flagged, and on
all, plainly, smoothed, and with Mixup. A row is written at once; a second call goes on with
those that are missing. Writes results/benchmarks/noise.json."""
import argparse
from dataclasses import replace
from functools import partial
from itertools import product

import torch
from sklearn.model_selection import StratifiedKFold

from bench.common import RESULTS, conditions, stored, write
from bench.steps import precision
from bench.tables import all_features
from sotatrain.core.split import HALVES, half_of
from sotatrain.data import class_name, class_names, dataset, image_files, noisy_labels
from sotatrain.experiment.named import SOTA, sota
from sotatrain.learner import make_learner, quietly, seeded
from sotatrain.presize import Augment, get_dls
from sotatrain.resizing import SCHEDULES
from sotatrain.tables import out_of_sample, suspects
from sotatrain.transfer import interval

FOLDS = 4
SIZE = 128  # of the pictures that features are of, px


def ways_of(recipe):
    "A recipe that smooths labels, and others that differ in this."
    plain = replace(recipe, loss={'CrossEntropyLossFlat': {}})
    return {'plain': plain, 'smoothing': recipe,
            'Mixup': replace(plain, cbs=plain.cbs | {'MixUp': {}})}


def trained(recipe, files, labels, splits, seed, device):
    dls = get_dls(
        recipe.size, recipe.bs, files=files, labels=labels, splits=splits,
        presize=recipe.presize, tfms=Augment(**recipe.augment), seed=seed, device=device)
    learn = make_learner(
        dls, recipe.make('arch'), recipe.make('loss'), recipe.make('cbs'), seed=seed,
        opt_func=recipe.make('opt'))
    with seeded(seed), quietly(learn): SCHEDULES['linear'](learn, recipe.epochs, recipe.lr)
    return learn


# --- which labels are wrong?

def by_network(recipe, files, labels, seed, device):
    "Out-of-sample probabilities for all pictures, by networks of chapter 9; and the classes."
    parts, p = StratifiedKFold(FOLDS, shuffle=True, random_state=seed), None
    for fold, (seen, unseen) in enumerate(parts.split(files, labels)):
        learn = trained(recipe, files, labels, (seen, unseen), seed, device)
        if p is None: p = torch.empty(len(files), learn.dls.c)
        p[unseen] = learn.get_preds()[0]
        print(f'fold {fold + 1} of {FOLDS}', flush=True)
    return p, [*learn.dls.vocab]


def by_features(recipe, files, labels, seed, device):
    "The same, by last layers on the features of chapter 10's network."
    x, y, vocab = all_features(files, labels, SIZE, device)
    return out_of_sample(x, y, len(vocab), FOLDS, seed), vocab


JUDGES = dict(network=by_network, features=by_features)


def train_part(path, noise):
    "Files of the training part, their labels in the table, and the right ones."
    files = [file for file in image_files(path) if file.is_relative_to(path/'train')]
    table = noisy_labels(path, noise)
    return files, [class_name(table[file]) for file in files], \
        [class_name(file.parent.name) for file in files]


def finding(judge, recipe, path, noise, seed, device):
    "What is flagged, and how much of it is wrong."
    files, labels, truth = train_part(path, noise)
    wrong = torch.tensor([a != b for a, b in zip(labels, truth)])
    p, vocab = JUDGES[judge](recipe, files, labels, seed, device)
    assert {*vocab} == {*class_names(path)}
    found = suspects(p, torch.tensor([*map(vocab.index, labels)]))
    hits, n, of = int(wrong[found].sum()), len(found), int(wrong.sum())
    right = p.argmax(1) == torch.tensor([*map(vocab.index, truth)])
    (low, high), (low_recall, high_recall) = interval(hits, n), interval(hits, of)
    return dict(
        flagged=n, hits=hits, wrong=of, precision=hits/n, recall=hits/of,
        precision_low=low, precision_high=high, recall_low=low_recall, recall_high=high_recall,
        accuracy=right.float().mean().item(),
        hits_in_first_quarter=int(wrong[found[:n//4]].sum()),
        hits_in_first_half=int(wrong[found[:n//2]].sum()),
        suspects=' '.join(map(str, found.tolist())))


# --- is it better to train without them?

def retrained(way, recipe, path, noise, seed, device, suspicious=()):
    "Accuracy on the reported half, whose labels are right, without some pictures in training."
    files, labels, _ = train_part(path, noise)
    checks = [file for file in image_files(path) if file.is_relative_to(path/'val')
              and half_of(file) == HALVES[1]]
    every = files + checks, labels + [class_name(file.parent.name) for file in checks]
    valid = [*range(len(files), len(files) + len(checks))]
    kept = sorted({*range(len(files))} - {*suspicious})
    recipe = ways_of(recipe).get(way, ways_of(recipe)['plain'])
    learn = trained(recipe, *every, (kept, valid), seed, device)
    return dict(accuracy=learn.validate()[1], pictures=len(kept))


# --- rows

class Store:
    "The rows of a file; `add` computes what is missing, and writes at once."
    def __init__(self, file, about):
        self.file, self.about, self.rows = file, about, stored(file, about['settings'])

    def add(self, compute, **about):
        for row in self.rows:
            if about.items() <= row.items(): return row
        row = about | compute()
        print({name: value for name, value in row.items() if name != 'suspects'}, flush=True)
        self.rows.append(row)
        write(self.file, self.about, self.rows)
        return row


def measure(store, recipe, path, judges, noise, seed, again, device):
    given, at = (recipe, path, noise, seed, device), dict(noise=noise, seed=seed)
    network = dict(recipe=recipe.name, epochs=recipe.epochs)
    places = {}
    for judge in judges:
        row = store.add(partial(finding, judge, *given), what='found', judge=judge, **at,
                        **network if judge == 'network' else {})
        places[f'without those of {judge}'] = [*map(int, row['suspects'].split())]
    if not again: return
    for way in (*ways_of(recipe), *places):
        store.add(partial(retrained, way, *given, places.get(way, ())), what='trained', way=way,
                  **at, **network)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='imagenette')
    parser.add_argument('--recipe', choices=SOTA, default='minutes-5')
    parser.add_argument('--epochs', type=int, help="the recipe's, if not given")
    parser.add_argument('--judges', nargs='+', choices=JUDGES, default=[*JUDGES])
    parser.add_argument('--noise', type=int, nargs='+', default=[5, 1, 25])
    parser.add_argument('--again', type=int, nargs='*', default=[5, 25],
                        help='levels at which networks are trained without the suspects, too')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args()
    recipe = sota(args.recipe)
    recipe = replace(recipe, epochs=args.epochs or recipe.epochs)
    about = conditions(args.device, precision(args.device), folds=FOLDS, size=SIZE)
    store = Store(RESULTS/'noise.json', about)
    for seed, noise in product(range(args.seeds), args.noise):
        measure(store, recipe, dataset(args.data), args.judges, noise, seed,
                noise in args.again, args.device)


if __name__ == '__main__': main()
