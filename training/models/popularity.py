"""All-time popularity: what most people watched, however long ago.

The yardstick: a model that is no better than this has learnt nothing about anybody.
"""

from dataclasses import dataclass

import numpy as np

from training.data import Interactions
from training.servable import Servable


@dataclass(frozen=True)
class Config:
    """Nothing to choose."""


def fit(interactions: Interactions, config: Config) -> Servable:
    """Score = number of people who watched or rated it, each counted by how much of it they watched."""
    tastes = interactions.tastes()
    scores = np.bincount(tastes.movie, weights=tastes.weight, minlength=len(interactions.movies))
    return Servable.of_scores(interactions.users, interactions.movies, scores)
