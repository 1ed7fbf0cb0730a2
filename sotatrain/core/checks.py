"""Checks of numbers and choices; each raises an error that names the value and the rule."""
from math import inf


def whole(name, value, least=1):
    "A whole number, not below `least`."
    if isinstance(value, bool) or not isinstance(value, int): raise TypeError(f"{name}={value!r}: it must be a whole number")
    if value < least: raise ValueError(f"{name}={value}: it must be {least} or more")

def number(name, value, high=inf):
    "A finite number from 0 to `high`."
    if isinstance(value, bool) or not isinstance(value, (int, float)): raise TypeError(f"{name}={value!r}: it must be a number")
    if not 0 <= value <= high or value == inf:
        raise ValueError(f"{name}={value}: it must be " + ('at least 0, and finite' if high == inf else f'between 0 and {high}'))

def positive(name, value):
    "A finite number above 0."
    number(name, value)
    if value == 0: raise ValueError(f"{name}=0: it must be more than 0")

def choice(choices, name, value):
    "One of `choices`."
    if value not in choices: raise ValueError(f"{name}={value!r}: choose one of {', '.join(map(str, choices))}")

def optional(check):
    "The same check, which lets `None` pass."
    return lambda name, value: value is None or check(name, value)
