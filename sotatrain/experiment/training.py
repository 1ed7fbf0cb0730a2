"""Carrying recipes out: `train` for one run, `compare` for several recipes from several seeds."""
import math
from pathlib import Path

from fastai.vision.all import Learner

from ..core.bars import Bar
from ..data import SPLITS, datablock_dls, dataset, image_files, noisy_labels
from ..learner import Diverged, has_bf16, make_learner, seeded
from ..core.machine import conditions
from ..core.watch import Watch
from ..presize import Augment, get_dls
from ..resizing import Stage, fit_progressive
from ..tta import calibration_error, tta
from . import store
from .comparison import Comparison
from .recipe import Recipe
from .store import Run

__all__ = ['learner_of', 'trained_learner', 'train', 'compare']


def learner_of(
    recipe: Recipe,
    seed: int = 0,      # of the first weights, of the order of the pictures, and of the crops
    data: Path = None,  # folder with train/ and val/; `recipe.data` if not given
    device=None,        # fastai's default if not given
) -> Learner:
    "An untrained `Learner` with what a recipe asks for; its data are those of the last stage."
    return _learner(recipe, seed, _data(recipe, dataset(data or recipe.data), seed, device)[-1])


def _learner(recipe, seed, dls):
    wd = {} if recipe.wd is None else {'wd': recipe.wd}
    return make_learner(dls, recipe.arch, recipe.make('loss'), recipe.make('cbs'), seed=seed, bf16=recipe.bf16,
                        opt_func=recipe.make('opt'), **wd)


def _data(recipe, path, seed, device):
    "`DataLoaders` for each stage."
    batch_tfms = recipe.make('batch_tfms')  # once: what they measure in the first stage holds for all
    labels = noisy_labels(path, recipe.noise) if recipe.noise else None
    def make(size, bs, **_):
        if recipe.loader == 'datablock': return datablock_dls(path, size, bs, presize=recipe.presize, device=device)
        return get_dls(size, bs, path, presize=recipe.presize, tfms=Augment(**recipe.augment), device=device, seed=seed,
                       after_batch=batch_tfms or None, labels=labels)
    return [make(**stage) for stage in recipe.all_stages]


def train(
    recipe: Recipe,
    seed: int = 0,      # see `learner_of`
    data: Path = None,  # folder with train/ and val/; `recipe.data` if not given
    device=None,        # fastai's default if not given
    progress: bool = True,  # show a progress bar
    export: Path = None,    # a file for the trained learner, with its transforms; see `Learner.export` and `load_learner`
) -> Run:
    """One run. A loss that diverges makes a failed `Run`; everything else that goes wrong is raised.

    Raises `FileNotFoundError`, before the training, if the folder of `export` does not exist."""
    if export and not Path(export).absolute().parent.is_dir(): raise FileNotFoundError(f"{Path(export).parent} does not exist: make this folder, or export to another one")
    training = _training(recipe, seed, data, device, progress)
    run = training.run(recipe)
    if export and not run.failed: _export(training.learn, Path(export).absolute())
    return run


def _export(learn, file):
    draft = file.with_name(f'.{file.name}.draft')
    learn.export(draft)
    draft.replace(file)  # whole, or not at all


