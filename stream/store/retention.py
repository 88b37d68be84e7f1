"""A bound on the store's bytes that holds: the oldest goes first, and what it taught stays as long as it can.

Raw events are folded before they go: their watch ticks to partial sessions; ratings and new accounts are kept row by
row; request lines go with the raw file. Quarantine, answers and the folded past have shares of the bound of their own,
so that none can push out the others; when the whole is too large, what is beyond its share loses its oldest file.
"""

from collections import Counter
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stream.sessions import fold
from stream.store import digest, files, maintenance, rows, schema
from stream.store.columns import same
from stream.store.files import Segment
from stream.store.layout import layout

_SHARES = {files.QUARANTINE: 0.05, files.ANSWERS: 0.20, files.KEPT: 0.10, files.SESSIONS: 0.25}


def enforce(store_dir: Path, max_bytes: int) -> dict[str, int]:
    """Bring the store's files within `max_bytes`, oldest first.

    Returns bytes (now), folded (files of raw events that became sessions and kept rows) and dropped (files gone for
    good). Does nothing while another process is at it. A crash in between loses nothing and doubles nothing.
    """
    done = Counter(folded=0, dropped=0)
    with maintenance.caretaking(store_dir) as alone:
        if alone:
            _let_go(store_dir)  # what a kill left behind
            while (sizes := _sizes(store_dir)).total() > max_bytes and (step := _relieve(store_dir, sizes, max_bytes)):
                done[step] += 1
    return {"bytes": _sizes(store_dir).total(), **done}


def _relieve(store_dir: Path, sizes: Counter[str], max_bytes: int) -> str | None:
    """Drop the oldest file of a kind beyond its share, else fold the oldest raw events; None if nothing is left."""
    for kind, share in _SHARES.items():
        if sizes[kind] > share * max_bytes and (oldest := _oldest(files.listed(store_dir, kind))):
            maintenance.remove([oldest])
            return "dropped"
    if oldest := _oldest(layout(store_dir).events):
        _fold(store_dir, oldest)
        return "folded"
    return None


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
    _let_go(store_dir)


def _let_go(store_dir: Path) -> None:
    """Remove raw files whose whole range has been folded."""
    folds = files.segments(store_dir, files.SESSIONS)
    maintenance.remove(s for s in files.listed(store_dir, files.EVENTS) if files.covers(folds, s))


def _of_kinds(table: pa.Table, *kinds: str) -> pa.Table:
    return table.filter(reduce(pc.or_, (same(table["kind"], kind) for kind in kinds)))


def _oldest(found: list[Segment]) -> Segment | None:
    return min(found, key=lambda s: (schema.facts_of(s.path).max_ns or 0, s.low), default=None)


def _sizes(store_dir: Path) -> Counter[str]:
    """Bytes by kind of file, half-written ones included."""
    return Counter({kind: sum(_size(path) for path in (store_dir / kind).glob("date=*/*")) for kind in files.KINDS})


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # merged away meanwhile
