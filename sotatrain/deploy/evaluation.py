"""How good a model is on pictures whose classes are known: shares with their intervals."""
from array import array
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core import checks
from ..core.checks import did_you_mean
from ..core.docs import document
from ..core.pictures import has_picture_name
from ..data import class_name
from ..transfer import interval
from .card import between, most_confused
from .classifier import Classifier
from .stream import picture_files, predictions

__all__ = ['Evaluation', 'evaluate', 'labelled_files']

BINS = 15  # of the calibration error, as in `calibration_error`
RESAMPLES, SEED = 200, 0  # for its interval


class Evaluation:
    """What came out for some pictures: counts, and five bytes for each of them.

    Intervals are of 95 %, and say how far more pictures of this kind may lead; of other seeds
    they say nothing."""
    def __init__(self, classes: list):
        self.classes = list(classes)
        self.confusion = np.zeros((len(classes), len(classes)), np.int64)  # label × answer
        self.failed = {}  # from a file that could not be decoded to its error
        self._confidence, self._right, self._losses = array('f'), bytearray(), 0.

    def add(self,
        probabilities: Tensor,  # pictures × classes
        labels: Tensor,         # the right class of each
    ):
        checks.tensor('probabilities', probabilities, ('n', len(self.classes)), 'floats',
                      finite=True)
        checks.tensor('labels', labels, (len(probabilities),), 'whole numbers', low=0,
                      high=len(self.classes) - 1)
        confidence, answers = (found.cpu().numpy() for found in probabilities.max(1))
        labels, p = labels.cpu().numpy(), probabilities.cpu().numpy()
        np.add.at(self.confusion, (labels, answers), 1)
        self._confidence.frombytes(confidence.astype(np.float32).tobytes())
        self._right += (answers == labels).tobytes()
        self._losses -= np.log(p[np.arange(len(p)), labels].clip(1e-38)).sum(dtype=float)

    def __len__(self): return int(self.confusion.sum())

    @property
    def right(self) -> int: return int(self.confusion.trace())

    @property
    def accuracy(self) -> dict:
        "`value`, `low` and `high`, Wilson's."
        return share(self.right, len(self))

    @property
    def log_loss(self) -> float: return self._losses / len(self)

    @property
    def calibration_error(self) -> dict:
        """`value`, `low` and `high`: two standard deviations of resampled pictures to each
        side, not below 0."""
        confidence = np.frombuffer(self._confidence, np.float32)
        right = np.frombuffer(self._right, bool)
        bins = (confidence * BINS).astype(int).clip(max=BINS - 1)
        gaps = right - confidence.astype(float)
        def error(rows):
            return np.abs(np.bincount(bins[rows], gaps[rows], BINS)).sum() / len(rows)
        rng, n = np.random.default_rng(SEED), len(bins)
        again = [error(rng.integers(0, n, n)) for _ in range(RESAMPLES)]
        value, half = error(np.arange(n)), 1.96 * np.std(again)
        return dict(value=value, low=max(0., value - half), high=min(1., value + half))

    @property
    def by_class(self) -> dict:
        "For each class with pictures: `value`, `low`, `high` and `n`."
        counts = zip(self.classes, self.confusion.diagonal().tolist(),
                     self.confusion.sum(1).tolist())
        return {name: share(right, n) | dict(n=n) for name, right, n in counts if n}

    def to_dict(self) -> dict:
        "For a JSON file."
        return dict(
            n=len(self), right=self.right, accuracy=rounded(self.accuracy),
            calibration_error=rounded(self.calibration_error),
            log_loss=round(float(self.log_loss), 6),
            by_class={name: rounded(values) for name, values in self.by_class.items()},
            confusion=self.confusion.tolist())

    def __str__(self):
        "For a terminal: all of it, then class by class."
        about = [('accuracy', between(self.accuracy)),
                 ('calibration error', between(self.calibration_error)),
                 ('log loss', f'{self.log_loss:.3f}')]
        classes = [(name, f'{between(found)} of {found["n"]:,}')
                   for name, found in self.by_class.items()]
        confused = [(label, f'taken for {answer}: {n:,} of {of:,}')
                    for label, answer, n, of in most_confused(self.classes, self.confusion)]
        blocks = [f'{len(self):,} pictures', _columns(about), _columns(classes),
                  _columns(confused)]
        return '\n\n'.join(filter(None, blocks))

    def plot(self, ax=None):
        "The confusion as shares of each class, and matplotlib's axes."
        import matplotlib.pyplot as plt
        side = 2 + .45 * len(self.classes)
        ax = ax or plt.subplots(figsize=(side, side), layout='constrained')[1]
        counts = self.confusion.sum(1, keepdims=True)
        shares = self.confusion / np.maximum(counts, 1)
        ax.imshow(shares, cmap='Blues', vmin=0, vmax=1)
        places = range(len(self.classes))
        ax.set_xticks(places, self.classes, rotation=90)
        ax.set_yticks(places, self.classes)
        ax.set(xlabel='answer', ylabel='label')
        if len(places) > 30: return ax  # numbers would not be legible
        for i, j in np.argwhere(self.confusion):
            ax.text(j, i, f'{self.confusion[i, j]:,}', ha='center', va='center', fontsize=8,
                    color='white' if shares[i, j] > .5 else 'black')
        return ax