def trained_learner(
    recipe: Recipe,
    seed: int = 0,      # see `learner_of`
    data: Path = None,  # folder with train/ and val/; `recipe.data` if not given
    device=None,        # fastai's default if not given
    progress: bool = True,  # show a progress bar
) -> Learner:
    "A `Learner` after the recipe's training, with the data of the last stage. Raises `Diverged` if its loss does."
    training = _training(recipe, seed, data, device, progress)
    if training.error: raise Diverged(training.error)
    return training.learn


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
    trains what is missing only. Neighbours that differ in nothing but their TTA share one training. Raises `ValueError`
    if two recipes share a name, or a stored run is of another recipe."""
    recipes, seeds = list(recipes), list(seeds)
    _check_distinct([r.name for r in recipes], seeds)
    paths = {r.data: dataset(data or r.data) for r in recipes}
    facts = {name: _facts(path) for name, path in paths.items()}
    jobs = [(recipe, seed, store.finished(recipe, seed, facts[recipe.data], experiment, folder) if experiment else None)
            for seed in seeds for recipe in recipes]  # seed by seed, so that an interruption leaves whole pairs
    trainings = [recipe for previous, recipe in _missing(jobs) if not previous or not _same_training(previous, recipe)]
    bar = Bar(sum(_steps(recipe, facts[recipe.data]) for recipe in trainings), progress)
    runs, training = [], None
    for recipe, seed, run in jobs:
        if run is None:
            if not training or training.seed != seed or not _same_training(training.recipe, recipe):
                training = None  # lets go of the old network first
                training = _Training(recipe, seed, paths[recipe.data], facts[recipe.data], device, bar)
            run = training.run(recipe, recipes.index(recipe))
            if experiment: store.write(run, store.file_of(recipe, seed, experiment, folder))
        runs.append(run)
    return Comparison(runs)


def _check_distinct(names, seeds):
    if not names or not seeds: raise ValueError("nothing to compare: give at least one recipe and one seed")
    for what, values in (('recipes are called', names), ('seeds are', seeds)):
        double = next((v for v in values if values.count(v) > 1), None)
        if double is not None: raise ValueError(f"two {what} {double!r}: each needs one of its own")


def _training(recipe, seed, data, device, progress):
    path = dataset(data or recipe.data)
    facts = _facts(path)
    return _Training(recipe, seed, path, facts, device, Bar(_steps(recipe, facts), progress))

def _missing(jobs):
    "Pairs of the recipes that are to be run; the first of each is None where a seed begins."
    previous, previous_seed = None, None
    for recipe, seed, run in jobs:
        if run is not None: continue
        yield (previous if seed == previous_seed else None), recipe
        previous, previous_seed = recipe, seed

def _same_training(a, b): return a.differences(b).keys() <= {'tta'}


class _Training:
    "A training that is over. Recipes that differ in their TTA only can share it."
    def __init__(self, recipe, seed, path, facts, device, bar):
        self.recipe, self.seed, self.watch, self.error = recipe, seed, Watch(bar.step), None
        bar.comment(f'{recipe.name}, seed {seed}')
        with seeded(seed):
            data = _data(recipe, path, seed, device)
            self.learn = _learner(recipe, seed, data[-1])
            precision = 'bf16' if recipe.bf16 and has_bf16(data[-1].device) else 'fp32'
            self.about = dict(seed=seed, data=facts, conditions=conditions(data[-1].device, precision))
            try:
                with self.learn.no_bar(), self.learn.no_logging(): _fit(self.learn, recipe, data, self.watch)
            except Diverged as e: self.error = str(e)

    def run(self, recipe, position=0) -> Run:
        about = self.about | dict(recipe=recipe, position=position, epochs=self.watch.epochs)
        if self.error: return Run(**about, error=self.error)
        with self.learn.no_bar(): return Run(**about, **_quality(self.learn, recipe), **self.watch.totals())


def _fit(learn, recipe, data, watch):
    data = iter(data)
    stages = [Stage(**{'schedule': recipe.schedule} | stage) for stage in recipe.all_stages]
    fit_progressive(learn, lambda size, bs: next(data), stages, watch=watch)


def _quality(learn, recipe):
    "How good the final predictions are."
    p, targets = learn.get_preds() if recipe.loader == 'datablock' else tta(learn, **({'n': 0} if recipe.tta is None else recipe.tta))
    return dict(accuracy=_round((p.argmax(-1) == targets).float().mean()), calibration_error=_round(calibration_error(p, targets)))


def _facts(path):
    "What a data set is, in words that are the same on every machine."
    files = image_files(path)
    return dict(folder=path.name) | {split: sum(f.relative_to(path).parts[0] == split for f in files) for split in SPLITS}


def _steps(recipe, facts):
    "Batches of a run, those of validation included."
    return sum(stage['epochs'] * (facts['train'] // stage['bs'] + math.ceil(facts['val'] / stage['bs'])) for stage in recipe.all_stages)


def _round(number): return round(float(number), 6)
