"""Chapters 7 and 8: Mixup and label smoothing, with true and with wrong labels."""
from dataclasses import replace

from sotatrain.experiment import Recipe

from .learner import SMALL

MIXUP = dict(cbs={'MixUp': {}})
SMOOTHING = dict(loss={'LabelSmoothingCrossEntropy': {}})
BOTH = MIXUP | SMOOTHING

WAYS = {'plain': {}, 'Mixup': MIXUP, 'smoothing': SMOOTHING, 'Mixup and smoothing': BOTH}
TWO = {name: WAYS[name] for name in ('plain', 'smoothing')}
VARIANTS = {name: dict(cbs={name: {}}) for name in ('CutMix', 'ManifoldMixUp', 'MixOne')}


def naming(first):
    "A function that gives the recipe in several `ways`, named after them."
    def named(suffix, ways, **changes):
        return [
            replace(first, name=name + suffix, **way, **changes) for name, way in ways.items()]
    return named


def soft_targets(first, few, many):
    "Smoothing also for `few` and for `many` epochs."
    named = naming(first)
    return [
        *named('', WAYS),
        *named(', 25 wrong', WAYS, noise=25),
        *named(', 50 wrong', TWO, noise=50),
        *named(', 5 wrong', TWO, noise=5),
        *named('', VARIANTS),
        *named(f', {few} epochs', TWO, epochs=few),
        *named(f', {many} epochs', TWO, epochs=many),
        *named(f', 50 wrong, {many} epochs', TWO, noise=50, epochs=many)]


def at_lengths(first, *lengths):
    "All four ways, also for other numbers of epochs."
    named = naming(first)
    others = (named(f', {epochs} epochs', WAYS, epochs=epochs) for epochs in lengths)
    return sum(others, named('', WAYS))


MIDDLE = Recipe(
    data='imagenette', arch='xresnet18', size=128, epochs=20, bs=64, lr=6e-3, presize=160)

EXPERIMENTS = {
    # Few photographs, so that many epochs are affordable, and networks memorize early.
    'soft-targets': soft_targets(
        replace(SMALL, size=32, presize=40, epochs=20), few=5, many=60),
    'soft-targets-128': at_lengths(MIDDLE, 5, 80)}
PER_CLASS = {'soft-targets': 200}
