"""Predictions for any number of pictures, in the memory of a few."""
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.checks import whole
from ..core.docs import document
from ..core.pictures import has_picture_name
from ..core.threads import ahead_in_threads
from ..presize import load_square
from .views import Views

__all__ = ['Prediction', 'picture_files', 'predictions']


class Prediction(NamedTuple):
    "What a model says of one picture, or why it cannot."
    source: object         # what was given
    probabilities: Tensor  # of the classes; None if the picture cannot be decoded
    error: Exception       # None if it can


def predictions(
    model,                # a `Classifier`
    sources: Iterable,    # paths, bytes, Pillow images, arrays, tensors: as many as you like
    bs: int = 64,         # pictures at a time
    tta=False,            # see `Classifier.predict`
    workers: int = None,  # threads that decode; one for each core if not given
) -> Iterator:            # of `Prediction`, in the order of the sources
    """Predictions, one after the other. The next two batches are decoded while the network
    works on one, and no others are in memory.

    A picture that cannot be decoded has its error; it stops nothing."""
    whole('bs', bs)
    views = Views.for_model(model.about, tta)
    side = model.prepare.side
    def decode(source):
        try: return source, *load_square(source, side), None
        except (OSError, ValueError, TypeError) as error: return source, None, None, error
    return _predicted(model, ahead_in_threads(decode, sources, 2*bs, workers), bs, views)


def _predicted(model, decoded, bs, views):
    while (yield from _one_batch(model, [*islice(decoded, bs)], views)) == bs: pass


def _one_batch(model, batch, views):
    "A function of its own: nothing of a batch is left when the next one is made."
    answers = iter(_answers(model, batch, views))
    for source, _, _, error in batch:
        yield Prediction(source, None if error else next(answers), error)
    return len(batch)


@torch.inference_mode()
def _answers(model, batch, views):
    "Probabilities of the pictures that could be decoded, on the processor."
    good = [(square, aspect) for _, square, aspect, error in batch if not error]
    if not good: return ()
    squares, aspects = zip(*good)
    squares = torch.from_numpy(np.stack(squares)).to(model.device)
    aspects = torch.tensor(aspects, dtype=torch.float32, device=model.device)
    answer = model.merged if views else model
    return answer(squares, aspects, *filter(None, [views])).cpu()


def picture_files(
    folder: Path,
) -> Iterator:  # of paths, sorted in each folder
    """All files below a folder that are pictures by their names, hidden ones left out. No more
    than the names of one folder on the way are in memory."""
    with os.scandir(folder) as found: entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith('.'): continue
        if entry.is_dir(): yield from picture_files(entry.path)
        elif has_picture_name(entry.name): yield Path(entry.path)


document(__name__)
