"""Lines that did not parse: listed, counted by reason, and parsed anew after the parser has learnt something.

A line that parses now becomes an event under its old offset, in the file of its range; the others stay, some perhaps
with another reason. Both files are wholly on disk before either changes; a kill between the two leaves lines in both,
which `doubled` counts and the next run takes out of the quarantine.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stream.events import WallClock
from stream.store import files, maintenance, rows, schema
from stream.store.canonical import Ints
from stream.store.columns import numbers
from stream.store.files import Segment
from stream.store.layout import Layout, layout
from stream.store.parse_block import parse_lines
from stream.store.repeated_hour import resolved
from stream.store.tables import event_table, quarantine_table

MAX_TEXT: Final = 400  # characters of a line that a listing shows


@dataclass(slots=True)
class _Tally:
    """What a run found."""

    before: Counter[str] = field(default_factory=Counter)  # quarantined lines by reason
    after: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)  # events won
    doubled: int = 0


def listed(store_dir: Path, reason: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    """Quarantined lines in order of source, partition and offset: those, reason, bytes and the line (cut if long)."""
    found: list[dict[str, Any]] = []
    for segment in layout(store_dir).quarantine:
        for row in rows.rows_of(segment).to_pylist():
            if reason in (None, row["reason"]) and (limit is None or len(found) < limit):
                where = {"source": segment.source, "partition": segment.partition, "offset": row["offset"]}
                text = row["raw"].decode(errors="backslashreplace")
                shown = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
                found.append({**where, "reason": row["reason"], "bytes": len(row["raw"]), "line": shown})
    return found


def requarantine(store_dir: Path, progress: Callable[[int], object] = lambda _: None) -> dict[str, Any]:
    """Parse every quarantined line of the stream anew; answers are passed over.

    progress: called with the number of lines looked at. Returns before and after (quarantined lines by reason), events
    (won, by kind), doubled (lines found in both places and taken out of the quarantine) and done; done is False, and
    nothing happened, while another process looks after the store. Raises OSError if the disk is full, ValueError naming
    a damaged file; no line is lost or counted twice then.
    """
    tally = _Tally()
    with maintenance.caretaking(store_dir) as alone:
        now = layout(store_dir)
        answers = {segment.stream for segment in now.answers}
        for segment in now.quarantine if alone else ():
            if segment.stream not in answers:
                _again(store_dir, now, segment, tally)
                progress(segment.size)
    counts = {"before": dict(tally.before), "after": dict(tally.after), "events": dict(tally.kinds)}
    return {"done": alone, **counts, "doubled": tally.doubled}


def doubled(store_dir: Path) -> int:
    """Quarantined lines whose offset is an event too."""
    now = layout(store_dir)
    return sum(len(_twice(rows.rows_of(segment), list(_holding(now, segment)))) for segment in now.quarantine)


def _again(store_dir: Path, now: Layout, refused: Segment, tally: _Tally) -> None:
    """Parse the lines of one quarantine file, and rewrite it and the files of events that win some."""
    table, said = rows.rows_of(refused), schema.facts_of(refused.path)
    tally.before.update(table["reason"].to_pylist())
    holding = list(_holding(now, refused))
    twice = _twice(table, holding)
    tally.doubled += len(twice)
    table = table.filter(pc.invert(_among(table, twice)))
    offsets, lines = np.asarray(table["offset"]), table["raw"].to_pylist()
    parsed = parse_lines(lines, WallClock(said.zone))
    parsed_rows = event_table(parsed, offsets)
    placed = [(segment, kind, _within(parsed_rows, segment)) for segment, kind in holding]
    won = pa.concat_tables([part for *_, part in placed]) if placed else parsed_rows.slice(0, 0)
    tally.kinds.update(won["kind"].to_pylist())
    left = _left(table, won, {int(offsets[row]): reason for row, (reason, _) in parsed.rejected.items()})
    tally.after.update(left["reason"].to_pylist())
    if len(won) or len(twice) or not left["reason"].equals(table["reason"]):
        _rewrite(store_dir, refused, left, [place for place in placed if len(place[2])])


def _holding(now: Layout, refused: Segment) -> Iterator[tuple[Segment, str]]:
    """The files that hold the events of a quarantined range, raw or kept of a pruned range."""
    for kind, found in ((files.EVENTS, now.events), (files.KEPT, now.kept)):
        yield from ((s, kind) for s in found if files.within([refused], [s]))


def _twice(table: pa.Table, holding: list[tuple[Segment, str]]) -> Ints:
    wanted = np.asarray(table["offset"])
    if not len(wanted):
        return wanted
    held = [np.asarray(schema.read(segment.path, ["offset"])["offset"]) for segment, _ in holding]
    return np.intersect1d(wanted, np.concatenate(held)) if held else wanted[:0]


def _left(table: pa.Table, won: pa.Table, reasons: dict[int, str]) -> pa.Table:
    """What stays in the quarantine; a line whose events' file is gone keeps its old reason."""
    rest = table.filter(pc.invert(_among(table, np.asarray(won["offset"])))).to_pylist()
    rejected = {row: (reasons.get(each["offset"], each["reason"]), each["raw"]) for row, each in enumerate(rest)}
    return quarantine_table(rejected, np.array([each["offset"] for each in rest], np.int64))


