"""Recipes that have a name: the best ones that chapter 9 found, for two cores and for a GPU."""
from ..core.checks import did_you_mean
from .recipe import Recipe

__all__ = ['SOTA', 'sota']

_ALL = dict(
    data='imagenette', report='reported', schedule='linear',
    opt={'muon': {}}, loss={'LabelSmoothingCrossEntropy': {'eps': .1}})
# Pictures of the test are an eighth or a twelfth larger than the largest training pictures.
_TWO_CORES = _ALL | dict(
    arch={'plain_net': {'widths': [24, 48, 128, 256, 512], 'act': 'gelu'}},
    size=72, presize=96, bs=128, lr=.03, augment={'min_scale': .35},
    cbs={'ProgressiveResize': {'small': 32, 'large': 64}, 'WhitenStem': {}})
# By the rules of Imagenette's leaderboard: tested at no more than the largest training size.
_GPU = _ALL | dict(
    arch={'plain_net': {'blocks': [0, 1, 1], 'act': 'gelu'}}, size=128, presize=160, bs=64,
    lr=.02, cbs={'ProgressiveResize': {'small': 96, 'multiple': 16}})

SOTA = {
    'minutes-5': _TWO_CORES | dict(epochs=13),
    'minutes-15': _TWO_CORES | dict(
        epochs=20, size=104, presize=128,
        cbs={'ProgressiveResize': {'small': 48, 'large': 96}, 'WhitenStem': {}}),
    'hour': _TWO_CORES | dict(
        epochs=46, size=144, presize=160,
        cbs={'ProgressiveResize': {'small': 64, 'large': 128}, 'WhitenStem': {}}),
    'gpu-5-epochs': _GPU | dict(epochs=5),
    'gpu-20-epochs': _GPU | dict(epochs=20),
    'gpu-80-epochs': _GPU | dict(epochs=80),
}


def sota(
    named: str, /,  # one of `SOTA`
    **changes,      # fields of a `Recipe`
) -> Recipe:
    """A recipe of chapter 9, by its name.

    Raises `ValueError` for a name that there is not, and what `Recipe` raises for `changes`."""
    if named not in SOTA: raise ValueError(
        f"no recipe is called {named!r}{did_you_mean(named, SOTA)}")
    return Recipe(**{'name': named, **SOTA[named], **changes})
