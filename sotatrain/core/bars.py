"""How far work is: a bar on a screen, which goes when the work is over; a line for each epoch
in a log, where nothing can be redrawn. Both tell losses, accuracy and the time left."""
from time import perf_counter

from fastai.vision.all import Callback
from fastprogress import progress_bar

from .threads import shows_bars
from .watch import logged, validations

__all__ = ['Bar', 'TimeLeft']


class Bar:
    "Progress of `total` steps, if it is to be shown and there are any."
    def __init__(self, total, show=True):
        self.total = total
        self.show = show and total > 0
        self.done = self.epochs_done = self.skipped = 0
        drawn = self.show and shows_bars()
        self.bar = progress_bar(range(total), leave=False) if drawn else None
        self.run()
        self.start = perf_counter()
        if self.bar: self.bar.update(0)

    def run(self, name='', n_epochs=None):
        "Which run begins, and how many epochs it has."
        self.name, self.n_epochs, self.epochs_done = name, n_epochs, 0
        if self.bar: self.bar.comment = name

    def skip(self, steps, epochs):
        "Steps and epochs of a run that were over before: they say nothing about the time."
        self.done += steps
        self.skipped += steps
        self.epochs_done += epochs

    def step(self, n=1):
        self.done += n
        if self.bar: self.bar.update(min(self.done, self.total))

    def piece(self, n, name):
        "A whole piece of work, of `n` steps, is done elsewhere."
        self.step(n)
        if self.bar: self.bar.comment = name
        elif self.show: print(f'{name}: done, {self.time_left()}', flush=True)

    def epoch(self, values):
        "What an epoch gave: losses, accuracy, and more."
        self.epochs_done += 1
        if self.bar: self.bar.comment = _joined(self.name, *_said(values))
        elif self.show: print(self.line(values), flush=True)

    def line(self, values):
        of = f' of {self.n_epochs}' if self.n_epochs else ''
        name = f'{self.name}: ' if self.name else ''
        return name + _joined(f'epoch {self.epochs_done}{of}', *_said(values), self.time_left())

    def time_left(self): return f'{_duration(self.seconds_left())} left'

    def seconds_left(self):
        passed = perf_counter() - self.start
        return passed / max(1, self.done - self.skipped) * max(0, self.total - self.done)

    def close(self):
        "For work that ended early; a full bar has gone by itself."
        if self.bar and self.done < self.bar.total: self.bar.on_iter_end()


def _joined(*texts): return ', '.join(filter(None, texts))

def _said(values):
    "Losses and accuracy in words; a loss that is `None` was not finite."
    for name, words in (('train_loss', 'train loss'), ('valid_loss', 'valid loss')):
        if name in values:
            loss = values[name]
            yield f"{words} {'not finite' if loss is None else f'{loss:.3f}'}"
    if values.get('accuracy') is not None: yield f"accuracy {100*values['accuracy']:.1f} %"
    if values.get('images_per_second'): yield f"{values['images_per_second']:,.0f} images/s"


def _duration(seconds):
    if seconds < 90: return f'{seconds:.0f} s'
    if seconds < 90*60: return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'


class TimeLeft(Callback):
    "One bar for all batches of a fit. Close it: after Ctrl-C, fastai calls no callback."
    order = 70  # after the `Recorder`
    bar = Bar(0)

    def before_fit(self):
        self.close()
        train, *others = map(len, self.dls.loaders)
        every = self.learn.validate_every.n if hasattr(self.learn, 'validate_every') else 1
        self.bar = Bar(self.n_epoch * train + validations(self.n_epoch, every) * sum(others))
        self.bar.run('', self.n_epoch)

    def after_batch(self): self.bar.step()
    def after_epoch(self): self.bar.epoch(logged(self.recorder))
    def close(self): self.bar.close()
