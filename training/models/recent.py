"""Recent popularity: what is watched lately, where old sessions are forgotten with a half-life.

On a real split by time this beats most personal models, because taste moves with what is new.
"""

from dataclasses import dataclass

import numpy as np

from training.data import Interactions
from training.servable import Servable


@dataclass(frozen=True)
class Config:
    """half_life_hours: stream time after which a session counts half."""

    half_life_hours: float = 24.0

    def __post_init__(self) -> None:
        if not self.half_life_hours > 0:
            raise ValueError(f"half_life_hours is a time and must be > 0, got {self.half_life_hours}")


def fit(interactions: Interactions, config: Config) -> Servable:
    """Score = watch sessions, each counted by how much of it was watched and halved every half-life of its age."""
    watches = interactions.watches
    age_hours = np.maximum(interactions.now_ns() - watches.at_ns, 0) / 3.6e12
    weights = watches.weight * np.exp2(-age_hours / config.half_life_hours)
    scores = np.bincount(watches.movie, weights=weights, minlength=len(interactions.movies))
    return Servable.of_scores(interactions.users, interactions.movies, scores)
