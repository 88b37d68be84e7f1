"""Fitted models that link movies to movies: what somebody has seen speaks for other movies.

A history that is newer than the model is taken in without a fit: a movie that it adds counts in full, as the newest
things do. `Linked` adds links up and ranks; `RatedNeighbours` predicts ratings. Start at `Linked.scores`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from training.servable import BLOCK_CELLS, Array, Histories, Servable, find


@dataclass(frozen=True)
class Profiles:
    """How much each movie counts for each user: those of row i are at ``starts[i]:starts[i + 1]``, movies ascending."""

    starts: Array
    movies: Array
    weights: Array

    @classmethod
    def of(cls, user: Array, movie: Array, weights: Array, n_users: int) -> "Profiles":
        """From pairs ordered by user, then movie, each once; with an empty row at the end, for strangers."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=n_users + 1))])
        return cls(starts.astype(np.int64), movie.astype(np.int32), weights.astype(np.float32))

    def of_rows(self, rows: Array) -> tuple[Array, Array, Array]:
        """Place in `rows`, movie and weight of all that some users have; -1 is a stranger."""
        rows = np.where(rows < 0, len(self.starts) - 2, rows)
        counts = self.starts[rows + 1] - self.starts[rows]
        ends = np.cumsum(counts)
        at = np.repeat(self.starts[rows] - (ends - counts), counts) + np.arange(counts.sum())
        return np.repeat(np.arange(len(rows)), counts), self.movies[at], self.weights[at]


@dataclass(frozen=True)
class Linked(Servable):
    """A ranking model: score = base + sum over the movies seen of their weight times their link.

    linked: (m,) int32 places in `movies` that have links, ascending. links: (m, m) float32, from row to column.
    profile_starts, profile_movies, profile_weights: see `Profiles`. standardised: (1,) bool; the sums of a user are
    brought to mean 0 and deviation 1 before base is added, so that both weigh the same for everybody.
    """

    MARK: ClassVar[str] = "links"

    linked: Array
    links: Array
    profile_starts: Array
    profile_movies: Array
    profile_weights: Array
    standardised: Array

    @classmethod
    def of_links(
        cls, users: Array, movies: Array, base: Array, linked: Array, links: Array, profiles: Profiles,
        standardised: bool = False,
    ) -> "Linked":  # fmt: skip
        """A model of the fields that it needs."""
        arrays = Servable.of_scores(users, movies, base).arrays()
        links = np.ascontiguousarray(links, dtype=np.float32)
        kept = {f"profile_{name}": getattr(profiles, name) for name in ("starts", "movies", "weights")}
        flag = np.array([standardised])
        return cls(**arrays, linked=linked.astype(np.int32), links=links, **kept, standardised=flag)

    @property
    def personal(self) -> bool:
        """Always."""
        return True

    @property
    def profiles(self) -> Profiles:
        """What the users known at the time of the fit had seen."""
        return Profiles(self.profile_starts, self.profile_movies, self.profile_weights)

    def scores(self, rows: Array, histories: Histories | None = None) -> Array:
        """(n, n_movies) float32 scores of users by row; -1 is somebody unknown. histories: as in `Servable.scores`."""
        from scipy.sparse import csr_array

        row, movie, weight = self._seen(rows, histories)
        place = find(self.linked, movie)
        row, place, weight = (values[place >= 0] for values in (row, place, weight))
        sums = csr_array((weight, (row, place)), shape=(len(rows), len(self.linked))) @ self.links
        if len(self.linked) < len(self.movies):
            linked, sums = sums, np.zeros((len(rows), len(self.movies)), np.float32)
            sums[:, self.linked] = linked
        if self.standardised[0] and sums.size:
            sums -= sums.mean(axis=1, keepdims=True)
            deviation = sums.std(axis=1, keepdims=True)
            sums /= np.where(deviation > 0, deviation, 1)
        sums += self.base
        return np.asarray(sums)

    def _seen(self, rows: Array, histories: Histories | None) -> tuple[Array, Array, Array]:
        """Row, movie and weight: what is kept of the users, and what their histories add to it."""
        row, movie, weight = self.profiles.of_rows(rows)
        if histories is None:
            return row, movie, weight
        width = len(self.movies)
        new = np.setdiff1d(histories.rows_of() * width + histories.movies, row * width + movie, assume_unique=True)
        row, movie = np.concatenate([row, new // width]), np.concatenate([movie, new % width])
        return row, movie, np.concatenate([weight, np.ones(len(new), np.float32)])


@dataclass(frozen=True)
class RatedNeighbours(Servable):
    """A rating model: the biases' guess, corrected by how a user's ratings of the most similar movies missed theirs.

    linked, similarity: (m, m) as the links of `Linked`, negative ones unused. neighbours: (1,) how many count.
    profile_*: what each rating was above the guess, in stars; see `Profiles`.
    """

    MARK: ClassVar[str] = "similarity"

    linked: Array
    similarity: Array
    profile_starts: Array
    profile_movies: Array
    profile_weights: Array
    neighbours: Array

    @property
    def personal(self) -> bool:
        """Always."""
        return True

    def scores(self, rows: Array, histories: Histories | None = None) -> Array:
        """(n, n_movies) float32 predicted stars, without the user's own bias, which changes no order."""
        profiles = Profiles(self.profile_starts, self.profile_movies, self.profile_weights)
        row, movie, missed = profiles.of_rows(rows)
        place, scores = find(self.linked, movie), np.broadcast_to(self.base, (len(rows), len(self.movies))).copy()
        for each in np.unique(row):
            mine = (row == each) & (place >= 0)
            scores[each, self.linked] += self._corrections(place[mine], missed[mine])
        return scores

    def predict(self, user_ids: Array, movie_index: Array) -> Array:
        """(n,) predicted rating of each pair, in stars."""
        rows = self.rows(user_ids)
        bias = np.where(rows >= 0, self.user_bias[rows], 0)
        distinct, place = np.unique(rows, return_inverse=True)
        step, found = max(1, BLOCK_CELLS // max(1, len(self.movies))), np.empty(len(rows), np.float64)
        for first in range(0, len(distinct), step):
            mine = (place >= first) & (place < first + step)
            scores = self.scores(distinct[first : first + step])
            found[mine] = scores[place[mine] - first, movie_index[mine]]
        return np.asarray(found + bias)

    def _corrections(self, rated: Array, missed: Array) -> Any:
        """(m,) stars that the ratings of some linked movies add to the guess for each."""
        weights = np.maximum(self.similarity[:, rated], 0)
        if (more := len(rated) - int(self.neighbours[0])) > 0:
            weights[weights < np.partition(weights, more, axis=1)[:, more : more + 1]] = 0
        total = weights.sum(axis=1)
        return weights @ missed / np.where(total > 0, total, 1)
