"""The course's run profiles: how big a run is, and on which data.

The numbers are in `settings.ini`, which a reader may edit; this module reads, checks and shows
them."""
import os
import sys
from configparser import ConfigParser
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path

from .core.checks import nearest
from .core.docs import document
from .core.machine import explain_out_of_memory, has_gpu

__all__ = ['Settings', 'load', 'profiles', 'settings_file']


@dataclass(frozen=True, repr=False)
class Settings:
    """One profile's settings.

    They cannot be changed, so that a chapter means the same from its first cell to its last."""
    profile: str  # name of the profile
    data: str     # data set: a name that `dataset` knows, or a folder with train/ and val/
    n_train: int  # training pictures to draw (Doodlenette only)
    n_val: int    # validation pictures to draw (Doodlenette only)
    presize: int  # side to which every image is resized once, px
    small: int    # side of the crops early in progressive resizing, px
    size: int     # side of the crops the network sees, px
    bs: int       # images in a batch
    arch: str     # the network, by its fastai name
    epochs: int   # passes over the training images
    lr: float     # highest learning rate of the one-cycle schedule
    seeds: int    # repeated runs of a comparison
    workers: int  # processes that load images

    def __post_init__(self):
        for name, kind in _kinds().items():
            _check_type(name, getattr(self, name), kind)
            _check_range(name, getattr(self, name), kind)

    @property
    def source(self):
        "The data set as `dataset` takes it, the number of drawn pictures included."
        if self.data != 'doodlenette': return self.data
        return f'doodlenette-{self.n_train}-{self.n_val}'

    def __repr__(self):
        return '\n'.join(f'{name:<8} {getattr(self, name)}' for name in _kinds())

    def _repr_markdown_(self):
        rest = ' · '.join(f'{name} `{getattr(self, name)}`' for name in _names())
        return (f"**Profile `{self.profile}`**: {rest}\n\n"
                f"*Another size of run? Name a profile in the first cell "
                f"(`{'`, `'.join(profiles())}`), or change its numbers in `settings.ini`.*")


def load(
    profile: str = None,  # `smoke`, `cpu`, `gpu`, `long`, or your section of `settings.ini`
    **overrides,          # settings to change, such as `size=96`; `None` leaves one as it is
) -> Settings:
    """The settings of `profile`, with `overrides`.

    Without a profile, the environment variable `SOTATRAIN_PROFILE` decides, and without that
    the machine does: `gpu` where PyTorch sees one, `cpu` elsewhere. Without a `data` override,
    `SOTATRAIN_DATA` may name the data. In a notebook, a GPU that runs out of memory is from
    then on an error of one sentence, which says what to lower.

    Raises `ValueError` for an unknown profile or an impossible value, `TypeError` for an
    unknown setting or a value of the wrong type; each names the value and the choices."""
    profile = profile or os.environ.get('SOTATRAIN_PROFILE') or _default_profile()
    from_environment = _given(data=os.environ.get('SOTATRAIN_DATA') or None)
    values = _section(profile) | from_environment | _given(**overrides)
    _check_names(values, 'load()')
    settings = Settings(profile=profile, **values)
    if _may_be_notebook(): explain_out_of_memory(_what_to_lower(settings))
    return settings


def profiles() -> list:
    "Names of the profiles in `settings.ini`."
    return _parser().sections()


def settings_file() -> Path:
    "The `settings.ini` in use: the one that the wheel carries, or the checkout's."
    here = Path(__file__).resolve().parent
    packaged = here/'settings.ini'
    return packaged if packaged.exists() else here.parent/'settings.ini'


def _kinds(): return {f.name: f.type for f in fields(Settings)}

def _names(): return [name for name in _kinds() if name != 'profile']

def _given(**values):
    "Those that are not `None`; a path becomes text."
    given = {name: value for name, value in values.items() if value is not None}
    return {k: os.fspath(v) if isinstance(v, os.PathLike) else v for k, v in given.items()}


def _may_be_notebook():
    "Whether a notebook may be running, with PyTorch; importing neither to find out."
    return 'torch' in sys.modules and 'IPython' in sys.modules

def _what_to_lower(settings):
    return (f'bs (now {settings.bs}) or size (now {settings.size} px) '
            f'in [{settings.profile}] of settings.ini')


def _default_profile(): return 'gpu' if has_gpu() else 'cpu'


def _parser():
    parser = ConfigParser(interpolation=None)
    parser.read_string(settings_file().read_text(encoding='utf-8'), source='settings.ini')
    return parser


def _section(profile):
    parser = _parser()
    if profile not in parser:
        raise ValueError(
            f"unknown profile {profile!r}: choose one of {', '.join(parser.sections())}, "
            "or add a section of that name to settings.ini")
    raw = dict(parser[profile])
    _check_names(raw, f'settings.ini, [{profile}]')
    missing = sorted(set(_names()) - raw.keys())
    if missing:
        raise ValueError(
            f"settings.ini, [{profile}] lacks {', '.join(missing)}: add a line for each")
    return {name: _parse(profile, name, text) for name, text in raw.items()}


def _parse(profile, name, text):
    kind = _kinds()[name]
    try: return kind(text)
    except ValueError:
        message = f"settings.ini, [{profile}]: {name} = {text} is not {_article(kind)}"
        raise TypeError(message) from None


def _check_names(values, where):
    for name in values:
        if name in _names(): continue
        near = nearest(name, _names())
        meant = f'; did you mean {near}?' if near else ''
        known = ', '.join(_names())
        raise TypeError(f"{where}: unknown setting {name!r}{meant} The settings are {known}")


def _check_type(name, value, kind):
    kinds = (int, float) if kind is float else kind  # a whole number is a number
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(
            f"{name}={value!r} is {_article(type(value))}: it must be {_article(kind)}")


def _check_range(name, value, kind):
    if kind is str:
        if not value.strip(): raise ValueError(f"{name} is empty: give it a name")
    elif name == 'workers':
        if value < 0: raise ValueError(f"{name}={value}: it must be 0 or more")
    elif not 0 < value < inf:
        raise ValueError(f"{name}={value}: it must be more than 0, and finite")


def _article(kind):
    names = {int: 'a whole number', float: 'a number', str: 'text'}
    return names.get(kind, f'of type {kind.__name__}')


document(__name__)
