"""What was stored since one looked last, for those who follow the store."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from stream.store import positions as stored_positions
from stream.store.files import Segment
from stream.store.layout import Layout, layout
from stream.store.query import Columns, answered, reading
from stream.store.rules import rules_of

Positions = dict[str, int]

_SQL = 'SELECT * EXCLUDE (raw) FROM events ORDER BY source, partition, "offset"'


def tail(store_dir: Path, positions: Mapping[str, int] | None) -> tuple[Columns, Positions]:
    """Rows of `events` stored at or behind `positions`, and the positions to ask with next time.

    positions: next offset by "<source>-<partition>", as returned before; None or a missing key = from the beginning.
    Reads new files only; flagged events are left out. Columns as of the view `events` without `raw` (see `query.query`
    for NULL), in order of source, partition and offset.
    """
    known = dict(positions or {})
    return reading(lambda: _tail(store_dir, known))


def ends(store_dir: Path) -> Positions:
    """Positions behind everything stored now: `tail` from here gives only what comes later."""
    return _reached(layout(store_dir), {})


def _tail(store_dir: Path, known: Positions) -> tuple[Columns, Positions]:
    now = layout(store_dir)
    news = Layout(_behind(now.events, known), _behind(now.kept, known), sessions=[], quarantine=[], answers=[])
    return answered(news, _SQL, {}, rules_of(store_dir), among=now), _reached(now, known)


def _behind(found: Iterable[Segment], known: Positions) -> list[Segment]:
    moved = [replace(segment, low=max(segment.low, known.get(_key(segment), 0))) for segment in found]
    return [segment for segment in moved if segment.low <= segment.high]


def _reached(now: Layout, known: Positions) -> Positions:
    reached = dict(known)
    for segment in (*now.events, *now.sessions):
        reached[_key(segment)] = max(segment.high + 1, reached.get(_key(segment), 0))
    return reached


def _key(segment: Segment) -> str:
    return stored_positions.key(*segment.stream)
