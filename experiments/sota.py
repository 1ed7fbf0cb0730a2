"""Chapter 9: the parts of the recipe for two cores, each left out or added alone."""
from dataclasses import replace

from sotatrain.experiment import Recipe, sota

# Half the epochs of the shortest recipe that has a name, so that five seeds of all are to be
# had: about 18 TFLOP a run, four of which are Muon's. Where an epoch costs more or less, there
# are as many as come nearest to that.
ONCE = {'ValidateEvery': {'n': 100}}  # at the end only
GROWING = sota('minutes-5').cbs | ONCE
ALL = sota('minutes-5', name='all', epochs=6, cbs=GROWING)
_, NET = ALL.network
# Chapter 3's network and settings, at about the same cost
XRESNET = Recipe(
    'xresnet18', data='imagenette', arch='xresnet18', size=64, presize=96, epochs=2, bs=64,
    lr=6e-3, cbs=ONCE, report='reported')


def _without(part, **changes): return replace(ALL, name=f'without {part}', **changes)
def _with(part, **changes): return replace(ALL, name=f'with {part}', **changes)


EXPERIMENTS = {
    'sota-64': [
        ALL,
        _without('Muon', opt={'fast_adamw': {}}, lr=.015, wd=.01, epochs=8),
        _without('growing sizes', epochs=4,
                 cbs=GROWING | {'ProgressiveResize': {'small': 64, 'large': 64}}),
        _without('a whitening stem', cbs={k: GROWING[k] for k in GROWING if k != 'WhitenStem'}),
        _without('GELU', arch={'plain_net': NET | {'act': 'relu'}}),
        _without('larger tests', size=64),
        _without('smoothing', loss={'CrossEntropyLossFlat': {}}),
        _without('the linear schedule', schedule='one_cycle'),
        _without('decay', wd=0.),
        _with('an average of weights', cbs=GROWING | {'AverageWeights': {'decay': .98}}),
        _with('alternating flips', cbs=GROWING | {'AlternateFlip': {}},
              augment=ALL.augment | {'flip': 0}),
        _with('stronger augmentation', cbs=GROWING | {'TrivialColours': {}, 'Erase': {}}),
        _with('quick batch norm', arch={'plain_net': NET | {'momentum': .4}}),
        XRESNET],
    # What chapter 3 reaches in five epochs, in a quarter of its operations
    'sota-quarter': [
        replace(XRESNET, epochs=5, report='all'),
        replace(ALL, name='a quarter', epochs=4, size=64, report='all', cbs=GROWING | {
            'ProgressiveResize': {'small': 32, 'large': 56}})]}
