"""Trained models as data: a folder with weights, all that it takes to use them, and a card."""
from importlib import import_module

from ..core.docs import document

_HOMES = {  # what trains and computes is imported when it is asked for
    'Classifier': 'classifier', 'Evaluation': 'evaluation', 'evaluate': 'evaluation',
    'export_model': 'forms', 'load_model': 'folder', 'predictions': 'stream',
    'save_model': 'folder'}

__all__ = [*_HOMES]


def __getattr__(name):
    if name not in _HOMES: raise AttributeError(
        f'module {__name__!r} has no attribute {name!r}')
    found = getattr(import_module(f'.{_HOMES[name]}', __name__), name)
    globals()[name] = found
    return found


def __dir__(): return sorted({*globals(), *__all__})


document(__name__)
