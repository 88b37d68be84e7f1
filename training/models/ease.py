"""EASE: how much does having seen one movie speak for another, all others being equal? One regression, solved exactly.

The best on random splits at this size: nothing to tune but one number, and each link can be read. Cost is that of one
inverse, so the most played movies are linked, as many as `memory_mb` allows, and popularity serves the tail.
Source: Steck (2019), Embarrassingly shallow autoencoders for sparse data, WWW.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.data import Interactions
from training.linked import Linked
from training.models._inverse import invert
from training.models._linking import linked_movies, popularity_tail, profiles_of, taste_matrix
from training.servable import Array, Servable

STEP = 512  # rows of the Gram matrix made at once, since a sparse one of popular movies is larger than a dense one


@dataclass(frozen=True)
class Config:
    """regularisation: how many people must agree before a link counts. memory_mb: bounds the movies linked."""

    regularisation: float = 400.0
    memory_mb: int = 512

    def __post_init__(self) -> None:
        if not self.regularisation > 0 or not self.memory_mb > 0:
            raise ValueError(f"regularisation and memory_mb must be > 0, got {self}")


def fit(interactions: Interactions, config: Config) -> Servable:
    """Links between the most played movies; each user's score is the sum over what they have seen."""
    tastes, n_users = interactions.tastes(), len(interactions.users)
    linked = linked_movies(tastes, len(interactions.movies), config.memory_mb)
    links = solve(gram(taste_matrix(tastes, linked, n_users)), config.regularisation)
    tail, profiles = popularity_tail(interactions, tastes), profiles_of(tastes, n_users)
    return Linked.of_links(interactions.users, interactions.movies, tail, linked, links, profiles)


def gram(matrix: Any) -> Array:
    """(m, m) float32: how much each two movies are watched by the same people; matrix: (n_users, m), sparse."""
    n_movies = matrix.shape[1]
    by_movie, found = matrix.T.tocsr(), np.empty((n_movies, n_movies), np.float32)
    for first in range(0, n_movies, STEP):
        found[first : first + STEP] = (by_movie[first : first + STEP] @ matrix).todense()
    return found


def solve(gram_matrix: Array, regularisation: float) -> Array:
    """(m, m) float32 links from a Gram matrix, which they replace; nothing links to itself."""
    gram_matrix[np.diag_indices(len(gram_matrix))] += regularisation
    links = invert(gram_matrix)
    links /= -np.diag(links).copy()
    np.fill_diagonal(links, 0)
    return links
