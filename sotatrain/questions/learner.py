"""Chapter 3: what a reader's code is compared with."""
from statistics import fmean, stdev

from scipy.stats import t


def learner_interval(differences):
    "The mean of paired differences, and half the width of its 95 % interval (Student)."
    n = len(differences)
    return fmean(differences), t.ppf(.975, n - 1) * stdev(differences) / n**.5

def learner_interval_cases():
    return [([.8, .3, 1.2],), ([-.5, .5],), ([1., 2., 3., 4., 5.],)]

def learner_interval_normal(differences):
    mean, half = learner_interval(differences)
    return mean, half * 1.96 / t.ppf(.975, len(differences) - 1)

def learner_interval_of_single_differences(differences):
    mean, half = learner_interval(differences)
    return mean, half * len(differences)**.5

def learner_interval_divided_by_n(differences):
    mean, half = learner_interval(differences)
    return mean, half * (1 - 1/len(differences))**.5
