"""What is recorded while a learner trains: each epoch's stage, size of the pictures, losses,
metrics, seconds and images a second."""
import math
from collections import Counter
from time import perf_counter

import psutil
import torch
from fastai.vision.all import Callback, CancelValidException, noop

from . import processes
from .checks import whole
from .docs import document
from .plain import plain_items

__all__ = ['ValidateEvery', 'Watch']


class Watch(Callback):
    """Records each epoch, over one fit or several: `epochs` is a list of dicts; `totals` has
    the sums. A number that is not finite is recorded as `None`, as JSON has it."""
    order = 70  # after the `Recorder`

    def __init__(self,
        step=noop,        # called after each batch
        epoch_done=noop,  # called with what an epoch gave
    ):
        self.step = step
        self.epoch_done = epoch_done
        self.stage = 0    # code that trains in stages counts them here
        self.epochs = []
        self.seconds = self.train_seconds = self.images = self.peak = self.steps = 0
        self.zero = perf_counter()
        self.seen = Counter()  # training pictures by their width, px

    def now(self):
        "Seconds of this run; those between an interruption and its resumption do not count."
        return perf_counter() - self.zero

    def state_dict(self): return plain_items(vars(self), leave=('learn',)) | {'now': self.now()}

    def load_state_dict(self, values):
        vars(self).update(values)
        self.zero = perf_counter() - vars(self).pop('now')

    def before_fit(self):
        self.start = self.now()
        if self.on_gpu: torch.cuda.reset_peak_memory_stats(self.dls.device)

    def before_epoch(self): self.epoch_start = self.now()

    def before_train(self):
        self.train_start = self.now()
        self.widths, self.epoch_images = [], 0

    def after_batch(self):
        if self.training:
            n = len(self.xb[0]) * processes.count()
            self.epoch_images += n
            self.widths.append(self.xb[0].shape[-1])
            self.seen[self.widths[-1]] += n
        self.peak = max(self.peak, self.memory())
        self.steps += 1
        self.step()

    def after_train(self):
        self.epoch_seconds = self.now() - self.train_start
        self.images += self.epoch_images
        self.train_seconds += self.epoch_seconds

    def after_epoch(self):
        self.epochs.append(dict(
            stage=self.stage,
            size=round(sum(self.widths) / max(1, len(self.widths)), 1),
            **logged(self.recorder),
            seconds=round(self.now() - self.epoch_start, 2),
            images_per_second=round(self.epoch_images / self.epoch_seconds, 1)))
        self.epoch_done(self.epochs[-1])

    def after_fit(self): self.seconds += self.now() - self.start

    @property
    def on_gpu(self): return self.dls.device.type == 'cuda'

    def memory(self):
        "Bytes: on a GPU the most that tensors ever took, elsewhere what the process takes now."
        if self.on_gpu: return torch.cuda.max_memory_allocated(self.dls.device)
        return psutil.Process().memory_info().rss

    def totals(self):
        """A run's seconds, with those of validation and without; images a second, in training;
        the peak of the memory, MB."""
        return dict(
            seconds=round(self.seconds, 2),
            train_seconds=round(self.train_seconds, 2),
            images_per_second=round(self.images / self.train_seconds, 1),
            peak_memory_mb=round(self.peak / 1e6))


def validations(
    epochs: int,     # of a fit
    every: int = 1,  # see `ValidateEvery`
) -> int:
    "How many there are: one after every so many epochs, and one after the last."
    return -(-epochs // every)


class ValidateEvery(Callback):
    """Validates after every so many epochs of a fit, and after its last one, to save time."""
    order = -100  # before all that prepare a validation

    def __init__(self,
        n: int,  # epochs
    ):
        whole('n', n)
        self.n, self.skips = n, False

    def after_train(self):
        done = self.epoch + 1
        self.skips = done < self.n_epoch and done % self.n > 0

    def before_validate(self):
        if not self.skips: return
        self.skips = False
        raise CancelValidException


def logged(recorder) -> dict:
    "Losses and metrics of the epoch that is over, by their names."
    # without a validation, there are fewer values
    values = zip(recorder.metric_names[1:], recorder.values[-1])
    return {name: finite_or_none(value) for name, value in values}


def finite_or_none(number):
    "Rounded to six places; `None` for `None`, NaN and what is infinite."
    try: value = float(number)
    except (TypeError, ValueError): return None
    return round(value, 6) if math.isfinite(value) else None


document(__name__)
