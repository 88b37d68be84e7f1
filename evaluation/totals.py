"""Running totals since the first request, so that a figure over the whole history costs no more than the last minutes.

Each list, request and play is counted once, when the attribution window behind it has passed. The file is replaced
atomically after each round; a round that never came to its end is counted again by the next.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from evaluation.observed import Observed

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of everything in [since_ns, until_ns) of stream time."""

    since_ns: int = 0
    until_ns: int = 0  # 0 = nothing counted yet
    requests: int = 0
    ok: int = 0
    lists: int = 0
    hits: int = 0  # lists of which a title was begun within the window
    plays: int = 0
    recommended: int = 0  # plays whose title a list had offered

    def counts(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in ("requests", "ok", "lists", "hits", "plays", "recommended")}

    def behind(self, seen: Observed) -> bool:
        """Whether something before the stretch has not been counted, so that an earlier stretch must be read first."""
        return 0 < self.until_ns < seen.from_ns

    def advanced(self, seen: Observed) -> Self:
        """With everything of the stretch added that is old enough and not counted yet."""
        start_ns = max(self.until_ns, seen.from_ns)
        until_ns = seen.until_ns - seen.window_ns
        if until_ns <= start_ns:
            return self
        lines, plays = seen.lines, seen.plays
        mine = (lines.at_ns >= start_ns) & (lines.at_ns < until_ns)
        with_list = mine & (lines.list_id >= 0)
        behind = plays.offers_of(lines)
        hit = np.unique(behind[behind >= 0])
        begun = (plays.started_ns >= start_ns) & (plays.started_ns < until_ns)
        return replace(
            self,
            since_ns=self.since_ns or start_ns,
            until_ns=until_ns,
            requests=self.requests + int(mine.sum()),
            ok=self.ok + int((mine & lines.ok).sum()),
            lists=self.lists + int(with_list.sum()),
            hits=self.hits + int(with_list[hit].sum()),
            plays=self.plays + int(begun.sum()),
            recommended=self.recommended + int((begun & plays.recommended()).sum()),
        )


def read_totals(path: Path) -> Totals:
    """The totals so far; fresh ones if there is no readable file."""
    try:
        found = json.loads(path.read_text())
        return Totals(**{name: int(found[name]) for name in Totals.__slots__})
    except (OSError, ValueError, KeyError, TypeError):
        return Totals()


def write_totals(path: Path, totals: Totals) -> None:
    """Replace the file; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps({"format_version": FORMAT_VERSION, **asdict(totals)}))
    fresh.replace(path)
