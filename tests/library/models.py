"""A trained model that nobody had to train: a tiny network with statistics of a batch."""
import torch

from sotatrain.learner import make_learner
from sotatrain.normalize import Normalize
from sotatrain.presize import get_dls
from tests.networks import Net

NAME = 'tiny_net'  # what `Net` is registered as


def tiny_learner(path, after_batch='measured', **more):
    "Untrained, but with running averages of its batch norm that are its own."
    if after_batch == 'measured': after_batch = Normalize()
    options = dict(presize=24, seed=0, device='cpu') | more
    dls = get_dls(16, 10, path, after_batch=after_batch, **options)
    learn = make_learner(dls, Net, seed=0, bf16=False)
    with torch.no_grad():
        for _ in range(3): learn.model.train()(dls.one_batch()[0])
        learn.model[-1].weight.mul_(20)  # so that probabilities differ
    return learn
