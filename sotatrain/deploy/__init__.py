"""Trained models as data: a folder with weights, all that it takes to use them, and a card."""
from ..core.docs import document
from ..core.lazy import door

_HOMES = {  # what trains and computes
    'Classifier': '.classifier', 'Evaluation': '.evaluation', 'evaluate': '.evaluation',
    'export_model': '.forms', 'load_model': '.folder', 'predictions': '.stream',
    'save_model': '.folder'}

__all__ = [*_HOMES]
__getattr__, __dir__ = door(__name__, _HOMES)

document(__name__)
