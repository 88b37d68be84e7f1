"""Item-kNN: movies are alike that the same people watch, and a list is what is most like what somebody has seen.

Quick, plain, and every recommendation has a "because you watched". Three ways to weigh a watch before the cosine:
as it is, by tf-idf (movies that all watch say less), by BM25 (so do people who watch everything).
Source: Deshpande & Karypis (2004), Item-based top-N recommendation algorithms, ACM TOIS 22(1); implicit's versions.
"""

from dataclasses import dataclass

import numpy as np

from training.data import Interactions
from training.linked import Linked, Profiles
from training.models._implicit import similarity
from training.models._linking import linked_movies, popularity_tail, taste_matrix
from training.servable import Servable

WEIGHTINGS = ("cosine", "tfidf", "bm25")


@dataclass(frozen=True)
class Config:
    """weighting: one of WEIGHTINGS. neighbours: links kept of each movie. memory_mb: bounds the movies linked."""

    weighting: str = "tfidf"
    neighbours: int = 50
    memory_mb: int = 512

    def __post_init__(self) -> None:
        if self.weighting not in WEIGHTINGS:
            raise ValueError(f"weighting is one of {', '.join(WEIGHTINGS)}, got {self.weighting!r}")


def fit(interactions: Interactions, config: Config) -> Servable:
    """Links to each movie's nearest; each user's score is the sum over what they have seen."""
    tastes, n_users = interactions.tastes(), len(interactions.users)
    linked = linked_movies(tastes, len(interactions.movies), config.memory_mb)
    matrix = taste_matrix(tastes, linked, n_users)
    links = similarity(matrix, config.weighting, config.neighbours)
    np.fill_diagonal(links, 0)
    tail = popularity_tail(interactions, tastes)
    profiles = Profiles.of(tastes.user, tastes.movie, tastes.weight, n_users)
    return Linked.of_links(interactions.users, interactions.movies, tail, linked, links, profiles)
