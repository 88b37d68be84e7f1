"""Surprise's SVD, ranked by predicted rating: the list that most first attempts serve.

It predicts stars well and ranks poorly: a good prediction for a movie somebody would never start is worth nothing.
It is kept as the honest baseline; the gate rarely lets it through. Movies nobody rated score the mean.
Source: Koren, Bell & Volinsky (2009), Matrix factorization techniques for recommender systems, IEEE Computer 42(8);
Surprise's implementation with its published defaults.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data import Interactions, Ratings
from training.servable import Servable


@dataclass(frozen=True)
class Config:
    """Surprise's own names and defaults; `seed` makes the fit repeatable."""

    n_factors: int = 100
    n_epochs: int = 20
    lr_all: float = 0.005
    reg_all: float = 0.02
    seed: int = 1


def fit(interactions: Interactions, config: Config) -> Servable:
    """Factors and biases of raters and rated movies; everybody else has none."""
    users, movies, ratings = interactions.users, interactions.movies, interactions.ratings
    user_factors, movie_factors = (np.zeros((len(ids), config.n_factors), np.float32) for ids in (users, movies))
    user_bias, movie_bias = np.zeros(len(users)), np.zeros(len(movies))
    mean = 0.0
    if len(ratings.user):
        raters, rated = np.unique(ratings.user), np.unique(ratings.movie)
        algorithm, mean = _surprise(ratings, raters, rated, config), float(ratings.score.mean())
        user_factors[raters], movie_factors[rated] = algorithm.pu, algorithm.qi
        user_bias[raters], movie_bias[rated] = algorithm.bu, algorithm.bi
    return Servable.of_factors(users, movies, mean + movie_bias, user_factors, movie_factors, user_bias, rates=True)


def _surprise(ratings: Ratings, raters: npt.NDArray[Any], rated: npt.NDArray[Any], config: Config) -> Any:
    from surprise import SVD  # a second to import, so only when fitting

    algorithm = SVD(
        n_factors=config.n_factors, n_epochs=config.n_epochs, lr_all=config.lr_all, reg_all=config.reg_all,
        random_state=config.seed,
    )  # fmt: skip
    return algorithm.fit(_trainset(ratings, raters, rated))


def _trainset(ratings: Ratings, raters: npt.NDArray[Any], rated: npt.NDArray[Any]) -> Any:
    """Surprise's own object, made from sorted columns: `load_from_df` takes more than twice as long for the same."""
    from surprise import Trainset

    user, movie, score = np.searchsorted(raters, ratings.user), np.searchsorted(rated, ratings.movie), ratings.score
    by_user: dict[int, list[tuple[int, float]]] = {i: [] for i in range(len(raters))}
    by_movie: dict[int, list[tuple[int, float]]] = {i: [] for i in range(len(rated))}
    for u, i, r in zip(user.tolist(), movie.tolist(), score.tolist(), strict=True):
        by_user[u].append((i, r))
        by_movie[i].append((u, r))
    scale = (float(score.min()), float(score.max()))
    ids = {int(n): i for i, n in enumerate(raters)}, {int(n): i for i, n in enumerate(rated)}
    return Trainset(by_user, by_movie, len(raters), len(rated), len(score), scale, *ids)
