"""Test-time augmentation beside fastai's: `python -m bench.tta --data DIR` prints a table and writes results/benchmarks/tta.json.

For each seed a network is trained (in stages, up to 128 px), and two learners get its weights: ours, as `make_learner`
makes it, and a plain one of fastai's on a `DataBlock`. Both predict the validation pictures with four random views;
and as the least that five views can cost, our network's own five forward passes are timed on batches that are there
already. The three take turns, a third of the pictures at a time, so that the noise of a shared machine hits all alike.
Weights and finished seeds are kept, so that an interrupted measurement goes on."""
import argparse
import json
from contextlib import redirect_stdout
from io import StringIO
from statistics import median

import torch
from fastai.vision.all import CrossEntropyLossFlat, Learner, accuracy

from bench.common import RESULTS, write
from bench.steps import timed
from sotatrain.core.cache import cache_folder
from sotatrain.data import datablock_dls, dataset
from sotatrain.experiment import Recipe, learner_of, paired_difference, trained_learner
from sotatrain.learner import has_bf16, make_model
from sotatrain.core.machine import conditions
from sotatrain.tta import calibration_error, tta

SIZE, BS, N = 128, 64, 4
RECIPE = Recipe('tta', data='imagenette', arch='xresnet18', presize=160,
                stages=[dict(size=64, epochs=4, bs=BS, lr=6e-3), dict(size=SIZE, epochs=1, bs=BS, lr=3e-3)])


def our_learner(seed, data, device):
    file = cache_folder()/'bench-tta'/f'{dataset(data or RECIPE.data).name}-seed{seed}.pth'
    if file.exists():
        learn = learner_of(RECIPE, seed, data, device)
        learn.model.load_state_dict(torch.load(file, weights_only=True))
        return learn
    learn = trained_learner(RECIPE, seed, data, device)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(learn.model.state_dict(), draft := file.with_suffix('.draft'))
    draft.replace(file)
    return learn


def fastai_learner(ours, path, device):
    "Nothing but fastai: float32, the usual memory layout, pictures that are decoded for each view."
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


def measure(seed, data, device, chunk):
    ours = our_learner(seed, data, device)
    theirs = fastai_learner(ours, dataset(data or RECIPE.data), device)
    files = ours.dls.valid.items
    measure_part(ours, theirs, files[:BS], seed)  # warms up
    turns = [measure_part(ours, theirs, files[start:start + chunk], seed) for start in range(0, len(files), chunk)]
    ways = turns[0].keys()
    seconds = {way: [turn[way][0] for turn in turns] for way in ways}
    answers = {way: [torch.cat(parts) for parts in zip(*(turn[way][1][:2] for turn in turns))] for way in ways if way != 'forward'}
    return dict(seed=seed, conditions=conditions(device, 'bf16' if has_bf16(device) else 'fp32'), pictures=len(files), seconds=seconds,
                quality={way: dict(accuracy=(p.argmax(-1) == y).float().mean().item(), calibration_error=calibration_error(p, y)) for way, (p, y) in answers.items()})


def measure_part(ours, theirs, files, seed):
    "Seconds and answers of each way to predict these pictures."
    def dl(learn): return learn.dls.test_dl(files, with_labels=True)
    with ours.no_bar(), theirs.no_bar(), redirect_stdout(StringIO()):  # fastai's tta prints a bar in any case
        return {'fastai': timed(lambda: theirs.tta(dl=dl(theirs), n=N)), 'ours': timed(lambda: tta(ours, dl=dl(ours), n=N, seed=seed)),
                'plain': timed(lambda: tta(ours, dl=dl(ours), n=0)), 'forward': timed(lambda: forward_passes(ours, len(files), N + 1))}


def ratios(rows, way):
    "Our seconds by those of another way, part by part."
    return [ours / other for r in rows for ours, other in zip(r['seconds']['ours'], r['seconds'][way])]

def table(rows):
    lines = [f"seed {r['seed']}: " + ', '.join(f"{way} {sum(seconds):.0f} s" + (f" {r['quality'][way]['accuracy']:.2%}" if way in r['quality'] else '')
                                               for way, seconds in r['seconds'].items()) for r in rows]
    d = paired_difference(*([100*r['quality'][who]['accuracy'] for r in rows] for who in ('ours', 'fastai')))
    return '\n'.join([*lines, f"ours takes {median(ratios(rows, 'fastai')):.2f} of fastai's time, and {median(ratios(rows, 'forward')):.2f} of its own five forward passes'",
                      f"accuracy, ours minus fastai's: {d.mean:+.2f} points ({d.low:+.2f} to {d.high:+.2f}, {d.n} seeds)"])


def finished(file):
    "Seeds that an earlier, interrupted measurement has finished."
    return json.loads(file.read_text())['rows'] if file.exists() else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', help="a folder with train/ and val/, instead of the recipe's data")
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='tta.json', help='name of the file in results/')
    parser.add_argument('--chunk', type=int, default=1400, help="pictures of a turn; many, because fastai's workers start anew in each")
    parser.add_argument('--resume', action='store_true', help='keep the seeds that the results file has')
    args = parser.parse_args()
    file = RESULTS/args.results
    rows = finished(file) if args.resume else []
    for seed in range(len(rows), args.seeds):
        rows.append(measure(seed, args.data, args.device, args.chunk))
        write(dict(recipe=RECIPE.to_dict(), n=N, rows=rows), file)
        print(table(rows), flush=True)


if __name__ == '__main__': main()
