"""Columns of the store's files, and how a table becomes a file that a crash cannot leave half written.

The columns are final: later versions only add. Rows keep the order of arrival. Every file says of itself, in its
schema metadata: format_version, kind, source, partition, first, last, zone, lines, digest, counts, min_ns, max_ns, and
of sessions rows_digest.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stream.store import files
from stream.store.digest import digest, to_hex
from stream.store.positions import sync_folder

FORMAT_VERSION = 1
MEND = "; python -m stream store verify names all such files; without them everything else can be read"
_CODED = pa.dictionary(pa.int32(), pa.string())

EVENT_SCHEMA = pa.schema([
    ("offset", pa.int64()),
    ("kind", _CODED),  # watch, rate, request or account
    ("at_ns", pa.int64()),  # UTC
    ("user_id", pa.int64()),
    ("movie_id", _CODED),
    ("minute", pa.int32()),
    ("score", pa.int32()),
    ("host", _CODED),
    ("status", pa.int32()),
    ("movies", pa.list_(pa.string())),
    ("failure", pa.string()),
    ("latency_ms", pa.int32()),
    ("raw", pa.binary()),  # the line itself, only where formatting the event would not give it back
])  # fmt: skip
QUARANTINE_SCHEMA = pa.schema([("offset", pa.int64()), ("reason", _CODED), ("raw", pa.binary())])
ANSWER_SCHEMA = pa.schema([
    ("offset", pa.int64()),
    ("request_id", pa.string()),
    ("worker", _CODED),
    ("worker_start_ns", pa.int64()),
    ("seq", pa.int64()),
    ("at_ns", pa.int64()),  # real UTC time
    ("user_id", pa.int64()),
    ("movies", pa.list_(pa.string())),
    ("tier", _CODED),
    ("arms", _CODED),  # JSON, {experiment: arm}
    ("propensity", pa.list_(pa.float64())),
    ("model_version", _CODED),
    ("ms", pa.float64()),
    ("raw", pa.binary()),
])  # fmt: skip
SESSION_SCHEMA = pa.schema([
    ("user_id", pa.int64()),
    ("movie_id", _CODED),
    ("started_ns", pa.int64()),
    ("last_ns", pa.int64()),
    ("first_minute", pa.int32()),
    ("last_minute", pa.int32()),
    ("ticks", pa.int64()),
])  # fmt: skip

SCHEMAS = {
    files.EVENTS: EVENT_SCHEMA,
    files.KEPT: EVENT_SCHEMA,
    files.QUARANTINE: QUARANTINE_SCHEMA,
    files.ANSWERS: ANSWER_SCHEMA,
    files.SESSIONS: SESSION_SCHEMA,
}
_DIGESTED = SESSION_SCHEMA.names  # of sessions, as they were in the first release
_DELTA = {"offset", "at_ns", "started_ns", "last_ns", "seq", "worker_start_ns"}
_PLAIN = {"raw", "failure", "request_id", "ms"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of itself, beside its name."""

    lines: int
    digest: int
    zone: str
    counts: dict[str, int] = field(default_factory=dict)  # lines by kind of event, or by reason
    min_ns: int | None = None
    max_ns: int | None = None
    rows_digest: int | None = None  # of sessions, whose lines are gone; None in files from before it was written


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that is wholly on disk, but not yet under its name."""

    fresh: Path
    final: Path

    def commit(self) -> None:
        """Give it its name, durably; needs no room on disk."""
        self.fresh.replace(self.final)
        sync_folder(self.final.parent)

    def discard(self) -> None:
        """Take it away again."""
        self.fresh.unlink(missing_ok=True)


def write(store_dir: Path, kind: str, date: str, name: str, table: pa.Table, facts: Facts) -> int:
    """Put `table` on disk under its final name, durable and all at once. Returns the file's bytes.

    Raises OSError (disk full, no permission); nothing under the final name has changed then.
    """
    staged = stage(store_dir, kind, date, name, table, facts)
    size = staged.fresh.stat().st_size
    staged.commit()
    return size


def write_all(store_dir: Path, date: str, name: str, parts: Mapping[str, tuple[pa.Table, Facts]]) -> None:
    """Put tables of several kinds on disk under one name, in their order; all of them, or none if the disk is full.

    Raises OSError as `write` does.
    """
    staged: list[Staged] = []
    try:
        for kind, (table, facts) in parts.items():
            staged.append(stage(store_dir, kind, date, name, table, facts))
        for each in staged:
            each.commit()
    finally:
        for each in staged:
            each.discard()


def stage(store_dir: Path, kind: str, date: str, name: str, table: pa.Table, facts: Facts) -> Staged:
    """Write all of a file but its name. Raises OSError with nothing left behind."""
    folder = store_dir / kind / f"date={date}"
    staged = Staged(folder / f".{name}.{os.getpid()}.tmp", folder / name)
    if kind == files.SESSIONS:
        facts = replace(facts, rows_digest=rows_digest(table))
    table = table.replace_schema_metadata(_to_metadata(kind, name, facts))
    try:
        with _created(staged.fresh) as file:
            pq.write_table(table, file, **_options(table))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        staged.discard()
        raise
    return staged


def rows_digest(table: pa.Table) -> int:
    """Digest of the rows of a table of sessions, independent of their order; columns that came later do not count."""
    columns = (table[name].to_pylist() for name in _DIGESTED)
    return digest(",".join(map(str, row)).encode() for row in zip(*columns, strict=True))


def facts_of(path: Path) -> Facts:
    """What the file says of itself. Raises FileNotFoundError, or ValueError naming a damaged file."""
    found = path.stat()
    return _facts_of(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8192)
def _facts_of(path: Path, _mtime_ns: int, _size: int) -> Facts:
    try:
        said = pq.read_schema(path).metadata or {}
        return _from_metadata(said)
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a file of this store, or damaged ({error}){MEND}") from error


ColumnEnds = dict[str, tuple[int, int]]


def column_ends(path: Path) -> ColumnEnds:
    """Lowest and highest value of each column of integers, as the file says; without those that are NULL throughout.

    Raises FileNotFoundError, or ValueError naming a damaged file.
    """
    found: ColumnEnds = {}
    try:
        about = pq.read_metadata(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a file of this store, or damaged ({error})") from error
    for group in range(about.num_row_groups):
        for number in range(about.num_columns):
            column = about.row_group(group).column(number)
            said = column.statistics
            if said is not None and said.has_min_max and isinstance(said.min, int):
                low, high = found.get(column.path_in_schema, (said.min, said.max))
                found[column.path_in_schema] = min(low, said.min), max(high, said.max)
    return found


def read(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Rows of one file in order of arrival. Raises FileNotFoundError, or ValueError naming a damaged file."""
    try:
        return pq.ParquetFile(path, page_checksum_verification=True).read(columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{path}: damaged ({error}){MEND}") from error


@contextlib.contextmanager
def _created(path: Path) -> Any:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("wb")
        except FileNotFoundError:
            continue  # an empty date folder was tidied away in between
        sync_folder(path.parent.parent)
        with file:
            yield file
        return


def _options(table: pa.Table) -> dict[str, Any]:
    names = set(table.schema.names)
    delta = names & _DELTA | ({"user_id"} & names if not _users_recur(table) else set())
    return {
        "compression": "zstd",
        "compression_level": 3,
        "row_group_size": 1_000_000,  # one dictionary a file: text ids are most of its bytes
        "write_page_checksum": True,
        "use_dictionary": sorted(_leaf(table.schema, name) for name in names - delta - _PLAIN),
        "column_encoding": dict.fromkeys(sorted(delta), "DELTA_BINARY_PACKED"),
    }


def _users_recur(table: pa.Table) -> bool:
    """Whether a dictionary of the users is worth its bytes; in a few seconds of a large stream nobody comes twice."""
    return "user_id" in table.schema.names and pc.count_distinct(table["user_id"]).as_py() < len(table) / 3


def _leaf(schema: pa.Schema, name: str) -> str:
    return f"{name}.list.element" if pa.types.is_list(schema.field(name).type) else name


def _to_metadata(kind: str, name: str, facts: Facts) -> dict[str, str]:
    source, partition, first, last = name.removesuffix(".parquet").split("-")
    said: Mapping[str, object] = {
        "format_version": FORMAT_VERSION, "kind": kind, "source": source, "partition": partition, "first": first,
        "last": last, "zone": facts.zone, "lines": facts.lines, "digest": to_hex(facts.digest),
        "counts": json.dumps(facts.counts), "min_ns": json.dumps(facts.min_ns), "max_ns": json.dumps(facts.max_ns),
    }  # fmt: skip
    if facts.rows_digest is not None:
        said = {**said, "rows_digest": to_hex(facts.rows_digest)}
    return {key: str(value) for key, value in said.items()}


def _from_metadata(said: Mapping[bytes, bytes]) -> Facts:
    if int(said[b"format_version"]) > FORMAT_VERSION:
        raise ValueError(f"format {said[b'format_version'].decode()}; this version knows up to {FORMAT_VERSION}")
    return Facts(
        lines=int(said[b"lines"]),
        digest=int(said[b"digest"], 16),
        zone=said[b"zone"].decode(),
        counts=json.loads(said[b"counts"]),
        min_ns=json.loads(said[b"min_ns"]),
        max_ns=json.loads(said[b"max_ns"]),
        rows_digest=int(said[b"rows_digest"], 16) if b"rows_digest" in said else None,
    )
