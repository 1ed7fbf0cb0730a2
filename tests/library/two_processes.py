"""The command, for `torchrun -m tests.library.two_processes`: what a process sees is written
into the folder `SEEN`; in recipes with `Dies` process 1 is killed after its first epoch, and
`Stops` asks it to stop."""
import json
import os
import signal
import sys
from pathlib import Path

from fastai.vision.all import Callback, nn

from sotatrain.cli import main
from sotatrain.core import processes
from sotatrain.experiment import register


@register
class NoNorm(nn.Sequential):
    "Without batch norm, what a process computes depends on no other picture of its share."
    def __init__(self, n_out):
        super().__init__(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, n_out))


@register
class Seen(Callback):
    """Notes of each batch: whether it is one of training, the epoch, the pictures that this
    process has of it, and how many answers there are."""
    def __init__(self): self.seen = []

    def after_batch(self):
        drawn = self.dls[0 if self.training else 1].drawn
        self.seen.append([self.training, self.epoch, [*map(int, drawn)], len(self.pred)])

    def after_fit(self):
        file = Path(os.environ['SEEN'])/f'{type(self.model).__name__}-{processes.rank()}.json'
        file.write_text(json.dumps(self.seen))


@register
class Stops(Callback):
    "Asks process 1 to stop after as many batches as the environment says."
    order = 9_000  # shortly before checkpoints are written
    batches = 0

    def after_batch(self):
        self.batches += 1
        if processes.rank() == 1 and self.batches == int(os.environ.get('STOP_AFTER', 0)):
            signal.raise_signal(signal.SIGTERM)


@register
class Dies(Callback):
    def after_epoch(self):
        if processes.rank() == 1: os.kill(os.getpid(), signal.SIGKILL)


if __name__ == '__main__': sys.exit(main())
