"""How far two samples of one feature lie apart, as effect sizes: pure functions of counts and moments.

With many events every difference is significant, so nothing here is a p-value. What a size would be by chance alone,
and by how much days differ when nothing happened, stand beside the sizes: thresholds come from them.
Start reading at `psi`.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from evaluation.ranking import Floats, Ints

PSEUDO = 0.5  # added to each count (Jeffreys), so that an empty bin gives a large size and not an infinite one
OTHER = "other"

Size = Callable[[Ints | Floats, Ints | Floats], float]


def psi(reference: Ints | Floats, now: Ints | Floats) -> float:
    """Population stability index of two (k,) counts over the same bins; >= 0, 0 if the shares are the same.

    Sum of (q - p) ln(q / p) over the bins' shares p and q, that is Jeffreys' divergence in nats; counts are raised by
    half a case each. By custom 0.1 is a little and 0.25 a lot; see `psi_by_chance` for small samples. NaN if one side
    is empty. Raises ValueError for counts that are negative or of different shapes.
    Source: Siddiqi (2006), Credit Risk Scorecards, ch. 10; Jeffreys (1946), Proc. R. Soc. A 186, 453-461.
    """
    if _empty(reference, now):
        return math.nan
    p, q = _shares(reference, PSEUDO), _shares(now, PSEUDO)
    return float(np.sum((q - p) * np.log(q / p)))


def psi_by_chance(bins: int, reference: int, now: int) -> tuple[float, float]:
    """Mean and standard deviation of the index between samples of so many cases from the same distribution.

    (bins - 1) (1/n + 1/m) times a chi-square over its degrees of freedom, good where no bin is nearly empty.
    Raises ValueError for less than two bins or an empty sample.
    Source: Yurdakul & Naranjo (2020), J. Risk Model Validation 14(4), 89-100.
    """
    if bins < 2 or min(reference, now) < 1:
        raise ValueError(f"expected at least 2 bins and 1 case a side, got {bins} bins, {reference} and {now} cases")
    spread = 1 / reference + 1 / now
    return (bins - 1) * spread, math.sqrt(2 * (bins - 1)) * spread


def jensen_shannon(reference: Ints | Floats, now: Ints | Floats) -> float:
    """Jensen-Shannon divergence of two (k,) counts over the same bins, in bits: 0 = the same, 1 = nothing in common.

    NaN if one side is empty. Raises ValueError for counts that are negative or of different shapes.
    Source: Lin (1991), IEEE Trans. Inf. Theory 37(1), 145-151.
    """
    if _empty(reference, now):
        return math.nan
    p, q = _shares(reference), _shares(now)
    middle = (p + q) / 2
    return min(1.0, max(0.0, (_kullback_leibler(p, middle) + _kullback_leibler(q, middle)) / 2))


def standardised_mean_difference(reference: Floats | Ints, now: Floats | Ints) -> float:
    """Difference of means in standard deviations, positive if `now` is higher: Cohen's d with both variances alike.

    reference, now: (n,) and (m,) values. Two samples that never vary differ by 0 or by an infinity. NaN with fewer than
    two values a side. By custom 0.1 is negligible, 0.2 small, 0.8 large.
    Source: Austin (2009), Statistics in Medicine 28, 3083-3107, eq. 1.
    """
    if min(len(reference), len(now)) < 2:
        return math.nan
    difference = float(np.mean(now) - np.mean(reference))
    spread = math.sqrt((float(np.var(reference, ddof=1)) + float(np.var(now, ddof=1))) / 2)
    if spread == 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / spread


def quantile_edges(reference: Floats | Ints, bins: int = 10) -> npt.NDArray[np.float64]:
    """(<= bins - 1,) inner edges that part the reference into bins of about the same size; equal ones are merged.

    Raises ValueError for an empty reference or less than two bins.
    """
    if bins < 2 or not len(reference):
        raise ValueError(f"expected at least 2 bins and a value, got {bins} bins and {len(reference)} values")
    cuts = np.quantile(np.asarray(reference, np.float64), np.arange(1, bins) / bins, method="inverted_cdf")
    return np.unique(cuts)


def binned(values: Floats | Ints, edges: npt.NDArray[np.float64]) -> Ints:
    """(len(edges) + 1,) counts of the values up to each edge, and beyond the last."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


def aligned(
    reference: Mapping[str, int], now: Mapping[str, int], min_share: float = 0.001
) -> tuple[Ints, Ints, list[str]]:
    """Counts of the same categories, with their names; those rarer than `min_share` on both sides are one, `other`.

    A category that only one side knows counts on the other as 0, so a new one is seen.
    """
    totals = max(1, sum(reference.values())), max(1, sum(now.values()))
    share = {
        name: max(reference.get(name, 0) / totals[0], now.get(name, 0) / totals[1])
        for name in reference.keys() | now.keys()
    }
    kept = sorted(name for name, most in share.items() if most >= min_share)
    columns = [[side.get(name, 0) for name in kept] for side in (reference, now)]
    rest = [sum(side.values()) - sum(column) for side, column in zip((reference, now), columns, strict=True)]
    if any(rest):
        kept, columns = [*kept, OTHER], [[*column, more] for column, more in zip(columns, rest, strict=True)]
    return np.array(columns[0], np.int64), np.array(columns[1], np.int64), kept


def day_to_day(days: Sequence[Ints], size: Size = psi) -> Floats:
    """(d,) size of each day's (k,) counts against all the other days together: what differs when nothing happened.

    Fewer than two days give nothing to compare: an empty array.
    """
    if len(days) < 2:
        return np.zeros(0)
    counts = np.stack([np.asarray(day) for day in days])
    whole = counts.sum(axis=0)
    return np.array([size(whole - day, day) for day in counts])


def _shares(counts: Ints | Floats, pseudo: float = 0.0) -> Floats:
    raised = np.asarray(counts, np.float64) + pseudo
    return np.asarray(raised / raised.sum())


def _empty(reference: Ints | Floats, now: Ints | Floats) -> bool:
    """Whether a side has no cases; raises ValueError where the counts are none of the same bins."""
    if np.shape(reference) != np.shape(now) or np.ndim(reference) != 1:
        raise ValueError(f"expected counts over the same bins, got shapes {np.shape(reference)} and {np.shape(now)}")
    if np.min(reference, initial=0) < 0 or np.min(now, initial=0) < 0:
        raise ValueError("expected counts of at least 0")
    return not (np.sum(reference) and np.sum(now))


def _kullback_leibler(p: Floats, q: Floats) -> float:
    """In bits; a share of 0 adds nothing."""
    some = p > 0
    return float(np.sum(p[some] * np.log2(p[some] / q[some])))
