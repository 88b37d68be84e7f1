"""Intervals that hold however often one looks, and whenever one stops.

A fixed-horizon interval is right once, at the end. Looked at daily, and stopped when it first leaves out zero, it gives
false alarms far more often than 5 % (docs/experiments.md has our figures). The confidence sequence here is the normal
mixture of Robbins, used on the running estimate and its variance: wider on any single day, right on all together.
"""

import numpy as np
import numpy.typing as npt

from evaluation.effects import Effect

Values = npt.NDArray[np.float64]

MIN_USERS = 100  # per arm before a first look: the variance has to be known


def half_width(variance: Values, expected: float, level: float = 0.95) -> Values:
    """Half the width of the always-valid interval around an estimate with this variance.

    expected: the size of effect that matters, in the metric's own unit, fixed before the start; the sequence is
    narrowest around the moment at which such an effect is just found. Any positive value is valid.
    Source: Robbins (1970), Ann. Math. Stat. 41, 1397-1409; for means estimated from data Waudby-Smith et al. (2024),
    Ann. Stat. 52(6), 2613-2640. Users who stay make daily means depend on each other; for persistent users and
    independent days the running mean keeps the increments that the bound needs, and `make bench-stats` checks the rest.
    """
    if not expected > 0:
        raise ValueError(f"a positive size of effect expected; got {expected}")
    prior, alpha = expected**2, 1 - level
    variance = np.asarray(variance, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        square = variance * (variance + prior) / prior * np.log((variance + prior) / (variance * alpha**2))
    return np.asarray(np.sqrt(square))


def anytime(effect: Effect, expected: float, level: float = 0.95) -> tuple[Values, Values]:
    """Bounds of the always-valid interval; NaN while an arm has fewer than MIN_USERS users."""
    if min(effect.control.users, effect.treatment.users) < MIN_USERS:
        nothing = np.full(np.shape(effect.difference), np.nan)
        return nothing, nothing
    half = half_width(effect.variance, expected, level)
    return effect.difference - half, effect.difference + half
