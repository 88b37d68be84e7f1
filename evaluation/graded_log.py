"""The log that is graded: its request lines, where it begins and ends and has holes, and any line of it as evidence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from evaluation.answers import answered_ns
from evaluation.choices import MINUTE_NS, Choices
from evaluation.requests import Mask, RequestLines
from stream.events import Requested, WallClock
from stream.store.query import query

# Every request line counts, whatever user or movie it names, so that neither the store's term nor a catalogue changes
# a grade; only a line whose time was mistyped says nothing of when it was.
_ASKED = "FROM all_events WHERE kind = 'request' AND (flag IS NULL OR flag <> 'time')"
LINES_SQL = f"""
SELECT at_ns, user_id, status, latency_ms, coalesce(array_to_string(movies, ','), '') AS list,
       source, partition, "offset" {_ASKED} ORDER BY at_ns, user_id, source, partition, "offset"
"""
# Ticks and requests alone say that the log was there: of a stretch that the store dropped, ratings remain.
MINUTES_SQL = f"""
SELECT at_ns // {MINUTE_NS} AS minute, min(at_ns) AS first_ns, max(at_ns) AS last_ns FROM all_events
WHERE kind IN ('watch', 'request') AND flag IS NULL GROUP BY 1 ORDER BY 1
"""
REFUSED_SQL = """
SELECT count(*) AS lines, min_by(reason, (source, "offset")) AS reason, min_by(raw, (source, "offset")) AS raw
FROM quarantine
"""
LINE_SQL = f"""
SELECT at_ns, user_id, host, status, movies, failure, latency_ms, raw {_ASKED}
AND source = $source AND partition = $partition AND "offset" = $offset
"""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Span:
    """A window [from_ns, to_ns) of stream time."""

    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class GradedLog:
    """What one team's log holds."""

    store_dir: Path
    clock: WallClock
    lines: RequestLines
    places: Mapping[str, npt.NDArray[Any]]  # source, partition and offset of each request line
    minutes: npt.NDArray[np.int64]  # of which there is any line, in order
    first_ns: int  # of any tick or request
    last_ns: int
    models_ns: Mapping[str, npt.NDArray[np.int64]] | None  # when each model version answered; None = not known
    files: Mapping[str, str]  # source: name of the file it was read from
    choices: Choices = field(default_factory=Choices)
    refused: tuple[int, str] = (0, "")  # lines that are none of the log, and the first of them

    @classmethod
    def read(
        cls, store_dir: Path, clock: WallClock, files: Mapping[str, str] | None = None, choices: Choices | None = None
    ) -> Self:
        """The whole log of a store. Raises ValueError for an empty one."""
        seen = query(store_dir, MINUTES_SQL)
        if not len(seen["minute"]):
            where = ", ".join((files or {}).values()) or store_dir
            raise ValueError(f"{where} holds no events: nothing to grade")
        columns = query(store_dir, LINES_SQL)
        places = {name: columns[name] for name in ("source", "partition", "offset")}
        models = answered_ns(store_dir) or None
        return cls(
            store_dir, clock, RequestLines.of(columns), places, seen["minute"].astype(np.int64),
            int(seen["first_ns"].min()), int(seen["last_ns"].max()), models, files or {},
            choices or Choices(), _refused(store_dir),
        )  # fmt: skip

    @property
    def holes(self) -> Sequence[tuple[int, int]]:
        """Stretches [from_ns, to_ns) between the first and the last line that are too long to be without any line."""
        wide = np.flatnonzero(np.diff(self.minutes) * MINUTE_NS > self.choices.hole_ns)
        begin, end = (self.minutes[wide] + 1) * MINUTE_NS, self.minutes[wide + 1] * MINUTE_NS
        return list(zip(begin.tolist(), end.tolist(), strict=True))

    def within(self, span: Span) -> RequestLines:
        """The request lines of a window."""
        return self.lines.between(span.from_ns, span.to_ns)

    def rows(self, span: Span, which: Mask | None = None) -> npt.NDArray[np.int64]:
        """Index of the marked lines of a window."""
        inside = (self.lines.at_ns >= span.from_ns) & (self.lines.at_ns < span.to_ns)
        return np.flatnonzero(inside if which is None else inside & which)

    def covers(self, span: Span) -> bool:
        """Whether the log lacks none of the window, give or take ten minutes at its ends."""
        slack = self.choices.slack_ns
        missing = [(-(2**63), self.first_ns), (self.last_ns, 2**63), *self.holes]
        return all(min(end, span.to_ns) - max(begin, span.from_ns) <= slack for begin, end in missing)

    def show(self, row: int) -> dict[str, Any]:
        """A line as evidence: where it stands (file and line number, or source, partition and offset) and its text."""
        source = str(self.places["source"][row])
        partition, offset = (int(self.places[name][row]) for name in ("partition", "offset"))
        place: dict[str, Any] = {"source": source, "partition": partition, "offset": offset}
        at_ns = int(self.lines.at_ns[row])
        columns = query(self.store_dir, LINE_SQL, since_ns=at_ns, until_ns=at_ns + 1, **place)
        text = {"text": _text({name: column[0] for name, column in columns.items()}, self.clock)}
        if source in self.files:
            return {"file": self.files[source], "line": offset + 1, **text}
        return place | text


def _refused(store_dir: Path) -> tuple[int, str]:
    found = {name: column[0] for name, column in query(store_dir, REFUSED_SQL).items()}
    if not found["lines"]:
        return 0, ""
    return int(found["lines"]), f"{found['reason']}: {bytes(found['raw'])[:80]!r}"


def _text(found: Mapping[str, Any], clock: WallClock) -> str:
    """The line as it was received; the store keeps the bytes only where they cannot be told from the columns."""
    if found["raw"] is not None:
        return _UNSEEN.sub("�", bytes(found["raw"]).decode(errors="replace"))  # a terminal must not obey a log
    movies = tuple(found["movies"] if found["movies"] is not None else ())
    request = (found["host"], int(found["status"]), movies, found["failure"], int(found["latency_ms"]))
    return Requested(int(found["at_ns"]), int(found["user_id"]), *request).format(clock)
