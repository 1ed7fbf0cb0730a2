"""The comparisons that the chapters show: for each chapter a file with its recipes.

`python -m experiments NAME --data DIR` trains what is missing in results/experiments/;
`python -m experiments.queue --data DIR` works the long plan of `claims` off."""
from . import claims, learner, mixup, resizing, sota, tta

EXPERIMENTS = {}
for chapter in (learner, resizing, tta, mixup, sota, claims): EXPERIMENTS |= chapter.EXPERIMENTS
# Experiments that train on a part of the pictures: so many of each class.
PER_CLASS = mixup.PER_CLASS