def _rewrite(store_dir: Path, refused: Segment, left: pa.Table, placed: list[tuple[Segment, str, pa.Table]]) -> None:
    """The events first: between the two a line may be in both files, never in none."""
    staged: list[schema.Staged] = []
    try:
        for segment, kind, part in placed:
            staged.append(_staged(store_dir, segment, kind, _joined(segment, part)))
        staged.append(_staged(store_dir, refused, files.QUARANTINE, pa.concat_tables([_outside(refused), left])))
        for each in staged:
            each.commit()
    finally:
        for each in staged:
            each.discard()


def _staged(store_dir: Path, segment: Segment, kind: str, table: pa.Table) -> schema.Staged:
    zone = schema.facts_of(segment.path).zone
    facts = rows.facts_from(table, kind, zone)
    if kind == files.QUARANTINE:
        said = schema.facts_of(segment.path)
        facts = replace(facts, min_ns=said.min_ns, max_ns=said.max_ns)
    date = segment.path.parent.name.removeprefix("date=")
    return schema.stage(store_dir, kind, date, segment.path.name, table, facts)


def _joined(segment: Segment, part: pa.Table) -> pa.Table:
    """All rows of the file and the new ones, by offset; times of a repeated hour resolved by the row before."""
    old = schema.read(segment.path)
    table = pa.concat_tables([old, part]).unify_dictionaries().sort_by("offset").combine_chunks()
    new = np.flatnonzero(np.asarray(_among(table, np.asarray(part["offset"]))))
    at_ns = np.asarray(table["at_ns"]).copy()
    for row in new.tolist():
        before_ns = int(at_ns[row - 1]) if row else None
        at_ns[row : row + 1] = resolved(at_ns[row : row + 1], WallClock(schema.facts_of(segment.path).zone), before_ns)
    return table.set_column(table.schema.get_field_index("at_ns"), "at_ns", numbers(at_ns, pa.int64()))


def _within(table: pa.Table, segment: Segment) -> pa.Table:
    offset = np.asarray(table["offset"])
    return table.take(numbers(np.flatnonzero((offset >= segment.low) & (offset <= segment.high)), pa.int64()))


def _outside(segment: Segment) -> pa.Table:
    """The file's rows that do not count, because another file holds them."""
    table = schema.read(segment.path)
    offset = np.asarray(table["offset"])
    return table.take(numbers(np.flatnonzero((offset < segment.low) | (offset > segment.high)), pa.int64()))


def _among(table: pa.Table, offsets: Ints) -> pa.Array:
    return pc.is_in(table["offset"], value_set=numbers(offsets, pa.int64()))
