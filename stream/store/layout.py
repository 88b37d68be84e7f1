"""Which rows of which files count at one moment, over all kinds of file.

Raw events that retention has pruned live on as folded sessions (their watch ticks) and kept rows (their ratings and
accounts), under the name of the range they came from. While a raw range is still there it counts and its fold does
not; once it is gone the fold counts, and raw rows that come again inside it do not.
"""

from dataclasses import dataclass
from pathlib import Path

from stream.store import files
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
    pruned = [fold for fold in folded if fold.whole and not files.covers(raw, fold)]
    return Layout(
        events=files.without(raw, pruned) if pruned else raw,
        kept=files.within(kept, pruned),
        sessions=pruned,
        quarantine=files.segments(store_dir, files.QUARANTINE),
        answers=files.segments(store_dir, files.ANSWERS),
    )
