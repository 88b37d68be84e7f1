"""A bound on the store's bytes that holds: the oldest goes first, and what it taught stays as long as it can.

Raw events are folded before they go: their watch ticks to partial sessions; ratings and new accounts are kept row by
row; request lines go with the raw file. Quarantine, answers and the folded past have shares of the bound of their own,
so that none can push out the others; beyond its share the oldest file of each is dropped.
"""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stream.sessions import fold
from stream.store import digest, files, maintenance, rows, schema
from stream.store.files import Segment

_SHARES = {files.QUARANTINE: 0.05, files.ANSWERS: 0.20, files.SESSIONS: 0.25, files.KEPT: 0.10}


def enforce(store_dir: Path, max_bytes: int) -> dict[str, int]:
    """Bring the store's files within `max_bytes`, oldest first.

    Returns bytes (now), folded (files of raw events that became sessions and kept rows) and dropped (files gone for
    good). Does nothing while another process is at it. A crash in between loses nothing and doubles nothing.
    """
    done = {"folded": 0, "dropped": 0}
    with maintenance.caretaking(store_dir) as alone:
        if alone:
            done["folded"] = _fold_oldest(store_dir, max_bytes)
            done["dropped"] = _drop_folded(store_dir, max_bytes) + sum(
                _drop(store_dir, kind, int(max_bytes * _SHARES[kind])) for kind in (files.QUARANTINE, files.ANSWERS)
            )
    return {"bytes": size(store_dir), **done}


def size(store_dir: Path) -> int:
    """Bytes of all files of the store, half-written ones included."""
    return sum(_bytes(store_dir, kind) for kind in files.KINDS)


def _fold_oldest(store_dir: Path, max_bytes: int) -> int:
    """Fold raw events until, with every other kind within its share, the whole is within the bound."""
    folded = 0
    shares = {kind: int(max_bytes * share) for kind, share in _SHARES.items()}
    for segment in _oldest_first(store_dir, files.EVENTS):
        others = sum(min(_bytes(store_dir, kind), share) for kind, share in shares.items())
        if _bytes(store_dir, files.EVENTS) + others <= max_bytes:
            break
        _fold(store_dir, segment)
        folded += 1
    return folded


def _fold(store_dir: Path, segment: Segment) -> None:
    """Kept rows first, then sessions, which make the fold valid, then the raw file goes."""
    table, facts = rows.rows_of(segment), rows.facts_of(segment, files.EVENTS)
    name = files.name(segment.source, segment.partition, segment.low, segment.high)
    date = segment.path.parent.name.removeprefix("date=")
    kept = _of_kinds(table, "rate", "account")
    kept_facts = rows.facts_from(kept, files.KEPT, facts.zone)
    schema.write(store_dir, files.KEPT, date, name, kept, kept_facts)
    ticks = _of_kinds(table, "watch").select(["user_id", "movie_id", "at_ns", "minute"])
    rest = {kind: n for kind, n in facts.counts.items() if kind not in kept_facts.counts}
    folded = digest.combine([facts.digest, -kept_facts.digest])
    about = replace(facts, lines=facts.lines - kept_facts.lines, digest=folded, counts=rest)
    schema.write(store_dir, files.SESSIONS, date, name, fold(ticks).cast(schema.SESSION_SCHEMA), about)
    maintenance.remove(s for s in files.listed(store_dir, files.EVENTS) if not files.without([s], [segment]))


def _of_kinds(table: pa.Table, *kinds: str) -> pa.Table:
    return table.filter(pc.field("kind").cast(pa.string()).isin(kinds))


def _drop(store_dir: Path, kind: str, max_bytes: int) -> int:
    dropped = 0
    for segment in _oldest_first(store_dir, kind):
        if _bytes(store_dir, kind) <= max_bytes:
            break
        dropped += maintenance.remove([segment])
    return dropped


def _drop_folded(store_dir: Path, max_bytes: int) -> int:
    """Kept rows beyond their share go alone; sessions take the kept rows of their range along."""
    dropped = _drop(store_dir, files.KEPT, int(max_bytes * _SHARES[files.KEPT]))
    dropped += _drop(store_dir, files.SESSIONS, int(max_bytes * _SHARES[files.SESSIONS]))
    left = files.segments(store_dir, files.SESSIONS)
    kept = files.segments(store_dir, files.KEPT)
    raw = files.segments(store_dir, files.EVENTS)
    return dropped + maintenance.remove(s for s in kept if not files.within([s], left + raw))


def _oldest_first(store_dir: Path, kind: str) -> list[Segment]:
    return sorted(files.segments(store_dir, kind), key=lambda s: (schema.facts_of(s.path).max_ns or 0, s.low))


def _bytes(store_dir: Path, kind: str) -> int:
    found = (store_dir / kind).glob("date=*/*")
    return sum(_size(path) for path in found)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
