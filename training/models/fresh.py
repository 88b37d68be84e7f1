"""The fresh blend: what somebody's history speaks for, plus what everybody watches lately.

EASE knows taste and nothing of time; recent popularity knows time and nothing of taste. Together they beat both on a
split by time. Old tastes fade (`history_half_life`), each user's EASE scores are brought to the same spread, and the
logarithm of recent popularity is added with weight `mix`: a movie twice as popular gains the same whatever its rank.
"""

from dataclasses import dataclass, replace

import numpy as np

from training.data import Interactions
from training.linked import Linked
from training.models import ease
from training.models._linking import profiles_of
from training.models.recent import recent_counts
from training.servable import Array, Servable

FLOOR = 1e-3  # of the most popular movie's count: what a movie counts that nobody watched lately


@dataclass(frozen=True)
class Config:
    """history_half_life, popular_half_life: as shares of the time that the data span, at least a day. mix: weight of
    popularity.

    The other two are those of EASE.
    """

    regularisation: float = 200.0
    history_half_life: float = 0.2
    popular_half_life: float = 0.05
    mix: float = 4.0
    memory_mb: int = 512

    def __post_init__(self) -> None:
        if not (self.history_half_life > 0 and self.popular_half_life > 0 and self.mix >= 0):
            raise ValueError(f"half-lives must be > 0 and mix >= 0, got {self}")


def fit(interactions: Interactions, config: Config) -> Servable:
    """EASE's links over faded histories; recent popularity as the base."""
    linked = ease.fit(interactions, ease.Config(config.regularisation, config.memory_mb))
    assert isinstance(linked, Linked)
    base = config.mix * log_popularity(interactions, config.popular_half_life)
    return replace(faded(linked, interactions, config.history_half_life), base=base.astype(np.float32))


def faded(model: Linked, interactions: Interactions, half_life: float) -> Linked:
    """An EASE model with histories that fade and scores of one spread; its base is 0."""
    profiles = profiles_of(interactions.tastes(), len(interactions.users), interactions.half_life_ns(half_life))
    zero = np.zeros(len(interactions.movies))
    arrays = interactions.users, interactions.movies, zero, model.linked, model.links
    return Linked.of_links(*arrays, profiles, standardised=True)


def log_popularity(interactions: Interactions, half_life: float) -> Array:
    """(n_movies,) logarithm of recent counts, 0 for the most popular; half_life: share of the span."""
    counts = recent_counts(interactions, interactions.half_life_ns(half_life))
    return np.asarray(np.log(counts / max(counts.max(initial=0), 1e-300) + FLOOR))
