"""How a `Learner` calls its network, decided beside the network: nothing in it is changed."""
from functools import partial

from fastai.vision.all import Callback, GetAttr

__all__ = ['CallNetwork', 'call_network']


class CallNetwork(Callback):
    """Decides how a `Learner` calls its network, in training as in prediction.

    fastai calls no callback after Ctrl-C. So what one event switches on must not need another
    event to be switched off. Instead, the learner gets a stand-in for one call, which steps
    aside before the network runs: whatever happens inside, `learn.model` is the network."""
    order = 1000  # the last before the network is called: no other callback meets the stand-in

    def call(self, network, *xb):
        "What the network puts out for a batch. Subclasses say how."
        return network(*xb)

    def before_batch(self): self.learn.model = _OneCall(self.learn, self.model, self.call)
    def after_cancel_batch(self): _step_aside(self.learn)  # a later callback skipped the call
    def before_train(self): _step_aside(self.learn)  # Ctrl-C came in the instant before it
    def before_validate(self): _step_aside(self.learn)


class _OneCall(GetAttr):
    "Stands in for a learner's network until it is called."
    _default = 'network'
    def __init__(self, learn, network, call):
        self.learn, self.network, self.how = learn, network, call

    def __call__(self, *xb):
        self.learn.model = self.network
        return self.how(self.network, *xb)


def _step_aside(learn):
    while isinstance(learn.model, _OneCall): learn.model = learn.model.network


def call_network(learn, *xb):
    "What the network of a learner gives for a batch, called as the learner calls it."
    call = learn.model
    for cb in learn.cbs.sorted('order'):
        if isinstance(cb, CallNetwork): call = partial(cb.call, call)
    return call(*xb)
