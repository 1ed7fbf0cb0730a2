"""The book's claims on all 9,469 photographs, with a network that is small enough for it.

`python -m experiments.queue` works the plan off. Decided beforehand: the recipes, and from how
many seeds each is run (`seeds_of`); LOG.md and the chapters tell the exceptions."""
from dataclasses import replace

from sotatrain.experiment import Recipe, sota

from .mixup import WAYS, naming
from .resizing import in_stages
from .tta import ways_to_predict

# The slim network of chapter 9, with chapter 3's rate and schedule, at 32 px: 16 million
# multiply-adds a picture, so that 80 epochs are 72 TFLOP, minutes on two cores.
FIRST = Recipe(
    'plain', data='imagenette', arch={'plain_net': {'widths': [24, 48, 128, 256, 512]}},
    size=32, presize=40, epochs=20, bs=64, lr=6e-3, opt={'fast_adamw': {}},
    augment={'min_scale': .35}, cbs={'ValidateEvery': {'n': 10}}, report='reported')
LENGTHS = 5, 20, 80
NOISE = 5, 25, 50


def _with(way):
    "Callbacks of a way beside those of the first recipe."
    return way | {'cbs': FIRST.cbs | way.get('cbs', {})}


FOUR = {name: _with(way) for name, way in WAYS.items()}
MANY = FOUR | {
    'Mixup .2': _with(dict(cbs={'MixUp': {'alpha': .2}})),
    'Mixup, not at the end': _with(dict(cbs={'MixUp': {'until': .8}})),
    'CutMix': _with(dict(cbs={'CutMix': {}}))}


def at_all_lengths():
    named = naming(FIRST)
    runs = (named(f', {epochs} epochs', MANY, epochs=epochs) for epochs in LENGTHS)
    normalized = replace(FIRST, name='normalized, 20 epochs', batch_tfms={'Normalize': {}})
    return [*sum(runs, []), normalized]


def with_wrong_labels():
    named = naming(FIRST)
    return sum((named(f', {noise} wrong, {epochs} epochs', FOUR, noise=noise, epochs=epochs)
                for epochs in (20, 80) for noise in NOISE), [])


def at_equal_cost():
    """About 28 TFLOP each, whatever their sizes, but for `growing late`, which takes 24. The
    last two differ in the loader; what harder crops cost shows beside the first."""
    fixed = replace(FIRST, size=64, presize=80, cbs={'ValidateEvery': {'n': 100}})
    def grow(begin, end): return fixed.cbs | {
        'ProgressiveResize': {'small': 32, 'begin': begin, 'end': end}}
    return [
        replace(fixed, name='64 px', epochs=8),
        replace(fixed, name='48 px', size=48, epochs=14),
        replace(fixed, name='growing early', epochs=12, cbs=grow(0., .75)),
        replace(fixed, name='growing late', epochs=12, cbs=grow(.2, .9)),
        replace(in_stages(fixed, dict(size=32, epochs=16), dict(epochs=4, lr=3e-3)),
                name='stages'),
        replace(fixed, name='64 px, mild crops', epochs=8, augment={}),  # a DataBlock's
        replace(fixed, name='64 px, DataBlock', epochs=8, loader='datablock', augment={})]


STRONG = {'TrivialColours': {}, 'Erase': {}}
NETS = {'small': [12, 24, 64, 128, 256], 'large': [32, 64, 128, 256, 512]}


def strong_augmentation():
    return [
        replace(FIRST, name=f'{size} network{suffix}', arch={'plain_net': {'widths': widths}},
                cbs=FIRST.cbs | more)
        for size, widths in NETS.items() for suffix, more in (('', {}), (', strong', STRONG))]


def batch_sizes():
    "Adam's rate goes with the square root of the size; or it stays as it is."
    def sized(bs, rate, suffix=''):
        return replace(FIRST, name=f'batches of {bs}{suffix}', bs=bs, lr=round(rate, 5))
    sizes = {64: 1., 32: .5**.5, 256: 2., 1024: 4.}
    scaled = [sized(bs, FIRST.lr * factor) for bs, factor in sizes.items()]
    return scaled + [sized(bs, FIRST.lr, ', same rate') for bs in (32, 256, 1024)]


EXPERIMENTS = {
    'claims-soft': at_all_lengths(),
    'claims-wrong': with_wrong_labels(),
    'claims-sizes': at_equal_cost(),
    'claims-strong': strong_augmentation(),
    'claims-batches': batch_sizes(),
    'claims-tta': ways_to_predict(sota('minutes-15'))}


def seeds_of(recipe):
    """How many a recipe is run from: five; three in long runs with wrong labels, where large
    differences are to be expected."""
    is_long = recipe.epochs and recipe.epochs > 40
    return 3 if is_long and recipe.noise else 5
