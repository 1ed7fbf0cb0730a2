"""The state of a learner in the middle of a fit, and how to go on from there: with the same
weights, bit for bit on a processor, as a fit that was never interrupted.

The same fits are started again, with callbacks and data made in the same way. Fits, epochs and
batches that were over are not carried out: no event of theirs is called, and no picture of
theirs is decoded. Events around the place (`before_fit`, `before_epoch`, `before_train`) are;
then everything that changes is set to what it was: weights, optimizer, callbacks, metrics, the
order of the pictures, and all random generators.

Of a callback, that is each attribute made of tensors, numbers, text, and lists, tuples, sets
or dicts of them; what else it needs, its events make again. A callback may have a `state_dict`
and a `load_state_dict` instead."""
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from fastai.vision.all import CancelEpochException, Learner, nn

from . import processes
from .plain import from_plain, plain, plain_items

__all__ = ['can_pause', 'generators', 'restore', 'resumed', 'set_generators', 'state_of']

OF_LEARNER = 'pct_train', 'train_iter', 'iter', 'loss', 'smooth_loss', 'final_record'


def can_pause(
    dl,  # a fastai `DataLoader`
) -> bool:
    "Whether its order can be taken up after any batch: processes of its own load ahead."
    return dl.fake_l.num_workers == 0


# --- what there is

def state_of(
    learn: Learner,
    *more,  # callbacks that are not the learner's at the moment
) -> dict:  # tensors are not copied
    """All of a learner that a fit changes, but the data and where it is. Of several processes
    that train together, each draws random numbers of its own; all else is the same in them."""
    return dict(
        model=learn.model.state_dict(),
        weights={name: _of_weights(p) for name, p in learn.model.named_parameters()},
        loss=learn.loss_func.state_dict() if isinstance(learn.loss_func, nn.Module) else {},
        opt=plain(learn.opt.state_dict()),
        counts=_counts(learn.opt),
        learner=plain_items({name: getattr(learn, name, None) for name in OF_LEARNER}),
        parts=[[type(part).__name__, _of_part(part)] for part in _parts(learn, more)],
        random=processes.gathered(random_states(learn.dls)))


def _of_weights(p):
    "Whether they are trained, and the gradient; one of zeros is `True`."
    zero = p.grad is not None and not p.grad.any()
    return [p.requires_grad, True if zero else p.grad]


def _counts(opt):
    "What an optimizer of PyTorch's kind counts beside its state."
    inner = getattr(opt, 'opt', None)
    numbers = vars(inner).items() if isinstance(inner, torch.optim.Optimizer) else ()
    return {name: value for name, value in numbers if type(value) in (int, float)}


def _parts(learn, more):
    "What keeps a state of its own."
    recorder = learn.recorder
    more = [cb for cb in more if cb not in learn.cbs]
    return [*learn.cbs, *more, recorder.loss, recorder.smooth_loss, *learn.metrics]


def _has_own(part):
    "fastai's callbacks seem to have the network's `state_dict`: the class is asked."
    return hasattr(type(part), 'state_dict') and hasattr(type(part), 'load_state_dict')


def _of_part(part):
    if _has_own(part): return plain(part.state_dict())
    return plain_items(vars(part), leave=('learn',))


def random_states(dls) -> dict:
    "All random generators, those of the loaders included."
    return generators(dls.device) | dict(loaders=[_of_loader(dl) for dl in dls.loaders])


def generators(device) -> dict:
    "The states of the global random generators."
    name, numbers, *rest = np.random.get_state()
    states = dict(python=random.getstate(), numpy=[name, numbers.tolist(), *rest],
                  torch=torch.get_rng_state())
    if device.type == 'cuda': states['cuda'] = torch.cuda.get_rng_state(device)
    return states


def _of_loader(dl):
    generator = getattr(dl, 'generator', None)
    return [dl.rng.getstate(), None if generator is None else generator.get_state()]


# --- how it becomes that again

def restore(
    learn: Learner,  # made in the same way
    state: dict,     # of `state_of`, with the same `more`
    *more,
):
    "Raises `ValueError` if the learner has other callbacks or metrics."
    parts = _parts(learn, more)
    names = [name for name, _ in state['parts']]
    if names != (here := [type(part).__name__ for part in parts]): raise ValueError(
        f"this learner has {', '.join(here)}, and its checkpoint is of one with "
        f"{', '.join(names)}: make it in the same way")
    learn.model.load_state_dict(state['model'])
    for name, p in learn.model.named_parameters(): _set_weights(p, *state['weights'][name])
    if state['loss']: learn.loss_func.load_state_dict(state['loss'])
    learn.opt.load_state_dict(from_plain(state['opt']))
    if state['counts']: vars(learn.opt.opt).update(state['counts'])
    for name, value in state['learner'].items(): setattr(learn, name, from_plain(value))
    for part, (_, values) in zip(parts, state['parts']): _set_part(part, from_plain(values))
    set_random(learn.dls, _own(state['random']))


def _own(states): return states[processes.rank()]


def _set_weights(p, trains, grad):
    p.requires_grad_(trains)
    p.grad = torch.zeros_like(p) if grad is True else grad


def _set_part(part, values):
    if _has_own(part): part.load_state_dict(values)
    else: vars(part).update(values)


def set_generators(states, device):
    random.setstate(states['python'])
    name, numbers, *rest = states['numpy']
    np.random.set_state((name, np.array(numbers, np.uint32), *rest))
    torch.set_rng_state(states['torch'].cpu())
    if 'cuda' in states: torch.cuda.set_rng_state(states['cuda'].cpu(), device)


def set_random(dls, states):
    set_generators(states, dls.device)
    for dl, (order, crops) in zip(dls.loaders, states['loaders']):
        dl.rng.setstate(order)
        if crops is not None: dl.generator.set_state(crops)


# --- the place

@contextmanager
def resumed(
    learn: Learner,
    state: dict,   # of `state_of`, or None
    fit: int,      # fits that were over
    epoch: int,    # epochs of the next one that were over
    batches: int,  # batches of the next one that were over; at least 1
    order,         # state of the training loader's `rng` at the beginning of that epoch
):
    "Inside, the same calls of `learn.fit` as before go on where they were."
    passed = iter(range(fit))

    def do_fit():
        if next(passed, None) is not None: return  # a fit that was over
        del learn._do_fit
        n_epoch = learn.n_epoch
        for learn.epoch in range(epoch, n_epoch):
            learn._with_events(learn._do_epoch, 'epoch', CancelEpochException)

    def all_batches():
        del learn.all_batches
        learn.n_iter = len(learn.dl)
        restore(learn, state)
        if batches == learn.n_iter: return
        with _rest(learn.dls, batches, order, _own(state['random'])):
            for batch in enumerate(learn.dl, batches): learn.one_batch(*batch)

    learn._do_fit, learn.all_batches = do_fit, all_batches
    try: yield
    finally:
        for name in ('_do_fit', 'all_batches'): vars(learn).pop(name, None)


@contextmanager
def _rest(dls, batches, order, states):
    """Inside, the training data begin in the middle of their order. Random numbers are drawn
    while a loader starts: its first picture finds the generators as they were."""
    dl = dls.train
    dl.rng.setstate(order)
    everything = dl.get_idxs

    def get_idxs() -> Iterator:
        rest = [*everything()][batches * dl.bs:]
        def lazily():
            set_random(dls, states)
            yield from rest
        return lazily()

    dl.get_idxs = get_idxs
    try: yield
    finally: del dl.get_idxs
