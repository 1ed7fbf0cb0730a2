"""Means, paired differences and their intervals, and how they are written."""
import math
import statistics
from typing import NamedTuple

__all__ = ['Difference', 'paired_difference']


class Difference(NamedTuple):
    "The mean difference of pairs, and its confidence interval."
    mean: float  # points
    low: float   # of the interval
    high: float
    n: int       # pairs

    @property
    def verdict(self) -> str:
        """`helps` or `hurts` if the interval is on one side of 0, else `no difference shown`;
        so with fewer than three pairs, whose differences may agree by chance."""
        if self.n < 3: return 'no difference shown'
        if self.low > 0: return 'helps'
        if self.high < 0: return 'hurts'
        return 'no difference shown'

    def __str__(self):
        if self.n == 1: return signed(self.mean)
        return f'{signed(self.mean)} ({signed_end(self.low)} to {signed_end(self.high)})'


def paired_difference(
    values,     # n numbers
    reference,  # n numbers, each with the same seed (or the like) as its partner in `values`
    confidence: float = .95,
) -> Difference:
    """Student's interval for the mean of `values − reference`; for one pair it is without ends.

    Raises `ValueError` if the two are not of equal length, or empty."""
    if not len(values) or len(values) != len(reference): raise ValueError(
        f"{len(values)} values and {len(reference)} references are no pairs: "
        "give one of each for each seed")
    differences = [v - r for v, r in zip(values, reference)]
    n, mean = len(differences), statistics.fmean(differences)
    if n == 1: return Difference(mean, -math.inf, math.inf, 1)
    half = _student(n - 1, confidence) * statistics.stdev(differences) / math.sqrt(n)
    return Difference(mean, mean - half, mean + half, n)


def _student(degrees, confidence):
    from scipy.special import stdtrit  # here, and not from scipy.stats, which takes a second
    return float(stdtrit(degrees, (1 + confidence) / 2))


def signed(points):
    return '0.0' if abs(points) < .05 else minus(f'{points:+.1f}')


def signed_end(points):
    """An end of an interval. On which side of 0 it is decides the verdict, so near 0 it has a
    decimal more."""
    if points == 0 or abs(points) >= .05: return signed(points)
    return minus(f'{points:+.2f}')


def minus(text):
    "A number with a real minus sign."
    return text.replace('-', '−')
