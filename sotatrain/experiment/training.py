"""Carrying recipes out: `train` for one run, `compare` for several recipes and seeds."""
import math
import multiprocessing
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

import torch
from fastai.vision.all import Learner, Metric, accuracy, nn

from ..core import processes
from ..core.bars import Bar
from ..core.cache import check_writable, remove_folder, write_or_keep
from ..core.checks import as_path, optional, whole
from ..core.content import data_identity
from ..core.docs import document
from ..core.loading import device_for
from ..core.machine import check_device, conditions
from ..core.split import HALVES, half_of
from ..core.watch import Watch, finite_or_none, validations
from ..data import SPLITS, datablock_dls, dataset, image_files, noisy_labels
from ..learner import Diverged, has_bf16, make_learner, seeded
from ..presize import Augment, get_dls
from ..resizing import fit_progressive
from ..sota import operations, peak
from ..tta import calibration_error, tta
from . import names, store
from .comparison import Comparison
from .own import OWN, sources
from .recipe import Recipe
from .runs import run_folder
from .spread import spread
from .store import Run
from .together import check_shares, together
from .weights import class_weights

__all__ = ['learner_of', 'trained_learner', 'train', 'compare']


# From a recipe to a learner

def learner_of(
    recipe: Recipe,
    seed: int = 0,      # of the first weights, of the order of the pictures, and of the crops
    data: Path = None,  # folder with train/ and val/; `recipe.data` if not given
    device=None,        # fastai's default if not given
    on_error: str = 'raise',  # see `get_dls`
) -> Learner:
    """An untrained `Learner` with what a recipe asks for; its data are those of the last stage.

    Raises `ValueError` for a batch size above the number of training pictures."""
    _check_place(data, device)
    path = dataset(data or recipe.data, headers=on_error == 'raise')
    _check_batches(recipe, _counts(path))
    stages = _data(recipe, path, seed, device, on_error)
    return _learner(recipe, seed, stages[-1])


def _check_place(data, device):
    optional(as_path)('data', data)
    optional(check_device)('device', device)


def _learner(recipe, seed, dls):
    more = {} if recipe.wd is None else {'wd': recipe.wd}
    return make_learner(
        dls, recipe.make('arch'), _loss(recipe, dls), recipe.make('cbs'),
        seed=seed, bf16=recipe.bf16, opt_func=recipe.make('opt'),
        metrics=[accuracy, *recipe.make('metrics')], **more)


def _loss(recipe, dls):
    "With the weights of the classes, and on the device."
    (name, values), = recipe.loss.items()
    if values.get('weight') is not None:
        values = values | {'weight': class_weights(values['weight'], dls)}
    loss = names.make('loss', {name: values})
    return loss.to(dls.device) if isinstance(loss, nn.Module) else loss


def _data(recipe, path, seed, device, on_error='raise'):
    "`DataLoaders` for each stage."
    batch_tfms = recipe.make('batch_tfms')  # once: what they measure holds for all stages
    labels = noisy_labels(path, recipe.noise) if recipe.noise else None

    def make(size, bs):
        if recipe.loader == 'datablock':
            return datablock_dls(
                path, size, bs, presize=recipe.presize, device=device_for(device),
                workers=_loading_processes())
        return get_dls(
            size, bs, path, presize=recipe.presize, tfms=Augment(**recipe.augment),
            device=device, seed=seed, after_batch=batch_tfms or None, labels=labels,
            on_error=on_error)

    return [make(stage.size, stage.bs) for stage in recipe.all_stages]


def _loading_processes():
    "None in a worker of several runs, which may have no children; else fastai's default."
    return 0 if multiprocessing.current_process().daemon else None


# One run

