"""Surprise's SVD on whether somebody saw a movie: 1 for what they saw, 0 for a few drawn of what they did not.

The same library as `svd` with another target: its list is several times as good, for it learns what people choose
instead of what they say afterwards. A way to rank well for whoever must stay with Surprise; EASE and ALS rank better.
"""

from dataclasses import dataclass

import numpy as np

from training.data import Interactions, Tastes
from training.models._linking import popularity_tail
from training.models._surprise import Columns, fitted
from training.servable import Array, Servable


@dataclass(frozen=True)
class Config:
    """Surprise's own names. unseen: zeros drawn for each one. `seed` makes the fit repeatable."""

    n_factors: int = 32
    n_epochs: int = 40
    lr_all: float = 0.005
    reg_all: float = 0.02
    unseen: int = 3
    seed: int = 1


def fit(interactions: Interactions, config: Config) -> Servable:
    """Factors and biases; a user's own bias changes no order."""
    users, movies, tastes = interactions.users, interactions.movies, interactions.tastes()
    user_factors, movie_factors = (np.zeros((len(ids), config.n_factors), np.float32) for ids in (users, movies))
    base = popularity_tail(interactions, tastes)
    if len(tastes.user):
        (viewers, user), (seen, movie) = (np.unique(i, return_inverse=True) for i in (tastes.user, tastes.movie))
        columns = _with_unseen(user, movie, tastes, config)
        algorithm = fitted(
            "SVD", columns, n_factors=config.n_factors, n_epochs=config.n_epochs, lr_all=config.lr_all,
            reg_all=config.reg_all, random_state=config.seed,
        )  # fmt: skip
        user_factors[viewers], movie_factors[seen] = algorithm.pu, algorithm.qi
        base[seen] += algorithm.bi
    return Servable.of_factors(users, movies, base, user_factors, movie_factors)


def _with_unseen(user: Array, movie: Array, tastes: Tastes, config: Config) -> Columns:
    """Tastes as 1 or the share watched, and pairs drawn at random of those that are none, as 0; shuffled."""
    rng, width = np.random.default_rng(config.seed), int(movie.max()) + 1
    drawn = np.repeat(user, config.unseen), rng.integers(0, width, len(user) * config.unseen)
    unseen = ~np.isin(drawn[0] * width + drawn[1], user * width + movie)
    order = rng.permutation(len(user) + int(unseen.sum()))
    value = np.concatenate([tastes.weight, np.zeros(int(unseen.sum()))])
    users, movies = np.concatenate([user, drawn[0][unseen]]), np.concatenate([movie, drawn[1][unseen]])
    return Columns(users[order], movies[order], value[order], (0.0, 1.0))
