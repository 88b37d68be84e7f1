"""What a log says, as columns: lines read by the ordinary parser, watching put in order, sessions cut.

Instants are milliseconds here, movies numbers in the order of their first appearance.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.events import Rated, Requested, WallClock
from stream.platform.draws import Indices, Ints
from stream.store.parse_block import Parsed, parse_lines

_SESSION_GAP_MS = 180_000  # between two minute files of one session
_MOVIE_BITS, _TIME_BITS = 15, 27  # of a sortable key: user, movie, and time in steps of 16 ms (24 days)


_MinuteFiles = tuple[Ints, Indices, Indices, NDArray[np.int16]]  # time, user, movie, minute


@dataclass(frozen=True)
class Ratings:
    """Scores as they came."""

    at_ms: Ints
    user: Ints
    movie: Ints
    score: Ints


@dataclass(frozen=True)
class Heard:
    """A log's events. Minute files are in order of user, movie and time."""

    from_ms: int
    until_ms: int
    movies: tuple[str, ...]
    at_ms: Ints  # of minute files, as are user, movie and minute
    user: Indices
    movie: Indices
    minute: NDArray[np.int16]
    first: NDArray[np.bool_]  # whether a session begins here
    ratings: Ratings
    requests: tuple[tuple[int, int, tuple[int, ...]], ...]  # at_ms, user, listed movies (none if it failed)
    accounts: int
    rejected: int

    @property
    def last(self) -> NDArray[np.bool_]:
        """Whether a session ends here, as far as the log goes."""
        return np.append(self.first[1:], True)

    def key(self, user: Any, movie: Any, at_ms: Any) -> Ints:
        """Sortable form of (user, movie, time)."""
        return _key(user, movie, at_ms - self.from_ms)


def _key(user: Any, movie: Any, since_ms: Any) -> Ints:
    user, movie = np.asarray(user, np.int64), np.asarray(movie, np.int64)
    return np.asarray((user << (_MOVIE_BITS + _TIME_BITS)) | (movie << _TIME_BITS) | (since_ms >> 4))


def hear(blocks: Iterable[list[bytes]], clock: WallClock, from_ms: int, until_ms: int) -> Heard:
    """Everything in the lines of [from_ms, until_ms)."""
    codes: dict[str, int] = {}
    watches: list[_MinuteFiles] = []
    rated: list[tuple[int, int, int, int]] = []
    requests: list[tuple[int, int, tuple[int, ...]]] = []
    accounts = rejected = 0
    for lines in blocks:
        parsed = parse_lines(lines, clock)
        movie_of = np.array([codes.setdefault(movie, len(codes)) for movie in parsed.movies] or [0])
        watches.append(_minute_files(parsed, movie_of))
        for row, event in parsed.odd.items():
            told_ms = int(parsed.at_ns[row]) // 1_000_000
            if isinstance(event, Rated):
                rated.append((told_ms, event.user_id, int(movie_of[parsed.movie[row]]), event.score))
            elif isinstance(event, Requested):
                listed = tuple(codes.setdefault(movie, len(codes)) for movie in event.movies)
                requests.append((told_ms, event.user_id, listed))
        accounts, rejected = accounts + parsed.counts().get("account", 0), rejected + len(parsed.rejected)
    at_ms, user, movie, minute = _in_order(watches, from_ms)
    same = (user[1:] == user[:-1]) & (movie[1:] == movie[:-1]) & (minute[1:] > minute[:-1])
    first = np.append(True, ~(same & (np.diff(at_ms) < _SESSION_GAP_MS)))
    ratings = Ratings(*np.array(rated, np.int64).reshape(-1, 4).T)
    return Heard(
        from_ms, until_ms, tuple(codes), at_ms, user, movie, minute, first, ratings, tuple(requests), accounts, rejected
    )


def _minute_files(parsed: Parsed, movie_of: NDArray[Any]) -> _MinuteFiles:
    rows = np.flatnonzero(parsed.kind == 0)
    return (
        parsed.at_ns[rows] // 1_000_000,
        parsed.user_id[rows].astype(np.int32),
        movie_of[parsed.movie[rows]].astype(np.int32),
        parsed.minute[rows].astype(np.int16),
    )


def _in_order(watches: list[_MinuteFiles], from_ms: int) -> _MinuteFiles:
    order = np.argsort(np.concatenate([_key(user, movie, at_ms - from_ms) for at_ms, user, movie, _ in watches]))
    return tuple(np.concatenate(column)[order] for column in zip(*watches, strict=True))  # type: ignore[return-value]
