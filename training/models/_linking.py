"""What the models that link movies to movies share: which movies are linked, the matrix of tastes, the tail."""

from typing import Any

import numpy as np

from training.data import Interactions, Tastes
from training.linked import Profiles
from training.servable import Array, find

TAIL = 1e-3  # most that popularity adds: it ranks what has no links and serves strangers, and moves nothing else
MATRICES = 2  # held at once while fitting


def linked_movies(tastes: Tastes, n_movies: int, memory_mb: int) -> Array:
    """Places of the most played movies, ascending: as many as two square float32 matrices in `memory_mb` allow."""
    counts = np.bincount(tastes.movie, weights=tastes.weight, minlength=n_movies)
    most = int(np.sqrt(memory_mb * 2**20 / (4 * MATRICES)))
    played = np.flatnonzero(counts)
    return np.sort(played[np.argsort(-counts[played], kind="stable")[:most]])


def taste_matrix(tastes: Tastes, linked: Array, n_users: int) -> Any:
    """(n_users, m) sparse float32: how much of each linked movie each user watched."""
    from scipy.sparse import csr_array

    place = find(linked, tastes.movie)
    kept = place >= 0
    pairs = (tastes.user[kept].astype(np.int32), place[kept].astype(np.int32))
    return csr_array((tastes.weight[kept].astype(np.float32), pairs), shape=(n_users, len(linked)))


def profiles_of(tastes: Tastes, n_users: int, half_life_ns: float = np.inf) -> Profiles:
    """How much each taste counts: its share watched, halved every half-life before the user's latest."""
    weights = tastes.weight
    if np.isfinite(half_life_ns):
        latest = np.zeros(n_users, np.int64)
        np.maximum.at(latest, tastes.user, tastes.at_ns)
        weights = weights * np.exp2(-(latest[tastes.user] - tastes.at_ns) / half_life_ns)
    return Profiles.of(tastes.user, tastes.movie, weights, n_users)


def tail_of(counts: Array) -> Array:
    """Popularity as a score that stays below all links."""
    return np.asarray(TAIL * counts / max(1.0, counts.max(initial=0)))


def popularity_tail(interactions: Interactions, tastes: Tastes) -> Array:
    """(n_movies,) base scores from all-time popularity."""
    return tail_of(np.bincount(tastes.movie, weights=tastes.weight, minlength=len(interactions.movies)))