def train(
    recipe: Recipe,
    seed: int = 0,          # see `learner_of`
    data: Path = None,      # folder with train/ and val/; `recipe.data` if not given
    device=None,            # fastai's default if not given
    progress: bool = True,  # show a bar; where the output is no screen, a line an epoch
    export: Path = None,    # file for the trained learner; `load_learner` reads it
    on_error: str = 'raise',  # see `get_dls`
    out: Path = None,       # folder of the run: recipe, log, checkpoints, and what came out
    every='5m',             # between checkpoints: seconds, or text such as '90s', '5m', '1h'
    resume: bool = False,   # go on with what `out` holds; without it, an unfinished run there
                            # is refused
    after=None,             # called with the trained learner and the run, unless it failed
) -> Run:
    """One run. A loss that diverges, and predictions that are not finite, make a failed `Run`;
    whatever else goes wrong is raised.

    With `out`, an interruption costs at most the time since the last checkpoint; there is one
    at each epoch's end, too. A run that goes on ends with the same weights as one that was
    never interrupted, on a processor bit for bit. A finished one is read, not trained again.

    Started by `torchrun` or `accelerate launch`, several processes carry it out together; all
    of them return the same `Run`, and the first one exports. Each takes its share of every
    batch of `bs` pictures, and draws random numbers of its own for mixing and the like. Their
    checkpoints are for as many processes.
    Networks with parameters that take no part in the loss are refused by PyTorch then.

    Raises `ValueError`, before it trains, for a batch size above the number of training
    pictures and for a folder of another run, `BlockingIOError` while another process uses it,
    and `OSError` if `export` cannot be written: before it trains if that can be known then;
    later, what was trained is kept, and the error says where."""
    if export: export = check_writable(export)
    path, facts = _ready(recipe, data, device, on_error)
    head = _head(_with_data(recipe, data), seed, facts)
    with run_folder(out, head, device_for(device), every, resume) as kept:
        if kept and kept.finished and not (export or after):
            if progress and processes.is_first():
                print(f"{kept.path} holds this run, finished: it is not trained again")
            return kept.finished
        trained = _alone(recipe, seed, path, facts, device, progress, on_error, kept)
        run = _scored(trained, _with_data(recipe, data))
        if kept: kept.finish(run)
    if run.failed or not processes.is_first(): return run
    if export: _export(trained.learn, export, run)
    if after: after(trained.learn, run)
    return run


def trained_learner(
    recipe: Recipe,
    seed: int = 0,          # see `learner_of`
    data: Path = None,      # folder with train/ and val/; `recipe.data` if not given
    device=None,            # fastai's default if not given
    progress: bool = True,  # see `train`
    on_error: str = 'raise',  # see `get_dls`
) -> Learner:
    """A trained `Learner`, with the data of the last stage. Raises `Diverged` if its loss does,
    and `ValueError` for a batch size above the number of training pictures."""
    path, facts = _ready(recipe, data, device, on_error)
    trained = _alone(recipe, seed, path, facts, device, progress, on_error)
    if trained.error: raise Diverged(trained.error)
    return trained.learn


def _with_data(recipe, data):
    "The recipe with the data that were used: a name, or that of the folder."
    return recipe if data is None else replace(recipe, data=Path(data).expanduser().name)


def _export(learn, file, run):
    def weights(draft): torch.save(learn.model.state_dict(), draft)
    try: write_or_keep(file, learn.export, weights)
    except OSError as e: raise OSError(f"{run}; but {e}") from e


def _ready(recipe, data, device, on_error):
    "The data's folder and facts, when all that can be known before a run is checked."
    processes.join(device)
    _check_place(data, device)
    path = dataset(data or recipe.data, headers=on_error == 'raise')
    facts = processes.from_first(lambda: data_facts(recipe, path, on_error))
    _check(recipe, facts)
    return path, facts


def _head(recipe, seed, facts):
    "A `Run` of which nothing has come out yet."
    return Run(recipe, seed, facts, {}, [], sources=_readable_sources(recipe))


def _alone(recipe, seed, path, facts, device, progress, on_error, kept=None):
    bar = Bar(_steps(recipe, facts), progress and processes.is_first())
    try: return _train(recipe, seed, path, facts, device, bar, on_error, kept)
    finally: bar.close()


def _check(recipe, facts):
    "What can be known before a run, is."
    check_shares(recipe)
    _check_batches(recipe, facts)
    for field in names.KINDS:
        if field != 'loss': recipe.make(field)
    (name, values), = recipe.loss.items()  # the weights of its classes need the data
    names.make('loss', {name: {key: values[key] for key in values if key != 'weight'}})


