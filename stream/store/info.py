"""What the store holds: counts, ranges, bytes and digests, of now and of the data up to some time."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stream.store import digest, files, rows, schema
from stream.store.canonical import Ints
from stream.store.columns import numbers
from stream.store.files import Segment
from stream.store.layout import Layout, layout
from stream.store.query import reading
from stream.store.rules import Rules, rules_of
from stream.store.schema import Facts
from stream.store.verdicts import counted, flags

Found = tuple[Segment, Facts]


def info(store_dir: Path, rules: Rules | None = None) -> dict[str, Any]:
    """Counts of everything stored, including lines of which only folded sessions remain.

    rules: what events are held against; default: the store's own term and catalogue.
    Keys: events, kinds, quarantined and flagged (by reason), answers, pruned (events no longer stored one by one),
    first_ns and last_ns (of the events), bytes, files, sources (source, partition, first, last, lines, digest), digest
    (of all lines, parsed or not; independent of files, partitions, compaction and folding, but not of what was
    dropped).
    """
    return reading(lambda: _info(store_dir, rules or rules_of(store_dir)))


def fingerprint(store_dir: Path, until_ns: int | None = None) -> dict[str, Any]:
    """Exactly which events there are, optionally only those earlier than `until_ns` (UTC).

    Keys: sources (source, partition, first, last), events, digest, first_ns, last_ns. Two stores with the same events
    have the same digest. Pruned ranges count as a whole by their first event's time. Without `until_ns`, mistyped times
    are neither first nor last.
    """
    return reading(lambda: _fingerprint(store_dir, until_ns))


def ends_ns(store_dir: Path) -> tuple[int, int] | None:
    """Times of the oldest and the newest event, mistyped times left out; None for an empty store.

    From what files say of themselves, and from the columns of those with a mistyped time.
    """
    return reading(lambda: _ends_ns(layout(store_dir)))


def _ends_ns(now: Layout) -> tuple[int, int] | None:
    far = {each.segment: each.offset for each in flags(now, Rules())}
    spans = [rows.span(_without(segment, far[segment])) for segment in far]
    facts = [facts for segment, facts in _event_facts(now, None) if segment not in far]
    spans += [(each.min_ns, each.max_ns) for each in facts]
    first = [low for low, _ in spans if low is not None]
    last = [high for _, high in spans if high is not None]
    return (min(first), max(last)) if first and last else None


def _without(segment: Segment, offsets: Ints) -> pa.Table:
    table = rows.rows_of(segment)
    return table.filter(pc.invert(pc.is_in(table["offset"], value_set=numbers(offsets, pa.int64()))))


def _info(store_dir: Path, rules: Rules) -> dict[str, Any]:
    now = layout(store_dir)
    events, pruned = _event_facts(now, None), [schema.facts_of(segment.path) for segment in now.sessions]
    answer_sources = {segment.stream for segment in now.answers}
    refused = [(s, rows.facts_of(s, files.QUARANTINE)) for s in now.quarantine if s.stream not in answer_sources]
    covered = [*now.events, *now.sessions]
    paths = [path for kind in files.KINDS for path in (store_dir / kind).glob("date=*/*.parquet")]
    return {
        **_lines("events", events),
        "kinds": _counted(_facts(events), ("watch", "rate", "request", "account")),
        "quarantined": _counted(_facts(refused)),
        "flagged": counted(flags(now, rules)),
        "answers": sum(rows.facts_of(segment, files.ANSWERS).lines for segment in now.answers),
        "pruned": sum(facts.lines for facts in pruned),
        **_span(_facts(events)),
        "bytes": sum(_size(path) for path in paths),
        "files": len(paths),
        "sources": [source | _lines("lines", _of(source, events + refused)) for source in _sources(covered)],
        "digest": _lines("lines", events + refused)["digest"],
    }


def _fingerprint(store_dir: Path, until_ns: int | None) -> dict[str, Any]:
    now = layout(store_dir)
    events = _event_facts(now, until_ns)
    early = [segment for segment in (*now.events, *now.sessions) if _begins_before(segment, until_ns)]
    ends = _ends_ns(now) if until_ns is None else None
    span = {"first_ns": ends[0], "last_ns": ends[1]} if ends else _span(_facts(events))
    return {"sources": _sources(early), **_lines("events", events), **span}


def _event_facts(now: Layout, until_ns: int | None) -> list[Found]:
    raw = [(s, rows.facts_of(s, files.EVENTS, until_ns)) for s in now.events if _begins_before(s, until_ns)]
    kept = [(s, rows.facts_of(s, files.KEPT, until_ns)) for s in now.kept if _begins_before(s, until_ns)]
    return raw + kept + [(s, schema.facts_of(s.path)) for s in now.sessions if _begins_before(s, until_ns)]


def _facts(found: list[Found]) -> list[Facts]:
    return [facts for _, facts in found]


def _of(source: dict[str, Any], found: list[Found]) -> list[Found]:
    return [each for each in found if each[0].stream == (source["source"], source["partition"])]


def _lines(name: str, found: list[Found]) -> dict[str, Any]:
    """How many lines, under `name`, and the digest of their bytes."""
    total = digest.combine(facts.digest for _, facts in found)
    return {name: sum(facts.lines for _, facts in found), "digest": digest.to_hex(total)}


def _begins_before(segment: Segment, until_ns: int | None) -> bool:
    first_ns = schema.facts_of(segment.path).min_ns
    return until_ns is None or (first_ns is not None and first_ns < until_ns)


def _counted(found: Iterable[Facts], always: Iterable[str] = ()) -> dict[str, int]:
    total = Counter(dict.fromkeys(always, 0))
    for facts in found:
        total.update(facts.counts)
    return dict(total)


def _span(found: list[Facts]) -> dict[str, int | None]:
    first = [facts.min_ns for facts in found if facts.min_ns is not None]
    last = [facts.max_ns for facts in found if facts.max_ns is not None]
    return {"first_ns": min(first, default=None), "last_ns": max(last, default=None)}


def _sources(found: Iterable[Segment]) -> list[dict[str, Any]]:
    streams: dict[tuple[str, int], list[Segment]] = {}
    for segment in found:
        streams.setdefault(segment.stream, []).append(segment)
    return [
        {
            "source": source,
            "partition": partition,
            "first": min(s.low for s in streams[source, partition]),
            "last": max(s.high for s in streams[source, partition]),
        }
        for source, partition in sorted(streams)
    ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # merged away meanwhile
