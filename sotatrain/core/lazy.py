"""Names of a package that come when they are asked for: with fastai, that takes seconds."""
import sys
from importlib import import_module

__all__ = ['door']


def door(
    package: str,  # its `__name__`
    homes: dict,   # of each name: the module that has it, relative to the package
) -> tuple:        # `__getattr__` and `__dir__` of the package
    "What opens a package whose names come later."
    module = sys.modules[package]

    def get(name):
        if name not in homes: raise AttributeError(
            f'module {package!r} has no attribute {name!r}')
        found = getattr(import_module(homes[name], package), name)
        setattr(module, name, found)
        return found

    def names(): return sorted({*vars(module), *module.__all__})
    return get, names
