"""Chapters 2 to 4: the baseline, and what is compared with it."""
from dataclasses import replace

from sotatrain.experiment import Recipe

# Photographs at a size at which two processor cores need minutes for a run.
SMALL = Recipe(
    'baseline', data='imagenette', arch='xresnet18', size=64, epochs=5, bs=64, lr=6e-3)
# The network of the profiles for a processor, which chapter 9 explains
PLAIN = replace(SMALL, name='plain_net', arch='plain_net')
RATES = .006, .0006, .002, .02


def _at_large_size(size):
    "At the size of chapter 7 of fastbook: a minute a run on a large GPU, days on two cores."
    first = Recipe(
        data='imagenette', arch='xresnet50', size=size, epochs=5, bs=64, lr=3e-3,
        presize=max(160, size))
    return [first, replace(first, name='normalized', batch_tfms={'Normalize': {}})]


EXPERIMENTS = {
    'learner-64': [
        SMALL,
        replace(SMALL, name='DataBlock', loader='datablock'),
        replace(SMALL, name='normalized', batch_tfms={'Normalize': {}}),
        replace(SMALL, name='fp32', bf16=False),
        PLAIN],
    'learner-rates-32': [
        replace(PLAIN, name=f'rate {lr}', data='doodlenette', size=32, lr=lr) for lr in RATES],
    'learner-128': _at_large_size(128),
    'learner-224': _at_large_size(224)}
