"""Which rows of which files count at one moment, over all kinds of file.

Raw events that retention has pruned live on as folded sessions (their watch ticks) and kept rows (their ratings and
accounts), under the name of the range they came from. While a raw range is still there it counts and its fold does
not; once it is gone the fold counts, and raw rows that come again inside it do not.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from stream.store import files, positions
from stream.store.files import Segment


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything a reader may count."""

    events: list[Segment]
    kept: list[Segment]  # ratings and accounts of pruned ranges
    sessions: list[Segment]  # watch ticks of pruned ranges, folded
    quarantine: list[Segment]
    answers: list[Segment]

    def all(self) -> list[Segment]:
        """Every segment of every kind."""
        return [*self.events, *self.kept, *self.sessions, *self.quarantine, *self.answers]


def layout(store_dir: Path) -> Layout:
    """The store as it is now.

    Listed in the order events, sessions, kept, because retention writes kept, then sessions, then deletes the raw file:
    a range is seen raw, folded or both, never neither.
    """
    raw = files.segments(store_dir, files.EVENTS)
    folded = files.segments(store_dir, files.SESSIONS)
    kept = files.segments(store_dir, files.KEPT)
    answers = files.segments(store_dir, files.ANSWERS)
    pruned = [fold for fold in folded if fold.whole and not files.covers(raw, fold)]
    return Layout(
        events=files.without(raw, pruned) if pruned else raw,
        kept=files.within(kept, pruned),
        sessions=pruned,
        quarantine=_finished(store_dir, raw + folded + answers),
        answers=answers,
    )


def _finished(store_dir: Path, stored: list[Segment]) -> list[Segment]:
    """Quarantined lines of ranges whose other lines are there too; a kill may have come between the two files.

    Such a range is delivered again, so until then it is not there at all. `stored` was listed before.
    """
    ends = {positions.key(*segment.stream): segment.high + 1 for segment in sorted(stored, key=_high)}
    with contextlib.suppress(ValueError):  # a damaged file of positions: go by the files
        for name, end in positions.read(store_dir).items():
            ends[name] = max(end, ends.get(name, 0))
    found = files.segments(store_dir, files.QUARANTINE)
    return [each for each in found if each.low < ends.get(positions.key(*each.stream), 0)]


def _high(segment: Segment) -> int:
    return segment.high
