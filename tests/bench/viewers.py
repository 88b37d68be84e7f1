"""Log lines like those of a course at full size: 27,000 movies, a million users, a thousand lines a second.

Viewers tick once a minute while they watch; who leaves makes room for another. Movies follow the popularity measured on
a real log: the first of them takes 12 % of all sessions, the first hundred half. Deterministic by seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream.events import WallClock

N_MOVIES, N_USERS, VIEWERS = 27_000, 1_000_000, 58_700
RATED, ASKED = 0.005 / 0.986, 0.009 / 0.986  # lines of these kinds per watch line
LEAVE = 1 / 75  # of the viewers, each minute
TICK_MS, TICK_DEVIATION_MS = 59_500, 3_000
_WORDS = (
    "the", "of", "a", "night", "love", "man", "story", "last", "house", "king", "little",
    "dead", "lost", "dark", "blood", "big", "city", "world", "day", "girl",
)  # fmt: skip
_ZONE = WallClock("America/New_York")
START_MS = _ZONE.read("2026-09-01T10:00") // 1_000_000

Ints = npt.NDArray[np.int64]


@dataclass
class _Seats:
    """Who sits where, watching what; one seat has one viewer at a time."""

    user: Ints
    movie: Ints
    minute: Ints
    at_ms: Ints


def movie_ids(seed: int = 1) -> list[str]:
    """Ids of the catalogue, most popular first."""
    dice = np.random.default_rng(seed)
    words, years = dice.integers(0, len(_WORDS), (N_MOVIES, 6)), dice.integers(1930, 2018, N_MOVIES)
    lengths = dice.integers(1, 6, N_MOVIES)
    return [
        "+".join([*(_WORDS[word] for word in row[:length]), str(number), str(year)])
        for number, (row, length, year) in enumerate(zip(words.tolist(), lengths.tolist(), years.tolist(), strict=True))
    ]


def popularity() -> npt.NDArray[np.float64]:
    """Share of each movie in all sessions: (N_MOVIES,), falling, sum 1."""
    rank = np.arange(1, N_MOVIES + 1)
    share = np.minimum(0.13, 0.13 / rank**0.92)
    return share / share.sum()


def course_lines(minutes: int, seed: int = 1) -> Iterator[list[bytes]]:
    """Lines of `minutes` of stream time in order of time, a list a minute."""
    dice, ids = np.random.default_rng([seed, 7]), movie_ids(seed)
    seats = _seated(dice)
    for minute in range(minutes):
        until_ms = START_MS + (minute + 1) * 60_000
        rows = np.flatnonzero(seats.at_ms < until_ms)
        lines = _watched(seats, rows, ids)
        lines += _rated(seats, dice.choice(rows, round(RATED * len(rows))), ids, dice)
        lines += _asked(until_ms, round(ASKED * len(rows)), ids, dice)
        _advance(seats, rows, dice)
        yield [line for _, line in sorted(lines)]


def _seated(dice: np.random.Generator) -> _Seats:
    return _Seats(
        dice.integers(1, N_USERS + 1, VIEWERS),
        dice.choice(N_MOVIES, VIEWERS, p=popularity()),
        dice.integers(0, 110, VIEWERS),
        START_MS + dice.integers(0, 60_000, VIEWERS),
    )


def _advance(seats: _Seats, rows: Ints, dice: np.random.Generator) -> None:
    seats.at_ms[rows] += (TICK_MS + TICK_DEVIATION_MS * dice.standard_normal(len(rows))).astype(np.int64)
    seats.minute[rows] += 1
    left = rows[dice.random(len(rows)) < LEAVE]
    seats.user[left] = dice.integers(1, N_USERS + 1, len(left))
    seats.movie[left] = dice.choice(N_MOVIES, len(left), p=popularity())
    seats.minute[left] = 0


Lines = list[tuple[int, bytes]]


def _watched(seats: _Seats, rows: Ints, ids: list[str]) -> Lines:
    columns = (getattr(seats, name)[rows].tolist() for name in ("at_ms", "user", "movie", "minute"))
    return [
        (at_ms, f"{_time(at_ms)},{user},GET /data/m/{ids[movie]}/{minute}.mpg".encode())
        for at_ms, user, movie, minute in zip(*columns, strict=True)
    ]


def _rated(seats: _Seats, rows: Ints, ids: list[str], dice: np.random.Generator) -> Lines:
    columns: list[Any] = [seats.at_ms[rows] + 100, seats.user[rows], seats.movie[rows], dice.integers(1, 11, len(rows))]
    return [
        (at_ms, f"{_time(at_ms)},{user},GET /rate/{ids[movie]}={score}".encode())
        for at_ms, user, movie, score in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _asked(until_ms: int, count: int, ids: list[str], dice: np.random.Generator) -> Lines:
    at_ms = (until_ms - 1 - dice.integers(0, 60_000, count)).tolist()
    users, waits = dice.integers(1, N_USERS + 1, count).tolist(), dice.integers(30, 300, count).tolist()
    lists = dice.choice(N_MOVIES, (count, 20), p=popularity()).tolist()
    host = "17645-team01.isri.cmu.edu:8082"
    return [
        (at, f"{_time(at)},{user},recommendation request {host}, status 200, result: "
             f"{', '.join(ids[movie] for movie in movies)}, {wait} ms".encode())
        for at, user, movies, wait in zip(at_ms, users, lists, waits, strict=True)
    ]  # fmt: skip


_minutes: dict[int, str] = {}


def _time(at_ms: int) -> str:
    """Local time as Java prints it; the minute's text is looked up, as only it needs a clock."""
    minute, rest_ms = divmod(at_ms, 60_000)
    if minute not in _minutes:
        _minutes[minute] = _ZONE.show(minute * 60_000_000_000)
    second, ms = divmod(rest_ms, 1_000)
    return _minutes[minute] + (f":{second:02d}.{ms:03d}" if ms else f":{second:02d}" if second else "")
