"""Who has seen what, kept up to date in little memory: the histories a version was published with, and what came since.

The published part is two arrays mapped from the version's folder; what came since is a dictionary of the users who did
something. Start at `LiveHistories.add`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stream.published import DamagedModel, load_servable
from training.servable import Array, Histories, find


class LiveHistories:
    """Movies that each user has seen, by number in the model's movie table; grows by `add`."""

    def __init__(self, users: Array, base: Histories, n_movies: int) -> None:
        self._users, self._base, self._width = users, base, n_movies
        self._base_keys = base.rows_of() * n_movies + base.movies  # ascending, so that a look-up is a binary search
        self._added: dict[int, list[int]] = {}

    @classmethod
    def of_folder(cls, folder: Path, users: Array, n_movies: int) -> "LiveHistories":
        """Histories as of a version's publication. Raises DamagedModel."""
        arrays = load_servable(folder)
        if missing := {"seen_starts", "seen_movies"} - arrays.keys():
            raise DamagedModel(folder, f"was published without {', '.join(sorted(missing))}")
        return cls(users, Histories(arrays["seen_starts"], arrays["seen_movies"]), n_movies)

    @property
    def watched(self) -> Array:
        """(n_movies,) users who had seen each movie at publication."""
        return np.bincount(self._base.movies, minlength=self._width)

    def add(self, user_ids: Array, movies: Array) -> set[int]:
        """Users to whom any of these pairs is new. movies: number in the movie table, -1 for one it does not hold.

        A user never heard of is new with any movie; a known user's unknown movie changes no list.
        """
        changed = set()
        new = find(self._base_keys, self._keys(user_ids, movies)) < 0
        for user, movie in zip(user_ids[new].tolist(), movies[new].tolist(), strict=True):
            seen = self._added.get(user)
            if seen is None and (movie >= 0 or not self._published(user)):
                seen = self._added[user] = []
                changed.add(user)
            if seen is not None and movie >= 0 and movie not in seen:
                seen.append(movie)
                changed.add(user)
        return changed

    def of(self, user_ids: Sequence[int]) -> Histories:
        """Histories of some users, in their order."""
        rows = find(self._users, np.array(user_ids, dtype=np.int64))
        seen = [
            self._of_row(row) + self._added.get(user, []) for user, row in zip(user_ids, rows.tolist(), strict=True)
        ]
        owners = np.repeat(np.arange(len(seen)), [len(movies) for movies in seen])
        return Histories.of(owners, np.array([movie for movies in seen for movie in movies], np.int64), len(seen))

    def _of_row(self, row: int) -> list[int]:
        movies = self._base.movies[self._base.starts[row] : self._base.starts[row + 1]] if row >= 0 else ()
        return [int(movie) for movie in movies]

    def _keys(self, user_ids: Array, movies: Array) -> Array:
        rows = find(self._users, user_ids)
        return np.where((rows >= 0) & (movies >= 0), rows * self._width + movies, -1)

    def _published(self, user: int) -> bool:
        return bool(find(self._users, np.array([user]))[0] >= 0)
