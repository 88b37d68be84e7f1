"""Small logs written by hand, and a store that holds them, for tests that check numbers against arithmetic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stream.answers import Answer
from stream.events import Rated, Requested, WallClock, Watched
from stream.store.log import AnswerLog, Batch, EventLog
from stream.terms import TERMS, Term

MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS


@dataclass
class SmallLog:
    """Collects lines; times are the log's local ones, e.g. ``2026-10-20T10:00``."""

    term: Term = TERMS["F2026"]
    events: list[Watched | Rated | Requested] = field(default_factory=list)

    @property
    def clock(self) -> WallClock:
        return WallClock(self.term.zone)

    def at(self, when: str | int) -> int:
        return self.clock.read(when) if isinstance(when, str) else when

    def asked(self, when: str | int, user: int, movies: Sequence[str], ms: int = 50) -> None:
        self.events.append(Requested(self.at(when), user, "h:8082", 200, tuple(movies), None, ms))

    def failed(
        self, when: str | int, user: int, why: str = "Connection refused: h/1.2.3.4:8082", ms: int = 900
    ) -> None:
        self.events.append(Requested(self.at(when), user, "h:8082", 0, (), why, ms))

    def played(self, when: str | int, user: int, movie: str, minutes: int = 1, first: int = 0) -> None:
        start = self.at(when)
        self.events += [Watched(start + i * MINUTE_NS, user, movie, first + i) for i in range(minutes)]

    def rated(self, when: str | int, user: int, movie: str, score: int) -> None:
        self.events.append(Rated(self.at(when), user, movie, score))

    def lines(self) -> list[bytes]:
        ordered = sorted(self.events, key=lambda event: event.at_ns)
        return [event.format(self.clock).encode() for event in ordered]

    def store(self, folder: Path, source: str = "00000000000000aa") -> Path:
        lines = self.lines()
        EventLog(folder, self.clock).append(Batch(source, 0, range(len(lines)), lines))
        return folder


def store_answers(folder: Path, answers: Iterable[Answer]) -> None:
    lines = [answer.format().encode() for answer in answers]
    AnswerLog(folder).append(Batch("00000000000000bb", 0, range(len(lines)), lines))


def answer(seq: int, user: int, movies: Sequence[str], tier: str = "personal", model: str = "1") -> Answer:
    """An answer record; its real time only has to keep the order of `seq`."""
    return Answer(f"r{seq}", "77", 5, seq, 1_000 + seq, user, tuple(movies), tier, {}, None, model, 1.0)
