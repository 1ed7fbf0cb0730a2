"""What our learner refuses, each time in a sentence: before it is made, before it trains, and
when its network puts out what no loss can use."""
import inspect

import torch
from fastai.vision.all import Callback, DataLoader, DataLoaders, L, Learner, Normalize, nn

from . import checks
from .wording import short

__all__ = ['Guard', 'check_batches', 'check_dls', 'check_learner_arguments', 'check_network',
           'check_output', 'normalizer']


class Guard(Callback):
    """Refuses to train without batches, and a network whose outputs do not fit the data.

    Raises `ValueError` or `TypeError`."""
    def __init__(self, n_out=None):
        self.n_out = n_out  # what a row of the network's output has; not checked if not given

    def before_train(self): check_batches(self.dls.train)
    def after_pred(self): check_output(self.pred, self.n_out)


# Data

def check_dls(dls):
    """Raises `TypeError` for what are no fastai `DataLoaders`, and for loaders of another kind,
    `ValueError` for batches that are normalized twice."""
    if not isinstance(dls, DataLoaders): raise TypeError(
        f"dls={short(dls)}: it must be fastai's DataLoaders; get_dls makes them from a "
        "folder or a list of files")
    for dl in dls.loaders:
        if not isinstance(dl, DataLoader): raise TypeError(
            f"dls has a {type(dl).__module__}.{type(dl).__name__}: make each loader with "
            "fastai's DataLoader(dataset, bs=64, device='cpu'), which takes the same data set")
        normalizer(dl)


def normalizer(data):
    """The `Normalize` of batches, fastai's or one of ours, which is one of fastai's; or None.

    Raises `ValueError` if there are two of them."""
    tfms = getattr(getattr(data, 'after_batch', None), 'fs', ())
    found = [tfm for tfm in tfms if isinstance(tfm, Normalize)]
    if len(found) > 1: raise ValueError(
        f"these batches are normalized {len(found)} times: leave one Normalize in after_batch")
    return found[0] if found else None


def check_batches(dl, where='the training data'):
    "Raises `ValueError` if a loader has no batch, so that training on it would do nothing."
    if len(dl): return
    n, bs = _count(dl), getattr(dl, 'bs', None)
    if not n: raise ValueError(
        f"{where} have no pictures: nothing would be learned (an exported learner has none of "
        "its own: give it data by learn.dls = dls)")
    raise ValueError(
        f"bs={bs} is more than the {n} pictures of {where}, and only whole batches are trained "
        f"on: nothing would be learned; make bs {n} or less")


def _count(dl):
    n = getattr(dl, 'n', None)
    return len(getattr(dl, 'dataset', ())) if n is None else n


# What a learner is made of

def check_learner_arguments(cbs, bf16, more):
    "Of `make_learner`. Raises `ValueError` or `TypeError` that names one."
    checks.truth('bf16', bf16)
    for cb in L(cbs): _check_callback(cb)
    known = set(inspect.signature(Learner).parameters) - {'dls', 'model'}
    checks.known('make_learner', more, sorted(known))
    if 'lr' in more and not isinstance(more['lr'], slice): checks.positive('lr', more['lr'])
    checks.optional(checks.number)('wd', more.get('wd'))


def _check_callback(cb):
    if isinstance(cb, Callback): return
    if isinstance(cb, type) and issubclass(cb, Callback): return
    raise TypeError(f"cbs: {short(cb)} is no fastai Callback: give callbacks, as in "
                    "cbs=[MixUp(), CheckNormalize()]")


# What a network puts out

def check_output(output, n_out=None):
    "Raises `TypeError` if it is no tensor, and `ValueError` if its rows have another length."
    if not isinstance(output, torch.Tensor): raise TypeError(
        f"the network puts out a {type(output).__name__}, and a loss takes one tensor: "
        "take it without its auxiliary outputs, as in "
        "arch=partial(torchvision.models.googlenet, aux_logits=False, init_weights=True)")
    if n_out is None or output.ndim < 2 or output.shape[1] == n_out: return
    raise ValueError(
        f"the network puts out {output.shape[1]} values for each picture, and dls.c={n_out}: "
        f"give it a last layer with {n_out} outputs, or make the data with the same classes")


def check_network(name, value):
    "Raises `TypeError` if it is no network."
    if not isinstance(value, nn.Module): raise TypeError(
        f"{name}={short(value)}: it must be a network, a torch.nn.Module")
