"""The one room of Surprise: its objects made from sorted columns, its algorithms fitted."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.servable import Array


@dataclass(frozen=True)
class Columns:
    """Explicit values, one a row. user, movie: index from 0 without gaps in use. value: on `scale`."""

    user: Array
    movie: Array
    value: Array
    scale: tuple[float, float]


def trainset(columns: Columns) -> Any:
    """Surprise's own object; `load_from_df` and `build_full_trainset` take more than twice as long for the same.

    Users and movies are numbered in ascending order where Surprise numbers them as they come.
    """
    from surprise import Trainset  # a second to import, so only when fitting

    n_users, n_movies = (int(index.max(initial=-1)) + 1 for index in (columns.user, columns.movie))
    by_user = _grouped(columns.user, columns.movie, columns.value, n_users)
    by_movie = _grouped(columns.movie, columns.user, columns.value, n_movies)
    ids = ({number: number for number in range(n)} for n in (n_users, n_movies))
    return Trainset(by_user, by_movie, n_users, n_movies, len(columns.value), columns.scale, *ids)


def fitted(name: str, columns: Columns, **parameters: Any) -> Any:
    """Surprise's algorithm of that name, fitted."""
    import surprise

    return getattr(surprise, name)(**parameters).fit(trainset(columns))


def _grouped(key: Array, other: Array, value: Array, n: int) -> dict[int, list[tuple[int, float]]]:
    """Pairs of the other index and the value for each key, in their order."""
    order = np.argsort(key, kind="stable")
    pairs = list(zip(other[order].tolist(), value[order].tolist(), strict=True))
    ends = np.cumsum(np.bincount(key, minlength=n)).tolist()
    return {place: pairs[first:last] for place, (first, last) in enumerate(zip([0, *ends], ends, strict=False))}
