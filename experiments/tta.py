"""Chapter 6: test-time augmentation in many ways; all of them share a training run."""
from dataclasses import replace

from sotatrain.experiment import Recipe

from .learner import SMALL

WAYS = {
    'plain': None,
    'flip': dict(views='flip', beta=.5),
    'random': {},
    'random 8': dict(n=8),
    'five_crop': dict(views='five_crop'),
    'multi_scale': dict(views='multi_scale'),
    'random, max': dict(merge='max'),
    'random, gmean': dict(merge='gmean')}


def ways_to_predict(first):
    return [replace(first, name=name, tta=tta) for name, tta in WAYS.items()]


MIDDLE = Recipe(
    data='imagenette', arch='xresnet18', size=128, epochs=5, bs=64, lr=6e-3, presize=160)

EXPERIMENTS = {
    'tta-64': ways_to_predict(replace(SMALL, presize=80)),
    'tta-128': ways_to_predict(MIDDLE)}
