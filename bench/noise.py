"""Does confident learning find wrong labels? `python -m bench.noise --data imagenette`.

The tables of Imagenette say which labels are wrong: 1, 5 or 25 %. Networks of chapter 9 that
were trained on three quarters of the pictures, with those labels, judge the last quarter. A
level and a seed is a row, written at once; a second call goes on with those that are missing.
Writes results/benchmarks/noise.json."""
import argparse
import json

import torch
from sklearn.model_selection import StratifiedKFold

from bench.common import RESULTS, conditions, write
from bench.steps import precision
from sotatrain.data import class_name, class_names, dataset, image_files, noisy_labels
from sotatrain.experiment import sota
from sotatrain.learner import make_learner, quietly, seeded
from sotatrain.presize import Augment, get_dls
from sotatrain.resizing import SCHEDULES
from sotatrain.tables import suspects
from sotatrain.transfer import interval

FOLDS = 4
RECIPE = sota('minutes-5', epochs=6)


def judged(files, labels, seed, device):
    "Out-of-sample probabilities for all pictures, fold by fold."
    parts, p = StratifiedKFold(FOLDS, shuffle=True, random_state=seed), None
    for fold, (seen, unseen) in enumerate(parts.split(files, labels)):
        dls = get_dls(
            RECIPE.size, RECIPE.bs, files=files, labels=labels, splits=(seen, unseen),
            presize=RECIPE.presize, tfms=Augment(**RECIPE.augment), seed=seed, device=device)
        learn = make_learner(
            dls, RECIPE.make('arch'), RECIPE.make('loss'), RECIPE.make('cbs'), seed=seed,
            opt_func=RECIPE.make('opt'))
        with seeded(seed), quietly(learn): SCHEDULES['linear'](learn, RECIPE.epochs, RECIPE.lr)
        if p is None: p, vocab = torch.empty(len(files), dls.c), [*dls.vocab]
        p[unseen] = learn.get_preds()[0]
        print(f'fold {fold + 1} of {FOLDS}', flush=True)
    return p, vocab


def row(path, noise, seed, device):
    files = [file for file in image_files(path) if file.is_relative_to(path/'train')]
    table, names = noisy_labels(path, noise), class_names(path)
    labels = [class_name(table[file]) for file in files]
    truth = [class_name(file.parent.name) for file in files]
    wrong = torch.tensor([a != b for a, b in zip(labels, truth)])
    p, vocab = judged(files, labels, seed, device)
    assert {*vocab} == {*names}
    found = suspects(p, torch.tensor([vocab.index(label) for label in labels]))
    hits, n, of = int(wrong[found].sum()), len(found), int(wrong.sum())
    right = p.argmax(1) == torch.tensor([*map(vocab.index, truth)])
    return dict(
        noise=noise, seed=seed, flagged=n, hits=hits, wrong=of, precision=hits/n,
        recall=hits/of, precision_low=interval(hits, n)[0], recall_low=interval(hits, of)[0],
        accuracy=right.float().mean().item())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='imagenette')
    parser.add_argument('--noise', type=int, nargs='+', default=[5, 1, 25])
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args()
    path, file = dataset(args.data), RESULTS/'noise.json'
    rows = json.loads(file.read_text(encoding='utf-8'))['rows'] if file.exists() else []
    about = conditions(args.device, precision(args.device), recipe=RECIPE.name,
                       epochs=RECIPE.epochs, folds=FOLDS)
    for seed in range(args.seeds):
        for noise in args.noise:
            if any((each['noise'], each['seed']) == (noise, seed) for each in rows): continue
            rows.append(row(path, noise, seed, args.device))
            print(rows[-1], flush=True)
            write(file, about, rows)


if __name__ == '__main__': main()
