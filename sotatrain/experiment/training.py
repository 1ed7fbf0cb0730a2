"""Carrying recipes out: `train` for one run, `compare` for several recipes and seeds."""
import math
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from fastai.vision.all import Learner

from ..core.bars import Bar
from ..core.checks import whole
from ..core.machine import conditions
from ..core.watch import Watch
from ..data import SPLITS, datablock_dls, dataset, image_files, noisy_labels
from ..learner import Diverged, has_bf16, make_learner, seeded
from ..presize import Augment, get_dls
from ..resizing import fit_progressive
from ..tta import calibration_error, tta
from . import store
from .comparison import Comparison
from .recipe import Recipe
from .store import Run

__all__ = ['learner_of', 'trained_learner', 'train', 'compare']


# From a recipe to a learner

def learner_of(
    recipe: Recipe,
    seed: int = 0,      # of the first weights, of the order of the pictures, and of the crops
    data: Path = None,  # folder with train/ and val/; `recipe.data` if not given
    device=None,        # fastai's default if not given
) -> Learner:
    "An untrained `Learner` with what a recipe asks for; its data are those of the last stage."
    stages = _data(recipe, dataset(data or recipe.data), seed, device)
    return _learner(recipe, seed, stages[-1])


def _learner(recipe, seed, dls):
    more = {} if recipe.wd is None else {'wd': recipe.wd}
    return make_learner(
        dls, recipe.arch, recipe.make('loss'), recipe.make('cbs'),
        seed=seed, bf16=recipe.bf16, opt_func=recipe.make('opt'), **more)


def _data(recipe, path, seed, device):
    "`DataLoaders` for each stage."
    batch_tfms = recipe.make('batch_tfms')  # once: what they measure holds for all stages
    labels = noisy_labels(path, recipe.noise) if recipe.noise else None

    def make(size, bs):
        if recipe.loader == 'datablock':
            return datablock_dls(path, size, bs, presize=recipe.presize, device=device)
        return get_dls(
            size, bs, path, presize=recipe.presize, tfms=Augment(**recipe.augment),
            device=device, seed=seed, after_batch=batch_tfms or None, labels=labels)

    return [make(stage.size, stage.bs) for stage in recipe.all_stages]


# One run

def train(
    recipe: Recipe,
    seed: int = 0,          # see `learner_of`
    data: Path = None,      # folder with train/ and val/; `recipe.data` if not given
    device=None,            # fastai's default if not given
    progress: bool = True,  # show a progress bar
    export: Path = None,    # file for the trained learner; `load_learner` reads it
) -> Run:
    """One run. A loss that diverges makes a failed `Run`; whatever else goes wrong is raised.

    Raises `FileNotFoundError`, before it trains, if the folder of `export` does not exist."""
    if export: _check_folder(Path(export).absolute().parent, Path(export).parent)
    trained = _train_alone(recipe, seed, data, device, progress)
    run = trained.run(recipe)
    if export and not run.failed: _export(trained.learn, Path(export).absolute())
    return run


def trained_learner(
    recipe: Recipe,
    seed: int = 0,          # see `learner_of`
    data: Path = None,      # folder with train/ and val/; `recipe.data` if not given
    device=None,            # fastai's default if not given
    progress: bool = True,  # show a progress bar
) -> Learner:
    "A trained `Learner`, with the data of the last stage. Raises `Diverged` if its loss does."
    trained = _train_alone(recipe, seed, data, device, progress)
    if trained.error: raise Diverged(trained.error)
    return trained.learn


def _check_folder(folder, name):
    if not folder.is_dir(): raise FileNotFoundError(
        f"{name} does not exist: make this folder, or export to another one")


def _export(learn, file):
    draft = file.with_name(f'.{file.name}.draft')
    learn.export(draft)
    draft.replace(file)  # whole, or not at all


def _train_alone(recipe, seed, data, device, progress):
    path = dataset(data or recipe.data)
    facts = _facts(path)
    bar = Bar(_steps(recipe, facts), progress)
    try: return _train(recipe, seed, path, facts, device, bar)
    finally: bar.close()


@dataclass
class _Trained:
    "What a training run left. Recipes that differ in their TTA only can share it."
    learn: Learner
    about: dict         # facts for a `Run`
    watch: Watch
    error: str = None

    def run(self, recipe, position=0) -> Run:
        about = self.about | dict(recipe=recipe, position=position, epochs=self.watch.epochs)
        if self.error: return Run(**about, error=self.error)
        with self.learn.no_bar(): quality = _quality(self.learn, recipe)
        return Run(**about, **quality, **self.watch.totals())


