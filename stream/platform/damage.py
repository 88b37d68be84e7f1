"""Lines of the stream, damaged the way the course's streams are: each kind by its own share, the same at each telling.

What befalls a line follows from the injection, the line and its place in its step alone, so a step that is told again
after a kill is damaged again in the same way. Late lines wait here and leave with a later step. Start at `apply`.
"""

import random
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stream.platform.injections import Injection
from stream.platform.scenarios import SCENARIOS

_LATE_MS = 60_000, 600_000
_DISPLACED = 20
_LETTERS = string.ascii_letters + string.digits
_INSERTED = _LETTERS + string.punctuation.replace(",", "") + " "
_SCORES = ("0", "11", "15", "99", "D", "A+", "", "-1")


@dataclass(frozen=True, slots=True)
class Affected:
    """One line that an injection touched, for the answer key."""

    injection: str
    scenario: str
    at_ms: int  # stream time of the step's end
    before: str | None  # None: the line is an addition
    after: str | None  # None: the line was not written (or not yet, if it is late)
    what: str = ""  # where no line is touched: the record, the field, the genre, the group
    users: tuple[int, ...] = ()
    movies: tuple[str, ...] = ()
    team: int | None = None  # whose stream; None in keys written before there were several teams


@dataclass(frozen=True, slots=True)
class Told:
    """A line on its way to a partition."""

    partition: int
    text: bytes


class Damage:
    """Damages the lines of one topic, step by step."""

    def __init__(self, late: Iterable[tuple[int, int, str]] = (), rating_max: int = 10) -> None:
        """late: what `late` said when the platform was stopped. rating_max: of the term's scale."""
        self._rating_max = rating_max
        self._late = [(due_ms, Told(partition, text.encode())) for due_ms, partition, text in late]

    @property
    def late(self) -> tuple[tuple[int, int, str], ...]:
        """Lines that wait: when each is due (stream time, ms), its partition, its text."""
        return tuple((due_ms, told.partition, told.text.decode(errors="replace")) for due_ms, told in self._late)

    def apply(self, lines: list[Told], on: Iterable[Injection], at_ms: int) -> tuple[list[Told], list[Affected]]:
        """The lines of the step that ends at `at_ms` as they are written, and what was done to which."""
        touched: list[Affected] = []
        for injection in on:
            if SCENARIOS[injection.scenario].family == "damage":
                lines = list(self._damaged(lines, injection, at_ms, touched))
        due = [told for due_ms, told in self._late if due_ms <= at_ms]
        self._late = [(due_ms, told) for due_ms, told in self._late if due_ms > at_ms]
        return due + lines, touched

    def _damaged(self, lines: list[Told], on: Injection, at_ms: int, touched: list[Affected]) -> Iterator[Told]:
        if on.scenario == "reordering":
            yield from _reordered(lines, on, at_ms, touched)
            return
        for place, told in enumerate(lines):
            draw = random.Random(f"{on.id} {at_ms} {place} {told.text!r}")
            if not _concerns(on.scenario, told.text) or draw.random() >= on.rate:
                yield told
                continue
            written = self._written(told, on.scenario, draw, at_ms)
            touched.append(_affected(on, at_ms, told.text, written[-1].text if written else None))
            yield from written

    def _written(self, told: Told, scenario: str, draw: random.Random, at_ms: int) -> list[Told]:
        if scenario in ("missing-lines", "stream-stop"):
            return []
        if scenario == "duplicates":
            return [told, told]
        if scenario == "late-lines":
            self._late.append((at_ms + draw.randint(*_LATE_MS), told))
            return []
        if scenario == "scale-change":
            return [
                Told(told.partition, _on_another_scale(told.text.decode(errors="replace"), self._rating_max).encode())
            ]
        return [Told(told.partition, _TEXTS[scenario](told.text.decode(errors="replace"), draw).encode())]


def _affected(on: Injection, at_ms: int, before: bytes, after: bytes | None) -> Affected:
    shown = None if after is None else after.decode(errors="replace")
    return Affected(on.id, on.scenario, at_ms, before.decode(errors="replace"), shown)


def _concerns(scenario: str, line: bytes) -> bool:
    if scenario == "random-movie":
        return b",GET /data/m/" in line
    return b",GET /rate/" in line if scenario in ("bad-rating", "scale-change") else True


def _reordered(lines: list[Told], on: Injection, at_ms: int, touched: list[Affected]) -> Iterator[Told]:
    places = [float(place) for place in range(len(lines))]
    for place, told in enumerate(lines):
        draw = random.Random(f"{on.id} {at_ms} {place} {told.text!r}")
        if draw.random() < on.rate:
            places[place] += draw.randint(1, _DISPLACED) + 0.5
            touched.append(_affected(on, at_ms, told.text, told.text))
    yield from (lines[place] for place in sorted(range(len(lines)), key=places.__getitem__))


def _with_a_character(line: str, draw: random.Random) -> str:
    at = draw.randint(0, len(line))
    return line[:at] + draw.choice(_INSERTED) + line[at:]


def _with_a_random_movie(line: str, draw: random.Random) -> str:
    head, _, minute = line.rpartition("/")
    start = head[: head.index("GET /data/m/") + len("GET /data/m/")]
    return f"{start}{''.join(draw.choices(_LETTERS, k=draw.randint(8, 55)))}/{minute}"


def _with_a_damaged_date(line: str, draw: random.Random) -> str:
    time, comma, rest = line.partition(",")
    at = draw.randint(1, max(1, len(time) - 1))
    return time[:at] + draw.choice(" 0123456789") + time[at:] + comma + rest


def _with_a_bad_rating(line: str, draw: random.Random) -> str:
    return f"{line.rpartition('=')[0]}={draw.choice(_SCORES)}"


def _on_another_scale(line: str, rating_max: int) -> str:
    head, _, score = line.rpartition("=")
    if not score.isdigit():
        return line
    return f"{head}={(int(score) + 1) // 2 if rating_max > 5 else 2 * int(score)}"


_TEXTS: dict[str, Callable[[str, random.Random], str]] = {
    "corrupt-line": _with_a_character,
    "random-movie": _with_a_random_movie,
    "damaged-date": _with_a_damaged_date,
    "bad-rating": _with_a_bad_rating,
}
