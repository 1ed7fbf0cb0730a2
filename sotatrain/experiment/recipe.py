"""A recipe: all that decides how a run goes but its seed, easy to store and to compare.

Reading and checking one needs no fastai, unless it names more than the defaults do: what is
named is looked up then, in `names`."""
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import MISSING, InitVar, asdict, dataclass, fields
from functools import partial

from ..core.checks import (
    check_fields,
    known,
    number,
    one_of,
    optional,
    positive,
    ruled,
    storable,
    text,
    truth,
    whole,
)
from ..core.split import HALVES
from ..core.stage import SCHEDULE_NAMES, Stage, check_schedule

__all__ = ['Recipe', 'recipe_fields']

STAGE = dict(size=128, epochs=5, bs=64, lr=6e-3)  # of a recipe that says nothing about them
LONGEST_NAME = 100  # letters; names of files have limits
RESERVED = {'CON', 'PRN', 'AUX', 'NUL',  # on Windows
            *(f'{port}{n}' for port in ('COM', 'LPT') for n in range(1, 10))}


# Rules for fields: their form. Whether what they name exists is another question.

def file_name(name, value):
    "Text that files and folders can be named after."
    text(name, value)
    if set(value) & set('/\\:*?"<>|') or not value.isprintable() or value.startswith('.'):
        raise ValueError(
            f"{name}={value!r}: files are named after it, so it must not contain any of "
            "/ \\ : * ? \" < > | or what cannot be printed, or begin with a dot")
    if value.split('.')[0].strip().upper() in RESERVED: raise ValueError(
        f"{name}={value!r}: files are named after it, and Windows has a device of that name: "
        "choose another one")
    if len(value) > LONGEST_NAME: raise ValueError(
        f"{name}={value[:20]!r}… has {len(value)} letters: files are named after it, "
        f"so it must have at most {LONGEST_NAME}")


def several(name, value):
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name}={value!r}: it must be a list")


def parameters(name, values):
    if not isinstance(values, Mapping):
        raise TypeError(f"{name}={values!r}: write it as {{'parameter': value}}")
    storable(name, values)


def things(field, specs):
    "`{'name': {'parameter': value}}`."
    if not isinstance(specs, Mapping): raise TypeError(
        f"{field}={specs!r}: write it as {{'name': {{'parameter': value}}}}; a class or a "
        "function of your own gets a name by register()")
    for name, values in specs.items():
        text(f'{field}, a name', name)
        if not isinstance(values, Mapping): raise TypeError(
            f"{field}: the parameters of {name} are {values!r}: "
            "write them as {'parameter': value}")
        storable(f'{field}, {name}', values)


def one_thing(field, specs):
    "The same, with a single name."
    things(field, specs)
    if len(specs) != 1:
        raise ValueError(f"{field} must name one thing, not {len(specs)} ({', '.join(specs)})")


def network(field, value):
    "A name, or one with parameters."
    if isinstance(value, Mapping): one_thing(field, value)
    else: text(field, value)


# What is looked up, if it is not the default
LOOKED_UP = 'opt', 'loss', 'augment', 'batch_tfms', 'cbs', 'metrics', 'tta'


