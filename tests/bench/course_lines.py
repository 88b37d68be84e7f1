"""Lines in the course's measured mix and popularity, for benches: 98.6 % watch, 0.9 % requests, 0.5 % ratings."""

import random
from bisect import bisect
from collections.abc import Iterator

from stream.events import Event, Rated, Requested, WallClock, Watched

CLOCK = WallClock("America/New_York")
HOST = "17645-team02.isri.cmu.edu:8082"
GAP_NS = 2_000_000  # 500 lines a second
# Share of watching that goes to the most watched so many of the movies (one term's log, 100 seconds).
POPULARITY = ((0, 0.0), (1, 0.124), (3, 0.238), (10, 0.348), (20, 0.385), (100, 0.524), (500, 0.695), (2_000, 0.836),
              (6_787, 1.0))  # fmt: skip


def course_lines(count: int, seed: int = 1, start: str = "2026-02-14T00:09") -> Iterator[bytes]:
    """Log lines without their newlines, in order of time, in the milliseconds of the terms of 2026."""
    dice = random.Random(seed)
    names = [f"the+movie+of+number+{movie}+{1930 + movie % 90}" for movie in range(POPULARITY[-1][0])]
    at_ns = CLOCK.read(start)
    for _ in range(count):
        at_ns += GAP_NS
        yield _event(dice, at_ns, names).format(CLOCK, 3).encode()


def _event(dice: random.Random, at_ns: int, names: list[str]) -> Event:
    kind, user = dice.random(), dice.randrange(3, 1_000_000)
    if kind < 0.986:
        return Watched(at_ns, user, names[_movie(dice)], dice.randrange(180))
    if kind < 0.995:
        movies = tuple(names[_movie(dice)] for _ in range(20))
        return Requested(at_ns, user, HOST, 200, movies, None, dice.randrange(30, 400))
    return Rated(at_ns, user, names[_movie(dice)], dice.randrange(1, 11))


def _movie(dice: random.Random) -> int:
    share = dice.random()
    upper = bisect(POPULARITY, share, key=lambda point: point[1])
    (low, from_share), (high, to_share) = POPULARITY[upper - 1], POPULARITY[upper]
    return low + int((high - low) * (share - from_share) / (to_share - from_share))
