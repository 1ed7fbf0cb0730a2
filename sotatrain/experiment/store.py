"""Measured runs as files: one JSON file for each run, `<results>/<experiment>/<recipe>-seed<n>.json`.

A file is written in one step when its run is over, so nothing is ever half there, and processes that work on one
experiment at the same time do not disturb each other."""
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core.cache import write_whole
from .recipe import Recipe

__all__ = ['Run', 'results_folder', 'experiments', 'load_runs']

FORMAT = 1  # of a run's file; raise it when it changes


@dataclass(frozen=True)
class Run:
    "One training from one seed: what was asked for, what came out, and where and when."
    recipe: Recipe
    seed: int
    data: dict                # folder: its name; train, val: numbers of pictures
    conditions: dict          # hardware, versions, precision, date (UTC)
    epochs: list              # for each: stage, train_loss, valid_loss, accuracy, seconds
    accuracy: float = None    # of the validation pictures, at the end; with TTA if the recipe says so
    calibration_error: float = None  # likewise: the expected calibration error
    seconds: float = None     # training and validation
    images_per_second: float = None  # in training
    peak_memory_mb: float = None     # of the GPU's memory that tensors took, or of the process without one
    error: str = None         # why it failed; the numbers above are missing then
    position: int = 0         # its recipe's place in the comparison

    @property
    def failed(self): return self.error is not None

    def __str__(self):
        what = f'{self.recipe.name}, seed {self.seed}'
        if self.failed: return f'{what}: failed: {self.error}'
        return (f'{what}: accuracy {100*self.accuracy:.2f} % after {len(self.epochs)} epochs, {self.seconds:.0f} s, '
                f'{self.images_per_second:,.0f} images/s, {self.peak_memory_mb:,.0f} MB')


def results_folder() -> Path:
    """Where experiments are kept: the environment variable `SOTATRAIN_RESULTS`; without it results/experiments/, of a checkout or
    of the working directory."""
    if os.environ.get('SOTATRAIN_RESULTS'): return Path(os.environ['SOTATRAIN_RESULTS']).expanduser()
    checkout = _PACKAGE.parent
    results = checkout/'results' if (checkout/'pyproject.toml').exists() else Path('results').absolute()
    return results/'experiments'

_PACKAGE = Path(__file__).resolve().parent.parent


def experiments(
    folder: Path = None,  # `results_folder()` if not given
) -> list:
    "Names of the experiments that have results."
    return sorted({file.parent.name for file in (folder or results_folder()).glob('*/*.json')})


def load_runs(
    experiment: str,
    folder: Path = None,  # `results_folder()` if not given; what the package brings is looked up after it
) -> list:                # of `Run`, in the order of the comparison; empty if nothing was measured
    "The finished runs of an experiment. Raises `ValueError` for a file that is damaged, or of a newer version."
    places = [Path(folder)] if folder else [results_folder(), _PACKAGE/'results'/'experiments']
    files = next((files for place in places if (files := [*(place/experiment).glob('*.json')])), [])
    return sorted(map(read, files), key=lambda run: (run.position, run.recipe.name, run.seed))


def read(file: Path) -> Run:
    "The run that `write` stored. Raises `ValueError` that names the file and says what is wrong with it."
    try:
        values = json.loads(file.read_text(encoding='utf-8'))
        found = values.pop('format')
        if found > FORMAT: raise ValueError(f"format {found}, and this version reads up to {FORMAT}: update sotatrain")
        return Run(**{**values, 'recipe': Recipe.from_dict(values['recipe'])})
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ValueError(f"{file} is no readable run ({e}). Move it away, and it will be measured again") from e


def write(run: Run, file: Path):
    "Store a run in one step."
    write_whole(file, json.dumps({'format': FORMAT} | asdict(run), indent=1) + '\n')


def file_of(recipe: Recipe, seed: int, experiment: str, folder: Path = None) -> Path:
    return Path(folder or results_folder())/experiment/f"{recipe.name.replace(' ', '_')}-seed{seed}.json"


def finished(
    recipe: Recipe, seed: int, data: dict, experiment: str, folder: Path = None,
) -> Run:
    """The stored run, or `None`.

    Raises `ValueError` if what is stored under this name is another recipe, or was measured on other data."""
    file = file_of(recipe, seed, experiment, folder)
    if not file.exists(): return None
    run = read(file)
    differences = run.recipe.differences(recipe)
    if run.data != data: differences['data'] = run.data, data
    if differences: raise ValueError(
        f"{file} holds a run of another recipe with this name (" +
        '; '.join(f'{field}: {there!r} there, {here!r} here' for field, (there, here) in differences.items()) +
        "): give the recipe or the experiment another name, or move the file away")
    return run
