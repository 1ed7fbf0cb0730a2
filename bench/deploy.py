"""What it costs to predict, and to be able to go on: `python -m bench.deploy --data FOLDER`.

Predictions for many photographs, against decoding them and the network's passes by themselves;
the three take turns. And checkpoints of three networks, as a share of a minute of training.
Writes results/benchmarks/deploy.json."""
import argparse
import statistics
import tempfile
from itertools import chain, cycle, islice
from pathlib import Path

import psutil
import torch

from bench.common import conditions, write
from bench.steps import ready_batches, timed
from sotatrain.core.resume import state_of
from sotatrain.core.threads import in_threads
from sotatrain.data import dataset, image_files
from sotatrain.deploy.about import About
from sotatrain.deploy.classifier import Classifier
from sotatrain.deploy.stream import predictions
from sotatrain.experiment.runs import write_checkpoint
from sotatrain.learner import make_learner, make_model
from sotatrain.presize import load_square

SIZE, SIDE, BS = 128, 160, 64
NETWORKS = 'plain_net', 'xresnet18', 'xresnet50'


# --- predicting

def classifier(arch):
    about = About(arch, arch, [*'abcdefghij'], SIZE, SIDE, '0' * 64)
    return Classifier(make_model(arch, 10).to(memory_format=torch.channels_last), about)


def predicting(arch, files, rounds):
    model, peak = classifier(arch), 0
    squares = torch.randint(256, (BS, SIDE, SIDE, 3), dtype=torch.uint8)
    aspects = torch.ones(BS)

    def forward():
        with torch.inference_mode():
            for _ in range(-(-len(files) // BS)): model(squares, aspects)

    def predict():
        nonlocal peak
        for i, _ in enumerate(predictions(model, files, BS)):
            if i % 500 == 0: peak = max(peak, psutil.Process().memory_info().rss)

    def decode(): in_threads(lambda file: load_square(file, SIDE)[1], files)
    for _ in range(rounds):
        seconds = [timed(part)[0] for part in (decode, forward, predict)]
        yield dict(what='predict', arch=arch, pictures=len(files), decode=seconds[0],
                   forward=seconds[1], predict=seconds[2], peak_mb=round(peak / 1e6),
                   ratio=seconds[2] / (seconds[0] + seconds[1]))


# --- checkpoints

def checkpoints(arch, repeats=7):
    dls = ready_batches(2, BS, 64, 'cpu')
    learn = make_learner(dls, arch, seed=0, metrics=[])
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder)/'last.pt'
        def save(): write_checkpoint(file, {}, None, state_of(learn))
        seconds = statistics.median(timed(save)[0] for _ in range(repeats))
        megabytes = file.stat().st_size / 1e6
    return dict(what='checkpoint', arch=arch, seconds=seconds, megabytes=round(megabytes, 1),
                share_of_a_minute=seconds / 60)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='imagenette')
    parser.add_argument('--pictures', type=int, default=10_000)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    files = [*islice(cycle(image_files(dataset(args.data))), args.pictures)]
    rows = []  # predictions first: what training leaves in memory is not theirs
    for row in chain(predicting('xresnet18', files, args.rounds), map(checkpoints, NETWORKS)):
        rows.append(row)
        print(row, flush=True)
    write('deploy', conditions(size=SIZE, side=SIDE, bs=BS), rows)


if __name__ == '__main__': main()
