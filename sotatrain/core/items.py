"""What tells the items of data apart, whatever they are: paths, rows of a table, arrays."""
import hashlib
import os

import numpy as np

from .pictures import has_picture_name
from .wording import short

__all__ = ['file_of', 'items_of', 'key_of', 'shared']


def items_of(
    data,       # fastai's `DataLoaders` or `Datasets`
    part: str,  # 'train' or 'valid'
) -> list:
    "The items of one part; of a table, its rows. Raises `TypeError` for data without items."
    try: items = getattr(data, part).items
    except (AttributeError, IndexError): raise TypeError(
        f"{short(data)} has no {part}.items: give fastai's DataLoaders or Datasets, "
        "one after the other") from None
    if hasattr(items, 'itertuples'): items = items.itertuples(index=False, name=None)
    return list(items)


def shared(
    first: list,
    second: list,
    keys,  # from a list of items to a list of what tells them apart
) -> list:  # of pairs: an item of `first`, and one of `second` with the same key
    "What two lists have in common, in the order of the second."
    known = dict(zip(keys(first), first))
    return [(known[key], item) for key, item in zip(keys(second), second) if key in known]


def key_of(item):
    """What is equal for the same picture and for no other.

    Paths are compared as the files that they lead to, absolute or not, by links or not. A row
    is the picture that it names; one that names none is all of its values but True and False,
    which say on which side it is. Raises `TypeError` for items that cannot be compared."""
    if isinstance(item, (str, os.PathLike)):
        return os.path.normcase(os.path.realpath(os.path.expanduser(item)))
    if hasattr(item, 'tobytes') and hasattr(item, 'size'): return _pixels(item)
    if hasattr(item, 'requires_grad'): return _pixels(item.detach().cpu().numpy())
    if not isinstance(item, (tuple, list)): return _hashable(item)
    named = [value for value in item if _names_a_picture(value)]
    others = (value for value in item if not isinstance(value, (bool, np.bool_)))
    return tuple(map(key_of, named or others))


def file_of(item) -> str:
    "The path of an item, or of the picture that a row names; `TypeError` if there is none."
    if isinstance(item, (str, os.PathLike)): return os.fspath(item)
    row = item if isinstance(item, (tuple, list)) else ()
    named = next((value for value in row if _names_a_picture(value)), None)
    if named is not None: return os.fspath(named)
    raise TypeError(f"{short(item)} names no file whose content could be compared")


def _names_a_picture(value):
    return isinstance(value, (str, os.PathLike)) and has_picture_name(value)


def _pixels(array):
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return str(getattr(array, 'shape', array.size)), digest

def _hashable(item):
    try: hash(item)
    except TypeError: raise TypeError(
        f"{short(item)} cannot be compared with other items: use paths, rows, or arrays"
        ) from None
    return item
