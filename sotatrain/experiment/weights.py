"""The `weight` of a loss: how much each class counts."""
from collections.abc import Mapping

from ..core.checks import known, positive

__all__ = ['check_weight', 'class_weights']


def check_weight(name, weight):
    "A list of numbers, a dict of them by classes, `'balanced'`, or `None`."
    if weight is None or weight == 'balanced': return
    if not isinstance(weight, (list, Mapping)) or not weight: raise TypeError(
        f"{name}={weight!r}: give a number for each class, in the order of class_names, or "
        "{'class': number}, or 'balanced'")
    pairs = weight.items() if isinstance(weight, Mapping) else enumerate(weight)
    for place, value in pairs: positive(f'{name}[{place!r}]', value)


def class_weights(
    weight,  # as in a recipe
    dls,     # `DataLoaders` with a `vocab`
):           # tensor of classes, on the device of `dls`
    """How much each class counts, in the order of `dls.vocab`. `'balanced'`: in inverse
    proportion to its training pictures, on average 1 a picture.

    Raises `ValueError` for another number of classes, `TypeError` for an unknown class."""
    import torch
    classes = [*map(str, dls.vocab)]
    if weight == 'balanced': values = _balanced(dls, len(classes))
    elif isinstance(weight, Mapping):
        known('weight', weight, classes)
        values = torch.tensor([float(weight.get(name, 1)) for name in classes])
    else: values = torch.tensor([*map(float, weight)])
    if len(values) != len(classes): raise ValueError(
        f"weight has {len(values)} numbers for {len(classes)} classes: give one for each, in "
        f"this order: {', '.join(classes)}")
    return values.to(dls.device)


def _balanced(dls, n):
    import torch
    labels = torch.tensor([int(y) for y in dls.train.dataset.tls[-1]])
    return len(labels) / (n * torch.bincount(labels, minlength=n).clamp(min=1))
