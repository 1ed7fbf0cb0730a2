"""A recipe: all that decides how a run goes but its seed, easy to store and to compare."""
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial

from ..core.checks import (
    check_fields,
    known,
    number,
    one_of,
    optional,
    positive,
    ruled,
    text,
    truth,
    whole,
)
from ..presize import Augment
from ..resizing import SCHEDULES, Stage, check_schedule
from ..tta import check_tta
from .names import find, one_thing, takes, things

__all__ = ['Recipe']

STAGE = dict(size=128, epochs=5, bs=64, lr=3e-3)  # of a recipe that says nothing about them


def file_name(name, value):
    text(name, value)
    if set(value) & set('/\\:*?"<>|\n\t') or value.startswith('.'): raise ValueError(
        f"{name}={value!r}: files are named after it, so it must not contain any of "
        "/ \\ : * ? \" < > | or begin with a dot")


def several(name, value):
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name}={value!r}: it must be a list")


def views(name, values):
    takes(check_tta)(name, values)
    check_tta(**values)


@dataclass(frozen=True)
class Recipe:
    """Everything about a run but its seed. Whatever has a name and parameters is written
    `{'name': {'parameter': value}}`.

    Raises `ValueError` or `TypeError` that names the field, for an impossible value, for fields
    that contradict each other, and for a name that neither fastai nor this library knows."""
    name: str = ruled('baseline', file_name)  # what tables and files call it
    data: str = ruled('doodlenette', text)    # see `dataset`
    arch: str = ruled('xresnet50', text)      # see `make_model`

    # One stage, or several: these four, or a list of them.
    size: int = ruled(None, optional(whole))     # side of the crops, px; 128 if not given
    epochs: int = ruled(None, optional(whole))   # 5 if not given
    bs: int = ruled(None, optional(whole))       # pictures in a batch; 64 if not given
    lr: float = ruled(None, optional(positive))  # highest learning rate; 0.003 if not given
    stages: list = ruled(factory=list, rule=several)  # of `Stage`, or of dicts like it

    presize: int = ruled(None, optional(whole))  # side of the stored squares, px; see `get_dls`
    loader: str = ruled('presized', one_of('presized', 'datablock'))
    schedule: str = ruled('one_cycle', one_of(*SCHEDULES))  # of stages that have none
    opt: dict = ruled(factory=lambda: {'Adam': {}}, rule=one_thing)
    wd: float = ruled(None, optional(number))    # weight decay; fastai's default if not given
    loss: dict = ruled(factory=lambda: {'CrossEntropyLossFlat': {}}, rule=one_thing)
    noise: int = ruled(0, partial(whole, least=0))  # % wrong labels; see `noisy_labels`
    augment: dict = ruled(factory=dict, rule=takes(Augment))
    batch_tfms: dict = ruled(factory=dict, rule=things)  # transforms of batches: `Normalize`
    cbs: dict = ruled(factory=dict, rule=things)  # callbacks
    tta: dict = ruled(None, optional(views))     # test-time augmentation (see `tta`), or none
    bf16: bool = ruled(True, truth)              # compute in bfloat16 where the device can

    def __post_init__(self):
        for name in ('opt', 'loss'): self._set(name, _with_parameters(getattr(self, name)))
        if self.stages: self._check_no_contradiction()
        else: self._fill(STAGE)
        check_fields(self)
        stages = [_stage(i, stage, self.schedule) for i, stage in enumerate(self.stages)]
        self._set('stages', stages)
        if stages: self._check_schedule_is_used()
        else: check_schedule(self.schedule, self.epochs)
        if self.presize: self._check_presize()
        if self.loader == 'datablock': self._check_datablock()

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

    @property
    def all_stages(self) -> list:
        "Of `Stage`; a recipe without any is one stage itself."
        return self.stages or [
            Stage(**{name: getattr(self, name) for name in STAGE}, schedule=self.schedule)]

    @classmethod
    def from_profile(cls, settings, **changes):
        "What a profile of `settings.ini` says, with `changes`."
        taken = ('arch', 'presize', *(() if changes.get('stages') else STAGE))
        values = {name: getattr(settings, name) for name in taken}
        return cls.from_dict({'data': settings.source, **values, **changes})

    def to_dict(self) -> dict: return asdict(self)
    def to_json(self) -> str: return json.dumps(self.to_dict(), indent=1)

    @classmethod
    def from_dict(cls, values: Mapping):
        "The recipe with these fields. Raises `TypeError` for an unknown one."
        if not isinstance(values, Mapping):
            raise TypeError(f"a recipe is a set of named fields, not {type(values).__name__}")
        known('a recipe', values, [f.name for f in fields(cls)])
        return cls(**values)

    @classmethod
    def from_json(cls, text: str): return cls.from_dict(json.loads(text))

    def differences(self, other) -> dict:
        "What is not the same in `other`, names aside: {field: (mine, theirs)}."
        mine, theirs = self.to_dict(), other.to_dict()
        del mine['name']
        return {k: (mine[k], theirs[k]) for k in mine if mine[k] != theirs[k]}

    def make(self, field: str):
        "What a field names: objects; one for `loss`; for `opt` what makes an optimizer."
        specs = getattr(self, field)
        if field == 'opt':
            (name, parameters), = specs.items()
            return partial(find(field, name), **parameters)
        made = [find(field, name)(**parameters) for name, parameters in specs.items()]
        return made[0] if field == 'loss' else made


def _with_parameters(value):
    "A name alone is a name without parameters."
    return {value: {}} if isinstance(value, str) else value


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
