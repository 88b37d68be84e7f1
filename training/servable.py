"""The form every model takes once it is fitted: id tables and arrays that turn histories into top-k lists.

Offline evaluation scores this form, publish and refresh compute lists from it, and no training library is needed for
any of that. A score is `base` (the same for everybody) plus the product of a user's and a movie's factors; a user whom
the model does not know has no factors and gets `base` alone. Models that link movies to movies have another form, in
`linked.py`, which takes in a history that is newer than the model. Start at `Servable.top`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
BLOCK_CELLS = 4_000_000  # scores held at once: 16 MB of float32
LANES = 512


@dataclass(frozen=True)
class Histories:
    """What each of n users has seen: the movies of row i are ``movies[starts[i]:starts[i + 1]]``."""

    starts: Array
    movies: Array

    @classmethod
    def of(cls, rows: Array, movies: Array, n_rows: int) -> Self:
        """From pairs in any order, repeats allowed: movie index `movies[j]` was seen by user row `rows[j]`."""
        width = int(movies.max(initial=0)) + 1
        pairs = np.unique(rows.astype(np.int64) * width + movies)
        counts = np.bincount(pairs // width, minlength=n_rows)
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), (pairs % width).astype(np.int32))

    @classmethod
    def none(cls, n_rows: int) -> Self:
        """Users who have seen nothing."""
        return cls(np.zeros(n_rows + 1, np.int64), np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def counts(self) -> Array:
        """How many movies each user has seen."""
        return np.diff(self.starts)

    def rows_of(self) -> Array:
        """User row of each entry of `movies`."""
        return np.repeat(np.arange(len(self)), self.counts)

    def of_rows(self, rows: Array) -> Self:
        """Histories of the given rows, in their order."""
        counts = self.counts[rows]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        at = np.repeat(self.starts[rows] - starts[:-1], counts) + np.arange(starts[-1])
        return type(self)(starts, self.movies[at])

    def between(self, first: int, last: int) -> Self:
        """Rows first to last - 1."""
        starts = self.starts[first : last + 1]
        return type(self)(starts - starts[0], self.movies[starts[0] : starts[-1]])


@dataclass(frozen=True)
class Servable:
    """A fitted model as arrays, all float32 but the ids.

    users: (n_users,) int64, ascending. movies: (n_movies,) str, ascending. base: (n_movies,). user_factors:
    (n_users, f) and movie_factors: (n_movies, f), f may be 0. user_bias: (n_users,) changes no ranking, only predicted
    ratings. rates: (1,) bool; scores are ratings in stars, so that a model's error against real ratings can be stated.
    """

    MARK: ClassVar[str] = "users"  # an array that only this form has

    users: Array
    movies: Array
    base: Array
    user_factors: Array
    movie_factors: Array
    user_bias: Array
    rates: Array

    @classmethod
    def of_scores(cls, users: Array, movies: Array, scores: Array) -> Self:
        """A model that scores movies the same for everybody."""
        return cls.of_factors(users, movies, scores, np.empty((len(users), 0)), np.empty((len(movies), 0)))

    @classmethod
    def of_factors(
        cls, users: Array, movies: Array, base: Array, user_factors: Array, movie_factors: Array,
        user_bias: Array | None = None, rates: bool = False,
    ) -> Self:  # fmt: skip
        """A model with taste; see the class for shapes."""
        bias = np.zeros(len(users)) if user_bias is None else user_bias
        base, user_factors, movie_factors, bias = (
            np.ascontiguousarray(scores, dtype=np.float32) for scores in (base, user_factors, movie_factors, bias)
        )
        return cls(users, movies, base, user_factors, movie_factors, bias, np.array([rates]))

    def arrays(self) -> dict[str, Array]:
        """Name to array: all there is to keep."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "Servable":
        """Inverse of `arrays`, in the form they are of; further ones are left aside. KeyError names a missing one."""
        import training.linked  # noqa: F401 - so that its forms are known

        form = next((form for form in cls.__subclasses__() if form.MARK in arrays), cls)
        return form(**{f.name: arrays[f.name] for f in fields(form)})

    @property
    def personal(self) -> bool:
        """Whether users' scores differ at all."""
        return bool(self.user_factors.shape[1])

    def rows(self, user_ids: Array) -> Array:
        """(n,) row of each user in the tables, -1 for users whom the model does not know."""
        return find(self.users, user_ids)

    def scores(self, rows: Array, histories: Histories | None = None) -> Array:
        """(n, n_movies) float32 scores of users by row; -1 is somebody unknown.

        histories: what they have seen by now, one row each, if it is more than at the time of the fit.
        """
        if not self.personal:
            return np.broadcast_to(self.base, (len(rows), len(self.movies))).copy()
        factors = self.user_factors[rows]
        factors[rows < 0] = 0
        scores = factors @ self.movie_factors.T
        scores += self.base
        return np.asarray(scores)

    def top(self, user_ids: Array, histories: Histories, k: int, block_cells: int = BLOCK_CELLS) -> Array:
        """(n, k) int32 index into `movies`, best first, of what each user has not seen; -1 where nothing is left.

        user_ids: (n,). histories: one row for each of them, in the same order. The same input gives the same lists.
        block_cells: scores held in memory at once.
        """
        lists = np.full((len(user_ids), k), -1, np.int32)
        rows, step = self.rows(user_ids), max(1, block_cells // max(1, len(self.movies)))
        for first in range(0, len(user_ids), step):
            block = rows[first : first + step]
            seen = histories.between(first, first + len(block))
            scores = self.scores(block, seen)
            scores[seen.rows_of(), seen.movies] = -np.inf
            best = best_of(scores, k)
            lists[first : first + len(scores), : best.shape[1]] = best
        return lists

    def predict(self, user_ids: Array, movie_index: Array) -> Array:
        """(n,) predicted rating of each pair, in stars. Raises TypeError for a model that does not predict ratings."""
        if not self.rates[0]:
            raise TypeError("this model ranks movies; its scores are no ratings")
        rows = self.rows(user_ids)
        taste = np.einsum("nf,nf->n", self.user_factors[rows], self.movie_factors[movie_index]) + self.user_bias[rows]
        return np.asarray(self.base[movie_index] + np.where(rows >= 0, taste, 0), np.float64)


def find(table: Array, values: Array) -> Array:
    """(n,) position of each value in an ascending table, -1 where it is not in it."""
    values = np.asarray(values)
    if not len(table):
        return np.full(len(values), -1)
    at = np.minimum(np.searchsorted(table, values), len(table) - 1)
    return np.where(table[at] == values, at, -1)


def best_of(scores: Array, k: int) -> Array:
    """(n, min(k, m)) columns of the highest scores of each row, best first, the lower column on ties; -1 for -inf.

    In two steps, for a whole sort or partition costs more than the scores: the k-th highest of LANES maxima, each over
    every LANES-th column, is a floor under the k-th highest of all, and few columns reach it.
    """
    n, m = scores.shape
    k = min(k, m)
    if not k or not n:
        return np.full((n, k), -1, np.int32)
    lanes = min(m, max(k, LANES))
    maxima = scores[:, : m // lanes * lanes].reshape(n, -1, lanes).max(axis=1)
    if np.isnan(maxima).any():
        return best_of(np.where(np.isnan(scores), -np.inf, scores), k)
    floor = np.partition(maxima, lanes - k, axis=1)[:, lanes - k]
    flat = np.flatnonzero(scores >= floor[:, None])
    row, values = flat // m, scores.ravel()[flat]
    order = np.lexsort((-values, row))  # stable, and columns ascend within a row
    starts = np.searchsorted(row, np.arange(n))
    chosen = order[starts[:, None] + np.arange(k)]
    return np.where(values[chosen] == -np.inf, -1, flat[chosen] % m).astype(np.int32)
