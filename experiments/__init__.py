"""The comparisons that the chapters show: for each chapter a file with its recipes.

`python -m experiments NAME --data DIR` trains what is missing in results/experiments/."""
from . import learner, mixup, resizing, sota, tta

EXPERIMENTS = {}
for chapter in (learner, resizing, tta, mixup, sota): EXPERIMENTS |= chapter.EXPERIMENTS
# Experiments that train on a part of the pictures: so many of each class.
PER_CLASS = mixup.PER_CLASS
