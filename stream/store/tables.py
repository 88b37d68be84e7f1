"""Columns in memory to the tables that become files, and rows of files back to lines."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stream.answers import Answer
from stream.events import AccountCreated, Event, Rated, Requested, WallClock, Watched
from stream.store.canonical import Ints
from stream.store.columns import column, numbers, same, texts
from stream.store.parse_block import KINDS, Parsed
from stream.store.schema import ANSWER_SCHEMA, EVENT_SCHEMA, QUARANTINE_SCHEMA

Rejected = dict[int, tuple[str, bytes]]  # row: (reason, line)


def event_table(parsed: Parsed, offsets: Ints) -> pa.Table:
    """The events of a batch whose row i has offset offsets[i]; rejected rows are left out."""
    rows = parsed.rows
    movie = parsed.movie[rows]
    minute = parsed.minute[rows]
    columns: dict[str, pa.Array] = {
        "offset": numbers(offsets[rows], pa.int64()),
        "kind": _coded(parsed.kind[rows], KINDS),
        "at_ns": numbers(parsed.at_ns[rows], pa.int64()),
        "user_id": numbers(parsed.user_id[rows], pa.int64()),
        "movie_id": _coded(movie, list(parsed.movies), movie >= 0),
        "minute": numbers(minute, pa.int32(), minute >= 0),
    } | _odd_columns(parsed, rows)
    return pa.table([columns[name] for name in EVENT_SCHEMA.names], schema=EVENT_SCHEMA)


def quarantine_table(rejected: Rejected, offsets: Ints) -> pa.Table:
    """The lines of a batch that are no event, with the reason of each."""
    rows = sorted(rejected)
    columns = [offsets[rows], [rejected[row][0] for row in rows], [rejected[row][1] for row in rows]]
    return _table(columns, QUARANTINE_SCHEMA)


def answer_table(answers: dict[int, Answer], raw: dict[int, bytes], arms: dict[int, str], offsets: Ints) -> pa.Table:
    """The answers of a batch by row; `arms` is JSON text."""
    rows = sorted(answers)
    given: dict[str, Any] = {
        "offset": offsets[rows],
        "arms": [arms[row] for row in rows],
        "raw": [raw.get(row) for row in rows],
    }
    columns = [given.get(name, [getattr(answers[row], name, None) for row in rows]) for name in ANSWER_SCHEMA.names]
    return _table(columns, ANSWER_SCHEMA)


def event_lines(table: pa.Table, clock: WallClock) -> Iterator[bytes]:
    """The raw lines that a table of events was made of, in order."""
    for start in range(0, len(table), 50_000):
        yield from _event_lines(table.slice(start, 50_000).combine_chunks(), clock)


def _event_lines(table: pa.Table, clock: WallClock) -> Iterator[bytes]:
    plain = pc.and_(same(table["kind"], "watch"), pc.is_null(table["raw"]))
    odd = zip(*(table.filter(pc.invert(plain))[name].to_pylist() for name in EVENT_SCHEMA.names[1:]), strict=True)
    columns = [table[name].to_pylist() for name in ("at_ns", "user_id", "movie_id", "minute")]
    for simple, at_ns, user_id, movie_id, minute in zip(plain.to_pylist(), *columns, strict=True):
        if simple:
            yield Watched(at_ns, user_id, movie_id, minute).format(clock).encode()
        else:
            row = next(odd)
            yield row[-1] if row[-1] is not None else _event(row).format(clock).encode()


def answer_lines(table: pa.Table) -> Iterator[bytes]:
    """The raw records that a table of answers was made of, in order."""
    for row in table.to_pylist():
        yield row["raw"] if row["raw"] is not None else _answer(row).format().encode()


def quarantine_lines(table: pa.Table) -> Iterator[bytes]:
    """The raw lines of a table of the quarantine, in order."""
    yield from table.column("raw").to_pylist()


def _coded(codes: npt.NDArray[Any], values: Sequence[str], known: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    indices = numbers(codes if known is None else np.maximum(codes, 0), pa.int32(), known)
    return pa.DictionaryArray.from_arrays(indices, texts(values, pa.string()))


def _odd_columns(parsed: Parsed, rows: Ints) -> dict[str, pa.Array]:
    """Columns that watch lines leave empty: made of the few other lines, then spread over all rows."""
    found: dict[str, list[Any]] = {
        name: [None] * len(parsed.odd) for name in ("score", "host", "status", "movies", "failure", "latency_ms", "raw")
    }
    for place, (row, event) in enumerate(parsed.odd.items()):
        found["raw"][place] = parsed.raw.get(row)
        for name in _ODD_FIELDS.get(type(event), ()):
            found[name][place] = getattr(event, name)
    place_of, known = np.zeros(len(rows), np.int32), np.zeros(len(rows), np.bool_)
    where = np.searchsorted(rows, list(parsed.odd))
    place_of[where], known[where] = np.arange(len(where)), True
    spread = numbers(place_of, pa.int32(), known)
    return {name: column(values, EVENT_SCHEMA.field(name).type).take(spread) for name, values in found.items()}


_ODD_FIELDS: dict[type[Event], tuple[str, ...]] = {
    Rated: ("score",),
    Requested: ("host", "status", "movies", "failure", "latency_ms"),
}


def _table(columns: Iterable[Any], schema: pa.Schema) -> pa.Table:
    arrays = [column(values, found.type) for values, found in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _event(row: tuple[Any, ...]) -> Event:
    kind, at_ns, user_id, movie_id, minute, score, host, status, movies, failure, latency_ms, _ = row
    if kind == "watch":
        return Watched(at_ns, user_id, movie_id, minute)
    if kind == "rate":
        return Rated(at_ns, user_id, movie_id, score)
    if kind == "account":
        return AccountCreated(at_ns, user_id)
    return Requested(at_ns, user_id, host, status, tuple(movies), failure, latency_ms)


def _answer(row: dict[str, Any]) -> Answer:
    names = [name for name in ANSWER_SCHEMA.names if name not in ("offset", "raw")]
    known = {name: row[name] for name in names} | {"arms": json.loads(row["arms"]), "movies": tuple(row["movies"])}
    propensity = known["propensity"]
    return Answer(**known | {"propensity": None if propensity is None else tuple(propensity)})