def _check_batches(recipe, counts):
    for stage in recipe.all_stages:
        if stage.bs > counts['train']: raise ValueError(
            f"bs={stage.bs} is more than the {counts['train']} training pictures of "
            f"{counts['folder']}: there would be no batch. Make it {counts['train']} or less")


@dataclass
class _Trained:
    "What a training run left. Recipes that differ in their TTA only can share it."
    learn: Learner
    about: dict         # facts for a `Run`
    watch: Watch
    error: str = None

    def run(self, recipe) -> Run:
        about = self.about | dict(recipe=recipe, epochs=self.watch.epochs)
        try:
            if self.error: raise Diverged(self.error)
            with self.learn.no_bar(): quality = _quality(self.learn, recipe)
        except Diverged as e: return Run(**about, error=str(e))
        tflop = training_tflop(self.learn, self.watch.seen)
        return Run(**about, **quality, **self.watch.totals(), tflop=tflop)


def _train(recipe, seed, path, facts, device, bar, on_error='raise', kept=None):
    bar.run(f'{recipe.name}, seed {seed}', sum(s.epochs for s in recipe.all_stages))
    with seeded(seed):
        data = _data(recipe, path, seed, device, on_error)
        learn = _learner(recipe, seed, data[-1])
        place = data[-1].device
        precision = 'bf16' if recipe.bf16 and has_bf16(place) else 'fp32'
        about = dict(seed=seed, data=facts, conditions=_conditions(place, precision))
        about |= dict(sources=_readable_sources(recipe))
        trained = _Trained(learn, about, Watch(bar.step, bar.epoch))
        try:
            with learn.no_bar(), learn.no_logging():
                _fit(learn, recipe, data, trained.watch, kept, bar)
            _check_finite(trained.watch.epochs)
        except Diverged as e: trained.error = str(e)
    return trained


def _conditions(device, precision):
    "With what a matrix product reaches, so that seconds of other machines can be compared."
    dtype = torch.bfloat16 if precision == 'bf16' else torch.float32
    repeats = 5 if torch.device(device).type == 'cpu' else 20  # a GPU needs some to get going
    measured = dict(gflops_fp32=round(peak(device, repeats=repeats)),
                    gflops=round(peak(device, dtype, repeats=repeats)))
    return conditions(device, precision) | dict(processes=processes.count()) | measured


def training_tflop(learn, seen: dict) -> float:
    """Operations of a training run in units of 10¹²: two for each multiply-add. The backward
    pass of a network takes twice the forward one; an optimizer such as Muon counts its own.
    None for networks without a fixed cost.

    `seen` has the number of pictures by their width, px."""
    try: cost = {size: sum(operations(learn.model, size).values()) for size in seen}
    except (RuntimeError, NotImplementedError, TypeError, ValueError): return None
    network = 3 * sum(n * cost[size] for size, n in seen.items())
    optimizer = getattr(getattr(learn.opt, 'opt', None), 'multiply_adds', 0)
    return round(2e-12 * (network + optimizer), 3)


def _fit(learn, recipe, data, watch, kept=None, bar=None):
    made = iter(data)  # `fit_progressive` asks for them in the order of the stages
    def fit(cbs=None): fit_progressive(
        learn, lambda size, bs: next(made), recipe.all_stages, cbs=cbs, watch=watch)
    with together() as cbs:
        if kept: kept.fit(learn, watch, lambda cb: fit([*cbs, cb]), bar)
        else: fit(cbs)


def _readable_sources(recipe):
    "Nothing for things without a source: `compare` refuses to store their runs."
    try: return sources(recipe)
    except ValueError: return {}


def _check_finite(epochs):
    last = epochs[-1] if epochs else {}
    for name in ('train_loss', 'valid_loss'):
        if last.get(name, 0) is None: raise Diverged(
            f"{name} is not finite in the last epoch: try a rate ten times lower")


