"""Measured runs as files, one JSON file a run: `<experiment>/<recipe's stem>-seed<n>.json`.

A file is written in one step when its run is over, so nothing is ever half there, and processes
that work on one experiment at the same time do not disturb each other."""
import hashlib
import json
import os
import re
import unicodedata
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..core.cache import write_whole
from .recipe import Recipe, file_name

__all__ = ['Run', 'results_folder', 'experiments', 'load_runs']

FORMAT = 2  # of a run's file; raise it when it changes. 1 had no content of the data

HEAD = 'recipe', 'seed', 'data', 'conditions', 'epochs', 'sources'  # known before a run


@dataclass(frozen=True)
class Run:
    "One training run from one seed: what was asked for, what came out, and where and when."
    recipe: Recipe
    seed: int
    data: dict                # what it was trained on and scored with: see `data_facts`
    conditions: dict          # hardware, versions, precision, date (UTC)
    epochs: list              # for each: stage, size, losses, accuracy, seconds, images/s
    accuracy: float = None    # of the validation pictures, at the end; with the recipe's TTA
    calibration_error: float = None  # of the same predictions: the expected calibration error
    log_loss: float = None    # of the same: the mean of −log p of the right class
    seconds: float = None     # training and validation
    train_seconds: float = None      # training alone
    images_per_second: float = None  # in training
    tflop: float = None       # of the training: see `training_tflop`
    peak_memory_mb: float = None     # of tensors on the GPU; of the process without one
    error: str = None         # why it failed; the numbers above are missing then
    position: int = 0         # its recipe's place in the comparison
    metrics: dict = field(default_factory=dict)  # those of the recipe, of the final predictions
    halves: dict = field(default_factory=dict)   # the first three, of each half
    sources: dict = field(default_factory=dict)  # of what was registered: see `own.sources`

    @property
    def failed(self): return self.error is not None

    def __str__(self):
        what = f'{self.recipe.name}, seed {self.seed}'
        if self.failed: return f'{what}: failed: {self.error}'
        return (f'{what}: accuracy {100*self.accuracy:.2f} % after {len(self.epochs)} epochs, '
                f'{self.seconds:.0f} s, {self.images_per_second:,.0f} images/s, '
                f'{self.peak_memory_mb:,.0f} MB')


# Where they are

PACKAGE = Path(__file__).resolve().parent.parent


def results_folder() -> Path:
    """Where experiments are kept: the environment variable `SOTATRAIN_RESULTS`; without it
    results/experiments/, of a checkout or of the working directory."""
    if os.environ.get('SOTATRAIN_RESULTS'):
        return Path(os.environ['SOTATRAIN_RESULTS']).expanduser()
    checkout = PACKAGE.parent
    place = checkout if (checkout/'pyproject.toml').exists() else Path().absolute()
    return place/'results'/'experiments'


def experiments(
    folder: Path = None,  # `results_folder()` if not given
) -> list:
    "Names of the experiments that have results."
    files = [file for place in _places(folder) for file in place.glob('*/*.json')]
    return sorted({file.parent.name for file in files})


def _places(folder):
    "Where to look: in a folder, or in that of the results and in what the package carries."
    return [Path(folder)] if folder else [results_folder(), PACKAGE/'results'/'experiments']


def load_runs(
    experiment: str,
    folder: Path = None,  # `results_folder()` if not given; then what the package carries
) -> list:                # of `Run`, in the comparison's order; empty if nothing was measured
    """The finished runs of an experiment. Raises `ValueError` for a damaged or a newer file,
    and for a name that no folder can have."""
    file_name('experiment', experiment)
    found = ([*(place/experiment).glob('*.json')] for place in _places(folder))
    runs = map(read, next(filter(None, found), []))
    return sorted(runs, key=lambda run: (run.position, run.recipe.name, run.seed))


# Names of files

SHORT = 80  # letters of a slug


def slug(name: str) -> str:
    """A name as files have it: lower case, `[a-z0-9.]+` joined by `-`, at most 80 letters;
    `''` if nothing is left."""
    plain = unicodedata.normalize('NFKD', name.casefold()).encode('ascii', 'ignore').decode()
    words = re.findall(r'[a-z0-9]+(?:\.[a-z0-9]+)*', plain)  # dots inside words only
    return '-'.join(words)[:SHORT].strip('-.')


def stem(name: str) -> str:
    """How the files of a recipe begin: a name of its own for each recipe, on disks that do not
    tell `A` from `a`, too.

    The slug, if it says all (`64 px` is `64-px`); else with a digest of the name, behind `_`,
    which no slug has."""
    short = slug(name)
    if short and name == short.replace('-', ' '): return short
    digest = hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:10]
    return f"{short or 'recipe'}_{digest}"


def file_of(recipe: Recipe, seed: int, experiment: str, folder: Path = None) -> Path:
    """The file of a run: the one that is there, or else where it will be written.

    Raises `ValueError` for an experiment that no folder can be named after."""
    file_name('experiment', experiment)
    place = Path(folder or results_folder())/experiment
    file = place/f'{stem(recipe.name)}-seed{seed}.json'
    earlier = place/f'{slug(recipe.name)}-seed{seed}.json'  # as of format 1
    return earlier if not file.exists() and _holds(earlier, recipe.name) else file


