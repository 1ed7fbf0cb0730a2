"""What the size of a batch does if nothing else changes: `python -m bench.batches --data DIR`.

A last layer is trained by Adam on features of chapter 10's network, with batches of several
sizes and the same number of epochs: at one learning rate, and at rates that grow with the root
of the size. DIR has a labels.csv, as the Oxford flowers do. Writes
results/benchmarks/batches.json."""
import argparse
from itertools import product

import torch
import torch.nn.functional as F

from bench.common import conditions, write
from bench.tables import all_features
from bench.transfer import described, share_of, table
from sotatrain.learner import seeded

SIZE, EPOCHS, SEEDS = 128, 20, 5
SIZES = 8, 32, 128, 510, 1020  # pictures in a batch
FIRST, RATE = 32, 1e-3         # a batch, and its learning rate
RATES = {'the same': lambda bs: RATE, 'by the root': lambda bs: RATE * (bs / FIRST)**.5}


def parts_of(folder):
    "Features and classes of the `train` pictures, and of the `test` ones."
    given = described(folder)
    x, y, vocab = all_features(given['files'], given['labels'], SIZE)
    part = [row['split'] for row in table(folder)]
    places = [torch.tensor([word == name for word in part]) for name in ('train', 'test')]
    return *((x[place], y[place]) for place in places), len(vocab)


def trained(x, y, n_out, bs, lr, seed):
    "A layer after `EPOCHS` shuffled epochs whose rate falls to 0 along half a cosine."
    head = torch.nn.Linear(x.shape[1], n_out)
    torch.nn.init.zeros_(head.weight)
    opt = torch.optim.Adam(head.parameters(), lr)
    steps = EPOCHS * (len(x) // bs)
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    with seeded(seed):
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(bs)[:len(x) // bs]:  # full ones
                opt.zero_grad()
                F.cross_entropy(head(x[rows]), y[rows]).backward()
                opt.step()
                falls.step()
    return head, steps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', required=True, help='a folder with a labels.csv')
    args = parser.parse_args()
    (x, y), (unseen, right), n_out = parts_of(args.data)
    about = conditions(size=SIZE, epochs=EPOCHS, first=FIRST, lr=RATE)
    rows = []
    for seed, bs, (rate, of) in product(range(SEEDS), SIZES, RATES.items()):
        head, steps = trained(x, y, n_out, bs, of(bs), seed)
        with torch.no_grad(): scores = head(unseen)
        rows.append(dict(bs=bs, rate=rate, seed=seed, lr=of(bs), steps=steps,
                         loss=F.cross_entropy(scores, right).item(),
                         **share_of(scores.argmax(1) == right)))
        print(rows[-1], flush=True)
    write('batches', about, rows)


if __name__ == '__main__': main()
