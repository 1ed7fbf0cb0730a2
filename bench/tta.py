"""Test-time augmentation beside fastai's: `python -m bench.tta --data DIR` prints a table and writes results/tta.json.

For each seed a network is trained (in stages, up to 128 px), and two learners get its weights: ours, as `make_learner`
makes it, and a plain one of fastai's on a `DataBlock`. Both predict the validation pictures with four random views,
one after the other; and as the least that five views can cost, our network's own five forward passes are timed on
batches that are there already. Weights are kept in the cache, so that an interrupted measurement goes on."""
import argparse
from contextlib import redirect_stdout
from io import StringIO
from statistics import median
from time import perf_counter

import torch
from fastai.vision.all import CrossEntropyLossFlat, Learner, accuracy

from bench.common import RESULTS, write
from sotatrain.cache import cache_folder
from sotatrain.data import datablock_dls, dataset
from sotatrain.experiment import Recipe, learner_of, paired_difference, trained_learner
from sotatrain.learner import has_bf16, make_model
from sotatrain.machine import conditions
from sotatrain.tta import calibration_error, tta

SIZE, BS, N = 128, 64, 4
RECIPE = Recipe('tta', data='imagenette', arch='xresnet18', presize=160,
                stages=[dict(size=64, epochs=4, bs=BS, lr=6e-3), dict(size=SIZE, epochs=1, bs=BS, lr=3e-3)])


def our_learner(seed, data, device):
    file = cache_folder()/'bench-tta'/f'seed{seed}.pth'
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


def timed(function):
    if torch.cuda.is_available(): torch.cuda.synchronize()
    start = perf_counter()
    with redirect_stdout(StringIO()): result = function()
    if torch.cuda.is_available(): torch.cuda.synchronize()
    return perf_counter() - start, result


def forward_passes(learn, views):
    "All validation pictures, `views` times, from a batch that is there already."
    n, model = len(learn.dls.valid.dataset), learn.model.eval()
    xb = torch.rand(BS, 3, SIZE, SIZE, device=learn.dls.device)
    with torch.no_grad():
        for start in range(0, n, BS):
            for _ in range(views): model(xb[:n - start])


def measure(seed, data, device):
    ours = our_learner(seed, data, device)
    theirs = fastai_learner(ours, dataset(data or RECIPE.data), device)
    with ours.no_bar(), theirs.no_bar():
        timed(lambda: forward_passes(ours, 1))  # warms up
        fastai_seconds, (p, targets) = timed(lambda: theirs.tta(n=N))
        seconds, (q, q_targets) = timed(lambda: tta(ours, n=N))
        forward_seconds, _ = timed(lambda: forward_passes(ours, N + 1))
        plain, _ = tta(ours, n=0)
    def quality(p, t): return dict(accuracy=(p.argmax(-1) == t).float().mean().item(), calibration_error=calibration_error(p, t))
    return dict(seed=seed, pictures=len(q), fastai=dict(seconds=fastai_seconds, **quality(p, targets)),
                ours=dict(seconds=seconds, **quality(q, q_targets)), plain=quality(plain, q_targets), forward_seconds=forward_seconds)


def table(rows):
    ratio, overhead = ([r['ours']['seconds'] / get(r) for r in rows] for get in (lambda r: r['fastai']['seconds'], lambda r: r['forward_seconds']))
    lines = [f"seed {r['seed']}: fastai {r['fastai']['seconds']:.0f} s, {r['fastai']['accuracy']:.2%}; ours {r['ours']['seconds']:.0f} s, "
             f"{r['ours']['accuracy']:.2%}; plain {r['plain']['accuracy']:.2%}; five forward passes {r['forward_seconds']:.0f} s" for r in rows]
    d = paired_difference(*([100*r[who]['accuracy'] for r in rows] for who in ('ours', 'fastai')))
    return '\n'.join([*lines, f"ours takes {median(ratio):.2f} of fastai's time, and {median(overhead):.2f} of its own forward passes'",
                      f"accuracy, ours minus fastai's: {d.mean:+.2f} points ({d.low:+.2f} to {d.high:+.2f}, {d.n} seeds)"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', help="a folder with train/ and val/, instead of the recipe's data")
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='tta.json', help='name of the file in results/')
    args = parser.parse_args()
    rows = []
    for seed in range(args.seeds):
        rows.append(measure(seed, args.data, args.device))
        precision = 'bf16' if has_bf16(args.device) else 'fp32'
        write(dict(conditions=conditions(args.device, precision), recipe=RECIPE.to_dict(), n=N, rows=rows), RESULTS/args.results)
        print(table(rows), flush=True)


if __name__ == '__main__': main()
