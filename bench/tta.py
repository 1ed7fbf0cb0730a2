"""Test-time augmentation beside fastai's: `python -m bench.tta --data DIR` prints a table.

For each seed a network is trained (in stages, up to 128 px), and two learners get its weights:
ours, as `make_learner` makes it, and a plain one of fastai's on a `DataBlock`. Both predict the
validation pictures with four random views; and as the least that five views can cost, our
network's own five forward passes are timed on batches that are there already. The three take
turns, a third of the pictures at a time, so that the noise of a shared machine hits all alike.
Weights and finished seeds are kept, so that an interrupted measurement goes on. Writes
results/benchmarks/tta.json."""
import argparse
import json
from contextlib import redirect_stdout
from io import StringIO
from statistics import median

import torch
from fastai.vision.all import CrossEntropyLossFlat, Learner, accuracy

from bench.common import RESULTS, conditions, write
from bench.steps import precision, timed
from sotatrain.core.cache import cache_folder, new_file
from sotatrain.data import datablock_dls, dataset, image_files
from sotatrain.experiment import Recipe, learner_of, paired_difference, trained_learner
from sotatrain.learner import make_model
from sotatrain.tta import calibration_error, tta

SIZE, BS, N = 128, 64, 4
STAGES = [dict(size=64, epochs=4, bs=BS, lr=6e-3), dict(size=SIZE, epochs=1, bs=BS, lr=3e-3)]
RECIPE = Recipe('tta', data='imagenette', arch='xresnet18', presize=160, stages=STAGES)


# Two learners with the same weights

def our_learner(seed, data, device):
    name = dataset(data or RECIPE.data).name
    file = cache_folder()/'bench-tta'/f'{name}-seed{seed}.pth'
    if file.exists():
        learn = learner_of(RECIPE, seed, data, device)
        learn.model.load_state_dict(torch.load(file, weights_only=True))
        return learn
    learn = trained_learner(RECIPE, seed, data, device)
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file) as draft: torch.save(learn.model.state_dict(), draft)
    return learn


def fastai_learner(ours, path, device):
    "Nothing but fastai: float32, the usual memory layout, pictures decoded for each view."
    model = make_model(RECIPE.arch, 10)
    model.load_state_dict(ours.model.state_dict())
    dls = datablock_dls(path, SIZE, BS, presize=RECIPE.presize, device=device)
    return Learner(dls, model.to(device), loss_func=CrossEntropyLossFlat(), metrics=accuracy)


def forward_passes(learn, pictures, views):
    "So many pictures, `views` times, from a batch that is there already."
    model = learn.model.eval()
    xb = torch.rand(BS, 3, SIZE, SIZE, device=learn.dls.device)
    with torch.no_grad():
        for start in range(0, pictures, BS):
            for _ in range(views): model(xb[:pictures - start])


# Ways to predict, which take turns

def predictions(ours, theirs, files, seed):
    "Ways to predict these pictures, as functions."
    def dl(learn): return learn.dls.test_dl(files, with_labels=True)
    return dict(
        fastai=lambda: theirs.tta(dl=dl(theirs), n=N),
        ours=lambda: tta(ours, dl=dl(ours), n=N, seed=seed),
        plain=lambda: tta(ours, dl=dl(ours), n=0),
        forward=lambda: forward_passes(ours, len(files), N + 1))


def take_a_turn(ours, theirs, files, seed):
    "Seconds and answers of each way for these pictures."
    ways = predictions(ours, theirs, files, seed)
    with ours.no_bar(), theirs.no_bar():
        with redirect_stdout(StringIO()):  # fastai's tta prints a bar in any case
            return {name: timed(way) for name, way in ways.items()}


def measure(seed, data, device, chunk):
    "A row for each way."
    ours = our_learner(seed, data, device)
    theirs = fastai_learner(ours, dataset(data or RECIPE.data), device)
    files = ours.dls.valid.items
    take_a_turn(ours, theirs, files[:BS], seed)  # warms up
    parts = [files[start:start + chunk] for start in range(0, len(files), chunk)]
    turns = [take_a_turn(ours, theirs, part, seed) for part in parts]
    about = dict(seed=seed, date=conditions()['date'])
    return [about | dict(way=way, **_row([turn[way] for turn in turns])) for way in turns[0]]

def _row(results):
    seconds, answers = zip(*results)
    if answers[0] is None: return dict(seconds=seconds)
    p, y = (torch.cat(parts) for parts in zip(*(answer[:2] for answer in answers)))
    right = (p.argmax(-1) == y).float().mean().item()
    return dict(seconds=seconds, accuracy=right, calibration_error=calibration_error(p, y))


# The results

def column(rows, way, name): return [row[name] for row in rows if row['way'] == way]

def ratio(rows, way):
    "The median of our seconds by those of another way, part by part."
    pairs = zip(column(rows, 'ours', 'seconds'), column(rows, way, 'seconds'))
    return median(mine / other for pair in pairs for mine, other in zip(*pair))

def row_text(row):
    share = f", {row['accuracy']:.2%}" if 'accuracy' in row else ''
    return f"seed {row['seed']}, {row['way']:<8} {sum(row['seconds']):4.0f} s{share}"

def table(rows):
    ours, fastais = (column(rows, way, 'accuracy') for way in ('ours', 'fastai'))
    d = paired_difference([100*share for share in ours], [100*share for share in fastais])
    return '\n'.join([
        *map(row_text, rows),
        f"ours takes {ratio(rows, 'fastai'):.2f} of fastai's time, and "
        f"{ratio(rows, 'forward'):.2f} of its own five forward passes'",
        f"accuracy, ours minus fastai's: {d.mean:+.2f} points "
        f"({d.low:+.2f} to {d.high:+.2f}, {d.n} seeds)"])


def finished(file):
    "Rows of an earlier, interrupted measurement."
    return json.loads(file.read_text())['rows'] if file.exists() else []


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', help="a folder with train/ and val/, not the recipe's data")
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='tta.json', help='a file in results/benchmarks')
    parser.add_argument('--chunk', type=int, default=1400, help=(
        "pictures of a turn; many, because fastai's workers start again in each"))
    parser.add_argument('--resume', action='store_true', help='keep the seeds of the file')
    return parser.parse_args()


def main():
    args = arguments()
    file = RESULTS/args.results
    files = image_files(dataset(args.data or RECIPE.data))
    pictures = sum(file.parts[-3] == 'val' for file in files)
    settings = dict(recipe=RECIPE.to_dict(), n=N, pictures=pictures)
    rows = finished(file) if args.resume else []
    for seed in range(len({row['seed'] for row in rows}), args.seeds):
        rows += measure(seed, args.data, args.device, args.chunk)
        write(file, conditions(args.device, precision(args.device), **settings), rows)
        print(table(rows), flush=True)


if __name__ == '__main__': main()
