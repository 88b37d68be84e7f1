"""Which titles are kept from known minors: those that the movie API calls `adult`, or certifies for adults.

A record without either says nothing; where no record says anything, suitability is unknown, and the gate says so. Ages
are the user API's. Somebody whose record is not there is nobody known to be a minor, but what is popular holds no
`adult` title for anybody. Start at `Suitability`.
"""

from pathlib import Path

import numpy as np

from stream.catalog.files import RecordFile
from stream.catalog.records import MOVIES, USERS, Record, movie_of, user_of
from training.servable import Array, Histories, find

OF_AGE = 18
ADULTS_ONLY = frozenset({"R", "NC-17", "X", "18", "18+", "TV-MA"})  # certifications
_AT_ONCE = 50_000  # records of users held in memory


def adults_only(record: Record) -> bool | None:
    """Whether a movie's record says that it is not for minors; None if it says nothing of that."""
    adult, certificate = movie_of(record).adult, str(record.get("certification") or "").strip().upper()
    if adult is None and not certificate:
        return None
    return bool(adult) or certificate in ADULTS_ONLY


class Suitability:
    """What the catalogue beside the store says of titles and ages; new users are seen without a restart."""

    def __init__(self, catalog_dir: Path) -> None:
        adult, unsuitable, self.known = [], [], 0  # known: titles of which something is said
        for record in RecordFile(catalog_dir / MOVIES.file, MOVIES):
            movie, unfit = movie_of(record), adults_only(record)
            self.known += unfit is not None
            adult += [movie.movie_id] if movie.adult else []
            unsuitable += [movie.movie_id] if unfit else []
        self.adult, self.unsuitable = (np.array(sorted(ids), dtype=np.str_) for ids in (adult, unsuitable))
        self._users = RecordFile(catalog_dir / USERS.file, USERS)

    def strangers(self, users: Array) -> set[int]:
        """Known minors who are not among `users`."""
        ages = ((user.user_id, user.age) for user in map(user_of, self._users))
        return {user_id for user_id, age in ages if age < OF_AGE} - set(users.tolist())

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
        return _found(movies, self.unsuitable)

    def adult_places(self, movies: Array) -> Array:
        """Where titles stand that nobody is offered without being known."""
        return _found(movies, self.adult)

    def judged(self, users: Array, lists: Array, movies: Array) -> str:
        """In words: how many known minors' lists would show an unsuitable title if nothing were withheld.

        lists: (n, k) index into `movies`, -1 = nothing.
        """
        if not self.known:
            return "suitability is unknown: no movie's record has a certification or says whether it is for adults"
        minors = self.minors(users)
        shown = int(np.isin(lists[minors], self.places(movies)).any(axis=1).sum())
        return f"{shown} of {int(minors.sum())} known minors' lists held an unsuitable title; publishing withholds them"

    def _under_age(self, users: Array) -> Array:
        records = self._users.get_all([str(user) for user in users.tolist() if user >= 0])  # the API knows no other
        minors = {key for key, record in records.items() if user_of(record).age < OF_AGE}
        return np.array([str(user) in minors for user in users.tolist()], dtype=bool)


def _found(movies: Array, ids: Array) -> Array:
    places = find(movies, ids)
    return places[places >= 0]
