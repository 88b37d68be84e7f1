"""What the store holds: counts, ranges, bytes and digests, of now and of the data up to some time."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stream.store import digest, files, rows, schema
from stream.store.files import Segment
from stream.store.layout import Layout, layout
from stream.store.query import reading
from stream.store.schema import Facts


def info(store_dir: Path) -> dict[str, Any]:
    """Counts of everything stored, including lines of which only folded sessions remain.

    Keys: events, kinds, quarantined (by reason), answers, pruned (events no longer stored one by one), first_ns and
    last_ns (of the events), bytes, files, sources (source, partition, first, last), digest (of all lines of the
    stream, parsed or not; independent of files, partitions, compaction and folding, but not of what was dropped).
    """
    return reading(lambda: _info(store_dir))


def fingerprint(store_dir: Path, until_ns: int | None = None) -> dict[str, Any]:
    """Exactly which events there are, optionally only those earlier than `until_ns` (UTC).

    Keys: sources (source, partition, first, last), events, digest, first_ns, last_ns. Two stores with the same events
    have the same digest. Pruned ranges count as a whole by their first event's time.
    """
    return reading(lambda: _fingerprint(store_dir, until_ns))


def _info(store_dir: Path) -> dict[str, Any]:
    now = layout(store_dir)
    events, pruned = _event_facts(now, None), [schema.facts_of(segment.path) for segment in now.sessions]
    answer_sources = {segment.stream for segment in now.answers}
    refused = [
        rows.facts_of(segment, files.QUARANTINE) for segment in now.quarantine if segment.stream not in answer_sources
    ]
    paths = [path for kind in files.KINDS for path in (store_dir / kind).glob("date=*/*.parquet")]
    return {
        "events": sum(facts.lines for facts in events),
        "kinds": _counted(events, ("watch", "rate", "request", "account")),
        "quarantined": _counted(refused),
        "answers": sum(rows.facts_of(segment, files.ANSWERS).lines for segment in now.answers),
        "pruned": sum(facts.lines for facts in pruned),
        **_span(events),
        "bytes": sum(_size(path) for path in paths),
        "files": len(paths),
        "sources": _sources([*now.events, *now.sessions]),
        "digest": digest.to_hex(digest.combine(facts.digest for facts in events + refused)),
    }


def _fingerprint(store_dir: Path, until_ns: int | None) -> dict[str, Any]:
    now = layout(store_dir)
    events = _event_facts(now, until_ns)
    early = [segment for segment in (*now.events, *now.sessions) if _begins_before(segment, until_ns)]
    return {
        "sources": _sources(early),
        "events": sum(facts.lines for facts in events),
        "digest": digest.to_hex(digest.combine(facts.digest for facts in events)),
        **_span(events),
    }


def _event_facts(now: Layout, until_ns: int | None) -> list[Facts]:
    raw = [rows.facts_of(s, files.EVENTS, until_ns) for s in now.events if _begins_before(s, until_ns)]
    kept = [rows.facts_of(s, files.KEPT, until_ns) for s in now.kept if _begins_before(s, until_ns)]
    return raw + kept + [schema.facts_of(s.path) for s in now.sessions if _begins_before(s, until_ns)]


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
