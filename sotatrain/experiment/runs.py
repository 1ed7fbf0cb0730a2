"""The folder of a run, with which it survives Ctrl-C, SIGTERM, `kill -9`, a full disk and a
lost machine: at most the time since the last checkpoint is lost.

    recipe.json  what was asked for: recipe, seed, data
    log.csv      an epoch a line
    last.pt      the last checkpoint
    best.pt      that of the epoch with the highest validation accuracy
    run.json     what came out, when it is over

Checkpoints are written whole or not at all, and reading one executes nothing. Of several
processes that train together, the first one reads and writes, for all."""
import csv
import io
import json
import math
import os
import shutil
import signal
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import perf_counter

import torch
from fastai.vision.all import Callback

from ..core import processes
from ..core.cache import DiskFull, explained, new_file, only_one, write_whole
from ..core.checks import as_path, seconds, truth
from ..core.docs import document
from ..core.resume import can_pause, restore, resumed, state_of
from ..core.wording import reason
from . import store
from .store import Run

__all__ = ['Interrupted', 'RunFolder', 'run_folder']

FORMAT = 2  # of a checkpoint; raise it when it changes


class Interrupted(KeyboardInterrupt):
    "A run that was asked to stop. It has left a checkpoint if there was one yet."


# --- checkpoints as files

def write_checkpoint(file: Path, about: dict, place: dict, state: dict):
    "In one step: a full disk, or a process that is killed, leaves the file that was there."
    values = dict(format=FORMAT, about=about, place=place, state=state)
    with new_file(file) as draft, open(draft, 'wb') as out:
        torch.save(values, out)
        out.flush()
        os.fsync(out.fileno())  # a machine that is lost has it, too


def read_checkpoint(
    file: Path,
    about: dict,  # what it must be of
    device,       # where the run goes on
    content: bytes = None,  # of the file, if another process has read it
) -> tuple:       # (place, state)
    "Raises `ValueError` that names the file if it is damaged, foreign or of another run."
    source = file if content is None else io.BytesIO(content)
    try:
        values = torch.load(source, map_location=_mapped(device), weights_only=True)
        version, there = values['format'], values['about']
        place, state = values['place'], values['state']
    except torch.OutOfMemoryError: raise
    except Exception as error: raise ValueError(
        f"{file} is no readable checkpoint ({type(error).__name__}): move it away, and the run "
        "goes on from the other one, or from its beginning") from error
    if version != FORMAT: raise ValueError(
        f"{file} has format {version}, and this version reads {FORMAT}: go on with the version "
        "that wrote it, or remove the folder, and the run begins again")
    if there != about: raise ValueError(
        f"{file} is a checkpoint of another run ({_differences(there, about)}): move it away, "
        "or ask for that run")
    return place, state


def _mapped(device):
    "What was on a GPU comes to the one of now, whatever its number."
    if device.type == 'cpu': return 'cpu'
    move = torch.serialization.default_restore_location
    return lambda storage, at: storage if at == 'cpu' else move(storage, str(device))


def _differences(there, here):
    if not isinstance(there, dict): return 'of unknown origin'
    return '; '.join(f'{name}: {there.get(name)!r} there, {here.get(name)!r} here'
                     for name in here if there.get(name) != here.get(name))


# --- when they are written

