"""Several views of a picture, for a model that is asked for test-time augmentation."""
from dataclasses import fields
from inspect import signature
from types import SimpleNamespace

import torch

from ..core.checks import known
from ..presize import Augment
from ..tta import VIEWS, check_tta
from .about import About

__all__ = ['Views']


class Views(SimpleNamespace):
    "What test-time augmentation needs; its random numbers go on from batch to batch."
    def __init__(self, augment, n=4, views='random', merge='mean', beta=.25, seed=0):
        check_tta(n, views, merge, beta, seed)
        super().__init__(
            augment=augment, n=n, views=views if callable(views) else VIEWS[views],
            merge=merge, beta=beta, generator=torch.Generator().manual_seed(seed))

    @classmethod
    def for_model(cls, about: About, tta):
        "`tta` as `Classifier.predict` takes it; None if there is one view."
        if tta is False or tta is None: return None
        given = about.tta if tta is True else tta
        known('tta', given, [*signature(check_tta).parameters])
        known('augment', about.augment, [field.name for field in fields(Augment)])
        return cls(Augment(**about.augment), **given)

    def of(self, pictures):
        yield pictures.plain
        if self.n: yield from self.views(pictures, self.n, self.generator)