def _quality(learn, recipe):
    "How good the final predictions are."
    if recipe.loader == 'datablock': p, targets = learn.get_preds()
    else: p, targets = tta(learn, **({'n': 0} if recipe.tta is None else recipe.tta))
    bad = (~p.isfinite()).any(-1).sum().item()
    if bad: raise Diverged(
        f"{bad} of {len(p)} final predictions are not finite: try a rate ten times lower")
    of = _halves(learn.dls.valid.items) | {'all': torch.ones(len(p), dtype=torch.bool)}
    scores = {name: _scores(p[rows], targets[rows]) for name, rows in of.items() if rows.any()}
    if recipe.report not in scores: raise ValueError(
        f"report={recipe.report!r}: none of the {len(p)} validation pictures is in that half, "
        "as their names' hashes have it: use 'all'")
    rows, halves = of[recipe.report], {name: scores[name] for name in HALVES if name in scores}
    return dict(**scores[recipe.report], halves=halves,
                metrics=_metrics(recipe, p[rows], targets[rows]))


def _halves(files):
    found = [half_of(file) for file in files]
    return {half: torch.tensor([name == half for name in found]) for half in HALVES}


def _scores(p, targets):
    right = p.gather(1, targets[:, None]).clamp(min=torch.finfo(p.dtype).tiny)
    return dict(accuracy=_round((p.argmax(-1) == targets).float().mean()),
                calibration_error=_round(calibration_error(p, targets)),
                log_loss=_round(-right.log().mean()))


def _metrics(recipe, p, targets):
    "Metrics take what a network gives, whose softmax is `p`: the logarithm of `p` is such."
    output = p.clamp(min=torch.finfo(p.dtype).tiny).log()
    made = zip(recipe.metrics, recipe.make('metrics'))
    return {name: finite_or_none(_measured(metric, output, targets)) for name, metric in made}


def _measured(metric, output, targets):
    if not isinstance(metric, Metric): return metric(output, targets)
    metric.reset()  # of fastai's kind, which takes a learner: what it asks one for is here
    metric.accumulate(SimpleNamespace(
        pred=output, y=targets, yb=(targets,), xb=(output,), to_detach=lambda value: value))
    return metric.value


def _round(number): return round(float(number), 6)


def data_facts(recipe: Recipe, path: Path, on_error: str = 'raise') -> dict:
    """What a run depends on of its data: folder, numbers of pictures, and contents, in words
    that are the same on every machine: 16 hexadecimal digits for names and pixels of each
    split, and for the table of wrong labels, if it is used."""
    files = _files(path, recipe, on_error)
    among = [*image_files(path)]
    facts = dict(folder=path.name) | {split: len(files[split]) for split in SPLITS}
    for split in SPLITS:
        facts[f'{split}_content'] = data_identity(path, files[split], among=among)
    if recipe.noise:
        facts['labels'] = data_identity(path, [], noisy_labels(path, recipe.noise))
    return facts


def _facts_of_each(recipes, paths, on_error):
    "By the recipes' names. Those that use the same pictures and labels share one reading."
    known = {}
    def facts(r):
        side = r.presize, r.all_stages[-1].size  # in which some cannot be decoded
        same = r.data, r.noise, on_error == 'skip' and (r.loader, side)
        if same not in known: known[same] = data_facts(r, paths[r.data], on_error)
        return known[same]
    return {r.name: facts(r) for r in recipes}


def _counts(path):
    "Folder and numbers of pictures alone, which take no reading."
    files = _by_split(image_files(path), path)
    return dict(folder=path.name) | {split: len(files[split]) for split in SPLITS}


def _files(path, recipe, on_error):
    "The pictures of each split that take part."
    files = image_files(path)
    if on_error == 'skip' and recipe.loader == 'presized':
        left_out = set(_skipped(path, recipe))
        _say_left_out(path, sorted(left_out))
        files = [f for f in files if f.relative_to(path).as_posix() not in left_out]
    return _by_split(files, path)


def _say_left_out(path, names):
    if not names: return
    more = ', …' * (len(names) > 3)
    print(f"{len(names)} pictures of {path} cannot be decoded and are left out: "
          f"{', '.join(names[:3])}{more}")


