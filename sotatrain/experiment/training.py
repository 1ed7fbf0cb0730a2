"""Carrying recipes out: `train` for one run, `compare` for several recipes from several seeds."""
import math
from pathlib import Path
from time import perf_counter

import psutil
import torch
from fastai.vision.all import Callback, Learner, noop
from fastprogress import progress_bar

from ..data import SPLITS, datablock_dls, dataset, image_files
from ..learner import Diverged, has_bf16, make_learner, seeded
from ..machine import conditions
from ..presize import Augment, get_dls
from . import store
from .comparison import Comparison
from .recipe import SCHEDULES, Recipe
from .store import Run

__all__ = ['learner_of', 'train', 'compare']


def learner_of(
    recipe: Recipe,
    seed: int = 0,      # of the first weights, of the order of the pictures, and of the crops
    data: Path = None,  # folder with train/ and val/; `recipe.data` if not given
    device=None,        # fastai's default if not given
) -> Learner:
    "An untrained `Learner` with what a recipe asks for; its data are those of the first stage."
    return _learner(recipe, seed, dataset(data or recipe.data), device, recipe.make('batch_tfms'))


def _learner(recipe, seed, path, device, batch_tfms):
    dls = _dls(recipe, recipe.all_stages[0], path, seed, device, batch_tfms)
    wd = {} if recipe.wd is None else {'wd': recipe.wd}
    return make_learner(dls, recipe.arch, recipe.make('loss'), recipe.make('cbs'), seed=seed, bf16=recipe.bf16,
                        opt_func=recipe.make('opt'), **wd)


def _dls(recipe, stage, path, seed, device, batch_tfms):
    if recipe.loader == 'datablock': return datablock_dls(path, stage['size'], stage['bs'], presize=recipe.presize, device=device)
    return get_dls(stage['size'], stage['bs'], path, presize=recipe.presize, tfms=Augment(**recipe.augment), device=device,
                   seed=seed, after_batch=batch_tfms or None)


def train(
    recipe: Recipe,
    seed: int = 0,      # see `learner_of`
    data: Path = None,  # folder with train/ and val/; `recipe.data` if not given
    device=None,        # fastai's default if not given
    progress: bool = True,  # show a progress bar
) -> Run:
    "One run. A loss that diverges makes a failed `Run`; everything else that goes wrong is raised."
    path = dataset(data or recipe.data)
    about = _facts(path)
    return _train(recipe, seed, path, about, device, _Progress(_steps(recipe, about), progress))


def compare(
    recipes: list,           # of `Recipe`, each with a name of its own; the others are compared with the first
    seeds=range(3),          # of the runs: every recipe is trained from each
    experiment: str = None,  # keep finished runs under this name; without one nothing is written
    data: Path = None,       # folder with train/ and val/; the recipes' if not given
    device=None,             # fastai's default if not given
    folder: Path = None,     # where experiments are kept; `results_folder()` if not given
    progress: bool = True,   # show a progress bar
) -> Comparison:
    """Train each recipe from each seed, and say whether they differ.

    With an `experiment`, each run is stored as soon as it is over. Called again, after Ctrl-C or with more seeds, it
    trains what is missing only. Raises `ValueError` if two recipes share a name, or a stored run is of another recipe."""
    recipes, seeds = list(recipes), list(seeds)
    _check_distinct([r.name for r in recipes], seeds)
    paths = {r.data: dataset(data or r.data) for r in recipes}
    facts = {name: _facts(path) for name, path in paths.items()}
    jobs = [(recipe, seed, store.finished(recipe, seed, facts[recipe.data], experiment, folder) if experiment else None)
            for seed in seeds for recipe in recipes]  # seed by seed, so that an interruption leaves whole pairs
    bar = _Progress(sum(_steps(recipe, facts[recipe.data]) for recipe, _, run in jobs if run is None), progress)
    runs = []
    for recipe, seed, run in jobs:
        if run is None:
            run = _train(recipe, seed, paths[recipe.data], facts[recipe.data], device, bar, position=recipes.index(recipe))
            if experiment: store.write(run, store.file_of(recipe, seed, experiment, folder))
        runs.append(run)
    return Comparison(runs)


