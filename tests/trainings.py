"""The small world as stored events, and houses in which something was trained on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interactions import columns

from stream.events import Rated, WallClock, Watched
from stream.store.log import Batch, EventLog
from stream.terms import TERMS
from training.run import Trained
from training.settings import TrainingSettings

SOURCE = "00000000000000aa"
CLOCK = WallClock(TERMS["F2026"].zone)
MINUTE_NS = 60 * 10**9


@dataclass(frozen=True)
class Trainings:
    """Settings of a house and what its latest training made."""

    settings: TrainingSettings
    trained: Trained


def append(store_dir: Path, events: Sequence[Watched | Rated]) -> None:
    """Store events as the consumer would, behind what is there."""
    log = EventLog(store_dir, CLOCK)
    first = log.next_offset(SOURCE, 0)
    lines = [event.format(CLOCK, 3).encode() for event in events]
    log.append(Batch(SOURCE, 0, range(first, first + len(lines)), lines))


def world_events() -> list[Watched | Rated]:
    """The small world's sessions as two ticks each, and its ratings, in order of time."""
    sessions, ratings = columns()
    events: list[Watched | Rated] = []
    for user, movie, at_ns, ticks in zip(*(column.tolist() for column in sessions), strict=True):
        events += [Watched(at_ns, user, movie, 0), Watched(at_ns + MINUTE_NS, user, movie, ticks)]
    events += [Rated(at, user, movie, n) for user, movie, at, n in zip(*(c.tolist() for c in ratings), strict=True)]
    return sorted(events, key=lambda event: event.at_ns)