def _train(recipe, seed, path, facts, device, bar):
    bar.comment(f'{recipe.name}, seed {seed}')
    with seeded(seed):
        data = _data(recipe, path, seed, device)
        learn = _learner(recipe, seed, data[-1])
        place = data[-1].device
        precision = 'bf16' if recipe.bf16 and has_bf16(place) else 'fp32'
        about = dict(seed=seed, data=facts, conditions=conditions(place, precision))
        trained = _Trained(learn, about, Watch(bar.step))
        try:
            with learn.no_bar(), learn.no_logging(): _fit(learn, recipe, data, trained.watch)
        except Diverged as e: trained.error = str(e)
    return trained


def _fit(learn, recipe, data, watch):
    made = iter(data)  # `fit_progressive` asks for them in the order of the stages
    fit_progressive(learn, lambda size, bs: next(made), recipe.all_stages, watch=watch)


def _quality(learn, recipe):
    "How good the final predictions are."
    if recipe.loader == 'datablock': p, targets = learn.get_preds()
    else: p, targets = tta(learn, **({'n': 0} if recipe.tta is None else recipe.tta))
    accuracy = (p.argmax(-1) == targets).float().mean()
    error = calibration_error(p, targets)
    return dict(accuracy=_round(accuracy), calibration_error=_round(error))


def _round(number): return round(float(number), 6)


def _facts(path):
    "What a data set is, in words that are the same on every machine."
    splits = [file.relative_to(path).parts[0] for file in image_files(path)]
    return dict(folder=path.name) | {split: splits.count(split) for split in SPLITS}


def _steps(recipe, facts):
    "Batches of a run, those of validation included."
    def steps(stage): return facts['train'] // stage.bs + math.ceil(facts['val'] / stage.bs)
    return sum(stage.epochs * steps(stage) for stage in recipe.all_stages)


# Several runs

def compare(
    recipes: list,           # of `Recipe`, with a name for each; the first is the reference
    seeds=range(3),          # of the runs: every recipe is trained from each
    experiment: str = None,  # keep finished runs under this name; nothing is kept without one
    data: Path = None,       # folder with train/ and val/; the recipes' if not given
    device=None,             # fastai's default if not given
    folder: Path = None,     # where experiments are kept; `results_folder()` if not given
    progress: bool = True,   # show a progress bar
) -> Comparison:
    """Train each recipe from each seed, and say whether they differ.

    With an `experiment`, each run is stored as soon as it is over. Called again, after Ctrl-C
    or with more seeds, it trains only what is missing. Neighbours that differ in nothing but
    their TTA share one training run. Raises `ValueError` if two recipes share a name, or a
    name for their files, or a stored run is of another recipe."""
    recipes, seeds = list(recipes), list(seeds)
    _check_distinct([recipe.name for recipe in recipes], seeds, experiment)
    paths = {recipe.data: dataset(data or recipe.data) for recipe in recipes}
    facts = {name: _facts(path) for name, path in paths.items()}
    runs = _finished(recipes, seeds, facts, experiment, folder) if experiment else {}
    missing = list(_missing(recipes, seeds, runs))
    bar = Bar(sum(_steps(first, facts[first.data]) for _, (first, *_) in missing), progress)
    try:
        for seed, (first, *others) in missing:
            trained = _train(first, seed, paths[first.data], facts[first.data], device, bar)
            for recipe in (first, *others):
                run = trained.run(recipe, recipes.index(recipe))
                if experiment: store.write(run, store.file_of(recipe, seed, experiment, folder))
                runs[recipe.name, seed] = run
            del trained  # lets go of the network before the next one is made
    finally: bar.close()
    return Comparison([
        replace(runs[recipe.name, seed], position=position)  # those that were stored, too
        for seed in seeds for position, recipe in enumerate(recipes)])


def _check_distinct(names, seeds, experiment):
    if not names or not seeds:
        raise ValueError("nothing to compare: give at least one recipe and one seed")
    for seed in seeds: whole('seed', seed, 0)
    slugs = [store.slug(name) for name in names] if experiment else []
    for what, values in (
        ('recipes are called', names),
        ('recipes have files called', slugs),
        ('seeds are', seeds),
    ):
        double = next((value for value in values if values.count(value) > 1), None)
        if double is not None:
            raise ValueError(f"two {what} {double!r}: each needs one of its own")


def _finished(recipes, seeds, facts, experiment, folder):
    "The stored runs, by the recipe's name and the seed."
    runs = {}
    for recipe in recipes:
        for seed in seeds:
            run = store.finished(recipe, seed, facts[recipe.data], experiment, folder)
            if run: runs[recipe.name, seed] = run
    return runs


def _missing(recipes, seeds, runs):
    """What is to be trained: a seed, and recipes that share the training run. Seed by seed, so
    that an interruption leaves whole pairs."""
    groups = [list(group) for _, group in groupby(recipes, _training_of)]
    for seed in seeds:
        for group in groups:
            missing = [recipe for recipe in group if (recipe.name, seed) not in runs]
            if missing: yield seed, missing


def _training_of(recipe):
    "All of a recipe but what comes after its training: neighbours that agree can share it."
    values = recipe.to_dict()
    del values['name'], values['tta']
    return values
