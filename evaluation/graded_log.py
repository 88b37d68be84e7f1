"""The log that is graded: its request lines, where it begins and ends, and any line of it to show as evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from evaluation.answers import first_answered_ns
from evaluation.observed import log_ends_ns
from evaluation.requests import LINES_SQL, Mask, RequestLines
from stream.events import Requested, WallClock
from stream.store.query import query

SLACK_NS = 600_000_000_000  # a log that begins or ends this much inside a window still covers it
LINE_SQL = """
SELECT source, partition, "offset", host, status, movies, failure, latency_ms, raw FROM events
WHERE kind = 'request' AND at_ns = $since_ns AND user_id = $user_id ORDER BY source, partition, "offset" LIMIT 1
"""


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
    first_ns: int  # of any line
    last_ns: int
    models_ns: Mapping[str, int] | None  # stream time of each model version's first answer; None = not known
    files: Mapping[str, str]  # source: name of the file it was read from

    @classmethod
    def read(cls, store_dir: Path, clock: WallClock, files: Mapping[str, str] | None = None) -> Self:
        """The whole log of a store. Raises ValueError for an empty one."""
        ends = log_ends_ns(store_dir)
        if not ends:
            raise ValueError(f"{store_dir} holds no events: nothing to grade")
        first_ns, last_ns = ends
        lines = RequestLines.of(query(store_dir, LINES_SQL, since_ns=first_ns, until_ns=last_ns + 1))
        return cls(store_dir, clock, lines, first_ns, last_ns, first_answered_ns(store_dir) or None, files or {})

    def within(self, span: Span) -> RequestLines:
        """The request lines of a window."""
        return self.lines.between(span.from_ns, span.to_ns)

    def rows(self, span: Span, which: Mask) -> npt.NDArray[np.int64]:
        """Index of the marked lines of a window."""
        return np.flatnonzero((self.lines.at_ns >= span.from_ns) & (self.lines.at_ns < span.to_ns) & which)

    def covers(self, span: Span) -> bool:
        """Whether the log begins before the window and ends after it, give or take ten minutes."""
        return self.first_ns <= span.from_ns + SLACK_NS and self.last_ns >= span.to_ns - SLACK_NS

    def show(self, row: int) -> dict[str, Any]:
        """A line as evidence: where it stands (file and line number, or source, partition and offset) and its text."""
        at_ns, user_id = int(self.lines.at_ns[row]), int(self.lines.user_id[row])
        columns = query(self.store_dir, LINE_SQL, since_ns=at_ns, until_ns=at_ns + 1, user_id=user_id)
        found = {name: column[0] for name, column in columns.items()}
        source, offset = str(found["source"]), int(found["offset"])
        text = {"text": _text(found, at_ns, user_id, self.clock)}
        if source in self.files:
            return {"file": self.files[source], "line": offset + 1, **text}
        return {"source": source, "partition": int(found["partition"]), "offset": offset, **text}


def _text(found: Mapping[str, Any], at_ns: int, user_id: int, clock: WallClock) -> str:
    """The line as it was received; the store keeps the bytes only where they cannot be told from the columns."""
    if found["raw"] is not None:
        return bytes(found["raw"]).decode(errors="replace")
    movies = tuple(found["movies"] if found["movies"] is not None else ())
    request = (found["host"], int(found["status"]), movies, found["failure"], int(found["latency_ms"]))
    return Requested(at_ns, user_id, *request).format(clock)
