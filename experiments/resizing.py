"""Chapter 5: plans of about equal time.

On two cores, an epoch at 32 px takes .46 of the time of one at 64 px; on a large GPU, one at
128 px takes about a third of one at 224 px."""
from dataclasses import replace

from sotatrain.experiment import Recipe

from .learner import SMALL


def in_stages(first, *stages):
    "The recipe with what differs from stage to stage given by `stages`."
    one = {name: getattr(first, name) for name in ('size', 'epochs', 'bs', 'lr')}
    return replace(first, **dict.fromkeys(one), stages=[one | stage for stage in stages])


def plans(
    first,        # all epochs at its size
    small,        # the other size, px
    all_small,    # epochs at the small size alone
    early, late,  # epochs of two stages
    growing,      # epochs with a size that grows
    begin, end,   # from this fraction of the training to that one
):
    before, after = dict(size=small, epochs=early), dict(epochs=late, lr=first.lr / 2)
    grow = {'ProgressiveResize': {'small': small, 'begin': begin, 'end': end}}
    fine_tune = after | {'schedule': 'fine_tune'}
    return [
        replace(first, name=f'{first.size} px'),
        replace(first, name=f'{small} px', size=small, epochs=all_small),
        replace(in_stages(first, before, after), name='stages'),
        replace(in_stages(first, before, fine_tune), name='stages, fine_tune'),
        replace(first, name='growing', epochs=growing, cbs=grow)]


LARGE = Recipe(
    data='imagenette', arch='xresnet50', size=224, epochs=6, bs=64, lr=3e-3, presize=224)

EXPERIMENTS = {
    'resizing-64': plans(
        replace(SMALL, epochs=3, presize=80), small=32,
        all_small=6, early=2, late=2, growing=4, begin=.2, end=.9),
    'resizing-224': plans(
        LARGE, small=128, all_small=18, early=9, late=3, growing=9, begin=0., end=.75)}