class Checkpoints(Callback):
    """Writes a checkpoint into a run's folder after the last training batch of each epoch, and
    in between where one is due; after each epoch a line into its log."""
    order = 10_000  # after all others: the batch is over

    def __init__(self, folder, watch, bar):
        self.folder, self.watch, self.bar = folder, watch, bar
        self.fits, self.rows, self.best, self.saved = -1, [], -math.inf, None

    def before_fit(self): self.fits += 1
    def before_train(self): self.shuffled = self.dls.train.rng.getstate()

    def after_batch(self):
        last = self.iter + 1 == self.n_iter
        due, asked = processes.any_of(self.folder.is_due, bool(self.folder.asked))
        wanted = last or can_pause(self.dls.train) and (asked or due)
        if self.training and wanted: self.save()
        if asked: self.stop()

    def stop(self):
        by, *_ = sum(processes.gathered(self.folder.asked), [])
        where = (f"the checkpoint is in {self.folder.path}; resume=True (--resume in the "
                 "shell) goes on with it, and a comparison does so by itself")
        if not (self.folder.last.exists() or self.folder.best.exists()):
            where = "there is no checkpoint yet: with these data, an epoch has to end first"
        raise Interrupted(f"{by} in epoch {len(self.rows) + 1}: {where}")

    def save(self):
        self.saved = self.fits, self.epoch
        self.folder.save(state_of(self.learn), dict(
            fit=self.fits, epoch=self.epoch, batches=self.iter + 1, order=self.shuffled,
            steps=self.watch.steps, epochs=len(self.rows)))

    def after_epoch(self):
        values = self.watch.epochs[-1]
        numbers = values | dict(
            epoch=len(self.rows) + 1, rate=f"{self.opt.hypers[-1]['lr']:.6g}",
            seconds_left=round(self.bar.seconds_left()))
        self.rows.append([numbers.get(name) for name in self.columns])
        self.folder.log([self.columns, *self.rows])
        score = values.get('accuracy')
        if self.saved != (self.fits, self.epoch): return
        if not processes.from_first(lambda: score is not None and score > self.best): return
        self.best = score
        self.folder.keep_best()

    @property
    def columns(self):
        measured = self.recorder.metric_names[1:-1]  # between `epoch` and `time`
        return ['epoch', 'stage', 'size', *measured, 'rate', 'seconds', 'images_per_second',
                'seconds_left']


# --- the folder