def _skipped(path, recipe):
    stage = recipe.all_stages[-1]
    dls = get_dls(stage.size, 1, path, presize=recipe.presize, on_error='skip', device='cpu')
    return dls.train.store.skipped


def _by_split(files, path):
    groups = {split: [] for split in SPLITS}
    for file in files: groups[file.relative_to(path).parts[0]].append(file)
    return groups


def _steps(recipe, facts):
    "Batches of a run, those of validation included, which may not follow every epoch."
    every = recipe.cbs.get('ValidateEvery', {}).get('n', 1)
    return sum(stage.epochs * (facts['train'] // stage.bs)
               + validations(stage.epochs, every) * math.ceil(facts['val'] / stage.bs)
               for stage in recipe.all_stages)


# Several runs

def compare(
    recipes: list,           # of `Recipe`, with a name for each; the first is the reference
    seeds=range(3),          # of the runs: every recipe is trained from each
    experiment: str = None,  # keep finished runs under this name; nothing is kept without one
    data: Path = None,       # folder with train/ and val/; the recipes' if not given
    device=None,             # fastai's default if not given
    folder: Path = None,     # where experiments are kept; `results_folder()` if not given
    progress: bool = True,   # see `train`
    on_error: str = 'raise',  # see `get_dls`
    out: Path = None,        # folder for checkpoints of runs that are not over; they go then
    every='5m',              # see `train`
    executor=None,           # who carries the runs out: see below; this process if not given
) -> Comparison:
    """Train each recipe from each seed, and say whether they differ.

    With an `experiment`, each run is stored as soon as it is over. Called again, after Ctrl-C
    or with more seeds, it trains only what is missing, and with `out` it goes on with a run
    where it was interrupted. Neighbours that differ in nothing but their TTA share one training
    run. Before anything is trained, it raises `ValueError` if two recipes share a name, if they
    are scored on different validation pictures, if a batch is larger than a training set, and
    if a stored run is of another recipe, of other data or of another version of what was
    registered.

    An `executor` spreads the runs over processes, devices and machines: `Workers()` of this
    machine; one of `concurrent.futures`; Dask's, by `Client(address).get_executor(pure=False)`;
    Slurm's, by submitit: `executor = submitit.AutoExecutor('logs')`, and
    `executor.update_parameters(gpus_per_node=1, timeout_min=600)`. Runs that share a training
    run stay together. Folders of `data` and `out` must be the same for all of them. Results are
    stored here. A run whose worker died is repeated, from its checkpoint if there is one, twice
    at most; then, and if the executor breaks,
    `ChildProcessError` says so, and what was finished is kept."""
    _check_either(executor)
    processes.join(device)
    _check_place(data, device)
    recipes, seeds = [_with_data(recipe, data) for recipe in recipes], list(seeds)
    _check_distinct([recipe.name for recipe in recipes], seeds)
    if experiment is not None: store.check_experiment(experiment, folder)
    headers = on_error == 'raise'
    paths = {name: dataset(data or name, headers) for name in {r.data for r in recipes}}
    facts = processes.from_first(lambda: _facts_of_each(recipes, paths, on_error))
    store.check_same_validation(facts.values())
    store.check_same_report(recipes)
    for recipe in recipes: _check(recipe, facts[recipe.name])
    runs = processes.from_first(
        lambda: _finished(recipes, seeds, facts, experiment, folder) if experiment else {})
    missing = [*_missing(recipes, seeds, runs)]
    bar = Bar(sum(_steps(first, facts[first.name]) for _, first, _ in missing),
              progress and processes.is_first())
    if out is not None: out = as_path('out', out).absolute()
    carry_out = _one_by_one if executor is None else partial(_spread, executor, data)
    with closing(bar):
        for run in carry_out(missing, paths, facts, device, bar, on_error, out, every):
            if experiment:
                file = store.file_of(run.recipe, run.seed, experiment, folder)
                placed = replace(run, position=recipes.index(run.recipe))
                processes.from_first(partial(store.write, placed, file))
            runs[run.recipe.name, run.seed] = run
    return Comparison([
        replace(runs[recipe.name, seed], position=position)  # those that were stored, too
        for seed in seeds for position, recipe in enumerate(recipes)])


def _one_by_one(missing, paths, facts, device, bar, on_error, out, every):
    "The runs, carried out by this process. A checkpoint goes when its runs are stored."
    for seed, first, group in missing:
        head, place = _head(first, seed, facts[first.name]), _place(out, first, seed)
        with run_folder(place, head, device_for(device), every, resume=True) as kept:
            trained = _train(first, seed, paths[first.data], facts[first.name], device, bar,
                             on_error, kept)
            for recipe in group: yield _scored(trained, recipe)
        if place: processes.from_first(partial(remove_folder, place))
        del trained  # lets go of the network before the next one is made


def _place(out, recipe, seed): return out and out/f'{store.stem(recipe.name)}-seed{seed}'


def _scored(trained, recipe):
    "One of several processes scores; the others learn what came out."
    return processes.from_first(lambda: trained.run(recipe))


def _spread(executor, data, missing, paths, facts, device, bar, on_error, out, every):
    "The runs, carried out by others, as they are finished."
    def job(seed, first, group):
        place, found = data or first.data, paths[first.data]
        # a folder has its whole path, and what has a name need not be in the same place there
        if Path(place).expanduser().absolute() == found.absolute(): place = found
        own = {name: OWN[name] for recipe in group for name in _readable_sources(recipe)}
        return first, group, seed, place, device, on_error, own, out, every
    jobs = {f'{group[0].name}, seed {seed}': job(seed, first, group)
            for seed, first, group in missing}
    for name, runs in spread(executor, _in_worker, jobs):
        first, _, seed, *_ = jobs[name]
        bar.piece(_steps(first, facts[first.name]), name)
        for run in runs:
            store.check_same_data(run, facts[run.recipe.name])
            yield replace(run, sources=_readable_sources(run.recipe))
        if out: remove_folder(_place(out, first, seed))


def _in_worker(first, group, seed, data, device, on_error, own, out, every):
    "Runs that share the training run of `first`, and what they need of one's own."
    OWN.update(own)
    path, facts = _ready(first, data, device, on_error)
    head, place = _head(first, seed, facts), _place(out, first, seed)
    with run_folder(place, head, device_for(device), every, resume=True) as kept:
        trained = _alone(first, seed, path, facts, device, False, on_error, kept)
        return [trained.run(recipe) for recipe in group]


def _check_either(executor):
    n = processes.count()
    if executor is not None and n > 1: raise ValueError(
        f"an executor gives each run to one process, and {n} processes share each run here: "
        "take one of the two")


def _check_distinct(names, seeds):
    if not names or not seeds:
        raise ValueError("nothing to compare: give at least one recipe and one seed")
    for seed in seeds: whole('seed', seed, 0)
    for what, values, way_out in (
        ('recipes are called', names, ", as replace(recipe, name='fast') gives it"),
        ('seeds are', seeds, ''),
    ):
        double = next((value for value in values if values.count(value) > 1), None)
        if double is not None:
            raise ValueError(f"two {what} {double!r}: each needs one of its own{way_out}")


def _finished(recipes, seeds, facts, experiment, folder):
    "The stored runs, by the recipe's name and the seed."
    runs = {}
    for recipe in recipes:
        for seed in seeds:
            run = store.finished(
                recipe, seed, facts[recipe.name], sources(recipe), experiment, folder)
            if run: runs[recipe.name, seed] = run
    return runs


def _missing(recipes, seeds, runs):
    """What is to be trained: a seed, the recipe to train, and those that share the training run
    and lack a result. Seed by seed, so that an interruption leaves whole pairs."""
    for seed in seeds:
        for group in sharing(recipes):
            missing = [recipe for recipe in group if (recipe.name, seed) not in runs]
            if missing: yield seed, group[0], missing


def sharing(recipes) -> list:
    "Lists of neighbours that can share a training run."
    return [list(group) for _, group in groupby(recipes, _training_of)]


def _training_of(recipe):
    "All of a recipe but what comes after its training: neighbours that agree can share it."
    values = recipe.to_dict()
    for after in ('name', 'tta', 'report'): del values[after]
    return values


document(__name__)