def _columns(pairs):
    width = max((len(name) for name, _ in pairs), default=0)
    return '\n'.join(f'{name:<{width}}  {text}' for name, text in pairs)


def share(right, n):
    if not n: raise ValueError("no picture was scored: give one or more")
    low, high = interval(right, n)
    return dict(value=right / n, low=low, high=high)


def rounded(values):
    return {name: value if isinstance(value, int) else round(float(value), 6)
            for name, value in values.items()}


def evaluate(
    model: Classifier,
    folder: Path,   # with a folder for each class; or with val/, which has them
    bs: int = 64,   # pictures at a time
    tta=False,      # see `Classifier.predict`
    done=None,      # called after each picture
) -> Evaluation:
    """Score a model on a folder of any size. Pictures that cannot be decoded are in `failed`.

    Raises `ValueError` for a folder that is no class of the model, and if there is no picture
    that can be decoded."""
    found, labels = Evaluation(model.classes), deque()
    def files():
        for file, label in labelled_files(model, folder):
            labels.append(label)
            yield file
    for each in predictions(model, files(), bs, tta):
        label = labels.popleft()
        if each.error: found.failed[each.source] = each.error
        else: found.add(each.probabilities[None], torch.tensor([label]))
        if done: done()
    if not len(found): raise ValueError(_nothing(folder, found.failed))
    return found


def _nothing(folder, failed):
    if not failed: return f"{folder} has no pictures in its classes: give some"
    return f"none of {len(failed)} pictures of {folder} can be decoded: give others"


def labelled_files(
    model: Classifier,
    folder: Path,  # see `evaluate`
) -> Iterator:     # of pairs: file, place of its class
    """Raises `FileNotFoundError` if there is no such folder, and `ValueError` for pictures in
    no class, and for classes that the model does not have."""
    folder = checks.as_path('folder', folder)
    if not folder.is_dir(): raise FileNotFoundError(
        f"{folder} is no folder: name one with a folder for each class")
    if (folder/'val').is_dir() and 'val' not in model.classes: folder = folder/'val'
    inside = [each for each in sorted(folder.iterdir()) if not each.name.startswith('.')]
    labels = {each: _label(model, each) for each in inside if _is_class(each)}
    for each, label in labels.items():
        for file in picture_files(each): yield file, label


def _is_class(path):
    if path.is_dir(): return True
    if not has_picture_name(path): return False
    raise ValueError(
        f"{path} is in no class's folder: make a folder for each class, or use "
        "`sotatrain predict`, which needs none")


def _label(model, folder):
    name = class_name(folder.name)
    if name in model.classes: return model.classes.index(name)
    raise ValueError(
        f"{folder}: {name!r} is no class of the model{did_you_mean(name, model.classes)}")


document(__name__)
