"""Checks of values; each raises an error that names the value, the rule, and the way out.

A rule is a function of a name and a value. A dataclass writes it beside the field,
`size: int = ruled(rule=whole)`, and calls `check_fields(self)` in its `__post_init__`."""
import dataclasses
import json
import os
from difflib import get_close_matches
from math import inf
from numbers import Integral, Number, Real
from pathlib import Path


def whole(name, value, least=1):
    "A whole number, not below `least`, that fits into 64 bits."
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}={value!r}: it must be a whole number")
    if value < least: raise ValueError(f"{name}={value}: it must be {least} or more")
    if value >= 2**63: raise ValueError(f"{name}={value}: it must be less than 2^63")


def number(name, value, high=inf):
    "A finite number from 0 to `high`."
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}={value!r}: it must be a number")
    if not 0 <= value <= high or value == inf:
        rule = 'at least 0, and finite' if high == inf else f'between 0 and {high}'
        raise ValueError(f"{name}={value}: it must be {rule}")


def positive(name, value, high=inf):
    "A finite number above 0, and not above `high`."
    number(name, value, high)
    if value == 0: raise ValueError(f"{name}=0: it must be more than 0")


def text(name, value):
    "Text, and not empty."
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"{name}={value!r}: it must be text, and not empty")


def truth(name, value):
    "`True` or `False`."
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: it must be True or False")


def choice(name, value, choices):
    "One of `choices`."
    if value not in choices:
        raise ValueError(f"{name}={value!r}: choose one of {', '.join(map(str, choices))}")


def storable(name, value):
    "What JSON can hold."
    try: same = json.loads(json.dumps(value, allow_nan=False)) == value
    except (TypeError, ValueError): same = False
    if not same: raise TypeError(
        f"{name}: {value!r} cannot be stored as JSON: "
        "use finite numbers, text, lists and dicts with text keys")


def known(where, names, choices):
    "Each of `names` is one of `choices`; if not, the error says which one was meant."
    for name in names:
        if name not in choices:
            raise TypeError(f"{where}: there is no {name!r}{did_you_mean(name, choices)}")


def nearest(name, choices, n=1, likeness=.6):
    "Those of `choices` that may be meant, at most `n`, joined by `or`; '' if none is near."
    return ' or '.join(map(repr, get_close_matches(str(name), choices, n, likeness)))


def did_you_mean(name, choices):
    "How an error goes on: with the name that was meant, or with all that there are."
    near = nearest(name, choices)
    if near: return f"; did you mean {near}?"
    return f": there are {', '.join(choices)}" if choices else ', and there are no others'


def optional(rule):
    "The same rule, which lets `None` pass."
    return lambda name, value: value is None or rule(name, value)


def one_of(*choices):
    "The rule that a value is one of `choices`."
    return lambda name, value: choice(name, value, choices)


UNITS = dict(s=1, m=60, h=3600)


def seconds(name, value):
    """A time in seconds: a number, or text such as `'90s'`, `'5m'`, `'1h'`.

    Raises `ValueError` or `TypeError` for what is none."""
    if isinstance(value, str):
        amount, unit = value[:-1], value[-1:]
        if value.replace('.', '', 1).isdigit(): amount, unit = value, 's'
        try: value = float(amount) * UNITS[unit]
        except (ValueError, KeyError): raise ValueError(
            f"{name}={value!r}: write a time as 90s, 5m or 1h") from None
    number(name, value)
    return float(value)


# Rules beside the fields of a dataclass

def ruled(default=dataclasses.MISSING, rule=None, factory=dataclasses.MISSING):
    "A dataclass field with its rule."
    return dataclasses.field(default=default, default_factory=factory, metadata={'rule': rule})


def check_fields(instance):
    """Each field's value by the rule that stands beside it. Numbers of NumPy become Python's,
    which JSON can hold."""
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if rule := field.metadata.get('rule'): rule(field.name, value)
        if isinstance(value, Number) and hasattr(value, 'item'):
            object.__setattr__(instance, field.name, value.item())  # a frozen one, too


# Rules for tensors

KINDS = {  # `kinds` of a tensor's values; torch is imported by those who have a tensor
    'floats': lambda t: t.is_floating_point(),
    'uint8': lambda t: str(t.dtype) == 'torch.uint8',
    'truth values': lambda t: str(t.dtype) == 'torch.bool',
    'whole numbers': lambda t: not (
        t.is_floating_point() or t.is_complex() or str(t.dtype) == 'torch.bool'),
}


def tensor(name, value, shape=None, kinds=tuple(KINDS), low=None, high=None, finite=False):
    """A tensor.

    `shape` has a whole number for each dimension that is given, and a name for any other: where
    a name occurs twice, both are equal, as in `('n', 3, 'side', 'side')`. `kinds` are those
    `KINDS` of values that may be, `low` and `high` their limits; `finite`: no NaN, nothing
    infinite. Limits and `finite` look at all values, which on a GPU waits for them."""
    import torch
    if not isinstance(value, torch.Tensor): raise TypeError(
        f"{name} is {_called(value)}: it must be a tensor, as "
        f"{'torch.from_numpy' if hasattr(value, '__array__') else 'torch.tensor'} makes them")
    if shape is not None and not _has_shape(value.shape, shape): raise ValueError(
        f"{name} is {_times(value.shape)}: it must be {_times(shape)}")
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if not any(KINDS[kind](value) for kind in kinds): raise TypeError(
        f"{name} has values of type {str(value.dtype).removeprefix('torch.')}: "
        f"they must be {' or '.join(kinds)}")
    if value.numel(): _check_values(name, value.detach(), low, high, finite)