@dataclass(frozen=True)
class Recipe:
    """Everything about a run but its seed. Whatever has a name and parameters is written
    `{'name': {'parameter': value}}`; a name alone, or a list of names, has no parameters.

    A loss's `weight`, one number for each class, may be a list (in the order of
    `class_names`), a dict from names of classes to numbers, or `'balanced'`, which makes each
    class count the same. Raises `ValueError` or `TypeError` that names the field, for an
    impossible value, for fields that contradict each other, and for a name that is neither
    fastai's, nor this library's, nor `register`ed."""
    name: str = ruled('baseline', file_name)  # what tables and files call it
    data: str = ruled('doodlenette', text)    # see `dataset`
    arch: str = ruled('plain_net', network)   # see `make_model`; or {name: its parameters}

    # One stage, or several: these four, or a list of them.
    size: int = ruled(None, optional(whole))     # side of the crops, px; 128 if not given
    epochs: int = ruled(None, optional(whole))   # 5 if not given
    bs: int = ruled(None, optional(whole))       # pictures in a batch; 64 if not given
    lr: float = ruled(None, optional(positive))  # highest learning rate; 0.006 if not given
    stages: list = ruled(factory=list, rule=several)  # of `Stage`, or of dicts like it

    presize: int = ruled(None, optional(whole))  # side of the stored squares, px; see `get_dls`
    loader: str = ruled('presized', one_of('presized', 'datablock'))
    schedule: str = ruled('one_cycle', one_of(*SCHEDULE_NAMES))  # of stages that have none
    opt: dict = ruled(factory=lambda: {'Adam': {}}, rule=one_thing)
    wd: float = ruled(None, optional(number))    # weight decay; fastai's default if not given
    loss: dict = ruled(factory=lambda: {'CrossEntropyLossFlat': {}}, rule=one_thing)
    noise: int = ruled(0, partial(whole, least=0))  # % wrong labels; see `noisy_labels`
    augment: dict = ruled(factory=dict, rule=parameters)  # of `Augment`
    batch_tfms: dict = ruled(factory=dict, rule=things)   # transforms of batches: `Normalize`
    cbs: dict = ruled(factory=dict, rule=things)      # callbacks
    tta: dict = ruled(None, optional(parameters))     # of `tta`, test-time augmentation
    bf16: bool = ruled(True, truth)               # compute in bfloat16 where the device can
    metrics: dict = ruled(factory=dict, rule=things)  # what is measured beside the accuracy
    report: str = ruled('all', one_of('all', *HALVES))  # validation pictures that are scored

    look_up: InitVar[bool] = True  # does what it names exist? not asked of a stored run

    def __post_init__(self, look_up):
        for name in ('opt', 'loss', 'batch_tfms', 'cbs', 'metrics'):
            self._set(name, _with_parameters(name, getattr(self, name)))
        self._set('arch', _without_parameters(self.arch))
        if self.stages: self._check_no_contradiction()
        else: self._fill(STAGE)
        check_fields(self)
        for name in LOOKED_UP: self._set(name, deepcopy(getattr(self, name)))
        stages = [_stage(i, stage, self.schedule) for i, stage in enumerate(self.stages)]
        self._set('stages', stages)
        if stages: self._check_schedule_is_used()
        else: check_schedule(self.schedule, self.epochs)
        if self.presize: self._check_presize()
        if self.loader == 'datablock': self._check_datablock()
        if look_up: self._look_up()

    def _set(self, name, value): object.__setattr__(self, name, value)

    def _fill(self, defaults):
        for name, value in defaults.items():
            if getattr(self, name) is None: self._set(name, value)

    def _check_no_contradiction(self):
        for name in STAGE:
            if getattr(self, name) is not None: raise ValueError(
                f"{name}={getattr(self, name)!r} contradicts stages, which give it for each "
                "stage: remove one of the two")

    def _check_schedule_is_used(self):
        used = {stage.schedule for stage in self.stages}
        if self.schedule not in {'one_cycle', *used}: raise ValueError(
            f"schedule={self.schedule!r} contradicts stages, which have schedules of their "
            "own: change those")

    def _check_presize(self):
        largest = max(stage.size for stage in self.all_stages)
        if self.presize < largest: raise ValueError(
            f"presize={self.presize} is smaller than the size {largest}: "
            f"make it at least {largest}")

    def _check_datablock(self):
        for name, unset in dict(noise=0, augment={}, batch_tfms={}, tta=None).items():
            if getattr(self, name) != unset: raise ValueError(
                f"{name} contradicts loader='datablock', which has labels and transforms "
                "of its own: remove one of the two")

    def _look_up(self):
        changed = [name for name in LOOKED_UP if getattr(self, name) != _default(name)]
        if not changed: return
        from .names import check  # here, because it imports fastai
        for name in changed: check(name, getattr(self, name))

    @property
    def all_stages(self) -> list:
        "Of `Stage`; a recipe without any is one stage itself."
        return self.stages or [
            Stage(**{name: getattr(self, name) for name in STAGE}, schedule=self.schedule)]

    def sizes_in(self, stage) -> tuple:
        "Of the training pictures, px: at the beginning of a stage and at its end."
        growth = self.cbs.get('ProgressiveResize', {'small': stage.size})
        return growth['small'], growth.get('large') or stage.size

    @property
    def network(self) -> tuple:
        "The name of `arch`, and its parameters."
        if isinstance(self.arch, str): return self.arch, {}
        (name, values), = self.arch.items()
        return name, values

    @classmethod
    def from_profile(cls, settings, **changes):
        "What a profile of `settings.ini` says, with `changes`."
        taken = ('arch', 'presize', *(() if changes.get('stages') else STAGE))
        values = {name: getattr(settings, name) for name in taken}
        return cls.from_dict({'data': settings.source, **values, **changes})

    def to_dict(self) -> dict: return asdict(self)
    def to_json(self) -> str: return json.dumps(self.to_dict(), indent=1)

    @classmethod
    def from_dict(cls,
        values: Mapping,       # fields, or what the file of a stored run holds
        look_up: bool = True,  # raise `ValueError` for a name that does not exist
    ):
        "The recipe with these fields. Raises `TypeError` for an unknown one."
        values = recipe_fields(values)
        known('a recipe', values, [f.name for f in fields(cls)])
        return cls(**values, look_up=look_up)

    @classmethod
    def from_json(cls, text: str):
        "The recipe that `to_json` wrote, or that of a stored run."
        return cls.from_dict(json.loads(text))

    def differences(self, other) -> dict:
        "What is not the same in `other`, names aside: {field: (mine, theirs)}."
        mine, theirs = self.to_dict(), other.to_dict()
        del mine['name']
        return {k: (mine[k], theirs[k]) for k in mine if mine[k] != theirs[k]}

    def make(self, field: str):
        """What a field names: objects; one for `loss`; for `opt` and `arch` what makes them.

        Raises `ValueError` if one cannot be made from its parameters."""
        from .names import make
        return make(field, dict([self.network]) if field == 'arch' else getattr(self, field))


