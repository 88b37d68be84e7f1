"""A bound on the store's bytes that holds: the oldest goes first, and what it taught stays as long as it can.

Raw events are folded before they go: their watch ticks to partial sessions; ratings, new accounts and whatever is
flagged are kept row by row, as a verdict may change; request lines go with the raw file. Quarantine, answers and the
folded past have shares of the bound of their own, so that none can push out the others; when the whole is too large,
what is beyond its share loses its oldest file.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import median_low
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stream.sessions import fold
from stream.store import digest, files, maintenance, rows, schema, verdicts
from stream.store.canonical import Ints
from stream.store.columns import numbers, same
from stream.store.files import Segment
from stream.store.layout import layout
from stream.store.rules import rules_of

DAY_NS: Final = 86_400_000_000_000

_SHARES = {files.QUARANTINE: 0.05, files.ANSWERS: 0.20, files.KEPT: 0.10, files.SESSIONS: 0.25}


def enforce(store_dir: Path, max_bytes: int, max_days: float | None = None) -> dict[str, int]:
    """Bring the store's files within `max_bytes`, oldest first, and its raw lines within `max_days`.

    max_days: of stream time, counted back from the newest events. Files of events that are wholly older are folded,
    and those of answers and of the quarantine dropped; sessions and kept rows stay.
    Returns bytes (now), folded (files of raw events that became sessions and kept rows) and dropped (files gone for
    good). Does nothing while another process is at it. A crash in between loses nothing and doubles nothing. Raises
    OSError if the disk is too full to fold, ValueError naming a damaged file; that file's lines stay as they were.
    """
    done = Counter(folded=0, dropped=0)
    with maintenance.caretaking(store_dir) as alone:
        if alone:
            _let_go(store_dir)  # what a kill left behind
            if max_days is not None:
                done.update(_expire(store_dir, round(max_days * DAY_NS)))
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


def _expire(store_dir: Path, age_ns: int) -> Counter[str]:
    """Fold or drop what is wholly older than `age_ns`."""
    now = layout(store_dir)
    answers = {segment.stream for segment in now.answers}
    refused = [segment for segment in now.quarantine if segment.stream not in answers]
    old = _older(now.events, age_ns, _newest_ns(now.events))
    gone = _older(refused, age_ns, _newest_ns(now.events)) + _older(now.answers, age_ns, _newest_ns(now.answers))
    for segment in old:
        _fold(store_dir, segment)
    return Counter(folded=len(old), dropped=maintenance.remove(gone))


def _older(found: list[Segment], age_ns: int, newest_ns: int) -> list[Segment]:
    return [segment for segment in found if (last := _last_ns(segment, newest_ns)) and last < newest_ns - age_ns]


def _newest_ns(found: list[Segment]) -> int:
    """Where the stream is (answers carry real times), by when the newest files begin.

    One mistyped date must not age a whole store: where a file is a single line, the last five vote.
    """
    first_ns: dict[bool, list[int]] = {True: [], False: []}
    for segment in found:
        facts = schema.facts_of(segment.path)
        if facts.min_ns is not None:
            first_ns[facts.lines > 1].append(facts.min_ns)
    return max(first_ns[True], default=median_low(sorted(first_ns[False])[-5:] or [0]))


def _last_ns(segment: Segment, newest_ns: int) -> int | None:
    """Latest time in a file; the earliest where the latest lies in the future, as only a mistyped one does."""
    facts = schema.facts_of(segment.path)
    return facts.min_ns if facts.max_ns and facts.max_ns > newest_ns + DAY_NS else facts.max_ns


def _fold(store_dir: Path, segment: Segment) -> None:
    """Kept rows first, then sessions, which make the fold valid, then the raw file goes."""
    table, facts = rows.rows_of(segment), rows.facts_of(segment, files.EVENTS)
    name = files.name(segment.source, segment.partition, segment.low, segment.high)
    date = segment.path.parent.name.removeprefix("date=")
    spared = _spared(table, _flagged(store_dir, segment))
    kept = table.filter(spared)
    kept_facts = rows.facts_from(kept, files.KEPT, facts.zone)
    ticks = table.filter(pc.and_not(same(table["kind"], "watch"), spared))
    sessions = fold(ticks.select(["user_id", "movie_id", "at_ns", "minute"])).cast(schema.SESSION_SCHEMA)
    rest = Counter(facts.counts) - Counter(kept_facts.counts)
    folded = digest.combine([facts.digest, -kept_facts.digest])
    about = replace(facts, lines=facts.lines - kept_facts.lines, digest=folded, counts=dict(rest))
    schema.write_all(store_dir, date, name, {files.KEPT: (kept, kept_facts), files.SESSIONS: (sessions, about)})
    _let_go(store_dir)


def _flagged(store_dir: Path, segment: Segment) -> Ints:
    found = verdicts.flags(layout(store_dir), rules_of(store_dir))
    offsets = [each.offset for each in found if each.segment.path == segment.path]
    return np.concatenate(offsets) if offsets else np.zeros(0, np.int64)


def _spared(table: pa.Table, flagged: Ints) -> pa.Array:
    """Which rows are kept one by one."""
    row_by_row = pc.or_(same(table["kind"], "rate"), same(table["kind"], "account"))
    return pc.or_(row_by_row, pc.is_in(table["offset"], value_set=numbers(flagged, pa.int64())))


def _let_go(store_dir: Path) -> None:
    """Remove raw files whose whole range has been folded."""
    folds = files.segments(store_dir, files.SESSIONS)
    maintenance.remove(s for s in files.listed(store_dir, files.EVENTS) if files.covers(folds, s))


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
