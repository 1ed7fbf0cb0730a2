"""What computing features once saves, and what views of each picture cost and bring:
`python -m bench.features --data FOLDER`.

FOLDER as in `bench.transfer`. A live epoch asks the whole network, whose layers below the last
stay as they are, for each batch; a cached one has its activations already; both train the same
last layer, and take turns. Then the accuracy of a layer that was trained on k random views of
each picture; and what half precision changes. Writes features-NAME-SIZE.json in
results/benchmarks/."""
import argparse
import os
import shutil
import tempfile
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F

from bench.common import conditions, write
from bench.transfer import described
from sotatrain.core.cache import cache_folder
from sotatrain.transfer import (
    activations,
    features,
    fit_head,
    last_layer,
    pretrained,
    pretrained_dls,
)

BS = 64


def epoch(head, batches, activated):
    "Seconds of a pass over all batches; the layer learns."
    opt, start = torch.optim.SGD(head.parameters(), .01), perf_counter()
    for x, y in batches:
        F.cross_entropy(head(activated(x)), y).backward()
        opt.step()
        opt.zero_grad()
    return perf_counter() - start


def epochs(model, dls, given, rounds):
    "A live epoch and a cached one, in turns."
    head = last_layer(pretrained(n_out=dls.c))
    places = torch.arange(len(given.x)).split(BS)
    def live(x): return activations(model, x.as_subclass(torch.Tensor))
    for _ in range(rounds):
        seconds = epoch(head, ((x, y.as_subclass(torch.Tensor)) for x, y in dls.train), live)
        again = epoch(head, ((given.x[i], given.y[i]) for i in places), lambda x: x)
        yield dict(what='epoch', live=seconds, cached=again, ratio=seconds / again)


def viewed(model, dls, valid, seeds, views):
    "What k views cost and bring."
    for seed in range(seeds):
        for k in views:
            if not k and seed: continue  # without chance
            if not k: shutil.rmtree(cache_folder()/'features')
            start = perf_counter()
            many = features(model, dls.train, views=k, seed=seed)
            seconds = perf_counter() - start
            start = perf_counter()
            head = fit_head(*many, dls.c)
            yield dict(what='views', views=k, seed=seed, seconds=seconds,
                       head=perf_counter() - start, accuracy=accuracy_of(head, valid))


def accuracy_of(head, given): return (head(given.x).argmax(1) == given.y).float().mean().item()


def halved(train, valid, n_out):
    "How many answers change when the features were kept in half precision."
    def answers(x, asked): return fit_head(x, train.y, n_out)(asked).argmax(1)
    def half(x): return x.half().float()
    kept, halves = answers(train.x, valid.x), answers(half(train.x), half(valid.x))
    return dict(what='half', pictures=len(valid.x), changed=(kept != halves).sum().item())


def measured(args):
    dls = pretrained_dls(pretrained(2), BS, size=args.size, seed=0, **described(args.data))
    model = pretrained(n_out=dls.c)
    train, valid = features(model, dls.train), features(model, dls.valid)
    yield halved(train, valid, dls.c)
    yield from epochs(model, dls, train, args.rounds)
    yield from viewed(model, dls, valid, args.seeds, args.views)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='clothing')
    parser.add_argument('--size', type=int, default=128)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--views', type=int, nargs='+', default=[0, 1, 2, 4, 8])
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as cache:  # nothing is there already: all is timed
        os.environ['SOTATRAIN_CACHE'] = cache
        for row in measured(args):
            rows.append(row)
            print(row, flush=True)
    name = Path(args.data).name
    write(f'features-{name}-{args.size}', conditions(data=name, size=args.size, bs=BS), rows)


if __name__ == '__main__': main()
