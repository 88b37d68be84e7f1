"""Intervals for numbers from telemetry, where the user is the unit.

Events of one user hang together, so an interval computed over events is too narrow. Every function here takes one
entry per user. `share` and `mean` are quick (closed form) and used by reports; the bootstraps make fewer assumptions.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from evaluation.ranking import Floats, Ints

LEVEL = 0.95  # of every interval unless said otherwise


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, its confidence interval (NaN where none can be given) and the number of users behind it."""

    value: float
    low: float
    high: float
    count: int


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def wilson(successes: float, n: float, level: float = LEVEL) -> Estimate:
    """Share `successes / n` of independent cases, with bounds that stay in [0, 1] and are honest at 0 and 1.

    Source: Wilson (1927), JASA 22, 209-212. No cases give NaN.
    """
    if n <= 0:
        return NOTHING
    z, p = _z(level), successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half)), round(n))


def share(totals: Floats | Ints, counts: Floats | Ints, level: float = LEVEL) -> Estimate:
    """Pooled share ``sum(totals) / sum(counts)`` in [0, 1] where each user adds `totals[i]` out of `counts[i]`.

    The interval is Wilson's with as many independent cases as would give the delta method's variance.
    Users without a count add nothing. Source: Dean & Pagano (2015), J. Survey Stat. Methodol. 3(4), 484-503.
    """
    totals, counts = _counted(totals, counts)
    users = len(counts)
    if not users:
        return NOTHING
    value, variance = _ratio(totals, counts)
    cases = min(value * (1 - value) / variance, counts.sum()) if variance > 0 else users
    found = wilson(value * cases, cases, level)
    return Estimate(value, found.low, found.high, users)


def mean(totals: Floats | Ints, counts: Floats | Ints, level: float = LEVEL) -> Estimate:
    """Pooled mean ``sum(totals) / sum(counts)`` of any quantity, each user adding a total and a count.

    Interval by the delta method (normal); NaN bounds for a single user.
    Source: Deng, Knoblich & Lu (2018), Applying the delta method in metric analytics, KDD, 233-242.
    """
    totals, counts = _counted(totals, counts)
    users = len(counts)
    if not users:
        return NOTHING
    value, variance = _ratio(totals, counts)
    half = _z(level) * math.sqrt(variance) if users > 1 else math.nan
    return Estimate(value, value - half, value + half, users)


def bootstrap_mean(values: Floats, level: float = LEVEL, draws: int = 1000, seed: int = 0) -> Estimate:
    """Mean of one value per user, NaN entries left out, with the bootstrap's percentile interval.

    The same seed gives the same interval. Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    """
    values = np.asarray(values, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return NOTHING
    means = _resampled_means(values, draws, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(values.mean()), float(low), float(high), len(values))


def bootstrap_pooled(
    values: Floats, users: Ints, level: float = LEVEL, draws: int = 1000, seed: int = 0
) -> Estimate:  # fmt: skip
    """Mean of all values where one user may have several; users are drawn, with all that is theirs.

    values, users: one entry each, NaN values left out. The same seed gives the same interval; count = users.
    """
    values = np.asarray(values, np.float64)
    known = ~np.isnan(values)
    if not known.any():
        return NOTHING
    place = np.unique(np.asarray(users)[known], return_inverse=True)[1]
    totals, counts = np.bincount(place, weights=values[known]), np.bincount(place)
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(0, len(totals), len(totals)) for _ in range(draws)]
    means = np.array([totals[each].sum() / counts[each].sum() for each in drawn])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(values[known].mean()), float(low), float(high), len(totals))


def paired_lower_bound(new: Floats, old: Floats, level: float = LEVEL, draws: int = 1000, seed: int = 0) -> float:
    """One-sided lower bound of the mean of ``new - old`` over users measured under both; NaN if there are none.

    new, old: one value per user, in the same order; users with NaN on either side are left out.
    At least `level` sure that the true mean difference is not below it: above 0 says that `new` is better.
    """
    difference = np.asarray(new, np.float64) - np.asarray(old, np.float64)
    difference = difference[~np.isnan(difference)]
    if not len(difference):
        return math.nan
    return float(np.quantile(_resampled_means(difference, draws, seed), 1 - level))


def _resampled_means(values: Floats, draws: int, seed: int) -> Floats:
    rng, n = np.random.default_rng(seed), len(values)
    per_block = max(1, 2_000_000 // n)  # keeps the drawn indices under 16 MB whatever n is
    blocks = [min(per_block, draws - done) for done in range(0, draws, per_block)]
    return np.concatenate([values[rng.integers(0, n, (size, n))].mean(axis=1) for size in blocks])


def _counted(totals: Floats | Ints, counts: Floats | Ints) -> tuple[Floats, Floats]:
    totals, counts = np.asarray(totals, np.float64), np.asarray(counts, np.float64)
    if totals.shape != counts.shape:
        raise ValueError(f"one total and one count per user expected; got {totals.shape} and {counts.shape}")
    there: npt.NDArray[np.bool_] = counts > 0
    return totals[there], counts[there]


def _ratio(totals: Floats, counts: Floats) -> tuple[float, float]:
    """Ratio of sums and its variance by the delta method; 0 for a single user, of whom no variance can be known."""
    n, value = len(counts), float(totals.sum() / counts.sum())
    if n < 2:
        return value, 0.0
    residuals = totals - value * counts
    return value, float((residuals**2).sum() / (n - 1) * n / counts.sum() ** 2)


def _z(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, e.g. 0.95; got {level}")
    return NormalDist().inv_cdf((1 + level) / 2)
