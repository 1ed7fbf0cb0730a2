"""What a recipe may name: callbacks, transforms, losses, optimizers, of fastai and the book."""
import inspect
from collections.abc import Mapping

import fastai.vision.all
from fastai.losses import BaseLoss
from fastai.vision.all import Callback, Transform, nn

from .. import learner, mixup, normalize, resizing, smoothing
from ..core import watch
from ..core.checks import known, nearest, storable

TECHNIQUES = learner, normalize, resizing, mixup, smoothing, watch


def _all_names():
    "fastai's public names, and ours, which come first."
    names = dict(vars(fastai.vision.all))
    for module in TECHNIQUES: names |= {name: getattr(module, name) for name in module.__all__}
    return names


NAMES = _all_names()


# What each field of a recipe may name

def is_callback(found): return inspect.isclass(found) and issubclass(found, Callback)
def is_transform(found): return inspect.isclass(found) and issubclass(found, Transform)


def is_loss(found):
    if not inspect.isclass(found): return False
    if issubclass(found, BaseLoss): return True
    return issubclass(found, nn.Module) and 'reduction' in inspect.signature(found).parameters


def is_optimizer(found):
    return callable(found) and [*inspect.signature(found).parameters][:2] == ['params', 'lr']


KINDS = dict(
    cbs=('callback', is_callback),
    batch_tfms=('transform', is_transform),
    loss=('loss', is_loss),
    opt=('optimizer', is_optimizer),
)


def named(field: str) -> dict:
    "All that a field may name, by name."
    return {name: found for name, found in NAMES.items() if _is(field, found)}


def _is(field, found):
    _, fits = KINDS[field]
    try: return fits(found)
    except (ValueError, TypeError): return False  # some builtins have no signature


def find(field: str, name: str):
    "What `name` stands for in a field. Raises `ValueError` if there is no such thing."
    found = NAMES.get(name)
    if found is not None and _is(field, found): return found
    kind, _ = KINDS[field]
    near = nearest(name, named(field))
    way_out = f"; did you mean {near}?" if near else (
        ': name one that fastai.vision.all or sotatrain.all has')
    raise ValueError(f"{field}: no {kind} is called {name!r}{way_out}")


# Rules for fields of a recipe

def things(field, specs):
    "`{'name': {'parameter': value}}`, with names and parameters that exist."
    if not isinstance(specs, Mapping):
        raise TypeError(f"{field}={specs!r}: write it as {{'name': {{'parameter': value}}}}")
    for name, parameters in specs.items():
        if not isinstance(parameters, Mapping): raise TypeError(
            f"{field}: the parameters of {name} are {parameters!r}: "
            "write them as {'parameter': value}")
        takes(find(field, name))(f'{field}, {name}', parameters)


def one_thing(field, specs):
    "The same, with a single name."
    things(field, specs)
    if len(specs) != 1:
        raise ValueError(f"{field} must name one thing, not {len(specs)} ({', '.join(specs)})")


def takes(function):
    "The rule that a value is a dict of parameters of `function`."
    def rule(name, values):
        if not isinstance(values, Mapping):
            raise TypeError(f"{name}={values!r}: write it as {{'parameter': value}}")
        parameters = inspect.signature(function).parameters
        takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
        if not takes_any: known(name, values, [*parameters])
        storable(name, values)
    return rule
