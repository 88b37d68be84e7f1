"""What users did, as columns for models: sessions watched and ratings given, and their split in time.

Users and movies are numbered by their place in sorted id tables; a split keeps the tables, so that a movie has one
number everywhere. Start at `read_interactions`.
"""

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evaluation.ranking import Relevant
from training.servable import Histories

Array = npt.NDArray[Any]
log = logging.getLogger(__name__)

FOREVER_NS = 2**63 - 1
HOUR_NS = 3_600 * 10**9
FULL_MINUTES = 60.0  # of a movie whose running time the catalogue does not say, an hour counts as whole
SESSIONS = f"""
    SELECT user_id, movie_id, started_ns, coalesce(share * {FULL_MINUTES}, ticks) AS minutes FROM sessions
    WHERE started_ns < $until_ns
    ORDER BY started_ns, user_id, movie_id
"""
RATINGS = """
    SELECT user_id, movie_id, at_ns, score FROM ratings
    WHERE score BETWEEN $lowest AND $highest AND at_ns < $until_ns
    ORDER BY at_ns, user_id, movie_id, score
"""


@dataclass(frozen=True)
class Watches:
    """Watch sessions, one a row. user, movie: index into the tables. at_ns: start, UTC. weight: share watched."""

    user: Array
    movie: Array
    at_ns: Array
    weight: Array


@dataclass(frozen=True)
class Ratings:
    """Ratings, one a row. user, movie: index into the tables. at_ns: UTC. score: stars on the term's scale."""

    user: Array
    movie: Array
    at_ns: Array
    score: Array


@dataclass(frozen=True)
class Tastes:
    """Each pair of user and movie once, ordered by user, then movie: what implicit-feedback models learn from.

    user, movie: index into the tables. at_ns: of the last event. weight: share watched over all sessions, at most 1;
    1 for what was rated, whatever the score, for people rate what they have seen.
    """

    user: Array
    movie: Array
    at_ns: Array
    weight: Array


