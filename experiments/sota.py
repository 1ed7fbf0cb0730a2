"""Chapter 9: the parts of the recipe for two cores, each alone: added to a plain recipe, left
out of the whole, or added to it."""
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
# Its other network, which has two of the parts already: GELU and decay
PLAIN = replace(XRESNET, name='plain', arch='plain_net', epochs=4)


def _without(part, **changes): return replace(ALL, name=f'without {part}', **changes)
def _with(part, **changes): return replace(ALL, name=f'with {part}', **changes)
def _alone(part, **changes): return replace(PLAIN, name=part, **changes)
def _resized(**sizes): return ONCE | {'ProgressiveResize': sizes}


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
        _with('SGD', opt={'fast_sgd': {}}, lr=.5, epochs=8),
        _with('decay of everything', opt={'muon': {'wd_bn_bias': True}}),
        XRESNET],
    'sota-plain': [
        PLAIN,
        _alone('Muon', opt={'muon': {}}, lr=.02, epochs=3),
        _alone('growing sizes', cbs=_resized(small=32), epochs=6),
        _alone('a whitening stem', cbs=ONCE | {'WhitenStem': {}}),
        _alone('without GELU', arch={'plain_net': {'act': 'relu'}}),
        _alone('larger tests', size=72, cbs=_resized(small=64, large=64)),
        _alone('smoothing', loss=ALL.loss),
        _alone('the linear schedule', schedule='linear'),
        _alone('without decay', wd=0.),
        _alone('a slim network', arch={'plain_net': {'widths': NET['widths']}}, epochs=5),
        _alone('crops from 35 %', augment=ALL.augment)],
    # What chapter 3 reaches in five epochs: by its other network in as many seconds (and
    # operations), and in a quarter of them
    'sota-quarter': [
        replace(XRESNET, epochs=5, report='all'),
        replace(PLAIN, name='plain_net', epochs=11, report='all'),
        replace(ALL, name='a quarter', epochs=4, size=64, report='all', cbs=GROWING | {
            'ProgressiveResize': {'small': 32, 'large': 56}})]}
