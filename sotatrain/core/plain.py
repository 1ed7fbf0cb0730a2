"""Values as PyTorch reads them back without executing anything (`weights_only=True`): tensors,
numbers, text, and what Python builds of them. fastai's `L`, NumPy's arrays and numbers, and
lists of single numbers in tensors are written by name, and are the same when they come back."""
from collections import Counter, OrderedDict

import numpy as np
import torch
from fastai.vision.all import L, nn

__all__ = ['NotPlain', 'from_plain', 'plain', 'plain_items']

KIND = '\0kind'  # of what a dict stands for


class NotPlain(TypeError):
    "What a value is that cannot be written: a module, a function, an open file."


def plain(value):
    """A value that can be written; tensors are not copied.

    Raises `NotPlain` for one that holds anything else, weights of a network included: they are
    written by name."""
    if value is None or type(value) in (bool, int, float, str, bytes): return value
    if isinstance(value, nn.Parameter): raise NotPlain('a Parameter')
    if isinstance(value, torch.Tensor): return value.detach().as_subclass(torch.Tensor)
    if isinstance(value, (np.generic, np.ndarray)): return _array(value)
    if type(value) is list and _are_scalars(value):
        return _kind('scalars', torch.stack([*map(plain, value)]))
    if isinstance(value, L): return _kind('L', [*map(plain, value)])
    if type(value) in (list, tuple, set): return type(value)(map(plain, value))
    if type(value) in (Counter, OrderedDict):
        return _kind(type(value).__name__, plain(dict(value)))
    if type(value) is dict: return {plain(key): plain(item) for key, item in value.items()}
    raise NotPlain(type(value).__name__)


def from_plain(value):
    "What `plain` was given."
    if type(value) in (list, tuple, set): return type(value)(map(from_plain, value))
    if type(value) is not dict: return value
    if KIND in value: return READ[value[KIND]](value['value'])
    return {key: from_plain(item) for key, item in value.items()}


def plain_items(
    values: dict,
    leave: tuple = (),  # names to leave out
) -> dict:
    "Those of `values` that can be written, written."
    found = {}
    for name, value in values.items():
        if name in leave: continue
        try: found[name] = plain(value)
        except NotPlain: continue
    return found


def _kind(kind, value): return {KIND: kind, 'value': value}


def _array(value):
    kind = 'number' if isinstance(value, np.generic) else 'array'
    try: return _kind(kind, torch.from_numpy(np.array(value)))  # a copy: it may be read-only
    except TypeError: raise NotPlain(f'an array of {value.dtype}') from None


def _are_scalars(values):
    "A tensor for each batch of a long run would be thousands of records in a file."
    if not all(isinstance(value, torch.Tensor) and not value.ndim for value in values):
        return False
    return len({(value.dtype, value.device) for value in values}) == 1


READ = dict(
    L=lambda value: L(map(from_plain, value)),
    Counter=lambda value: Counter(from_plain(value)),
    OrderedDict=lambda value: OrderedDict(from_plain(value)),
    array=lambda value: value.numpy(),
    number=lambda value: value.numpy()[()],
    scalars=lambda value: [*value.unbind()])