@dataclass(frozen=True)
class Interactions:
    """What users did. users: (n_users,) int64 and movies: (n_movies,) str are sorted; the rest points into them."""

    users: Array
    movies: Array
    watches: Watches
    ratings: Ratings

    def at_ns(self) -> Array:
        """Times of all sessions and ratings, UTC, unsorted."""
        return np.concatenate([self.watches.at_ns, self.ratings.at_ns])

    def now_ns(self) -> int:
        """Stream time of the newest events, UTC; the last thousandth is passed over, lest a mistyped date be now."""
        times = self.at_ns()
        return int(np.quantile(times, 0.999, method="lower")) if len(times) else 0

    def span_ns(self) -> int:
        """Stream time that the events span, without the outermost thousandth at both ends; 1 h if that is less."""
        times = self.at_ns()
        first_ns = int(np.quantile(times, 0.001, method="higher")) if len(times) else 0
        return max(self.now_ns() - first_ns, HOUR_NS)

    def half_life_ns(self, share: float) -> float:
        """That share of the span, in stream time, and at least a day: what is watched has a rhythm of a day."""
        return max(share * self.span_ns(), 24.0 * HOUR_NS)

    def pairs(self) -> tuple[Array, Array]:
        """(user, movie) of all sessions and ratings, with repeats."""
        user = np.concatenate([self.watches.user, self.ratings.user])
        return user, np.concatenate([self.watches.movie, self.ratings.movie])

    def tastes(self) -> Tastes:
        """Sessions and ratings together, one row a pair."""
        width = max(1, len(self.movies))
        key = np.concatenate([part.user.astype(np.int64) * width + part.movie for part in (self.watches, self.ratings)])
        weight = np.concatenate([self.watches.weight, np.ones(len(self.ratings.user))], dtype=np.float32)
        order = np.argsort(key, kind="stable")
        key = key[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        if not len(first):
            return Tastes(key, key, key, weight)
        shares = np.minimum(np.add.reduceat(weight[order], first), 1)
        last_ns = np.maximum.reduceat(self.at_ns()[order], first)
        del weight, order  # with many events, each is as large as what remains
        key = key[first]
        return Tastes((key // width).astype(np.int32), (key % width).astype(np.int32), last_ns, shares)

    def histories(self) -> Histories:
        """Movies each user has seen: watched at all or rated."""
        return Histories.of(*self.pairs(), len(self.users))

    def between(self, first_ns: int, last_ns: int) -> "Interactions":
        """What happened from `first_ns` up to but without `last_ns`, under the same tables."""
        return self.where((self.at_ns() >= first_ns) & (self.at_ns() < last_ns))

    def where(self, kept: Array) -> "Interactions":
        """Some of the events, under the same tables; kept: bool, one for each of `at_ns`."""
        watched, rated = np.split(kept, [len(self.watches.user)])
        w, r = self.watches, self.ratings
        watches = Watches(w.user[watched], w.movie[watched], w.at_ns[watched], w.weight[watched])
        ratings = Ratings(r.user[rated], r.movie[rated], r.at_ns[rated], r.score[rated])
        return replace(self, watches=watches, ratings=ratings)


class Columns(NamedTuple):
    """Sessions or ratings as the store gives them; value is minutes watched, an hour being a whole movie, or score."""

    user_id: Array
    movie_id: Array
    at_ns: Array
    value: Array


def interactions_of(sessions: Columns, ratings: Columns, min_viewers: int = 2) -> Interactions:
    """Sessions and ratings with users and movies numbered.

    min_viewers: movies that fewer users touched are left out; a mistyped id in the log is one of them.
    """
    rows = Columns(*(np.concatenate(pair) for pair in zip(sessions, ratings, strict=True)))
    movies, movie = _numbered(rows.movie_id)
    users, user = np.unique(rows.user_id.astype(np.int64), return_inverse=True)
    enough = _viewers(user, movie, len(movies)) >= min_viewers
    kept = enough[movie]
    there = np.bincount(user[kept], minlength=len(users)) > 0
    user, movie = ((np.cumsum(some) - 1)[index[kept]] for some, index in ((there, user), (enough, movie)))
    at_ns, value = rows.at_ns[kept].astype(np.int64), rows.value[kept]
    session = np.flatnonzero(kept) < len(sessions.user_id)
    weight = np.clip(value[session] / FULL_MINUTES, 1 / FULL_MINUTES, 1.0)
    watches = Watches(user[session], movie[session], at_ns[session], weight)
    rated = Ratings(user[~session], movie[~session], at_ns[~session], value[~session].astype(np.float64))
    return Interactions(users[there], movies[enough], watches, rated)


def read_interactions(
    store_dir: Path, scale: tuple[int, int], until_ns: int | None = None, min_viewers: int = 2
) -> Interactions:
    """All stored sessions and the ratings on `scale`, of events before `until_ns` if given; see `interactions_of`."""
    from stream.store.query import query

    until = {"until_ns": FOREVER_NS if until_ns is None else until_ns}
    sessions = query(store_dir, SESSIONS, **until)
    ratings = query(store_dir, RATINGS, **until, lowest=scale[0], highest=scale[1])
    return interactions_of(Columns(*sessions.values()), Columns(*ratings.values()), min_viewers)


@dataclass(frozen=True)
class Stored:
    """What the store held at one moment, and the words to say later which data that was.

    fingerprint: sources with their ranges, number of events, digest, first and last time, as the store gives them.
    positions: how far into each source this reaches, as `stream.store.tail` takes them.
    """

    interactions: Interactions
    fingerprint: dict[str, Any]
    positions: dict[str, int]


def read_stored(store_dir: Path, scale: tuple[int, int]) -> Stored:
    """Everything stored until now. Events that arrive while it is read belong to the next reading."""
    from stream.store.info import fingerprint
    from stream.store.tail import ends

    started, positions = time.perf_counter(), ends(store_dir)
    found = fingerprint(store_dir)
    read = read_interactions(store_dir, scale, None if found["last_ns"] is None else found["last_ns"] + 1)
    sizes = len(read.watches.user), len(read.ratings.user), len(read.users), len(read.movies)
    seconds = time.perf_counter() - started
    log.info("read %d sessions and %d ratings of %d users and %d movies in %.1f s", *sizes, seconds)
    return Stored(read, found, positions)


@dataclass(frozen=True)
class Split:
    """Training and test part. cut_ns: the instant between them, 0 if they were drawn at random.

    relevant: for each of `test_users` (rows of the user table), what of the test part they had not seen in training.
    """

    cut_ns: int
    train: Interactions
    test: Interactions
    test_users: Array
    relevant: Relevant

    def of_users(self, chosen: Array) -> "Split":
        """With some of the test users only; chosen: places in `test_users`, ascending."""
        row = np.repeat(np.arange(len(self.test_users)), self.relevant.counts)
        place = np.full(len(self.test_users), -1)
        place[chosen] = np.arange(len(chosen))
        kept = place[row] >= 0
        relevant = Relevant.of(place[row[kept]], self.relevant.items[kept], len(chosen))
        return replace(self, test_users=self.test_users[chosen], relevant=relevant)


def split_at_random(interactions: Interactions, fraction: float = 0.8, seed: int = 42) -> Split:
    """`fraction` of each user's events, drawn at random, train; users with a single event keep it.

    Easy to compare with papers, and too kind: it lets a model learn from what came after the test events.
    Raises ValueError as `split_by_time` does.
    """
    rng = np.random.default_rng(seed)
    user = interactions.pairs()[0]
    if not 0 < fraction < 1 or not len(user):
        raise ValueError(f"expected a share in (0, 1) and at least one event, got {fraction} and {len(user)} events")
    order = np.lexsort((rng.random(len(user)), user))
    counts = np.bincount(user, minlength=len(interactions.users))
    place = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    trains = np.empty(len(user), bool)
    trains[order] = place < np.ceil(fraction * counts)[user[order]]
    return _split(0, interactions.where(trains), interactions.where(~trains))


def split_by_time(interactions: Interactions, fraction: float = 0.9) -> Split:
    """Cut where `fraction` of all sessions and ratings lie before, all users pooled.

    Raises ValueError if there are none, or if `fraction` is no share.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is a share of the events in (0, 1), got {fraction}")
    times = interactions.at_ns()
    if not len(times):
        raise ValueError("nothing to split: no session and no rating")
    cut_ns = int(np.quantile(times, fraction, method="higher"))
    trains = times < cut_ns
    return _split(cut_ns, interactions.where(trains), interactions.where(~trains))


def _split(cut_ns: int, train: Interactions, test: Interactions) -> Split:
    width = len(train.movies)
    seen, after = (user.astype(np.int64) * width + movie for user, movie in (train.pairs(), test.pairs()))
    new = np.setdiff1d(after, seen)
    test_users, row = np.unique(new // width, return_inverse=True)
    return Split(cut_ns, train, test, test_users, Relevant.of(row, new % width, len(test_users)))


def _numbered(ids: Array) -> tuple[Array, Array]:
    """Sorted distinct strings and the place of each input in them; a dict is quicker than sorting all rows."""
    table = sorted(set(ids.tolist()))
    place = {value: index for index, value in enumerate(table)}
    return np.array(table, dtype=np.str_), np.array(list(map(place.__getitem__, ids.tolist())), np.int64)


def _viewers(user: Array, movie: Array, n_movies: int) -> Array:
    """(n_movies,) how many different users touched each movie."""
    pairs = np.sort(user * max(1, n_movies) + movie)
    first = np.diff(pairs, prepend=-1) > 0
    return np.bincount(pairs[first] % max(1, n_movies), minlength=n_movies)
