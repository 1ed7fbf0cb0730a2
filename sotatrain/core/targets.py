"""What a network should say of each picture: a class, several, or numbers.

With checks, because this comes from a user's own tables."""
import os
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from fastai.vision.all import (
    BCEWithLogitsLossFlat,
    Categorize,
    CrossEntropyLossFlat,
    MSELossFlat,
    MultiCategorize,
    OneHotEncode,
    RegressionSetup,
    Transform,
    accuracy,
    accuracy_multi,
    mae,
)

from .checks import did_you_mean
from .content import below
from .split import one_for_each
from .wording import short

__all__ = ['TargetOf', 'absolute', 'check_folders', 'classes_of', 'encoders', 'files_below',
           'labels_for', 'learning_of', 'one_each', 'without_tables']


def absolute(file) -> Path:
    "A file's full path, without dots; links are not followed."
    try: full = os.path.abspath(os.path.expanduser(file))
    except TypeError: raise TypeError(
        f"files has {short(file)}: give paths of pictures") from None
    is_full = isinstance(file, Path) and os.fspath(file) == full
    return file if is_full else Path(full)  # which takes pathlib a while


def files_below(
    files: list,        # paths
    root: Path = None,  # a folder above all of them; the nearest one if not given
) -> tuple:             # (full paths, the folder)
    """Raises `TypeError` for what is no list of paths, `ValueError` for an empty one and for a
    file that is elsewhere, `FileNotFoundError` for one that does not exist."""
    if isinstance(files, (str, bytes, os.PathLike)) or not hasattr(files, '__len__'):
        raise TypeError(f"files={short(files)}: give a list of paths of pictures")
    if not len(files): raise ValueError("files is empty: give paths of pictures")
    files = list(files)
    for i, file in enumerate(files):
        if not isinstance(file, (str, os.PathLike)): raise TypeError(
            f"files[{i}] is {short(file)}: give paths of pictures, and leave out rows that "
            "have none")
    files = [absolute(file) for file in files]
    if root is None: root = Path(os.path.commonpath([file.parent for file in files]))
    for file in files:
        try: below(file, root)
        except ValueError: raise ValueError(
            f"{file} is not below root={root}: give a folder above all files, or none"
        ) from None
        if not os.path.isfile(file): raise FileNotFoundError(
            f"{file} does not exist, or is a folder or a broken link: check the name, or "
            "leave it out")
    return files, root


# --- labels

class TargetOf(Transform):
    "A file's target from a table; of any other file, such as a new one, what `otherwise` says."
    input_types = object  # asked by `test_dl`: text is a path here, and a class in a later step
    def __init__(self, table, otherwise=None): self.table, self.otherwise = table, otherwise

    def encodes(self, file):
        file = absolute(file)
        if file in self.table: return self.table[file]
        if self.otherwise: return self.otherwise(file)
        raise ValueError(
            f"no label is known for {file}: leave out with_labels=True, or make loaders of it")

    def without_table(self): return TargetOf({}, self.otherwise)


def without_tables(dataset):
    "Take the tables out of an empty `Datasets`, whose transforms may be another's too."
    for tl in dataset.tls:
        tl.tfms.fs = tl.tfms.fs.map(
            lambda t: t.without_table() if isinstance(t, TargetOf) else t)


def labels_for(
    files: list,   # full paths
    labels,        # a table by path, a function of a path, or one for each file, in order
    default=None,  # a function of a path, where `labels` is None
) -> list:
    """The label of each file. Raises `ValueError` that names a file without one."""
    if labels is None: labels = default
    if isinstance(labels, Mapping): labels = _looked_up(files, labels)
    elif callable(labels): labels = [_asked(labels, file) for file in files]
    return one_for_each('labels', labels, len(files))


def _looked_up(files, table):
    table = {absolute(file): label for file, label in table.items()}
    missing = next((file for file in files if file not in table), None)
    if missing: raise ValueError(
        f"labels has none for {missing}: "
        "give one for each picture, as noisy_labels(path, 25) does")
    return [table[file] for file in files]


def _asked(function, file):
    try: return function(file)
    except Exception as error: raise ValueError(
        f"labels, the function, fails for {file} ({type(error).__name__}: {error}): "
        "it takes a path and returns a label") from error


def one_each(files: list, labels: list) -> dict:
    "A table of labels. Raises `ValueError` for a file that has two different ones."
    table = {}
    for file, label in zip(files, labels):
        if repr(table.setdefault(file, label)) != repr(label): raise ValueError(
            f"labels gives {table[file]!r} and {label!r} for {file}: give one of them")
    return table


def classes_of(files, labels, vocab, name):
    """Labels of single classes by their names (`name` is a function), and the classes in order.
    If `labels` are something else, they come back with no classes.

    Raises `ValueError` for a label that is no class, naming it and its file."""
    single = [isinstance(label, (str, Integral)) for label in labels]
    if not all(single): return labels, None
    labels = [name(label) for label in labels]
    for file, label in zip(files, labels):
        if label not in vocab: raise ValueError(
            f"labels gives {label!r} for {file}, which is no class of this data set"
            f"{did_you_mean(label, vocab)}; for classes of your own give files and splits")
    return labels, vocab


# --- from labels to tensors

