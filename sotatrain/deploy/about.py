"""What one has to know of a model beside its weights: one JSON file, read without PyTorch.

Nothing in it is ever executed. A network is named, and its arguments are numbers, text and
lists; those that would load something from elsewhere are refused."""
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

from ..core.checks import (
    between,
    check_fields,
    known,
    one_of,
    optional,
    positive,
    ruled,
    storable,
    text,
    whole,
)
from ..experiment.recipe import network

__all__ = ['About', 'CARD', 'FACTS', 'FORMAT', 'WEIGHTS', 'digest_of', 'read_about']

FORMAT = 1  # of the JSON; raise it when it changes
FACTS, WEIGHTS, CARD = 'model.json', 'model.safetensors', 'README.md'

# How a validation picture is prepared. There is one way; a folder that says another is refused.
PREPARATION = dict(
    colours='upright, RGB, transparent is white', square='whole picture, squished, bilinear',
    crop='largest square in the middle', interpolation='bilinear', antialias=True)
# Arguments with which the libraries load weights, from a file or the network
LOADING = ('pretrained', 'weights', 'checkpoint', 'cache_dir')


# Rules for fields

def names_of_classes(field, value):
    if not isinstance(value, list) or len(value) < 2: raise ValueError(
        f"{field}={value!r}: it must be a list of two names or more")
    for name in value: text(f'{field}, each', name)
    if len({*value}) < len(value): raise ValueError(f"{field} has a name twice")


def statistics(field, value):
    "`mean` and `std`, three numbers each."
    if not isinstance(value, Mapping) or {*value} != {'mean', 'std'}: raise ValueError(
        f"{field}={value!r}: it must be null, or have mean and std")
    for name, rule in ('mean', between(-1e6, 1e6)), ('std', partial(positive, high=1e6)):
        if not isinstance(value[name], list) or len(value[name]) != 3: raise ValueError(
            f"{field}, {name}={value[name]!r}: it must be a list of three numbers")
        for each in value[name]: rule(f'{field}, {name}', each)


def mapping(field, value):
    if not isinstance(value, Mapping): raise TypeError(
        f"{field}={value!r}: it must be a set of named values")
    storable(field, value)


def safe_network(field, value):
    "A name, or one with arguments, none of which loads anything."
    network(field, value)
    (name, arguments), = named_network(value).items()
    for argument in arguments:
        if argument.startswith(LOADING): raise ValueError(
            f"{field}, {name}: {argument}={arguments[argument]!r} would load weights from "
            f"elsewhere: leave it out, they are in {WEIGHTS}")


def named_network(arch): return {arch: {}} if isinstance(arch, str) else arch


def licence(field, value):
    if not isinstance(value, str) or not re.fullmatch('[a-z0-9][a-z0-9.-]*', value):
        raise ValueError(
            f"{field}={value!r}: it must be an identifier in small letters, such as "
            "apache-2.0, cc-by-nc-4.0, other or unknown")


def digest(field, value):
    if not isinstance(value, str) or not re.fullmatch('[0-9a-f]{64}', value): raise ValueError(
        f"{field}={value!r}: it must be 64 hexadecimal digits")


@dataclass(frozen=True)
class About:
    """All about a model but its weights.

    Raises `ValueError` or `TypeError` that names the field, for what is not possible."""
    name: str = ruled(rule=text)           # what the card calls it
    arch: str = ruled(rule=safe_network)   # as in a `Recipe`: a name, or {name: its arguments}
    classes: list = ruled(rule=names_of_classes)  # in the order of the network's outputs
    size: int = ruled(rule=whole)          # side of the crops that the network sees, px
    side: int = ruled(rule=whole)          # side of the squares that they are cut from, px
    weights: str = ruled(rule=digest)      # SHA-256 of the weights' file
    normalize: dict = ruled(None, optional(statistics))  # mean and std of each channel
    preparation: dict = ruled(factory=lambda: dict(PREPARATION), rule=one_of(PREPARATION))
    tta: dict = ruled(factory=dict, rule=mapping)      # of `tta`, for who asks for it
    augment: dict = ruled(factory=dict, rule=mapping)  # of `Augment`: random views have it
    recipe: dict = ruled(None, optional(mapping))      # that it was trained by
    seed: int = ruled(None, optional(partial(whole, least=0)))
    data: dict = ruled(factory=dict, rule=mapping)     # that it was trained on: `data_facts`
    measured: dict = ruled(None, optional(mapping))    # of an `Evaluation`
    license: str = ruled('unknown', licence)           # an identifier, as Hugging Face has them
    conditions: dict = ruled(factory=dict, rule=mapping)  # hardware, versions, date

    def __post_init__(self):
        check_fields(self)
        if self.side < self.size: raise ValueError(
            f"side={self.side} is smaller than size={self.size}: make it at least {self.size}")

    def to_json(self) -> str:
        return json.dumps({'format': FORMAT} | asdict(self), indent=1, ensure_ascii=False)


def read_about(
    folder: Path,  # that `save_model` wrote
) -> About:
    """What a model's folder says of it.

    Raises `FileNotFoundError` and `ValueError` that name the file and the way out."""
    file = _facts_file(Path(folder))
    try: return _about(json.loads(file.read_text(encoding='utf-8')))
    except _TooNew as error: raise ValueError(f"{file} has {error}") from None
    except (ValueError, TypeError, RecursionError) as error: raise ValueError(
        f"{file} describes no model ({error}): save it again with save_model") from None


class _TooNew(ValueError): pass


def _about(values):
    if not isinstance(values, dict) or 'format' not in values:
        raise ValueError("it has no format")
    found = values.pop('format')
    if found != FORMAT: raise _TooNew(
        f"format {found!r}, and this version reads format {FORMAT}: update sotatrain")
    names = [field.name for field in fields(About)]
    known('a model', values, names)
    missing = [name for name in names if name not in values]
    if missing: raise ValueError(f"it lacks {', '.join(missing)}")
    return About(**values)


def _facts_file(folder):
    "The JSON of a folder, if it is one that `save_model` wrote."
    if folder.is_file(): raise ValueError(_no_folder(folder))
    if not folder.is_dir(): raise FileNotFoundError(
        f"{folder} does not exist: name a folder that save_model, or "
        "`sotatrain train … --model FOLDER`, wrote")
    for name in FACTS, WEIGHTS:
        if not (folder/name).is_file(): raise FileNotFoundError(
            f"{folder} has no {name}, so it is no model: name a folder that save_model wrote")
    return folder/FACTS


def _no_folder(file):
    if not is_pickle(file): return f"{file} is a file: name the model's folder"
    return (f"{file} is a pickle, and whoever wrote it can make it run any program: it is not "
            "read. If it is your own export, save_model(load_learner(file), folder, arch) "
            "makes a folder of it")


def is_pickle(file) -> bool:
    """Whether a file begins as what `torch.save` and pickle write. One of safetensors, which
    has a length there, may begin like that; what follows the length is a brace."""
    with open(file, 'rb') as f: begin = f.read(9)
    return begin[8:] not in b'{' and bool(re.match(rb'PK\x03\x04|\x80[\x02-\x05]', begin))


def digest_of(file: Path) -> str:
    "SHA-256 of a file, a part at a time."
    found = hashlib.sha256()
    with open(file, 'rb') as f:
        while part := f.read(1 << 20): found.update(part)
    return found.hexdigest()


