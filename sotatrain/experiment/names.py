"""What a recipe may name: callbacks, transforms, losses, optimizers, metrics, of fastai and the
book, and what was registered."""
import inspect
from functools import partial

import fastai.metrics
import fastai.vision.all
from fastai.losses import BaseLoss
from fastai.vision.all import Callback, Metric, Transform, nn

from .. import learner, mixup, normalize, resizing, smoothing, sota, tables, transfer
from ..core import watch
from ..core.checks import known, nearest, text
from ..core.docs import document
from ..presize import Augment
from ..tta import check_tta
from . import together
from .own import OWN
from .weights import check_weight

TECHNIQUES = (
    learner, normalize, resizing, mixup, smoothing, sota, transfer, tables, watch, together)
NETWORKS = dict(pretrained=transfer.pretrained)  # beside those that `make_model` knows by name


def _all_names():
    "fastai's public names, and ours, which come first."
    names = dict(vars(fastai.vision.all))
    for module in TECHNIQUES: names |= {name: getattr(module, name) for name in module.__all__}
    return names


NAMES = _all_names()
MAKES_METRICS = 'skm_to_fastai', 'optim_metric'  # of other functions: not metrics themselves


# What each field of a recipe may name

def is_callback(found): return inspect.isclass(found) and issubclass(found, Callback)
def is_transform(found): return inspect.isclass(found) and issubclass(found, Transform)


def is_loss(found):
    if not inspect.isclass(found): return False
    if issubclass(found, BaseLoss): return True
    return issubclass(found, nn.Module) and 'reduction' in inspect.signature(found).parameters


def is_optimizer(found):
    return callable(found) and [*inspect.signature(found).parameters][:2] == ['params', 'lr']


def is_metric(found):
    if inspect.isclass(found): return issubclass(found, Metric)
    if isinstance(found, Metric): return True
    return (getattr(found, '__module__', '') == fastai.metrics.__name__
            and inspect.isfunction(found) and found.__name__ not in MAKES_METRICS)


def is_network(found):
    parameters = inspect.signature(found).parameters if callable(found) else ()
    return 'n_out' in parameters or 'num_classes' in parameters


KINDS = dict(
    cbs=('callback', is_callback),
    batch_tfms=('transform', is_transform),
    loss=('loss', is_loss),
    opt=('optimizer', is_optimizer),
    metrics=('metric', is_metric),
)


def named(field: str) -> dict:
    "All that a field may name, by name."
    return {name: found for name, found in NAMES.items() if _is(field, found)}


def _is(field, found):
    _, fits = KINDS[field]
    try: return fits(found)
    except (ValueError, TypeError): return False  # some builtins have no signature


def is_taken(name): return any(_is(field, NAMES.get(name)) for field in KINDS)


def fields_of(thing) -> list:
    "The fields of a recipe in which one's own thing can be named."
    if not callable(thing) or isinstance(thing, nn.Module): return []
    return [field for field in ('arch', *KINDS) if _is_own_kind(field, thing)]


def _is_own_kind(field, thing):
    "For one's own things, a loss needs no `reduction`, and any function may be a metric."
    if field == 'arch': return is_network(thing)
    if field == 'loss' and inspect.isclass(thing):
        return issubclass(thing, (nn.Module, BaseLoss))
    if field in ('loss', 'metrics') and _takes_two(thing): return True
    return _is(field, thing)


def _takes_two(thing):
    "Whether a function needs two values, as predictions and targets, and no more."
    if inspect.isclass(thing) or isinstance(thing, Metric): return False
    parameters = inspect.signature(thing).parameters.values()
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
               for p in parameters) == 2


def find(field: str, name: str):
    "What `name` stands for in a field. Raises `ValueError` if there is no such thing."
    if name in OWN and field in fields_of(OWN[name]): return OWN[name]
    found = NAMES.get(name)
    if found is not None and _is(field, found): return found
    kind, _ = KINDS[field]
    near = nearest(name, [*named(field), *OWN])
    way_out = f"; did you mean {near}?" if near else (
        ': name one that fastai.vision.all or sotatrain.all has, or register() your own')
    raise ValueError(f"{field}: no {kind} is called {name!r}{way_out}")


# Things of one's own

def register(
    thing,            # a class (callback, transform, loss, metric, network) or a function
    name: str = None,  # what recipes call it; its own name if not given
):                     # the same thing, so that `@register` may stand above it
    """Let a class or a function of your own take part in recipes.

    A function may be a loss or a metric (of predictions and targets), a network (of `n_out` or
    `num_classes`), or an optimizer (of `params` and `lr`). Registered again, a name stands for
    the new thing; stored runs of the old one are refused. Raises `TypeError` for what no field
    of a recipe can use, `ValueError` for a name that fastai or this library has."""
    name = getattr(thing, '__name__', None) if name is None else name
    if name in (None, '<lambda>'): raise TypeError(
        f"{thing!r} has no name: give it one, as in register(thing, 'name')")
    text('name', name)
    if not fields_of(thing): raise TypeError(
        f"{name}: register a class (a callback, a transform, a loss, a metric, a network), or "
        f"a function that recipes can use; {thing!r} is none of these")
    if is_taken(name): raise ValueError(
        f"name={name!r} is taken, by fastai or sotatrain: give yours another one, as in "
        f"register({name}, 'my_{name}')")
    OWN[name] = thing
    return thing


# Rules for fields of a recipe

def check(field, value):
    "Names and parameters that exist. Raises `ValueError` or `TypeError` that names the field."
    if field == 'augment':
        takes(Augment)(field, value)
        Augment(**value)
    elif field == 'tta':
        if value is None: return
        takes(check_tta)(field, value)
        check_tta(**value)
    else:
        for name, parameters in value.items():
            takes(find(field, name))(f'{field}, {name}', parameters)
            if field == 'loss' and 'weight' in parameters:
                check_weight(f'{field}, {name}: weight', parameters['weight'])


def takes(function):
    "The rule that values are parameters of `function`, beside those that its callers give."
    def rule(name, values):
        is_made = isinstance(function, Metric)
        parameters = {} if is_made else inspect.signature(function).parameters
        takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
        given = 2 if _takes_two(function) else 0  # predictions and targets, or weights and rate
        if not takes_any: known(name, values, [*parameters][given:])
    return rule


# From names to objects

def make(field, specs):
    "What a field names: objects; one for `loss`; for `opt` and `arch` what makes them."
    if field == 'arch': return _network(*next(iter(specs.items())))
    made = [_made(field, name, find(field, name), values) for name, values in specs.items()]
    return made[0] if field in ('loss', 'opt') else made


def _network(name, parameters):
    found = OWN.get(name) or NETWORKS.get(name)
    if found: return partial(found, **parameters) if parameters else found
    return partial(learner.make_model, name, **parameters) if parameters else name


def _made(field, name, found, parameters):
    if isinstance(found, Metric) or _takes_two(found):  # used as it is
        return partial(found, **parameters) if parameters else found
    try: return found(**parameters)
    except Exception as e: raise ValueError(
        f"{field}, {name}: it cannot be made from {parameters} ({type(e).__name__}: {e})"
    ) from e


document(__name__)
