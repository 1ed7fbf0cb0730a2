"""Which pictures are held back for validation, where no folders say so; and which of them
may decide what is reported on the others."""
import hashlib
import math
import random
from collections import Counter
from collections.abc import Mapping, Set
from itertools import chain
from numbers import Integral, Real
from pathlib import Path

from .checks import number, whole
from .wording import short

__all__ = ['HALVES', 'groups_of', 'half_of', 'kept_only', 'one_for_each', 'parts_for',
           'random_split']


def random_split(
    n: int,               # items
    valid: float = .2,    # share that is held back, between 0 and 1
    seed: int = 0,        # with the same seed the same split, in every stage and every run
    labels: list = None,  # one for each item: each label is held back by the same share
    groups: list = None,  # one for each item: the items of a group stay on one side
) -> tuple:               # two lists of numbers from 0 to n − 1: for training, for validation
    """Hold back a share of items at random.

    With `groups`, `valid` is a share of the groups, and a group counts for the label of its
    first item. Each label keeps a group for training. Raises `ValueError` for lists that are
    not `n` long, for an item without a group, and if a side would be empty."""
    whole('n', n, least=2)
    number('valid', valid, high=1)
    whole('seed', seed, least=0)
    groups = range(n) if groups is None else groups_of(groups, n)
    labels = [None]*n if labels is None else one_for_each('labels', labels, n)
    label_of = {}
    for group, label in zip(groups, labels): label_of.setdefault(group, label)
    held_back = _held_back(label_of, valid, random.Random(int(seed)))
    train = [i for i, group in enumerate(groups) if group not in held_back]
    val = [i for i, group in enumerate(groups) if group in held_back]
    if not (train and val): raise ValueError(
        f"a share of {valid} of {len(label_of)} groups leaves none for "
        f"{'validation' if train else 'training'}: take another one, or more data")
    return train, val


def _held_back(label_of, valid, rng):
    """Some groups, as a set. All are in line, label by label, and one is held back wherever the
    running share passes a whole number: so each label gives its share, up to one group."""
    often = Counter(label_of.values())
    place = {label: i for i, label in enumerate(often)}
    line = [group for group, label in label_of.items() if often[label] > 1]
    rng.shuffle(line)
    line.sort(key=lambda group: place[label_of[group]])  # a stable sort keeps the order in each
    start = rng.random()
    def passed(i): return math.floor(i*valid + start)
    held_back = {group for i, group in enumerate(line) if passed(i + 1) > passed(i)}
    last_of = {label_of[group]: group for group in line if label_of[group] is not None}
    learned = {label_of[group] for group in line if group not in held_back}
    return held_back - {group for label, group in last_of.items() if label not in learned}


def one_for_each(name, values, n) -> list:
    """`values`, such as a list, an array, a tensor or a column of a table, as a list of plain
    values. Raises `TypeError` or `ValueError` if it is none with `n` entries."""
    if isinstance(values, (str, bytes, Mapping, Set)) or not hasattr(values, '__len__'):
        raise TypeError(f"{name}={short(values)}: give a list with {n} entries, one for each")
    values = _plain(values)
    if len(values) != n: raise ValueError(
        f"{name} has {len(values)} entries for {n}: give one for each")
    return values


def _plain(values):
    "As a list. Values of arrays and tensors, which may compare by identity, become Python's."
    if hasattr(values, 'tolist'): return values.tolist()
    return [v.tolist() if hasattr(v, 'tolist') else v for v in values]


def groups_of(groups, n):
    "As a list. Raises `TypeError` or `ValueError` for what tells no groups apart."
    groups = one_for_each('groups', groups, n)
    try: set(groups)
    except TypeError: raise TypeError(
        "groups has entries that cannot be compared, such as lists: use text, numbers or "
        "tuples") from None
    from pandas import isna  # here, so that `half_of` alone stays light
    for i, group in enumerate(groups):
        if isna(group) is True or group == '': raise ValueError(
            f"groups has {group!r} at place {i}: if nobody knows whose it is, leave it out, or "
            "give it a group of its own")
    return groups


# --- halves of the validation pictures

HALVES = 'deciding', 'reported'


def half_of(file) -> str:
    """Which of the `HALVES` a validation picture is in. Its name alone decides, by a hash, so
    that every machine and every later version splits in the same way."""
    digest = hashlib.sha256(Path(file).name.encode('utf-8', 'surrogatepass')).digest()
    return HALVES[digest[0] % 2]


# --- a split that was asked for in some way

def parts_for(
    files: list,    # paths
    labels: list,   # of each file
    splits=None,    # see `get_dls`
    groups=None,    # in the same way
) -> tuple:         # two lists of places in `files`: for training, for validation
    """Raises `TypeError` for `splits` that are none, `ValueError` for a side that is empty and
    for a group, or a picture, on both sides."""
    groups = files if groups is None else groups_of(groups, len(files))
    if splits is None: splits = .2
    if isinstance(splits, Real):
        number('splits', splits, high=1)
        one_class = all(isinstance(label, (str, Integral)) for label in labels)
        given = labels if one_class else None
        train, val = random_split(len(files), splits, 0, given, groups)
    else: train, val = _checked(splits(files) if callable(splits) else splits, len(files))
    for values in groups, files:  # a picture that is there twice may be in two groups
        both = {values[i] for i in train} & {values[i] for i in val}
        if both: raise ValueError(
            f"splits has {min(map(str, both))} on both sides: what is trained on cannot be "
            "validated on")
    return train, val


def _checked(splits, n):
    try: parts = [_plain(part) for part in splits]
    except TypeError: parts = []
    if len(parts) != 2 or not all(map(_is_place, chain(*parts))):
        raise TypeError(
            f"splits={short(splits)}: give two lists of places in files (for training, for "
            "validation), a share such as .2, or a function such as RandomSplitter(seed=0)")
    for name, part in zip(('training', 'validation'), parts):
        if not part: raise ValueError(f"splits has no pictures for {name}: give it some")
        wrong = next((i for i in part if not 0 <= i < n), None)
        if wrong is not None: raise ValueError(
            f"splits has {wrong} for {n} files: places go from 0 to {n - 1}")
    twice = [i for i, often in Counter(parts[1]).items() if often > 1]
    if twice: raise ValueError(
        f"splits has {twice[0]} twice for validation: it would count twice; name it once")
    return parts


def _is_place(i): return isinstance(i, Integral) and not isinstance(i, bool)


def kept_only(kept, labels, splits, groups):
    """`labels`, `splits` and `groups` of the files that are `kept` (a truth value for each
    file): what is a list in the order of the files gets shorter."""
    if all(kept): return labels, splits, groups
    def of(values):
        listed = hasattr(values, '__len__') and not isinstance(values, (Mapping, str))
        if not listed: return values
        values = one_for_each('labels and groups', values, len(kept))
        return [value for value, keep in zip(values, kept) if keep]
    if not (splits is None or callable(splits) or isinstance(splits, Real)):
        place = dict(zip((i for i, keep in enumerate(kept) if keep), range(len(kept))))
        splits = [[place[i] for i in part if kept[i]] for part in _checked(splits, len(kept))]
    return of(labels), splits, of(groups)