class RunFolder:
    "One run's folder, which nobody else uses: see `run_folder`."
    def __init__(self,
        path: Path,
        head: Run,     # what is asked for; of what came out it has nothing
        every: float,  # seconds between checkpoints
        device,
    ):
        self.path, self.head, self.every, self.device = path, head, every, device
        self.last, self.best = path/'last.pt', path/'best.pt'
        self.asked = []  # names of signals: it is to stop
        self.finished = self.checkpoint = None
        self.since = perf_counter()
        self.about = _about(head, device)

    def open(self, resume):
        "Raises `ValueError` for a folder of another run, and for an unfinished one."
        self.finished = processes.from_first(lambda: self._finished(resume))
        if not self.finished: self.checkpoint = self.read()

    def _finished(self, resume):
        "What came out, if the run is over; if not, the folder is ready for it."
        recipe, run, finished = self.path/'recipe.json', self.path/'run.json', None
        if recipe.exists(): self._check(recipe)
        for draft in self.path.glob('.*.draft'): draft.unlink()  # of a process that was killed
        if run.exists(): finished = store.read(run)
        if recipe.exists() and not resume and not finished: raise ValueError(
            f"{self.path} holds this run, unfinished: resume=True (--resume in the shell) goes "
            "on with it; to begin again, remove the folder or name another one")
        if not recipe.exists(): store.write_head(self.head, recipe)
        return finished

    def read(self):
        "Place and state of the last checkpoint, or of the best one; None without any."
        found = processes.from_first(self._checkpoint)
        return read_checkpoint(found[0], self.about, self.device, found[1]) if found else None

    def _checkpoint(self):
        "The file, and for several processes its content."
        file = next((file for file in (self.last, self.best) if file.exists()), None)
        if file is None: return None
        return file, file.read_bytes() if processes.count() > 1 else None

    def _check(self, file):
        head, there = self.head, store.read(file)
        others = store.differences(there, head.recipe, head.seed, head.data, head.sources)
        if others: raise ValueError(
            f"{self.path} holds another run ({others}): name another folder")

    # What happens in it

    def fit(self, learn, watch, fit, bar):
        "`fit(callbacks)` from the beginning, or from the checkpoint."
        place, state = self.checkpoint or self.read() or (None, None)
        self.checkpoint = None  # it may be large
        if state and place is None: return _restore_finished(learn, state, watch)
        callback = Checkpoints(self, watch, bar)
        with self._stoppable():
            if not state: fit(callback)
            else:
                bar.skip(place.pop('steps'), place.pop('epochs'))
                with resumed(learn, state, **place): fit(callback)
        self.save(state_of(learn, watch), None)

    @contextmanager
    def _stoppable(self):
        "Inside, SIGTERM and Ctrl-C end a run after the batch; a second one ends it at once."
        if threading.current_thread() is not threading.main_thread(): return (yield)
        numbers = signal.SIGTERM, signal.SIGINT
        before = {n: signal.getsignal(n) or signal.SIG_DFL for n in numbers}
        def give_back():
            for number, handler in before.items(): signal.signal(number, handler)
        def ask(number, frame):
            self.asked.append(
                'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name)
            give_back()
        for number in numbers: signal.signal(number, ask)
        try: yield
        finally: give_back()

    @property
    def is_due(self):
        return processes.is_first() and perf_counter() - self.since >= self.every

    def save(self, state, place):
        processes.from_first(lambda: self._save(state, place))
        self.since = perf_counter()

    def _save(self, state, place):
        try: write_checkpoint(self.last, self.about, place, state)
        except DiskFull as error: raise DiskFull(
            f"{error}; the checkpoint before this one stays: resume=True (--resume in the "
            "shell) goes on with it") from error

    def keep_best(self): processes.from_first(self._keep_best)

    def _keep_best(self):
        "The last checkpoint is the best one, too; where disks can, without a second copy."
        if not self.last.exists(): return  # the run went on from the best one
        with new_file(self.best) as draft:
            try: os.link(self.last, draft)
            except OSError: shutil.copyfile(self.last, draft)

    def log(self, rows): processes.from_first(lambda: self._log(rows))

    def _log(self, rows):
        "Append the last of `rows`; where the file is not what was written before, write all."
        file, before, text = self.path/'log.csv', _csv(rows[:-1]), _csv(rows)
        with suppress(FileNotFoundError):
            if file.read_text(encoding='utf-8') == before:
                with explained(self.path), open(file, 'a', encoding='utf-8', newline='') as out:
                    out.write(text[len(before):])
                return
        write_whole(file, text)

    def finish(self, run):
        processes.from_first(lambda: store.write(run, self.path/'run.json'))
        self.finished = run


def _take(path, until):
    "Make the folder if need be, and have it for this process alone, until the block ends."
    try: path.mkdir(parents=True, exist_ok=True)
    except OSError as error: raise type(error)(
        f"{path} cannot be made ({reason(error)}): name another folder for the run") from None
    _check_ours(path)
    until.enter_context(only_one(path/'.lock', str(path)))


def _check_ours(path):
    others = sorted(file.name for file in path.iterdir() if not file.name.startswith('.'))
    if others and 'recipe.json' not in others: raise ValueError(
        f"{path} holds {others[0]}, and no run: name a new folder")


def _about(head, device):
    "What a checkpoint is of. Data are compared by their content, whatever their name."
    recipe = {name: value for name, value in head.recipe.to_dict().items() if name != 'data'}
    return json.loads(json.dumps(dict(
        recipe=recipe, seed=head.seed, sources=head.sources, device=device.type,
        processes=processes.count(),
        data={key: head.data.get(key) for key in store.KEY})))


def _restore_finished(learn, state, watch):
    "A run that was over, but for what is measured at its end."
    learn.create_opt()
    restore(learn, state, watch)


def _csv(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()


@contextmanager
def run_folder(
    out: Path,             # made if need be; with None, nothing is kept
    head: Run,             # what is asked for
    device,                # where the run is to be
    every='5m',            # between checkpoints: seconds, or text
    resume: bool = False,  # go on with an unfinished run, if there is one
):
    """The `RunFolder` of a run, which nobody else uses at the same time; or None.

    Raises `ValueError` for a folder of other things or of another run, for an unfinished run
    without `resume`, and for damaged files; `BlockingIOError` while another process uses it."""
    if out is None: return (yield None)
    path = as_path('out', out).absolute()
    every = seconds('every', every)
    truth('resume', resume)
    with ExitStack() as until:
        processes.from_first(lambda: _take(path, until))
        folder = RunFolder(path, head, every, device)
        folder.open(resume)
        yield folder


document(__name__)
