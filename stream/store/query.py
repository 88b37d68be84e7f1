"""Questions to the store, as SQL, answered in numpy columns.

Views: `events`, `watches`, `ratings`, `requests`, `accounts`, `sessions`, `answers`, `quarantine`, and `runtimes` from
the catalogue. Every view shows each line once, whatever files lie there, and pruned ranges as what was kept of them.
Start at `query`.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import numpy.typing as npt

from stream.sessions import runtimes_sql, sessions_sql
from stream.store import schema
from stream.store.files import Segment
from stream.store.layout import Layout, layout

Columns = dict[str, npt.NDArray[Any]]
T = TypeVar("T")

_TRIES = 20  # a compaction beside us may take away files between listing and reading


def query(
    store_dir: Path, sql: str, *, since_ns: int | None = None, until_ns: int | None = None, **params: Any
) -> Columns:
    """Columns of the answer to `sql`, whose parameters `$name` are taken from `params`.

    since_ns, until_ns: files with no event in [since_ns, until_ns) are not read, and both can be used in `sql` as
    `$since_ns` and `$until_ns`. They do not filter rows by themselves; say so in `sql`. Sessions that began before
    since_ns appear shortened.
    Text and list columns are object arrays with None for NULL. Number columns without NULL keep their type; with NULL
    they become float64 with NaN; so do 128-bit sums, unless cast: `sum(ticks)::BIGINT`.
    Raises duckdb.Error for a wrong query, ValueError naming a damaged file.
    """
    given = {"since_ns": since_ns, "until_ns": until_ns, **params}
    used = {name: value for name, value in given.items() if f"${name}" in sql}
    return reading(lambda: _ask(store_dir, sql, used, since_ns, until_ns))


def reading(work: Callable[[], T]) -> T:
    """Result of `work`, begun anew when a file it had listed was merged or pruned away meanwhile."""
    for _ in range(_TRIES - 1):
        try:
            return work()
        except (FileNotFoundError, _Vanished):
            continue
    return work()


class _Vanished(Exception):
    """A listed file is gone."""


def answered(now: Layout, sql: str, params: dict[str, Any], **about: Any) -> Columns:
    """Columns of the answer to `sql` over the files of `now`; an error that `reading` knows if one of them vanished.

    about: what `connect` takes further.
    """
    try:
        with (
            tempfile.TemporaryDirectory(prefix="matinee-query-") as spill,
            connect(now, Path(spill), **about) as connection,
        ):
            return _to_numpy(connection.execute(sql, params))
    except duckdb.IOException as error:
        if all(segment.path.exists() for segment in now.all()):
            raise
        raise _Vanished from error


def _ask(store_dir: Path, sql: str, params: dict[str, Any], since_ns: int | None, until_ns: int | None) -> Columns:
    catalog_dir = store_dir / "catalog"
    return answered(layout(store_dir), sql, params, since_ns=since_ns, until_ns=until_ns, catalog_dir=catalog_dir)


def connect(
    now: Layout,
    spill: Path,
    since_ns: int | None = None,
    until_ns: int | None = None,
    catalog_dir: Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection that knows the views. It writes nothing but spilled pages, into `spill`."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 2,
            "memory_limit": "1GB",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        },
    )

    def timely(found: list[Segment]) -> list[Segment]:
        return [segment for segment in found if _overlaps(segment, since_ns, until_ns)]

    views = {
        "events": _select(timely(now.events) + timely(now.kept), schema.EVENT_SCHEMA),
        "pruned_sessions": _select(timely(now.sessions), schema.SESSION_SCHEMA, rows=False),
        "quarantine": _select(now.quarantine, schema.QUARANTINE_SCHEMA),
        "answer_records": _select(now.answers, schema.ANSWER_SCHEMA),
        "catalog_runtimes": _catalog_runtimes(catalog_dir / "movies.jsonl" if catalog_dir else None),
    } | _VIEWS
    for name, text in views.items():
        connection.execute(f"CREATE VIEW {name} AS {text}")
    return connection


_LINE = '"offset", source, partition, at_ns, user_id'
_VIEWS = {
    "watches": f"SELECT {_LINE}, movie_id, minute FROM events WHERE kind = 'watch'",
    "ratings": f"SELECT {_LINE}, movie_id, score FROM events WHERE kind = 'rate'",
    "requests": f"SELECT {_LINE}, host, status, movies, failure, latency_ms FROM events WHERE kind = 'request'",
    "accounts": f"SELECT {_LINE} FROM events WHERE kind = 'account'",
    "runtimes": runtimes_sql("catalog_runtimes"),
    "sessions": sessions_sql(),
    "answers": """SELECT * FROM answer_records QUALIFY row_number() OVER
                  (PARTITION BY worker, worker_start_ns, seq ORDER BY source, partition, "offset") = 1""",
}


def _catalog_runtimes(movies: Path | None) -> str:
    """SQL for the running times (minutes) of the catalogue's records; the API gives numbers, texts, 0 or nothing."""
    if movies is None or not movies.is_file():
        return "SELECT NULL::VARCHAR AS movie_id, NULL::DOUBLE AS runtime WHERE false"
    return f"""
        SELECT id AS movie_id, max(TRY_CAST(runtime AS DOUBLE)) AS runtime
        FROM read_json({_quoted(movies)}, format = 'newline_delimited', ignore_errors = true,
                       columns = {{id: 'VARCHAR', runtime: 'VARCHAR'}})
        WHERE TRY_CAST(runtime AS DOUBLE) > 0 AND isfinite(TRY_CAST(runtime AS DOUBLE)) GROUP BY id"""


