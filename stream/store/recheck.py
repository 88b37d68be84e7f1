"""The store as it was recorded once: exactly the ranges of a fingerprint, their digest made anew, their rows asked.

What came later is left out by its offset, not by its time. Of a range that retention has folded the lines are gone;
its digest is then the one that was recorded when it was folded. Start at `recheck`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stream.store import digest, files, rows, schema
from stream.store.files import Segment
from stream.store.layout import Layout, layout
from stream.store.query import Columns, answered, reading
from stream.store.rules import rules_of

Sources = Sequence[Mapping[str, Any]]  # of a fingerprint: source, partition, first, last


@dataclass(frozen=True, slots=True)
class Rechecked:
    """The digest of recorded ranges as the store has them now."""

    digest: str
    events: int
    recomputed: int  # lines whose hashes were computed anew
    pruned_on: str | None  # UTC date of the latest folding among them; None = every line is still there


def recheck(store_dir: Path, sources: Sources) -> Rechecked:
    """Hash every line of the ranges again. Raises ValueError naming a damaged file."""
    return reading(lambda: _recheck(within(layout(store_dir), sources)))


def query_recorded(store_dir: Path, sources: Sources, sql: str, **params: Any) -> Columns:
    """As `query.query`, over the recorded ranges alone."""
    rules = rules_of(store_dir)
    return reading(
        lambda: answered(within(layout(store_dir), sources), sql, params, rules, catalog_dir=store_dir / "catalog")
    )


def within(now: Layout, sources: Sources) -> Layout:
    """Those parts of the store that lie in the ranges; a fold that reaches over an end is left out whole."""
    ranges = {(str(s["source"]), int(s["partition"])): (int(s["first"]), int(s["last"])) for s in sources}

    def cut(found: Iterable[Segment]) -> list[Segment]:
        there = [(segment, ranges[segment.stream]) for segment in found if segment.stream in ranges]
        moved = [replace(s, low=max(s.low, first), high=min(s.high, last)) for s, (first, last) in there]
        return [segment for segment in moved if segment.low <= segment.high]

    sessions = [segment for segment in cut(now.sessions) if segment.whole]
    return Layout(cut(now.events), cut(now.kept), sessions, [], [])


def _recheck(there: Layout) -> Rechecked:
    raw = [rows.facts_from(rows.rows_of(s), kind, schema.facts_of(s.path).zone)
           for kind, found in ((files.EVENTS, there.events), (files.KEPT, there.kept)) for s in found]  # fmt: skip
    folded = [schema.facts_of(segment.path) for segment in there.sessions]
    total = digest.combine(facts.digest for facts in (*raw, *folded))
    lines = sum(facts.lines for facts in raw)
    at = max((segment.path.stat().st_mtime for segment in there.sessions), default=None)
    day = None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    return Rechecked(digest.to_hex(total), lines + sum(facts.lines for facts in folded), lines, day)
