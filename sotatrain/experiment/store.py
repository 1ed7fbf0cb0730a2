"""Measured runs as files, one JSON file a run: `<experiment>/<recipe's slug>-seed<n>.json`.

A file is written in one step when its run is over, so nothing is ever half there, and processes
that work on one experiment at the same time do not disturb each other."""
import json
import os
import re
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core.cache import write_whole
from .recipe import Recipe

__all__ = ['Run', 'results_folder', 'experiments', 'load_runs']

FORMAT = 1  # of a run's file; raise it when it changes


@dataclass(frozen=True)
class Run:
    "One training run from one seed: what was asked for, what came out, and where and when."
    recipe: Recipe
    seed: int
    data: dict                # folder: its name; train, val: numbers of pictures
    conditions: dict          # hardware, versions, precision, date (UTC)
    epochs: list              # for each: stage, size, losses, accuracy, seconds, images/s
    accuracy: float = None    # of the validation pictures, at the end; with the recipe's TTA
    calibration_error: float = None  # of the same predictions: the expected calibration error
    seconds: float = None     # training and validation
    images_per_second: float = None  # in training
    peak_memory_mb: float = None     # of tensors on the GPU; of the process without one
    error: str = None         # why it failed; the numbers above are missing then
    position: int = 0         # its recipe's place in the comparison

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
    "The finished runs of an experiment. Raises `ValueError` for a damaged or a newer file."
    found = ([*(place/experiment).glob('*.json')] for place in _places(folder))
    runs = map(read, next(filter(None, found), []))
    return sorted(runs, key=lambda run: (run.position, run.recipe.name, run.seed))


def slug(name: str) -> str:
    """A recipe's name as its files have it: lower case, `[a-z0-9.]+` joined by `-`.

    Raises `ValueError` for a name of which nothing is left."""
    plain = unicodedata.normalize('NFKD', name.casefold()).encode('ascii', 'ignore').decode()
    words = re.findall(r'[a-z0-9]+(?:\.[a-z0-9]+)*', plain)  # dots inside words only
    if not words: raise ValueError(
        f"name={name!r}: files are named after it, so it needs a letter from a to z or a digit")
    return '-'.join(words)


def file_of(recipe: Recipe, seed: int, experiment: str, folder: Path = None) -> Path:
    return Path(folder or results_folder())/experiment/f'{slug(recipe.name)}-seed{seed}.json'


# Reading and writing

def read(file: Path) -> Run:
    "The run that `write` stored. Raises `ValueError` that says what is wrong with the file."
    try:
        values = json.loads(file.read_text(encoding='utf-8'))
        found = values.pop('format')
        if found > FORMAT: raise ValueError(
            f"format {found}, and this version reads up to {FORMAT}: update sotatrain")
        return Run(**{**values, 'recipe': Recipe.from_dict(values['recipe'])})
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ValueError(
            f"{file} is no readable run ({e}). Move it away, and it will be measured again"
        ) from e


def write(run: Run, file: Path):
    "Store a run in one step."
    write_whole(file, in_lines({'format': FORMAT} | asdict(run)))


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


def finished(
    recipe: Recipe, seed: int, data: dict, experiment: str, folder: Path = None,
) -> Run:
    """The stored run, or `None`.

    Raises `ValueError` if what is stored under this name is another recipe or of other data."""
    file = file_of(recipe, seed, experiment, folder)
    if not file.exists(): return None
    run = read(file)
    differences = run.recipe.differences(recipe)
    if run.recipe.name != recipe.name: differences['name'] = run.recipe.name, recipe.name
    if run.data != data: differences['data'] = run.data, data
    if not differences: return run
    listed = '; '.join(f'{field}: {there!r} there, {here!r} here'
                       for field, (there, here) in differences.items())
    raise ValueError(
        f"{file} holds a run of another recipe with this name ({listed}): "
        "give the recipe or the experiment another name, or move the file away")
