"""What a loader of whole batches needs of fastai, and checks of what it is asked for."""
from functools import partial

from fastai.vision.all import Pipeline, default_device

from .checks import optional, whole
from .machine import check_device
from .threads import in_threads
from .wording import reason, short

__all__ = ['NeverRuns', 'check_loading', 'check_unused', 'decodable', 'device_for']


class NeverRuns(Pipeline):
    "Stands for transforms of single pictures in a loader that has none, and refuses any."
    EVENTS = 'after_item', 'before_batch'

    def __init__(self, event, funcs=()):
        super().__init__()
        self.event = event
        if len(Pipeline(funcs).fs): self.add(funcs)

    @classmethod
    def instead(cls, options):
        "The `options` of a loader, with these in their places, and no workers."
        stand_ins = {event: cls(event, options.get(event) or ()) for event in cls.EVENTS}
        return options | stand_ins | dict(num_workers=0)

    def add(self, *args, **kwargs): raise ValueError(
        f"{self.event!r} never runs here: pictures are cropped a batch at a time. Add the "
        "transforms to 'after_batch', where they get whole batches, or give get_dls an Augment")


def check_unused(dl):
    "Raises `ValueError` if someone has put other transforms in the place of `NeverRuns`."
    for event in NeverRuns.EVENTS:
        there = getattr(dl, event)
        if not isinstance(there, NeverRuns): NeverRuns(event, there)


def check_loading(
    size: int,
    bs: int,
    seed: int,
    device=None,
    **of_class,  # values by the name of the class that they should have
):
    "Raises `TypeError` or `ValueError` that names the value and the way out."
    whole('size', size)
    whole('bs', bs)
    optional(partial(whole, least=0))('seed', seed)
    optional(check_device)('device', device)
    for cls, value in of_class.items():
        good = any(base.__name__ == cls for base in type(value).__mro__)
        if good or value is None and cls == 'Augment': continue
        raise TypeError(f"{short(value)} is no {cls}: give {_EXAMPLES[cls]}")


_EXAMPLES = {
    'Augment': 'one, as Augment(light=.1); transforms of fastai go into after_batch',
    'PresizedImages': 'a store, as PresizedImages.build(path) makes it'}


def device_for(device):
    "As PyTorch's; fastai's default for None. Raises `ValueError` where it cannot compute."
    return check_device('device', default_device() if device is None else device)


def decodable(
    dataset,  # fastai's `Datasets`
    decode,   # from an item to what is wanted
) -> tuple:   # (the data set of items that can be decoded, what they became, the other items)
    "Decode all items now. Raises `ValueError` if none of them can be."
    items = list(dataset.items)
    def attempt(item):
        try: return decode(item), None
        except (OSError, ValueError, TypeError) as error: return None, error
    results = in_threads(attempt, items)
    good = [i for i, (_, error) in enumerate(results) if error is None]
    if not good: raise ValueError(
        f"none of {len(items)} pictures can be decoded: give others. The first: "
        f"{reason(results[0][1])}") from results[0][1]
    tls = [tl._new([items[i] for i in good], split_idx=tl.split_idx) for tl in dataset.tls]
    bad = [item for item, (_, error) in zip(items, results) if error is not None]
    return type(dataset)(tls=tls, n_inp=dataset.n_inp), [results[i][0] for i in good], bad
