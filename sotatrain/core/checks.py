"""Checks of values; each raises an error that names the value, the rule, and the way out.

A rule is a function of a name and a value. A dataclass writes it beside the field,
`size: int = ruled(rule=whole)`, and calls `check_fields(self)` in its `__post_init__`."""
import dataclasses
import json
from difflib import get_close_matches
from math import inf


def whole(name, value, least=1):
    "A whole number, not below `least`."
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r}: it must be a whole number")
    if value < least: raise ValueError(f"{name}={value}: it must be {least} or more")


def number(name, value, high=inf):
    "A finite number from 0 to `high`."
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}={value!r}: it must be a number")
    if not 0 <= value <= high or value == inf:
        rule = 'at least 0, and finite' if high == inf else f'between 0 and {high}'
        raise ValueError(f"{name}={value}: it must be {rule}")


def positive(name, value):
    "A finite number above 0."
    number(name, value)
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
    try: same = json.loads(json.dumps(value)) == value
    except (TypeError, ValueError): same = False
    if not same: raise TypeError(
        f"{name}: {value!r} cannot be stored as JSON: "
        "use numbers, text, lists and dicts with text keys")


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
    return f"; did you mean {near}?" if near else f": there are {', '.join(choices)}"


def optional(rule):
    "The same rule, which lets `None` pass."
    return lambda name, value: value is None or rule(name, value)


def one_of(*choices):
    "The rule that a value is one of `choices`."
    return lambda name, value: choice(name, value, choices)


# Rules beside the fields of a dataclass

def ruled(default=dataclasses.MISSING, rule=None, factory=dataclasses.MISSING):
    "A dataclass field with its rule."
    return dataclasses.field(default=default, default_factory=factory, metadata={'rule': rule})


def check_fields(instance):
    "Each field's value by the rule that stands beside it."
    for field in dataclasses.fields(instance):
        if rule := field.metadata.get('rule'): rule(field.name, getattr(instance, field.name))
