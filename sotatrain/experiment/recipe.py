"""A recipe: everything that decides how a run goes, but for its seed, in a form that is easy to store and to compare."""
import inspect
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from functools import lru_cache, partial

from fastai.vision.all import Callback, Transform, nn
from fastai.losses import BaseLoss

from ..core.checks import choice, number, optional, positive, whole
from ..presize import Augment
from ..resizing import SCHEDULES, check_schedule
from ..tta import check_tta

__all__ = ['Recipe']

LOADERS = 'presized', 'datablock'
ONE_STAGE = dict(size=128, epochs=5, bs=64, lr=3e-3)


@dataclass(frozen=True)
class Recipe:
    """Everything about a run but its seed. Whatever has a name and parameters is written `{'name': {'parameter': value}}`.

    Raises `ValueError` or `TypeError` that names the field, for an impossible value, for fields that contradict each
    other, and for a name that neither fastai nor this library knows."""
    name: str = 'baseline'        # what tables and files call it
    data: str = 'doodlenette'     # see `dataset`
    arch: str = 'xresnet50'       # see `make_model`
    size: int = None              # side of the crops, px; 128 if there are no stages
    epochs: int = None            # 5 if there are no stages
    bs: int = None                # pictures in a batch; 64 if there are no stages
    lr: float = None              # the schedule's highest learning rate; 0.003 if there are no stages
    stages: list = field(default_factory=list)  # instead of these four: a dict with all four for each stage, in order, and perhaps its schedule
    presize: int = None           # side of the stored squares, px; see `get_dls`
    loader: str = 'presized'      # presized: `get_dls`; datablock: `datablock_dls`
    schedule: str = 'one_cycle'   # of the rate within a stage: one_cycle, flat_cos, constant or fine_tune
    opt: dict = field(default_factory=lambda: {'Adam': {}})
    wd: float = None              # weight decay; fastai's default if not given
    loss: dict = field(default_factory=lambda: {'CrossEntropyLossFlat': {}})
    noise: int = 0                # how many percent of the training labels are wrong: 0, or what `noisy_labels` has
    augment: dict = field(default_factory=dict)     # parameters of `Augment`
    batch_tfms: dict = field(default_factory=dict)  # transforms of batches, such as `Normalize`
    cbs: dict = field(default_factory=dict)         # callbacks
    tta: dict = None              # test-time augmentation with these parameters (see `tta`); none if not given
    bf16: bool = True             # compute in bfloat16 where the device can

    def __post_init__(self):
        for name in ('opt', 'loss'): self._set(name, _named(name, getattr(self, name)))
        self._set('stages', [dict(stage) for stage in self.stages])
        if self.stages: self._check_no_contradiction()
        else: self._fill(ONE_STAGE)
        for name, check in CHECKS.items(): check(name, getattr(self, name))
        for i, stage in enumerate(self.stages): _check_stage(f'stages[{i}]', stage)
        for stage in self.all_stages: check_schedule(stage.get('schedule', self.schedule), stage['epochs'])
        if self.presize: self._check_presize()
        if self.loader == 'datablock': self._check_datablock()

    def _set(self, name, value): object.__setattr__(self, name, value)

    def _fill(self, defaults):
        for name, value in defaults.items():
            if getattr(self, name) is None: self._set(name, value)

    def _check_no_contradiction(self):
        for name in ONE_STAGE:
            if getattr(self, name) is not None:
                raise ValueError(f"{name}={getattr(self, name)!r} contradicts stages, which give it for each stage: remove one of the two")

    def _check_presize(self):
        largest = max(stage['size'] for stage in self.all_stages)
        if self.presize < largest: raise ValueError(f"presize={self.presize} is smaller than the size {largest}: make it at least {largest}")

    def _check_datablock(self):
        for name, unset in dict(noise=0, augment={}, batch_tfms={}, tta=None).items():
            if getattr(self, name) != unset: raise ValueError(f"{name} contradicts loader='datablock', which has labels and transforms of its own: remove one of the two")

    @property
    def all_stages(self) -> list:
        "The stages; a recipe without any is one stage itself."
        return self.stages or [{name: getattr(self, name) for name in ONE_STAGE}]

    @classmethod
    def from_profile(cls, settings, **changes):
        "What a profile of `settings.ini` says, with `changes`."
        taken = ('arch', 'presize', *(() if changes.get('stages') else ONE_STAGE))
        return cls.from_dict({'data': settings.source, **{name: getattr(settings, name) for name in taken}, **changes})

    def to_dict(self) -> dict: return asdict(self)
    def to_json(self) -> str: return json.dumps(self.to_dict(), indent=1)

    @classmethod
    def from_dict(cls, values: Mapping):
        "The recipe with these fields. Raises `TypeError` for an unknown one."
        if not isinstance(values, Mapping): raise TypeError(f"a recipe is a set of named fields, not {type(values).__name__}")
        _check_known('a recipe', values, [f.name for f in fields(cls)])
        return cls(**values)

    @classmethod
    def from_json(cls, text: str): return cls.from_dict(json.loads(text))

    def differences(self, other) -> dict:
        "What is not the same in `other`, names aside: {field: (mine, theirs)}."
        mine, theirs = self.to_dict(), other.to_dict()
        return {k: (mine[k], theirs[k]) for k in mine if k != 'name' and mine[k] != theirs[k]}

    def make(self, field: str):
        "What a field with names stands for: an object for each name (`opt`: a function that makes an optimizer)."
        specs = getattr(self, field)
        if field == 'opt': return next(partial(_find(field, name), **params) for name, params in specs.items())
        made = [_find(field, name)(**params) for name, params in specs.items()]
        return made[0] if field == 'loss' else made


