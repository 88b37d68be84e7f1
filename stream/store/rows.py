"""Rows of a segment and what they add up to, also where only a part of the file counts."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stream.events import WallClock
from stream.store import files, schema, tables
from stream.store.columns import numbers
from stream.store.digest import digest
from stream.store.files import Segment
from stream.store.schema import Facts


def rows_of(segment: Segment, before_ns: int | None = None) -> pa.Table:
    """The rows of a segment that count, in order; with `before_ns` only those earlier than that."""
    table = schema.read(segment.path)
    if not segment.whole:
        offset = table["offset"]
        table = table.filter(pc.and_(pc.greater_equal(offset, _number(segment.low)), _upto(offset, segment.high)))
    return table if before_ns is None else table.filter(_upto(table["at_ns"], before_ns - 1))


def _upto(found: Any, highest: int) -> Any:
    return pc.less_equal(found, _number(highest))


def _number(value: int) -> Any:
    return numbers([value], pa.int64())[0]


def facts_of(segment: Segment, kind: str, before_ns: int | None = None) -> Facts:
    """Lines, digest and counts of a segment: from its metadata where the whole file counts, else from its rows."""
    facts = schema.facts_of(segment.path)
    late = before_ns is not None and facts.max_ns is not None and facts.max_ns >= before_ns
    if segment.whole and not late:
        return facts
    return facts_from(rows_of(segment, before_ns), kind, facts.zone)


def facts_from(table: pa.Table, kind: str, zone: str) -> Facts:
    """Lines, digest and counts of a table of events, answers or quarantined lines, from its rows."""
    first_ns, last_ns = span(table)
    return Facts(len(table), digest(lines_of(table, kind, zone)), zone, _counts(table, kind), first_ns, last_ns)


def lines_of(table: pa.Table, kind: str, zone: str) -> Iterator[bytes]:
    """The raw lines that a table of events, answers or quarantined lines was made of, in order."""
    if kind == files.QUARANTINE:
        return tables.quarantine_lines(table)
    return tables.answer_lines(table) if kind == files.ANSWERS else tables.event_lines(table, WallClock(zone))


def _counts(table: pa.Table, kind: str) -> dict[str, int]:
    if kind == files.ANSWERS:
        return {"answer": len(table)} if len(table) else {}
    by = table["reason" if kind == files.QUARANTINE else "kind"]
    return {row["values"]: row["counts"] for row in pc.value_counts(by).to_pylist()}


def span(table: pa.Table) -> tuple[int | None, int | None]:
    """Earliest and latest time of a table's rows; None without rows or without times."""
    if not len(table) or "at_ns" not in table.schema.names:
        return None, None
    ends = pc.min_max(table["at_ns"])
    return ends["min"].as_py(), ends["max"].as_py()
