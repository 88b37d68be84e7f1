"""Events of many users over many movies, made up: popularity by Zipf's law, activity log-normal, deterministic."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.integer]
DAYS_S = 28 * 86_400
START_S = 1_790_000_000


def pairs(n_users: int, n_movies: int, n_events: int, seed: int = 1) -> tuple[Array, Array, Array]:
    """(user, movie, seconds since 1970), one an event and each pair once, in order of time; about `n_events`."""
    rng = np.random.default_rng(seed)
    activity = np.cumsum(rng.lognormal(0, 1, n_users))
    popularity = np.cumsum(1 / np.arange(1, n_movies + 1))
    drawn = int(n_events * 1.25)
    user = np.searchsorted(activity / activity[-1], rng.random(drawn)).astype(np.int64)
    movie = np.searchsorted(popularity / popularity[-1], rng.random(drawn))
    key = np.unique(user * n_movies + movie)
    key = rng.permutation(key)[:n_events]
    at_s = np.sort(rng.integers(0, DAYS_S, len(key))) + START_S
    return key // n_movies + 1, key % n_movies, at_s


def write_movielens(path: Path, columns: tuple[Array, Array, Array], seed: int = 2) -> None:
    """A file of ratings of 1 to 5 in MovieLens' form."""
    user, movie, at_s = columns
    score = np.random.default_rng(seed).integers(1, 6, len(user))
    rows = zip(*(column.tolist() for column in (user, movie, score, at_s)), strict=True)
    with path.open("w") as file:
        file.writelines(f"{u}\t{m}\t{s}\t{t}\n" for u, m, s, t in rows)
