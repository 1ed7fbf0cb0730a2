"""Things of one's own in a recipe: a name for each, and a digest of its source.

A stored run keeps the digests, so that a callback that was changed does not serve old runs."""
import hashlib
import inspect
import sys
import textwrap
from functools import partial
from types import CodeType, FunctionType

__all__ = ['OWN', 'sources']

OWN = {}  # by name: what `register` of `names` got


# What a result depends on

LIBRARIES = {'sotatrain', 'fastai', 'fastcore', 'torch', 'torchvision', 'timm', 'numpy'}


def sources(recipe) -> dict:
    """A digest of the source of each registered thing that a recipe names.

    Raises `ValueError` for a thing without a source."""
    fields = [dict([recipe.network]), recipe.opt, recipe.loss, recipe.batch_tfms, recipe.cbs,
              recipe.metrics]
    named = dict.fromkeys(name for field in fields for name in field if name in OWN)
    return {name: digest(name) for name in named}


def digest(name):
    "16 hexadecimal digits of a registered thing's source, and of what of one's own it uses."
    found = {}
    try: _collect(OWN[name], found)
    except (OSError, TypeError) as e: raise ValueError(
        f"{name} has no source that can be read ({e}), so nobody could tell later whether it "
        "was changed: define it in a file or in a cell, or compare without an experiment"
    ) from None
    whole = '\n'.join(f'{key}\n{source}' for key, source in sorted(found.items()))
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _collect(thing, found):
    "The sources of `thing` and of all of one's own that it uses, by their names."
    if isinstance(thing, partial):
        found[repr((thing.args, thing.keywords))] = ''
        return _collect(thing.func, found)
    key = f'{thing.__module__}.{thing.__qualname__}'
    if key in found: return
    found[key] = ''
    if inspect.isclass(thing): _collect_class(thing, key, found)
    else: _collect_function(thing, key, found)


def _collect_class(thing, key, found):
    "Method by method: a notebook's classes have no other source, and `@patch` adds methods."
    for base in thing.__bases__:
        if _is_own(base): _collect(base, found)
    for name, value in vars(thing).items():
        value = getattr(value, '__func__', None) or getattr(value, 'fget', None) or value
        if isinstance(value, FunctionType) and _is_own(value): _collect(value, found)
        elif isinstance(value, PLAIN) and not name.startswith('__'):
            found[f'{key}.{name}'] = repr(value)


PLAIN = int, float, str, bytes, tuple, list, dict, set, frozenset, type(None)


def _collect_function(thing, key, found):
    function = inspect.unwrap(thing)
    found[key] = textwrap.dedent(inspect.getsource(function))
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        if _is_own(value): _collect(value, found)
        elif isinstance(value, (int, float, str)): found[f'{key}: {name}'] = repr(value)


def _names(code):
    "What the code looks up, that of functions inside included."
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType): names |= _names(constant)
    return names


def _is_own(value):
    "A class or a function of no library."
    if not isinstance(value, (type, FunctionType)): return False
    home = (value.__module__ or '').split('.')[0]
    return home not in LIBRARIES and home not in sys.stdlib_module_names