def encoders(
    files: list,    # for errors
    targets: list,  # of each file
    vocab=None,     # the classes, in order; those that occur, sorted, if not given
) -> list:          # fastai's transforms from a target to a tensor
    """Text and whole numbers are classes, fractions are quantities; lists of these are several
    classes, or several quantities, for each picture.

    Raises `TypeError` for other targets and mixed ones, `ValueError` for numbers that are not
    finite and for lists of different lengths."""
    _check_named(files, targets)
    forms = [_form(target) for target in targets]
    listed, kinds = ({*part} for part in zip(*forms)) if forms else ({False}, set())
    kinds = frozenset().union(*kinds)
    if len(listed) > 1 or kinds not in _KINDS: raise _mixed(files, targets, forms)
    if 'fraction' in kinds: return [RegressionSetup(c=_width(files, targets))]
    if listed == {False}: return [Categorize(vocab=vocab or _two_or_more(targets), sort=False)]
    vocab = vocab or sorted({label for several in targets for label in several})
    if not vocab: raise ValueError("labels is empty for each file: give one some, or more")
    return [MultiCategorize(vocab=vocab), OneHotEncode(c=len(vocab))]


def _check_named(files, targets):
    "Raises `ValueError` for an empty name, and for 0 and 1 in place of names."
    rows = [_values(target)[1] for target in targets]
    empty = next((file for file, row in zip(files, rows) if '' in row), None)
    if empty: raise ValueError(
        f"labels gives an empty name for {empty}: give a class, or leave the file out")
    if rows and all(_is_one_hot(row, len(rows[0])) for row in rows): raise ValueError(
        f"labels gives {short(rows[0])} for {files[0]}: this looks like 0 or 1 for each class; "
        "give a list of the names of those that are there")


def _is_one_hot(row, n):
    return len(row) == n > 1 and all(isinstance(v, Real) and v in (0, 1) for v in row)


def _two_or_more(labels):
    "The classes, in order."
    classes = sorted(set(labels))
    if len(classes) < 2: raise ValueError(
        f"all labels are {short(classes[0])}: a classifier needs two classes; add pictures of "
        "something else")
    return classes


def check_folders(files, name):
    "Raises `ValueError` for two folders of `files` that mean the same class, by `name`."
    meant = {}
    for folder in sorted({Path(file).parent for file in files}):
        first = meant.setdefault(name(folder.name), folder.name)
        if first != folder.name: raise ValueError(
            f"folders {first} and {folder.name} both mean the class {name(folder.name)}: give "
            "labels, or give one of the folders another name")


LEARNING = {  # what teaches each kind of target, and what measures it
    OneHotEncode: (BCEWithLogitsLossFlat, accuracy_multi),
    RegressionSetup: (MSELossFlat, mae)}

def learning_of(dls) -> tuple:
    "A loss function and a metric for the targets of `dls`; for classes, if nothing is known."
    found = next((LEARNING[kind] for kind in _encoders_of(dls) if kind in LEARNING), None)
    loss, metric = found or (CrossEntropyLossFlat, accuracy)
    return loss(), metric


def are_several(dls) -> bool:
    "Whether a picture of `dls` may have several labels."
    return OneHotEncode in _encoders_of(dls)


def are_numbers(dls) -> bool:
    "Whether the targets of `dls` are quantities."
    return RegressionSetup in _encoders_of(dls)


def _encoders_of(dls):
    "The kinds of the transforms that make targets."
    tls = getattr(dls.train.dataset, 'tls', None) or [()]
    return [type(tfm) for tfm in getattr(getattr(tls[-1], 'tfms', None), 'fs', ())]


_KINDS = [{*kinds.split()} for kinds in ('', 'text', 'whole', 'fraction', 'whole fraction')]

def _values(target):
    "Whether a target is a list, and what it says."
    if hasattr(target, 'tolist'): target = target.tolist()  # an array's, a tensor's
    listed = isinstance(target, (list, tuple, set, frozenset))
    return listed, [*target] if listed else [target]

def _form(target):
    "Whether a target is a list, and the kinds of what it says."
    listed, values = _values(target)
    return listed, frozenset(map(_kind, values))

def _kind(value):
    kinds = dict(text=str, whole=Integral, fraction=Real)
    return next((name for name, kind in kinds.items() if isinstance(value, kind)), 'nothing')


def _mixed(files, targets, forms):
    alone = (i for i, (_, kinds) in enumerate(forms) if kinds not in _KINDS)
    other = (i for i, form in enumerate(forms) if form != forms[0])
    i = next(alone, next(other, 0))
    j = next((j for j, form in enumerate(forms) if form != forms[i]), i)
    other = '' if j == i else f", and {short(targets[j])} for {files[j]}"
    return TypeError(
        f"labels gives {short(targets[i])} for {files[i]}{other}: give text or a whole number "
        "(a class), a fraction (a quantity), or a list of these, the same kind for all, and "
        "leave out files without a label")


def _width(files, targets):
    "How many numbers each target has."
    widths = {np.shape(target) for target in targets}
    if len(widths) > 1: raise ValueError(
        f"labels gives {' and '.join(str(w[0] if w else 1) for w in sorted(widths)[:2])} "
        "numbers: give the same number of them for all")
    bad = next((f for f, t in zip(files, targets) if not np.isfinite(t).all()), None)
    if bad: raise ValueError(
        f"labels gives a number that is not finite for {bad}: correct it, or leave it out")
    return widths.pop()[0] if widths != {()} else 1
