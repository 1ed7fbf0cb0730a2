"""Doodlenette: the ten classes of Imagenette drawn by code, for readers without a network.

    >>> path = doodlenette()      # the first call draws 3000 pictures, others return at once
    >>> draw('church', seed=1)    # one picture
    >>> portrait('church')        # a clean one, fit for a book cover

There are three layers, each built on the one above it:

* `pen` fills polygons, in coordinates that travel with the object being drawn;
* `props`, `objects` and `places` are short functions that take a pen and a random generator;
* `dataset` composes one picture (`draw`), and writes a whole set of them (`doodlenette`)."""
from ..core.docs import document
from .dataset import CLASSES, doodlenette, draw, portrait

__all__ = ['CLASSES', 'draw', 'portrait', 'doodlenette']

document(__name__)