def recipe_fields(values: Mapping) -> Mapping:
    "The fields of a recipe in what a JSON file holds: a recipe's, or a stored run's."
    if not isinstance(values, Mapping):
        raise TypeError(f"a recipe is a set of named fields, not {type(values).__name__}")
    return values['recipe'] if {'recipe', 'format'} <= values.keys() else values


def _default(name):
    field = next(field for field in fields(Recipe) if field.name == name)
    return field.default if field.default is not MISSING else field.default_factory()


def _with_parameters(field, value):
    "A name alone, and each name of a list, is a name without parameters."
    if isinstance(value, str): return {value: {}}
    if not isinstance(value, (list, tuple)) or not all(isinstance(n, str) for n in value):
        return value
    if len({*value}) < len(value): raise ValueError(f"{field}={value!r} names one thing twice")
    return {name: {} for name in value}


def _without_parameters(arch):
    "A network without parameters is its name."
    if not isinstance(arch, Mapping) or len(arch) != 1: return arch
    (name, values), = arch.items()
    return name if values == {} else {name: values}


def _stage(place, values, schedule):
    "A `Stage` of a recipe; an error says which one it was."
    if isinstance(values, Stage): values = vars(values)
    if not isinstance(values, Mapping): raise TypeError(
        f"stages[{place}]={values!r}: write a Stage, or a dict with {', '.join(STAGE)}")
    known(f'stages[{place}]', values, [f.name for f in fields(Stage)])
    missing = [name for name in STAGE if values.get(name) is None]
    if missing: raise ValueError(
        f"stages[{place}] lacks {', '.join(missing)}: each stage has {', '.join(STAGE)}")
    try: return Stage(**{'schedule': schedule} | dict(values))
    except (ValueError, TypeError) as e: raise type(e)(f'stages[{place}]: {e}') from None
