"""A progress bar that tells the time left, and goes when the work is over."""
from fastai.vision.all import Callback
from fastprogress import progress_bar

__all__ = ['Bar', 'TimeLeft']


class Bar:
    "A bar for `total` steps, if it is to be shown and there are any."
    def __init__(self, total, show=True):
        self.bar = progress_bar(range(total), leave=False) if show and total else None
        self.done = 0
        if self.bar: self.bar.update(0)

    def comment(self, text):
        if self.bar: self.bar.comment = text

    def step(self):
        self.done += 1
        if self.bar: self.bar.update(self.done)

    def close(self):
        "For work that ended early; a full bar has gone by itself."
        if self.bar and self.done < self.bar.total: self.bar.on_iter_end()


class TimeLeft(Callback):
    "One bar for all batches of a fit. Close it: after Ctrl-C, fastai calls no callback."
    bar = Bar(0)

    def before_fit(self):
        self.close()
        self.bar = Bar(self.n_epoch * sum(map(len, self.dls.loaders)))

    def after_batch(self): self.bar.step()
    def close(self): self.bar.close()
