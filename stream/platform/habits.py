"""How users of a term rate and ask, where the measured terms differ from each other.

Shares of scores are those seen before a team's own lists moved them. Terms without a known log have the habits of the
nearest one. Source: public logs of the course's stream (`targets.toml` names each).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from stream.platform.draws import Floats, Ints
from stream.terms import Term

_FIVE = (1.5, 2.5, 3.5, 4.5)  # where a latent score turns to the next on the scale of five
_FINER = 0.5  # noise of judgement on scales wider than five


@dataclass(frozen=True, slots=True)
class Habits:
    """What a term's users do."""

    scores: tuple[float, float, float, float, float]  # shares of 1, 2, 3, 4 and 5 on the scale of five
    rated_finished: float = 0.61  # share of finished sessions that are rated ...
    rated_abandoned: float = 0.07  # ... and of abandoned ones
    asks_for_nothing: float = 0.03  # share of requests that lead to no start

    @property
    def thresholds(self) -> Floats:
        """Standard-normal liking at which each next score of five begins; shape (4,)."""
        return np.array([NormalDist().inv_cdf(sum(self.scores[:n])) for n in range(1, 5)])


_OCTOBER_2024 = Habits((0.001, 0.038, 0.325, 0.501, 0.135))
_SPRING_2023 = Habits((0.004, 0.070, 0.425, 0.438, 0.063))
_MCGILL = Habits((0.002, 0.020, 0.270, 0.510, 0.198))
_SIGN_UPS = Habits(_OCTOBER_2024.scores, rated_finished=0.97, rated_abandoned=0.40, asks_for_nothing=0.12)


_BY_TERM = {
    **dict.fromkeys(("F2019", "S2020", "F2020", "S2021", "S2022", "F2022", "S2023", "S2024"), _SPRING_2023),
    **dict.fromkeys(("F2024", "S2025", "F2025"), _OCTOBER_2024),
    **dict.fromkeys(("S2026", "F2026", "F2026-online"), _SIGN_UPS),
    **dict.fromkeys(("McGill-F2020", "McGill-F2021", "McGill-F2022"), _MCGILL),
}


def habits_of(term: Term) -> Habits:
    """Habits of a term's users."""
    return _BY_TERM[term.name]


def scores(term: Term, habits: Habits, liking: Floats, finer: Floats) -> Ints:
    """Scores on the term's scale for standard-normal likings; `finer`: standard-normal noise for wide scales."""
    latent = _between(liking, habits.thresholds)
    if term.rating_max != 5:
        latent = latent * term.rating_max / 5 + _FINER * finer
    return np.clip(np.rint(latent), term.rating_min, term.rating_max).astype(np.int64)


def _between(liking: Floats, thresholds: Floats) -> NDArray[np.float64]:
    """Latent score on the scale of five: linear between the thresholds and, at the same slopes, beyond them."""
    slopes = 1 / np.diff(thresholds)
    low, high = liking - thresholds[0], liking - thresholds[-1]
    inside = np.interp(liking, thresholds, _FIVE)
    return np.asarray(inside + np.minimum(low, 0) * slopes[0] + np.maximum(high, 0) * slopes[-1])
