"""What a checkpoint costs: `python -m bench.checkpoints` prints a table.

Networks in the middle of a training run, with their optimizer and a running average of their
weights: how large a checkpoint is, how long it takes until it is on the disk, and to
go on from it; and which share of a run that is, with one checkpoint a minute. Writes
results/benchmarks/checkpoints.json."""
import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import torch
from fastai.vision.all import Adam, Callback

from bench.common import RESULTS, conditions, write
from bench.steps import precision, ready_batches, timed
from sotatrain.core.resume import restore, state_of
from sotatrain.experiment.runs import read_checkpoint, write_checkpoint
from sotatrain.learner import make_learner
from sotatrain.sota import AverageWeights, muon, plain_net

TWO_CORES = partial(plain_net, widths=(24, 48, 128, 256, 512), act='gelu')
LEARNERS = {
    "the recipes' network for two cores, Muon": (TWO_CORES, muon),
    'xresnet18, Adam': ('xresnet18', Adam),
    'xresnet50, Adam': ('xresnet50', Adam)}


class Measure(Callback):
    "Writes a checkpoint after the last batch, some times, and goes on from it."
    order, run_valid = 10_000, False

    def __init__(self, file, rounds): self.file, self.rounds = file, rounds

    def after_batch(self):
        if self.iter + 1 < self.n_iter: return
        self.written = [timed(self.save)[0] for _ in range(self.rounds)]
        self.read = [timed(self.load)[0] for _ in range(self.rounds)]

    def save(self): write_checkpoint(self.file, {}, {}, state_of(self.learn))

    def load(self):
        _, state = read_checkpoint(self.file, {}, self.dls.device)
        restore(self.learn, state)


def measure(name, folder, args):
    arch, opt = LEARNERS[name]
    found = Measure(Path(folder)/'last.pt', args.rounds)
    dls = ready_batches(2, 8, 64, args.device)
    learn = make_learner(dls, arch, cbs=[AverageWeights(), found], metrics=[], opt_func=opt)
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    written = median(found.written)
    return dict(
        name=name, megabytes=found.file.stat().st_size / 1e6, seconds=written,
        percent_at_one_a_minute=100 * written / (60 + written),
        seconds_to_go_on=median(found.read), all_seconds=found.written)


def text(row):
    return (f"{row['name']:<42} {row['megabytes']:7.1f} MB, {row['seconds']:6.2f} s: "
            f"{row['percent_at_one_a_minute']:.2f} % at one a minute; to go on "
            f"{row['seconds_to_go_on']:.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--folder', type=Path, help='on the disk to measure (default: here)')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--results', default='checkpoints.json')
    args = parser.parse_args()
    about = conditions(args.device, precision(args.device), rounds=args.rounds)
    with tempfile.TemporaryDirectory(dir=args.folder or '.') as folder:
        rows = [measure(name, folder, args) for name in LEARNERS]
    print(*map(text, rows), sep='\n')
    write(RESULTS/args.results, about, rows)


if __name__ == '__main__': main()
