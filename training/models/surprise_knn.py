"""Surprise's KNNBaseline over movies: a rating is guessed from the user's ratings of the most similar movies.

It predicts stars a little better than SVD and its list is as poor, for the same reason. Similarities are square in the
number of movies, so only the most rated ones are compared, as many as `memory_mb` allows.
Source: Koren (2010), Factor in the neighbors, ACM TKDD 4(1); Surprise's implementation.
"""

from dataclasses import dataclass

import numpy as np

from training.data import Interactions, Tastes
from training.linked import Profiles, RatedNeighbours
from training.models._linking import linked_movies
from training.models._surprise import Columns, fitted
from training.servable import Array, Servable, find


@dataclass(frozen=True)
class Config:
    """neighbours: most similar rated movies that count. memory_mb: bounds the movies compared."""

    neighbours: int = 40
    memory_mb: int = 1024


def fit(interactions: Interactions, config: Config) -> Servable:
    """Biases and similarities; of a pair rated twice the last rating counts."""
    users, movies = interactions.users, interactions.movies
    rated = _last_ratings(interactions)
    linked = linked_movies(rated, len(movies), config.memory_mb // 3)  # Surprise holds three of twice the width
    place = find(linked, rated.movie)
    kept = place >= 0
    raters, user = np.unique(rated.user[kept], return_inverse=True)
    user_bias, base = np.zeros(len(users)), np.full(len(movies), rated.weight.mean() if len(rated.weight) else 0.0)
    similarity, missed = np.zeros((len(linked), len(linked))), np.zeros(int(kept.sum()))
    if len(raters):
        scale = (float(rated.weight.min()), float(rated.weight.max()))
        algorithm = fitted(
            "KNNBaseline", Columns(user, place[kept], rated.weight[kept], scale), k=config.neighbours,
            sim_options={"name": "pearson_baseline", "user_based": False}, verbose=False,
        )  # fmt: skip
        user_bias[raters] = algorithm.bu
        base[linked] += algorithm.bx if len(algorithm.bx) == len(linked) else algorithm.bi
        similarity = algorithm.sim
        missed = rated.weight[kept] - base[rated.movie[kept]] - user_bias[rated.user[kept]]
    profiles = Profiles.of(rated.user[kept], rated.movie[kept], missed, len(users))
    return _servable(users, movies, base, user_bias, linked, similarity, profiles, config.neighbours)


def _last_ratings(interactions: Interactions) -> Tastes:
    """Ratings, one a pair, with the score as weight, ordered by user, then movie."""
    given = interactions.ratings
    order = np.lexsort((given.at_ns, given.movie, given.user))
    user, movie = given.user[order], given.movie[order]
    last = np.append((np.diff(user) != 0) | (np.diff(movie) != 0), [True] * (len(user) > 0)).astype(bool)
    return Tastes(user[last], movie[last], given.at_ns[order][last], given.score[order][last])


def _servable(
    users: Array, movies: Array, base: Array, user_bias: Array, linked: Array, similarity: Array, profiles: Profiles,
    neighbours: int,
) -> RatedNeighbours:  # fmt: skip
    plain = Servable.of_factors(
        users, movies, base, np.empty((len(users), 0)), np.empty((len(movies), 0)), user_bias, rates=True
    )
    kept = {f"profile_{name}": getattr(profiles, name) for name in ("starts", "movies", "weights")}
    return RatedNeighbours(
        **plain.arrays(), linked=linked.astype(np.int32), similarity=similarity.astype(np.float32), **kept,
        neighbours=np.array([neighbours]),
    )  # fmt: skip