def filled(name, value, columns, **limits):
    "A tensor of finite numbers, with a row or more; `limits` are those of `tensor`."
    tensor(name, value, ('n', columns), 'floats', finite=True, **limits)
    if not len(value): raise ValueError(f"{name} has no rows: give those of a picture or more")


def probabilities(name, value):
    "A tensor of n × classes (two or more) whose rows are distributions: from 0 to 1, sum 1."
    tensor(name, value, ('n', 'classes'), 'floats', finite=True)
    if value.shape[1] < 2: raise ValueError(
        f"{name} has {value.shape[1]} column: it must have one for each class, "
        "as torch.stack([1 - p, p], -1) gives for two")
    if not len(value): return
    value, near = value.detach().double(), .01  # what bfloat16 rounds, and two digits do
    low, high, sums = value.min().item(), value.max().item(), value.sum(-1)
    if low >= -near and (sums / 100 - 1).abs().max() <= near: raise ValueError(
        f"{name}: its rows sum to 100: these look like percentages, divide them by 100")
    if low < -near or high > 1 + near: raise ValueError(
        f"{name} has values from {low:.4g} to {high:.4g}: probabilities are between 0 and 1; "
        "these look like logits: use .softmax(-1)")
    worst = sums[(sums - 1).abs().argmax()].item()
    if abs(worst - 1) > near: raise ValueError(
        f"{name}: a row sums to {worst:.4g}: each must sum to 1, as .softmax(-1) makes them")


def _called(value):
    kind = type(value).__name__
    if kind == 'ndarray': return 'a NumPy array'
    return 'None' if value is None else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"

def _times(shape): return ' × '.join(map(str, shape)) or 'a single number'

def _has_shape(found, expected):
    if len(found) != len(expected): return False
    sizes = {}
    return all(n == (sizes.setdefault(e, n) if isinstance(e, str) else e)
               for n, e in zip(found, expected))

def _check_values(name, value, low, high, finite):
    # whole numbers are finite: a store of gigabytes is not read to find that out
    may_be_infinite = value.is_floating_point() or value.is_complex()
    if finite and may_be_infinite and not value.isfinite().all(): raise ValueError(
        f"{name} has values that are NaN or infinite: they must be finite")
    if low is None and high is None: return
    least, most = value.min().item(), value.max().item()
    if (low is None or least >= low) and (high is None or most <= high): return
    rule = (f'at least {low}' if high is None else f'at most {high}' if low is None else
            f'between {low} and {high}')
    raise ValueError(f"{name} has values from {least:.4g} to {most:.4g}: they must be {rule}")


def tensors(kinds='floats', low=None, **named):
    """Tensors whose shapes belong together: of each name a pair (tensor, shape), as
    `half=(half, ('n', 2))`. What one shape calls `n` is `n` in all that follow.

    Values must be finite, and not below `low`, where `has_values` says that they may be looked
    at."""
    sizes = {}
    for name, (value, shape) in named.items():
        limits = dict(low=low, finite=True) if has_values(value) else {}
        tensor(name, value, tuple(sizes.get(n, n) for n in shape), kinds, **limits)
        sizes.update((n, size) for n, size in zip(shape, value.shape) if isinstance(n, str))


def has_values(value) -> bool:
    """Whether the values of a tensor may be looked at. A GPU would have to be waited for, and
    while `torch.export` or `torch.compile` follows a function, there are none."""
    if getattr(getattr(value, 'device', None), 'type', '') != 'cpu': return False
    import torch
    return not torch.compiler.is_compiling()


def places(name, value, n):
    "A tensor of places among `n` things, where `has_values`."
    if not has_values(value) or not value.numel(): return
    low, high = value.min().item(), value.max().item()
    if low < 0 or high >= n: raise ValueError(
        f"{name} goes from {low} to {high}: places are from 0 to {n - 1}")


def within(name, value, low, high):
    "A number from `low` to `high`."
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}={value!r}: it must be a number")
    if not low <= value <= high: raise ValueError(
        f"{name}={value}: it must be between {low} and {high}")


def between(low, high):
    "The rule that a value is a number from `low` to `high`."
    return lambda name, value: within(name, value, low, high)


def chance(name, value):
    "A probability: a number from 0 to 1, or a truth value."
    within(name, float(value) if isinstance(value, bool) else value, 0, 1)


def pixels(name, value):
    "A batch of pictures as a network sees them: n × 3 × height × width, from 0 to 1."
    tensor(name, value, ('n', 3, 'height', 'width'), 'floats', finite=True)
    if not value.numel(): return
    low, high = value.min().item(), value.max().item()
    near = .01  # what bfloat16 rounds
    if low < -near or high > 1 + near: raise ValueError(
        f"{name} has values from {low:.4g} to {high:.4g}: they must be between 0 and 1; divide "
        "bytes by 255, and undo a Normalize")


# Paths

def as_path(name, value):
    """`value` as a `Path`, with the home folder in place of `~`.

    Raises `TypeError` for what is neither text nor a path, `ValueError` for a user's home that
    is unknown."""
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value): raise TypeError(
        f"{name}={value!r}: it must be a path, as text or as a Path")
    try: return Path(value).expanduser()
    except RuntimeError: raise ValueError(
        f"{name}={value!r}: nobody knows this home folder; write the path in full") from None