def _overlaps(segment: Segment, since_ns: int | None, until_ns: int | None) -> bool:
    if since_ns is None and until_ns is None:
        return True
    facts = schema.facts_of(segment.path)
    if facts.min_ns is None or facts.max_ns is None:
        return False
    return (since_ns is None or facts.max_ns >= since_ns) and (until_ns is None or facts.min_ns < until_ns)


def _select(found: list[Segment], columns: Any, *, rows: bool = True) -> str:
    """SQL for the rows of `found`, with their source and partition; typed and empty if there are none."""
    names = ", ".join(f'"{name}"' for name in columns.names)
    origin = ", split_part(parse_filename(filename), '-', 1) AS source"
    origin += ", split_part(parse_filename(filename), '-', 2)::INTEGER AS partition"
    whole = [segment for segment in found if segment.whole]
    parts = [f"SELECT {names}{origin if rows else ''} FROM {_scan(whole)}"] if whole else []
    parts += [
        f'SELECT {names}{origin} FROM {_scan([segment])} WHERE "offset" BETWEEN {segment.low} AND {segment.high}'
        for segment in found
        if not segment.whole
    ]
    return " UNION ALL ".join(parts) or _nothing(columns, rows)


def _scan(found: list[Segment]) -> str:
    paths = ", ".join(_quoted(segment.path) for segment in found)
    return f"read_parquet([{paths}], union_by_name = true, filename = true)"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _nothing(columns: Any, rows: bool) -> str:
    typed = [f'NULL::{_SQL_TYPES[str(field.type)]} AS "{field.name}"' for field in columns]
    typed += ["NULL::VARCHAR AS source", "NULL::INTEGER AS partition"] if rows else []
    return f"SELECT {', '.join(typed)} WHERE false"


_SQL_TYPES = {
    "int64": "BIGINT",
    "int32": "INTEGER",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "binary": "BLOB",
    "list<item: string>": "VARCHAR[]",
    "list<item: double>": "DOUBLE[]",
    "list<element: string>": "VARCHAR[]",
    "list<element: double>": "DOUBLE[]",
    "dictionary<values=string, indices=int32, ordered=0>": "VARCHAR",
}


def _to_numpy(answer: duckdb.DuckDBPyConnection) -> Columns:
    return {name: _plain(column) for name, column in answer.fetchnumpy().items()}


def _plain(column: Any) -> npt.NDArray[Any]:
    plain: npt.NDArray[Any] = np.asarray(column.data if isinstance(column, np.ma.MaskedArray) else column)
    if not isinstance(column, np.ma.MaskedArray) or not np.ma.is_masked(column):
        return plain
    plain = plain.copy() if plain.dtype == object else plain.astype(np.float64)
    plain[np.ma.getmaskarray(column)] = None if plain.dtype == object else np.nan
    return plain
