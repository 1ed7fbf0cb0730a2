"""Does confident learning find wrong labels? `python -m bench.noise --data imagenette`.

The tables of Imagenette say which labels are wrong: 1, 5 or 25 %. Networks of chapter 9 that
were trained on three quarters of the pictures, with those labels, judge the last quarter. Then
networks are trained on what was not flagged, and on all, plainly, smoothed, and with Mixup.
A level and a seed is a row, written at once; a second call goes on with those that are missing.
Writes results/benchmarks/noise.json."""
import argparse
import json
from dataclasses import replace

import torch
from sklearn.model_selection import StratifiedKFold

from bench.common import RESULTS, conditions, write
from bench.steps import precision
from sotatrain.core.split import HALVES, half_of
from sotatrain.data import class_name, class_names, dataset, image_files, noisy_labels
from sotatrain.experiment.named import SOTA, sota
from sotatrain.learner import make_learner, quietly, seeded
from sotatrain.presize import Augment, get_dls
from sotatrain.resizing import SCHEDULES
from sotatrain.tables import suspects
from sotatrain.transfer import interval

FOLDS = 4
AGAIN = 5, 25  # levels at which networks are trained without the suspects, too


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

def judged(recipe, files, labels, seed, device):
    "Out-of-sample probabilities for all pictures, fold by fold."
    parts, p = StratifiedKFold(FOLDS, shuffle=True, random_state=seed), None
    for fold, (seen, unseen) in enumerate(parts.split(files, labels)):
        learn = trained(recipe, files, labels, (seen, unseen), seed, device)
        if p is None: p, vocab = torch.empty(len(files), learn.dls.c), [*learn.dls.vocab]
        p[unseen] = learn.get_preds()[0]
        print(f'fold {fold + 1} of {FOLDS}', flush=True)
    return p, vocab


def row(recipe, path, noise, seed, device):
    files = [file for file in image_files(path) if file.is_relative_to(path/'train')]
    table, names = noisy_labels(path, noise), class_names(path)
    labels = [class_name(table[file]) for file in files]
    truth = [class_name(file.parent.name) for file in files]
    wrong = torch.tensor([a != b for a, b in zip(labels, truth)])
    p, vocab = judged(recipe, files, labels, seed, device)
    assert {*vocab} == {*names}
    found = suspects(p, torch.tensor([vocab.index(label) for label in labels]))
    hits, n, of = int(wrong[found].sum()), len(found), int(wrong.sum())
    right = p.argmax(1) == torch.tensor([*map(vocab.index, truth)])
    again = retrained(recipe, path, files, labels, {*found.tolist()}, seed, device) \
        if noise in AGAIN else {}
    return dict(
        noise=noise, seed=seed, flagged=n, hits=hits, wrong=of, precision=hits/n,
        recall=hits/of, precision_low=interval(hits, n)[0], recall_low=interval(hits, of)[0],
        hits_of_the_first=wrong[found].cumsum(0).tolist(),
        accuracy=right.float().mean().item(), **again)


# --- is it better to train without them?

def retrained(recipe, path, files, labels, suspicious, seed, device):
    "Accuracy on the reported half, whose labels are right: with all, and without suspects."
    checks = [file for file in image_files(path) if file.is_relative_to(path/'val')
              and half_of(file) == HALVES[1]]
    every = files + checks, labels + [class_name(file.parent.name) for file in checks]
    valid = [*range(len(files), len(files) + len(checks))]
    kept = [i for i in range(len(files)) if i not in suspicious]
    ways = {name: (way, [*range(len(files))]) for name, way in ways_of(recipe).items()}
    ways['without suspects'] = ways['plain'][0], kept
    return {name: trained(way, *every, (rows, valid), seed, device).validate()[1]
            for name, (way, rows) in ways.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='imagenette')
    parser.add_argument('--recipe', choices=SOTA, default='minutes-15')
    parser.add_argument('--epochs', type=int, help="the recipe's, if not given")
    parser.add_argument('--noise', type=int, nargs='+', default=[5, 1, 25])
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args()
    path, file, recipe = dataset(args.data), RESULTS/'noise.json', sota(args.recipe)
    recipe = replace(recipe, epochs=args.epochs or recipe.epochs)
    rows = json.loads(file.read_text(encoding='utf-8'))['rows'] if file.exists() else []
    about = conditions(args.device, precision(args.device), recipe=recipe.name,
                       epochs=recipe.epochs, folds=FOLDS)
    for seed in range(args.seeds):
        for noise in args.noise:
            if any((each['noise'], each['seed']) == (noise, seed) for each in rows): continue
            rows.append(row(recipe, path, noise, seed, args.device))
            print(rows[-1], flush=True)
            write(file, about, rows)


if __name__ == '__main__': main()