def _holds(file, name):
    "Whether a run of the recipe `name` is in a file, readable or not."
    if not file.exists(): return False
    try: return json.loads(file.read_text(encoding='utf-8'))['recipe']['name'] == name
    except (ValueError, KeyError, TypeError): return True  # `read` says what is wrong with it


def check_experiment(experiment: str, folder: Path = None):
    """Raises `ValueError` for a name that no folder can have, or that differs only in case from
    an experiment that exists: not every disk can tell them apart."""
    file_name('experiment', experiment)
    place = Path(folder or results_folder())
    there = [p.name for p in place.iterdir()] if place.is_dir() else []
    same = [name for name in there if name.casefold() == experiment.casefold()]
    if same and experiment not in same: raise ValueError(
        f"experiment={experiment!r}: there is {same[0]!r}, and not every disk can tell the two "
        "apart: write it like that, or choose another name")


# Reading and writing

def read(file: Path) -> Run:
    "The run that `write` stored. Raises `ValueError` that says what is wrong with the file."
    try:
        values = json.loads(file.read_text(encoding='utf-8'))
        found = values.pop('format')
        if found > FORMAT: raise ValueError(
            f"format {found}, and this version reads up to {FORMAT}: update sotatrain")
        recipe = Recipe.from_dict(values['recipe'], look_up=False)  # it may name what was yours
        return Run(**{**values, 'recipe': recipe})
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ValueError(
            f"{file} is no readable run ({e}). Move it away, and it will be measured again"
        ) from e


def write(run: Run, file: Path):
    "Store a run in one step."
    write_whole(file, in_lines({'format': FORMAT} | asdict(run)))


def write_head(run: Run, file: Path):
    "What a run is asked for, in the same format; of what came out, nothing."
    values = {name: value for name, value in asdict(run).items() if name in HEAD}
    write_whole(file, in_lines({'format': FORMAT} | values))


def in_lines(values: dict) -> str:
    "JSON with a line for each value, and for each item of a value: an epoch is a line."
    rows = [f' {json.dumps(name)}: {_items(value)}' for name, value in values.items()]
    return '{\n' + ',\n'.join(rows) + '\n}\n'


def _items(value):
    if isinstance(value, dict) and value:
        items = [f'{json.dumps(name)}: {json.dumps(item)}' for name, item in value.items()]
        return '{\n  ' + ',\n  '.join(items) + '\n }'
    if isinstance(value, list) and value:
        return '[\n  ' + ',\n  '.join(map(json.dumps, value)) + '\n ]'
    return json.dumps(value)


# What a run depends on

KEY = 'train', 'val', 'train_content', 'val_content', 'labels'  # of the data


def finished(
    recipe: Recipe,
    seed: int,
    data: dict,               # see `data_facts`
    sources: dict,            # see `own.sources`
    experiment: str,
    folder: Path = None,
) -> Run:
    """The stored run, or `None`.

    Raises `ValueError` if what is stored under this name is another recipe, of other data, or
    of another version of what was registered."""
    file = file_of(recipe, seed, experiment, folder)
    if not file.exists(): return None
    run = read(file)
    others = differences(run, recipe, seed, data, sources)
    if not others: return run
    raise ValueError(
        f"{file} holds a run of another recipe with this name ({others}): "
        "give the recipe or the experiment another name, or move the file away")


def differences(run, recipe, seed, data, sources) -> str:
    "How a run differs from what is asked for, in words; '' if it does not."
    found = run.recipe.differences(recipe)
    found.pop('data', None)  # what counts is below: the content, whatever its name
    if run.recipe.name != recipe.name: found['name'] = run.recipe.name, recipe.name
    if run.seed != seed: found['seed'] = run.seed, seed
    if _key(run.data) != _key(data): found['data'] = _said(run.data), _said(data)
    if run.sources != sources: found['registered'] = run.sources, sources
    return '; '.join(f'{field}: {there!r} there, {here!r} here'
                     for field, (there, here) in found.items())

def check_same_data(run: Run, data: dict):
    "Raises `ValueError` if a run was not carried out with these data."
    if _key(run.data) != _key(data): raise ValueError(
        f"{run.recipe.name}, seed {run.seed}, was carried out with other data "
        f"({_said(run.data)}; here: {_said(data)}): give all workers the same")


def _key(data): return {name: data.get(name) for name in KEY}

def _said(data):
    "Data in few words."
    contents = [data.get(name) for name in ('train_content', 'val_content', 'labels')]
    content = ', '.join(filter(None, contents)) or 'of unknown content (an older version)'
    return f"{data.get('folder')}, {data.get('train')} + {data.get('val')} pictures, {content}"


def check_same_report(recipes):
    "Raises `ValueError` if recipes are scored on different halves of the pictures."
    found = {recipe.report: recipe for recipe in recipes}
    if len(found) < 2: return
    first, second, *_ = found.values()
    raise ValueError(
        f"{first.name} has report={first.report!r} and {second.name} {second.report!r}, so "
        "their accuracies are no pairs: give all of them the same")


def check_same_validation(all_data):
    "Raises `ValueError` if runs were not scored on the same pictures: they are no pairs then."
    for name in ('val_content', 'val'):
        found = {data[name]: data for data in all_data if data.get(name)}
        if len(found) > 1:
            first, second, *_ = map(_said, found.values())
            raise ValueError(
                "recipes are scored on different validation pictures, so their accuracies are "
                f"no pairs ({first}; {second}): give all of them the same data")
