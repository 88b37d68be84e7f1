"""A stretch of the log, read once: who asked, what was shown, what was played and how it was rated.

Only the files of the stretch and of one attribution window before it are opened, so a look at the last hours costs the
same in a store of any size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from evaluation.plays import PLAYS_SQL, RATINGS_SQL, Plays
from evaluation.requests import LINES_SQL, Mask, RequestLines
from stream.store.info import ends_ns
from stream.store.query import query
from stream.terms import Term

HOUR_NS = 3_600_000_000_000
FIRST_REQUEST_SQL = "SELECT min(at_ns) AS at_ns FROM requests WHERE at_ns >= $since_ns HAVING count(*) > 0"


@dataclass(frozen=True, slots=True)
class Observed:
    """Request lines and plays of [from_ns, until_ns); lists (and they alone) reach one window further back."""

    from_ns: int
    until_ns: int
    window_ns: int  # how long after a list a play counts for it
    lines: RequestLines
    plays: Plays
    ratings: Mapping[str, npt.NDArray[Any]]
    part: Mask  # which lines belong to the part that is looked at; all of them to begin with

    @property
    def asked(self) -> RequestLines:
        """The request lines of the stretch."""
        return self.lines.select(self.in_stretch)

    @property
    def in_stretch(self) -> Mask:
        """Which lines lie in the stretch itself and in the part looked at."""
        return np.asarray((self.lines.at_ns >= self.from_ns) & self.part)

    @property
    def mature(self) -> Mask:
        """Which lists of the stretch had their whole attribution window."""
        return self.in_stretch & (self.lines.list_id >= 0) & (self.lines.at_ns + self.window_ns < self.until_ns)

    @property
    def judged(self) -> Mask:
        """The mature lists; all of them as long as none is mature, so that a young system sees something."""
        mature = self.mature
        return mature if mature.any() else self.in_stretch & (self.lines.list_id >= 0)

    def of_part(self, part: Mask) -> Self:
        """The same stretch, only the marked lines."""
        return replace(self, part=part)


def log_ends_ns(store_dir: Path) -> tuple[int, int] | None:
    """Stream time of the oldest and of the newest event, mistyped times left out; None for an empty store."""
    return ends_ns(store_dir)


def first_request_ns(store_dir: Path, since_ns: int = 0) -> int | None:
    """Stream time of the oldest request line at or behind `since_ns`, None if there is none."""
    found = query(store_dir, FIRST_REQUEST_SQL, since_ns=since_ns)["at_ns"]
    return int(found[0]) if len(found) else None


def observe(store_dir: Path, term: Term, from_ns: int, until_ns: int, window_ns: int) -> Observed:
    """Read the stretch [from_ns, until_ns) and the lists of one window before it. Durations in ns of stream time."""
    stretch = {"since_ns": from_ns - window_ns, "until_ns": until_ns}
    lines = RequestLines.of(query(store_dir, LINES_SQL, **stretch))
    plays = Plays.of(query(store_dir, PLAYS_SQL, **stretch, from_ns=from_ns, window_ns=window_ns))
    scale = {"rating_min": term.rating_min, "rating_max": term.rating_max}
    ratings = query(store_dir, RATINGS_SQL, since_ns=from_ns, until_ns=until_ns, from_ns=from_ns, **scale)
    return Observed(from_ns, until_ns, window_ns, lines, plays, ratings, np.ones(len(lines), bool))
