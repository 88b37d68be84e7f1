"""The difference between two arms, where the user is the unit.

Everything becomes one value per user first: for a plain metric the user's total, for a ratio metric (rating per rating,
cost per play) the delta method's linearisation, whose mean is the arm's ratio and whose variance is that of the ratio.
CUPED takes off what the time before had already told about the user. Then Welch compares means. So one code path makes
every interval. Arrays may have further axes behind the users' (days, metrics); all of them are worked out at once.
Start reading at `compare`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Side:
    """One arm's mean and how sure it is; arrays where there are several days or metrics."""

    users: int
    mean: Values
    variance: Values  # of the mean


@dataclass(frozen=True, slots=True)
class Effect:
    """Difference `treatment - control` with its fixed-horizon interval and two-sided p-value."""

    control: Side
    treatment: Side
    difference: Values
    variance: Values  # of the difference
    low: Values
    high: Values
    p_value: Values


def linearised(totals: Values, counts: Values) -> Values:
    """One value per user whose mean is ``sum(totals) / sum(counts)``, with the delta method's variance; (users, ...).

    NaN throughout a column without any count. Source: Deng, Knoblich & Lu (2018), KDD, 233-242.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = totals.sum(axis=0) / counts.sum(axis=0)
        return np.asarray(ratio + (totals - ratio * counts) / counts.mean(axis=0))


def cuped(arms: tuple[Values, ...], before: tuple[Values, ...]) -> tuple[Values, ...]:
    """Each arm's values less what `before`, measured ahead of the experiment, explains of them.

    arms: values per user (users, ...) of each arm; before: one value per user (users,) of each arm. The slope is common
    to the arms and the mean of all users stays, so the difference estimated is the same, only less noisy. A `before`
    that does not vary changes nothing. Source: Deng, Xu, Kohavi & Walker (2013), WSDM, 123-132.
    """
    pooled = np.concatenate(before)
    spread = [each - each.mean() for each in before]
    square = sum(float(each @ each) for each in spread)
    if not square > 0:
        return arms
    slope = sum(np.tensordot(x, y, axes=(0, 0)) for x, y in zip(spread, arms, strict=True)) / square
    off = [x - pooled.mean() for x in before]
    return tuple(np.asarray(y - np.multiply.outer(x, slope)) for x, y in zip(off, arms, strict=True))


def side(values: Values) -> Side:
    """Mean over users (axis 0) and its variance."""
    users = len(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(axis=0) / users if users else np.full(values.shape[1:], np.nan)
        squares = ((values - mean) ** 2).sum(axis=0)
        return Side(users, np.asarray(mean), np.asarray(squares / max(users - 1, 0) / max(users, 1)))


def compare(control: Values, treatment: Values, level: float = 0.95) -> Effect:
    """Welch's test of the mean of `treatment` against that of `control`; values per user on axis 0.

    NaN bounds where an arm has fewer than two users or nothing varies. Source: Welch (1947), Biometrika 34, 28-35.
    """
    return contrast(side(control), side(treatment), level)


def contrast(control: Side, treatment: Side, level: float = 0.95) -> Effect:
    """As `compare`, from the arms' means and their variances."""
    difference, variance = treatment.mean - control.mean, treatment.variance + control.variance
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / sum(s.variance**2 / max(s.users - 1, 1) for s in (control, treatment))
        error = np.sqrt(variance)
        p_value = 2 * stdtr(freedom, -np.abs(difference) / error)
        half = stdtrit(freedom, (1 + level) / 2) * error
    return Effect(control, treatment, difference, variance, difference - half, difference + half, p_value)


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """P-values adjusted for their number, Holm's step-down; NaN ones stay NaN and do not count.

    At most 5 % of families have any adjusted value below 0.05 by chance, whatever hangs together.
    Source: Holm (1979), Scand. J. Statistics 6, 65-70.
    """
    known = sorted((p, name) for name, p in p_values.items() if p == p)
    adjusted, worst = dict.fromkeys(p_values, float("nan")), 0.0
    for rank, (p, name) in enumerate(known):
        worst = max(worst, min(1.0, p * (len(known) - rank)))
        adjusted[name] = worst
    return adjusted


def plain_number(value: Any) -> float:
    """A zero-dimensional result as a Python float."""
    return float(np.asarray(value).reshape(()))