# Fields that name something

@lru_cache
def _names():
    "All that a recipe may name: fastai's public names, and this library's, which come first."
    import fastai.vision.all
    import sotatrain.all
    return vars(fastai.vision.all) | vars(sotatrain.all)


def _is_a(*classes): return lambda found: inspect.isclass(found) and issubclass(found, classes)

def _makes_an_optimizer(found): return callable(found) and [*inspect.signature(found).parameters][:2] == ['params', 'lr']

def _is_a_loss(found):
    return _is_a(BaseLoss)(found) or _is_a(nn.Module)(found) and 'reduction' in inspect.signature(found).parameters

KINDS = {'cbs': ('callback', _is_a(Callback)), 'batch_tfms': ('transform', _is_a(Transform)), 'loss': ('loss', _is_a_loss), 'opt': ('optimizer', _makes_an_optimizer)}


def _find(field, name):
    kind, fits = KINDS[field]
    found = _names().get(name)
    if found is not None and _safely(fits, found): return found
    near = get_close_matches(name, [n for n, o in _names().items() if _safely(fits, o)], 1)
    raise ValueError(f"{field}: no {kind} is called {name!r}" + (f"; did you mean {near[0]!r}?" if near else
                     ': name one that fastai.vision.all or sotatrain.all has'))

def _safely(test, value):
    try: return test(value)
    except (ValueError, TypeError): return False  # some builtins have no signature


def _named(field, value):
    "A name alone stands for a name without parameters."
    return {value: {}} if isinstance(value, str) else value


def _check_named(field, specs):
    if not isinstance(specs, Mapping): raise TypeError(f"{field}={specs!r}: write it as {{'name': {{'parameter': value}}}}")
    for name, params in specs.items():
        found = _find(field, name)
        if not isinstance(params, Mapping): raise TypeError(f"{field}: the parameters of {name} are {params!r}: write them as {{'parameter': value}}")
        parameters = inspect.signature(found).parameters
        if not any(p.kind == p.VAR_KEYWORD for p in parameters.values()): _check_known(f'{field}, {name}', params, [*parameters])
        _check_json(f'{field}, {name}', params)


def _check_one_named(field, specs):
    _check_named(field, specs)
    if len(specs) != 1: raise ValueError(f"{field} must name one thing, not {len(specs)} ({', '.join(specs)})")


# Checks of values; each raises an error that names the field

def _check_known(where, values, known):
    for name in values:
        if name in known: continue
        near = get_close_matches(str(name), known, 1)
        raise TypeError(f"{where}: there is no {name!r}" + (f"; did you mean {near[0]!r}?" if near else f": there are {', '.join(known)}"))


def _check_json(where, value):
    try: same = json.loads(json.dumps(value)) == value
    except (TypeError, ValueError): same = False
    if not same: raise TypeError(f"{where}: {value!r} cannot be stored as JSON: use numbers, text, lists and dicts with text keys")


def _text(name, value):
    if not isinstance(value, str) or not value.strip(): raise TypeError(f"{name}={value!r}: it must be text, and not empty")

def _file_name(name, value):
    _text(name, value)
    if set(value) & set('/\\:*?"<>|\n\t') or value.startswith('.'):
        raise ValueError(f"{name}={value!r}: files are named after it, so it must not contain any of / \\ : * ? \" < > | or begin with a dot")

def _parameters_of(function, name, value):
    if not isinstance(value, Mapping): raise TypeError(f"{name}={value!r}: write it as {{'parameter': value}}")
    _check_known(name, value, [*inspect.signature(function).parameters])
    _check_json(name, value)

def _check_tta(name, value):
    _parameters_of(check_tta, name, value)
    check_tta(**value)

def _check_stage(name, stage):
    _check_known(name, stage, [*ONE_STAGE, 'schedule'])
    missing = [key for key in ONE_STAGE if key not in stage]
    if missing: raise ValueError(f"{name} lacks {', '.join(missing)}: each stage has {', '.join(ONE_STAGE)}")
    for key, value in stage.items(): CHECKS[key](f'{name}: {key}', value)


CHECKS = {
    'name': _file_name, 'data': _text, 'arch': _text, 'size': optional(whole), 'epochs': optional(whole),
    'bs': optional(whole), 'lr': optional(positive), 'presize': optional(whole), 'schedule': partial(choice, SCHEDULES), 'loader': partial(choice, LOADERS),
    'opt': _check_one_named, 'wd': optional(number), 'loss': _check_one_named, 'noise': partial(whole, least=0), 'augment': partial(_parameters_of, Augment),
    'batch_tfms': _check_named, 'cbs': _check_named, 'tta': optional(_check_tta),
    'bf16': partial(choice, (True, False))}
