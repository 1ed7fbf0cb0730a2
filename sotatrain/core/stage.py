"""A stage of a training run: epochs with pictures of one size.

Here, and not in the chapter that teaches stages, so that a recipe can be read and checked
without importing fastai."""
from dataclasses import dataclass

from .checks import check_fields, choice, optional, positive, ruled, whole

__all__ = ['SCHEDULE_NAMES', 'Stage', 'check_schedule']

# chapter 5 carries them out
SCHEDULE_NAMES = 'one_cycle', 'linear', 'flat_cos', 'constant', 'fine_tune'


def check_schedule(schedule, epochs):
    "Raises `ValueError` for an unknown schedule, or one that needs more epochs."
    choice('schedule', schedule, SCHEDULE_NAMES)
    if schedule == 'fine_tune' and epochs < 2: raise ValueError(
        f"epochs={epochs}: fine_tune needs 2 or more, "
        "because its first one is a fit of its own")


@dataclass(frozen=True)
class Stage:
    """A part of a training run, with pictures of one size.

    Raises `ValueError` or `TypeError` that names the field, for an impossible value."""
    size: int = ruled(rule=whole)              # side of the crops, px
    epochs: int = ruled(rule=whole)
    bs: int = ruled(64, rule=optional(whole))  # pictures in a batch; None: `gigabytes` decides
    lr: float = ruled(6e-3, rule=positive)     # the schedule's highest learning rate
    schedule: str = 'one_cycle'                # of the learning rate; one of `SCHEDULES`

    def __post_init__(self):
        check_fields(self)
        check_schedule(self.schedule, self.epochs)
