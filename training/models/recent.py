"""Recent popularity: what is watched lately, where old sessions are forgotten with a half-life.

On a real split by time this beats most personal models, because taste moves with what is new. How fast to forget is
chosen by validation inside the training data, unless it is given.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.data import HOUR_NS, Interactions, Split
from training.models._validation import best_setting
from training.servable import Array, Servable

USUAL = 0.05
SHARES = (0.005, 0.01, 0.02, USUAL, 0.1, 0.2, 0.5, np.inf)  # half-lives tried, as shares of the span; inf = all-time


@dataclass(frozen=True)
class Config:
    """half_life_hours: stream time after which what somebody watched counts half; None = chosen by validation."""

    half_life_hours: float | None = None

    def __post_init__(self) -> None:
        if self.half_life_hours is not None and not self.half_life_hours > 0:
            raise ValueError(f"half_life_hours is a time and must be > 0, got {self.half_life_hours}")


def fit(interactions: Interactions, config: Config) -> Servable:
    """Score = people who watched or rated it, each counted by how much they watched and halved every half-life."""
    if config.half_life_hours is None:
        half_life_ns = interactions.half_life_ns(best_setting(interactions, "time", USUAL, _trials) or USUAL)
    else:
        half_life_ns = config.half_life_hours * HOUR_NS
    return Servable.of_scores(interactions.users, interactions.movies, recent_counts(interactions, half_life_ns))


def recent_counts(interactions: Interactions, half_life_ns: float) -> Array:
    """(n_movies,) float64 number of people, each by share watched and age; half_life_ns in stream time."""
    tastes = interactions.tastes()
    age_ns = np.maximum(interactions.now_ns() - tastes.at_ns, 0)
    weights = tastes.weight * np.exp2(-age_ns / half_life_ns)
    return np.bincount(tastes.movie, weights=weights, minlength=len(interactions.movies))


def _trials(split: Split) -> Iterator[tuple[float, Array]]:
    for share in SHARES:
        counts = recent_counts(split.train, split.train.half_life_ns(share)).astype(np.float32)
        yield share, np.tile(counts, (len(split.test_users), 1))
