"""From a folder of photographs to a model, without a recipe: the page before chapter 1."""
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from fastai.vision.all import Learner

from ..core.checks import as_path
from ..core.docs import document
from ..data import check_no_leak
from ..transfer import (
    answers,
    interval,
    most,
    pretrained,
    pretrained_dls,
    probe,
    transfer_learner,
)
from .stream import picture_files

__all__ = ['NETWORK', 'Photographs', 'learn_photographs', 'photographs', 'report']

NETWORK = 'tf_efficientnet_lite0'


class Photographs(NamedTuple):
    "Files, and the class and the group of each; no groups if each is by itself."
    files: list
    labels: list
    groups: list = None


def photographs(
    folder: Path,
    pattern: str = None,  # see `learn_photographs`
) -> Photographs:
    """All pictures below a folder; the folder in it that they are in is their class.

    Raises `ValueError` for a picture that is in none, for fewer than two classes, and for a
    name without a match of the pattern."""
    folder = as_path('folder', folder)
    files = [*picture_files(folder)]
    loose = [file for file in files if file.parent == folder]
    if loose: raise ValueError(
        f"{loose[0]} is in no class's folder: move it into one, or elsewhere")
    labels = [file.relative_to(folder).parts[0] for file in files]
    if len({*labels}) < 2: raise ValueError(
        f"{folder}: folders in it that have pictures: {len({*labels})}. Have two or more, "
        "one for each class")
    return Photographs(files, labels, pattern and _groups(files, pattern))


def _groups(files, pattern):
    try: find = re.compile(pattern).search
    except re.error as error: raise ValueError(
        f"{pattern!r} is no regular expression: {error}") from None
    matches = [find(file.name) for file in files]
    if None in matches: raise ValueError(
        f"{files[matches.index(None)].name!r} has no match of {pattern!r}: take a pattern that "
        "fits all names")
    return [match[0] for match in matches]


def learn_photographs(
    folder: Path,         # with a folder for each class, or with train/ and val/
    size: int = 128,      # side of the crops, px
    group: str = None,    # regular expression: files whose names match alike stay together
    seed: int = 0,        # of what is held back: a fifth
    **more,               # more for `get_dls`: device, on_error
) -> Learner:
    """A trained network's last layer, fitted to photographs of one's own (chapter 10).

    Raises `ValueError` for what is no folder of photographs, and for copies on both sides; and
    what `get_dls` raises."""
    given = _described(as_path('folder', folder), group)
    model = pretrained(n_out=2, seed=seed)
    dls = pretrained_dls(model, 1, size=size, seed=seed, **given, **more)
    check_no_leak(dls, content=True)
    # how many classes and pictures there are is known now that all have been read
    model.reset_classifier(dls.c)
    dls.loaders = [dl.new(bs=min(32, len(dl.dataset))) for dl in dls.loaders]
    learn = transfer_learner(dls, model, bf16=False)  # as it will answer when it is saved
    probe(learn)
    return learn


def _described(folder, group):
    "What `get_dls` takes. Raises `ValueError` for a folder that is split in another way."
    train, val = folder/'train', folder/'val'
    if train.is_dir() and not val.is_dir() and any(map(Path.is_dir, train.iterdir())):
        raise ValueError(
            f"{folder} has a folder train with folders in it, and no val: give the photographs "
            "to hold back this name, or move the classes up")
    if not (train.is_dir() and val.is_dir()): return photographs(folder, group)._asdict()
    if group is not None: raise ValueError(
        f"{folder} is split into train and val already: leave the groups out")
    photographs(train)  # for its errors: a picture in no class, one class alone
    return dict(path=folder)


def report(learn: Learner) -> str:
    "How many held-back photographs are right, against the simplest rival; what to look at."
    table = answers(learn)
    right, n = int((table.label == table.answer).sum()), len(table)
    low, high = interval(right, n)
    common, times = Counter(table.label).most_common(1)[0]
    skipped = [*learn.dls.train.store.skipped]
    lines = [f'left out, as it cannot be read: {file}' for file in skipped]
    lines += [
        f'{right} of {n} photographs held back are right: {right/n:.0%}, 95 % interval '
        f'{low:.0%} to {high:.0%} (always saying {common}: {times/n:.0%})']
    wrong = most(table, 'wrong')
    if len(wrong): lines.append('the most confident mistakes:')
    lines += [f'  {row.file}: {row.answer} {row.p_answer:.2f}' for row in wrong.itertuples()]
    return '\n'.join(lines)


document(__name__)
