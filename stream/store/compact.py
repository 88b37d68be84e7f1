"""Small files merged into large ones, beside readers and writers, without a line ever counting twice or not at all.

The merged file carries exactly the range of those it replaces and is in place before they go: a reader that sees both
takes the larger range. Files grow geometrically, so a line is rewritten only a few times in its life.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from stream.sessions import merge
from stream.store import digest, files, maintenance, rows, schema
from stream.store.files import Segment
from stream.store.schema import Facts


@dataclass(frozen=True, slots=True)
class _Family:
    """A kind of file, and the one that accompanies it range by range and is written first."""

    kind: str
    side: str
    max_size: int  # offsets of a merged file


_FAMILIES = (
    _Family(files.EVENTS, files.QUARANTINE, 1_000_000),
    _Family(files.ANSWERS, files.QUARANTINE, 1_000_000),
    _Family(files.SESSIONS, files.KEPT, 20_000_000),
)


def compact(store_dir: Path, *, min_files: int = 8, full: bool = False) -> dict[str, int]:
    """Merge neighbouring files where at least `min_files` small ones have come together; `full` merges all it can.

    Returns merged (files written) and removed (files replaced). Does nothing while another process is at it. Raises
    ValueError naming a damaged file, or OSError if the disk is full; what was there stays as it was.
    """
    done: Counter[str] = Counter(merged=0, removed=0)
    with maintenance.caretaking(store_dir) as alone:
        for family in _FAMILIES if alone else ():
            for run in _due(store_dir, family, 2 if full else min_files, full):
                _merge(store_dir, family, run)
                done["merged"] += 1
            done["removed"] += _tidy(store_dir, family.kind) + _tidy(store_dir, family.side)
    return dict(done)


def _due(store_dir: Path, family: _Family, min_files: int, full: bool) -> Iterator[list[Segment]]:
    segments = files.segments(store_dir, family.kind)
    for _, stream in groupby(segments, key=lambda s: (s.stream, schema.facts_of(s.path).zone)):
        for run in _contiguous(list(stream)):
            groups = _filled(run, family.max_size) if full else [_small(run, family.max_size)]
            yield from (group for group in groups if len(group) >= min_files)


def _contiguous(stream: list[Segment]) -> Iterator[list[Segment]]:
    run: list[Segment] = []
    for segment in stream:
        if run and run[-1].high + 1 != segment.low:
            yield run
            run = []
        run.append(segment)
    yield run


def _filled(run: list[Segment], max_size: int) -> list[list[Segment]]:
    """Neighbours, from the oldest on, up to the size of a merged file."""
    groups: list[list[Segment]] = [[]]
    for segment in run:
        if groups[-1] and segment.high - groups[-1][0].low >= max_size:
            groups.append([])
        groups[-1].append(segment)
    return groups


def _small(run: list[Segment], max_size: int) -> list[Segment]:
    """The newest neighbours, back to the first that is larger than all behind it together."""
    group: list[Segment] = []
    total = 0
    for segment in reversed(run):
        size = segment.high - segment.low + 1
        if total + size > max_size or (len(group) > 1 and size > total):
            break
        group.insert(0, segment)
        total += size
    return group


def _merge(store_dir: Path, family: _Family, run: list[Segment]) -> None:
    """Write the side's file, then the merged one, then let go of the small ones."""
    source, partition = run[0].stream
    name = files.name(source, partition, run[0].low, run[-1].high)
    date = run[0].path.parent.name.removeprefix("date=")
    within = [s for s in files.within(files.segments(store_dir, family.side), run) if s.stream == run[0].stream]
    parts = {family.side: _joined(within, family.side)} if within else {}
    schema.write_all(store_dir, date, name, {**parts, family.kind: _joined(run, family.kind)})


def _joined(run: list[Segment], kind: str) -> tuple[pa.Table, Facts]:
    if kind == files.SESSIONS:
        table = merge(pa.concat_tables(schema.read(s.path) for s in run))
        found = [schema.facts_of(s.path) for s in run]
    else:
        parts = [rows.rows_of(segment) for segment in run]
        table = pa.concat_tables(parts, promote_options="default").unify_dictionaries()
        found = [
            schema.facts_of(segment.path) if segment.whole else rows.facts_from(part, kind, _zone(segment))
            for segment, part in zip(run, parts, strict=True)
        ]
    return table.cast(schema.SCHEMAS[kind]), combined(found)


def _zone(segment: Segment) -> str:
    return schema.facts_of(segment.path).zone


def combined(found: list[Facts]) -> Facts:
    """What is true of the rows of several files together."""
    counts: Counter[str] = Counter()
    for facts in found:
        counts.update(facts.counts)
    return Facts(
        lines=sum(facts.lines for facts in found),
        digest=digest.combine(facts.digest for facts in found),
        zone=found[0].zone,
        counts=dict(counts),
        min_ns=min((facts.min_ns for facts in found if facts.min_ns is not None), default=None),
        max_ns=max((facts.max_ns for facts in found if facts.max_ns is not None), default=None),
    )


def _tidy(store_dir: Path, kind: str) -> int:
    """Remove files none of whose rows count any more."""
    listed = files.listed(store_dir, kind)
    counting = {segment.path for segment in files.resolve(listed)}
    return maintenance.remove(segment for segment in listed if segment.path not in counting)