def _check_distinct(names, seeds):
    if not names or not seeds: raise ValueError("nothing to compare: give at least one recipe and one seed")
    for what, values in (('recipes are called', names), ('seeds are', seeds)):
        double = next((v for v in values if values.count(v) > 1), None)
        if double is not None: raise ValueError(f"two {what} {double!r}: each needs one of its own")


def _train(recipe, seed, path, facts, device, bar, position=0):
    with seeded(seed):
        batch_tfms = recipe.make('batch_tfms')  # once: what they measure in the first stage holds for all
        learn = _learner(recipe, seed, path, device, batch_tfms)
        bar.comment(f'{recipe.name}, seed {seed}')
        watch = Watch(bar.step)
        precision = 'bf16' if recipe.bf16 and has_bf16(learn.dls.device) else 'fp32'
        about = dict(recipe=recipe, seed=seed, data=facts, conditions=conditions(learn.dls.device, precision), position=position)
        try:
            with learn.no_bar(), learn.no_logging(): _fit_stages(learn, recipe, watch, path, seed, device, batch_tfms)
        except Diverged as e: return Run(**about, epochs=watch.epochs, error=str(e))
        return Run(**about, epochs=watch.epochs, accuracy=_accuracy(learn, recipe, watch), **watch.totals())


def _fit_stages(learn, recipe, watch, *for_dls):
    for i, stage in enumerate(recipe.all_stages):
        if i: learn.dls = _dls(recipe, stage, *for_dls)
        SCHEDULES[recipe.schedule](learn, stage['epochs'], stage['lr'], cbs=watch)


def _accuracy(learn, recipe, watch):
    if recipe.tta is None: return watch.epochs[-1]['accuracy']
    with learn.no_bar(), learn.no_logging(): probabilities, targets = learn.tta(**recipe.tta)
    return _round((probabilities.argmax(-1) == targets).float().mean())


def _facts(path):
    "What a data set is, in words that are the same on every machine."
    files = image_files(path)
    return dict(folder=path.name) | {split: sum(f.relative_to(path).parts[0] == split for f in files) for split in SPLITS}


def _steps(recipe, facts):
    "Batches of a run, those of validation included."
    return sum(stage['epochs'] * (facts['train'] // stage['bs'] + math.ceil(facts['val'] / stage['bs'])) for stage in recipe.all_stages)


class _Progress:
    "One bar for all batches of all runs."
    def __init__(self, total, show):
        self.bar = progress_bar(range(total), leave=False) if show and total else None
        self.done = 0
        if self.bar: self.bar.update(0)
    def comment(self, text):
        if self.bar: self.bar.comment = text
    def step(self):
        self.done += 1
        if self.bar: self.bar.update(self.done)


class Watch(Callback):
    "Takes down what a run's record needs: each epoch's metrics, times, memory."
    order = 70  # after the `Recorder`

    def __init__(self, step=noop):
        self.step, self.stage, self.epochs = step, -1, []
        self.seconds = self.train_seconds = self.images = self.peak = 0

    def before_fit(self):
        self.stage += 1
        self.start = perf_counter()
        if self.on_gpu: torch.cuda.reset_peak_memory_stats(self.dls.device)

    def before_epoch(self): self.epoch_start = perf_counter()
    def before_train(self): self.train_start = perf_counter()
    def after_train(self): self.train_seconds += perf_counter() - self.train_start

    def after_batch(self):
        if self.training: self.images += len(self.yb[0])
        self.peak = max(self.peak, self.memory())
        self.step()

    def after_epoch(self):
        names = ('train_loss', 'valid_loss', 'accuracy')
        self.epochs.append(dict(stage=self.stage, **{name: _round(value) for name, value in zip(names, self.recorder.log[1:])},
                                seconds=round(perf_counter() - self.epoch_start, 2)))

    def after_fit(self): self.seconds += perf_counter() - self.start

    @property
    def on_gpu(self): return self.dls.device.type == 'cuda'

    def memory(self):
        "Bytes: on a GPU the most that tensors ever took, elsewhere what the process takes now."
        return torch.cuda.max_memory_allocated(self.dls.device) if self.on_gpu else psutil.Process().memory_info().rss

    def totals(self):
        return dict(seconds=round(self.seconds, 2), images_per_second=round(self.images / self.train_seconds, 1),
                    peak_memory_mb=round(self.peak / 1e6))


def _round(number): return round(float(number), 6)
