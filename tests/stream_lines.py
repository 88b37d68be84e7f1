"""Made-up log lines for the store's tests, deterministic by seed, and small ways to fill a store."""

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from stream.events import AccountCreated, Event, Rated, Requested, WallClock, Watched
from stream.store import files, rows
from stream.store.digest import combine, digest
from stream.store.log import Batch, EventLog

CLOCK = WallClock("America/New_York")
SOURCE = "0123456789abcdef"
START_NS = CLOCK.read("2026-09-01T10:00")


def some_lines(count: int, seed: int = 1, broken: float = 0.01) -> list[bytes]:
    """A mix of all kinds, with odd and broken lines among them, in order of time."""
    dice = random.Random(seed)
    at_ns = START_NS
    found = []
    for _ in range(count):
        at_ns += dice.randrange(130) * 1_000_000
        line = _event(dice, at_ns).format(CLOCK).encode()
        if dice.random() < broken:
            line = dice.choice([b"", b"\xff", line[5:], line + b"\r", line.replace(b",", b", ", 1)])
        found.append(line)
    return found


def _event(dice: random.Random, at_ns: int) -> Event:
    user = dice.randrange(50)
    movie = f"movie+{user % 20 if dice.random() < 0.99 else dice.randrange(20)}+1999"
    kind = dice.random()
    if kind < 0.03:
        return Rated(at_ns, user, movie, dice.randrange(1, 11))
    if kind < 0.05:
        return Requested(at_ns, user, "a.b:8082", 200, (movie, "heat+1995"), None, 45)
    if kind < 0.06:
        return Requested(at_ns, user, "a.b:8082", 0, (), "java.net.ConnectException: a, b", 818)
    if kind < 0.07:
        return AccountCreated(at_ns, 1_000_000 + user)
    return Watched(at_ns, user, movie, dice.randrange(1, 180))


def course_lines(seed: int = 1) -> Iterator[bytes]:
    """Lines without end, some 77 bytes each, in the course's mix of 98.6 % ticks, 0.9 % ratings, 0.5 % requests."""
    dice = random.Random(seed)
    movies = [f"{'+'.join('abcdefghij'[: dice.randrange(2, 9)] for _ in range(3))}+{1950 + n % 70}" for n in range(999)]
    for number in itertools.count():
        at_ns, user, movie = START_NS + number * 2_000_000, dice.randrange(1_000_000), dice.choice(movies)
        kind = dice.random()
        if kind < 0.986:
            yield Watched(at_ns, user, movie, dice.randrange(1, 150)).format(CLOCK).encode()
        elif kind < 0.995:
            yield Rated(at_ns, user, movie, dice.randrange(1, 6)).format(CLOCK).encode()
        else:
            yield Requested(at_ns, user, "team:8082", 200, tuple(movies[:20]), None, 40).format(CLOCK).encode()


def append(store: Path, lines: Sequence[bytes], first: int = 0, source: str = SOURCE, partition: int = 0) -> None:
    """Store lines under offsets from `first` on."""
    EventLog(store, CLOCK).append(Batch(source, partition, range(first, first + len(lines)), lines))


def append_in_pieces(store: Path, lines: Sequence[bytes], size: int) -> None:
    """Store lines in files of `size` lines."""
    for first in range(0, len(lines), size):
        append(store, lines[first : first + size], first)


def stored_digest(store: Path) -> int:
    """Digest of the lines that count, recomputed from the rows themselves."""
    found = []
    for kind in (files.EVENTS, files.QUARANTINE):
        for segment in files.segments(store, kind):
            found.append(digest(rows.lines_of(rows.rows_of(segment), kind, CLOCK.zone)))
    return combine(found)
