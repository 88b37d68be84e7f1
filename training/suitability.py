"""Which titles are kept from known minors: those that the movie API calls `adult`.

That flag is all the API says; it has no certification, so a violent film without the flag counts as suitable, and where
no record carries the flag at all suitability is unknown. Both are said by the gate. Ages are the user API's; somebody
whose record is not there is nobody known to be a minor, but then what is popular holds no such title for anybody.
Start at `Suitability`.
"""

from pathlib import Path

import numpy as np

from stream.catalog.files import RecordFile
from stream.catalog.records import MOVIES, USERS, movie_of, user_of
from training.servable import Array, Histories, find

OF_AGE = 18
_AT_ONCE = 50_000  # records of users held in memory


class Suitability:
    """What the catalogue beside the store says of titles and ages; new users are seen without a restart."""

    def __init__(self, catalog_dir: Path) -> None:
        told = [
            movie for movie in map(movie_of, RecordFile(catalog_dir / MOVIES.file, MOVIES)) if movie.adult is not None
        ]
        self.known = len(told)  # titles of which something is known
        self.unsuitable = np.array(sorted(movie.movie_id for movie in told if movie.adult), dtype=np.str_)
        self._users = RecordFile(catalog_dir / USERS.file, USERS)

    def minors(self, users: Array) -> Array:
        """(n,) bool: who of these users is known to be under age."""
        self._users.index()
        found = [self._under_age(users[at : at + _AT_ONCE]) for at in range(0, len(users), _AT_ONCE)]
        return np.concatenate(found) if found else np.zeros(0, bool)

    def withheld(self, users: Array, histories: Histories, movies: Array) -> Histories:
        """`histories` of `users`, in which minors have also "seen" what must not be offered to them.

        movies: the table that histories point into.
        """
        places = self.places(movies)
        if not len(places) or not len(users):
            return histories
        rows = np.flatnonzero(self.minors(users))
        owners = np.concatenate([histories.rows_of(), np.repeat(rows, len(places))])
        return Histories.of(owners, np.concatenate([histories.movies, np.tile(places, len(rows))]), len(histories))

    def places(self, movies: Array) -> Array:
        """Where the unsuitable titles stand in a movie table."""
        places = find(movies, self.unsuitable)
        return places[places >= 0]

    def judged(self, users: Array, lists: Array, movies: Array) -> str:
        """In words: how many known minors' lists would show an unsuitable title if nothing were withheld.

        lists: (n, k) index into `movies`, -1 = nothing.
        """
        if not self.known:
            return "suitability is unknown: no movie's record says whether it is for adults"
        minors = self.minors(users)
        shown = int(np.isin(lists[minors], self.places(movies)).any(axis=1).sum())
        return f"{shown} of {int(minors.sum())} known minors' lists held an adult title; publishing withholds them"

    def _under_age(self, users: Array) -> Array:
        records = self._users.get_all([str(user) for user in users.tolist() if user >= 0])  # the API knows no other
        minors = {key for key, record in records.items() if user_of(record).age < OF_AGE}
        return np.array([str(user) in minors for user in users.tolist()], dtype=bool)
