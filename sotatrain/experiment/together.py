"""One run in several processes, each with a share of every batch.

What several processes train is what one would: a batch of `bs` pictures, with the crops that
one process would make, split evenly; PyTorch's `DistributedDataParallel` gives all of them the
mean of their gradients. In a validation the answers come together, so each process scores all
of them, as one does.

fastai's `distrib_ctx` does something else: its `bs` is that of each process, it fills up epochs
with pictures that are there twice, and its `DistributedDL` puts their order on a GPU, so that
it fails on processors."""
from contextlib import ExitStack, closing, contextmanager
from inspect import signature

import torch
from fastai.vision.all import Callback, nn, replacing_yield
from torch.nn.parallel import DistributedDataParallel

from ..core import processes
from ..core.docs import document
from ..core.forward import CallNetwork
from ..core.processes import Share
from ..core.resume import generators, set_generators
from ..learner import seeded

__all__ = ['SharedBatchNorm', 'check_shares', 'together']

# What says whether the first process gives its buffers to all: newer, older versions of PyTorch
BUFFERS = next(name for name in ('forward_sync_buffers', 'broadcast_buffers')
               if name in signature(DistributedDataParallel).parameters)


def check_shares(recipe):
    "Raises `ValueError` for a recipe that several processes cannot share."
    n = processes.count()
    if n > 1 and recipe.loader == 'datablock': raise ValueError(
        f"loader='datablock' is for one process, and these are {n}: take 'presized'")
    for stage in recipe.all_stages:
        fewer = stage.bs - stage.bs % n
        if stage.bs % n: raise ValueError(
            f"bs={stage.bs} pictures cannot be split evenly over {n} processes: make it "
            f"{f'{fewer} or ' if fewer else ''}{fewer + n}")


@contextmanager
def together():
    "Inside, callbacks with which a fit is one of all processes; none if there is only one."
    if processes.count() < 2: yield []
    else:
        with processes.losses_explained(), closing(Together()) as share:
            yield [share, _Answers()]


_replaced = contextmanager(replacing_yield)


class Together(CallNetwork):
    """Gives each process its share of the batches, and all of them the same gradients.

    Each process draws random numbers of its own in training, such as those of mixing; outside
    of it they draw the same. Batch norm measures each share by itself (`SharedBatchNorm` does
    not), and its running statistics are averaged after each step."""
    order = CallNetwork.order - 2  # before `AverageWeights`, which validates with the network
    parallel = None
    outside = None  # states of the random generators that all processes share, in training

    def __init__(self): self.epoch_only = ExitStack()

    def close(self):
        self.epoch_only.close()
        # after an interruption in this epoch, the block that ends here has begun elsewhere
        if self.outside is not None: set_generators(self.outside, self.device)
        self.outside = None

    def before_train(self):
        super().before_train()
        self.close()
        seed = torch.randint(2**60, ()).item() + processes.rank()
        self.device = self.dls.device
        self.outside = generators(self.device)
        self.epoch_only.enter_context(self._sharing(self.dls.train))
        self.epoch_only.enter_context(seeded(seed))
        # each epoch anew: a callback may have frozen a part, or begun to train it
        self.parallel = None

    def after_train(self): self.close()

    def before_validate(self):
        super().before_validate()
        self.close()
        self.epoch_only.enter_context(self._sharing(self.dl))

    def after_validate(self): self.close()

    def _sharing(self, dl):
        return _replaced(dl, 'share', Share(processes.rank(), processes.count()))

    def before_batch(self):
        if self.training: super().before_batch()

    def call(self, network, *xb):
        if self.parallel is None:
            self.parallel = DistributedDataParallel(network, **{BUFFERS: False})
        return self.parallel(*xb)

    def after_batch(self):
        if self.training: _average([b for b in self.model.buffers() if b.is_floating_point()])


def _average(tensors):
    "Of each tensor, the mean over all processes, in its place."
    if not tensors: return
    flat = torch.cat([t.detach().flatten().float() for t in tensors])
    torch.distributed.all_reduce(flat)
    flat /= processes.count()
    for t, mean in zip(tensors, flat.split([t.numel() for t in tensors])):
        t.copy_(mean.view_as(t))


class _Answers(Callback):
    """In a validation, all processes get all answers to a batch, in its order. In training, a
    loss that is not finite in one of them is none in all, so that all of them stop."""
    order = -100  # before all that look at answers and losses

    def after_pred(self):
        if self.training or not isinstance(self.pred, torch.Tensor): return
        self.learn.pred = _gathered(self.pred)[:len(self.yb[0])]

    def after_loss(self):
        if not self.training: return
        worst = self.loss.detach().mean().float().clone()
        worst = torch.where(worst.isfinite(), torch.zeros_like(worst), 1.)
        torch.distributed.all_reduce(worst)
        if worst: self.learn.loss = self.loss * torch.nan


def _gathered(tensor):
    parts = [torch.empty_like(tensor) for _ in range(processes.count())]
    torch.distributed.all_gather(parts, tensor.contiguous())
    return torch.cat(parts)


class SharedBatchNorm(Callback):
    """Lets batch norm measure a whole batch where several GPUs have a share of it each; alone,
    a process has the whole batch anyway. Outside of a fit, the network is what it was.

    Raises `ValueError` on processors, for which PyTorch's `SyncBatchNorm` is not made."""
    own = ()

    def before_fit(self):
        self.after_fit()  # what an interrupted fit left
        if processes.count() < 2: return
        if self.dls.device.type != 'cuda': raise ValueError(
            f"SharedBatchNorm needs GPUs, and this is {self.dls.device}: leave it out, and "
            "each process measures its own share")
        self.own = [(parent, name, layer) for parent in self.model.modules()
                    for name, layer in parent.named_children() if _is_batch_norm(layer)]
        for parent, name, layer in self.own:
            setattr(parent, name, nn.SyncBatchNorm.convert_sync_batchnorm(layer))

    def after_fit(self):
        "Weights and statistics are the same tensors in both."
        for parent, name, layer in self.own: setattr(parent, name, layer)
        self.own = ()


def _is_batch_norm(layer):
    return isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))


document(__name__)
