"""Questions to the store, as SQL, answered in numpy columns.

Views: `events`, `watches`, `ratings`, `requests`, `accounts`, `sessions`, `answers`, `quarantine`, and `runtimes` from
the catalogue. Every view shows each line once, whatever files lie there, and pruned ranges as what was kept of them.
Flagged events (see `verdicts.py`) are left out of all but `all_events`, which has them with their reason in the column
`flag`, and `stored_events`, for which nothing is judged: it costs less. Start at `query`.
"""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stream.sessions import runtimes_sql, sessions_sql
from stream.store import schema
from stream.store.columns import numbers, texts
from stream.store.files import Segment
from stream.store.layout import Layout, layout
from stream.store.rules import Rules, rules_of
from stream.store.verdicts import REASONS, Flags, flags

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
    Events are held against the store's own term and catalogue; `query_under` takes other rules.
    Text and list columns are object arrays with None for NULL. Number columns without NULL keep their type; with NULL
    they become float64 with NaN; so do 128-bit sums, unless cast: `sum(ticks)::BIGINT`.
    Raises duckdb.Error for a wrong query, ValueError naming a damaged file.
    """
    given = {"since_ns": since_ns, "until_ns": until_ns, **params}
    used = {name: value for name, value in given.items() if f"${name}" in sql}
    return reading(lambda: _ask(store_dir, sql, used, rules_of(store_dir), since_ns, until_ns))


def query_under(rules: Rules, store_dir: Path, sql: str) -> Columns:
    """As `query`, without parameters, with events held against `rules`."""
    return reading(lambda: _ask(store_dir, sql, {}, rules))


def _ask(store_dir: Path, sql: str, params: dict[str, Any], rules: Rules, *between: int | None) -> Columns:
    since_ns, until_ns = between or (None, None)
    catalog_dir = store_dir / "catalog"
    return answered(layout(store_dir), sql, params, rules, since_ns, until_ns, catalog_dir=catalog_dir)


VIEWS = ("events", "all_events", "watches", "ratings", "requests", "accounts", "sessions", "runtimes", "answers",
         "quarantine")  # fmt: skip


def columns_of_views(store_dir: Path) -> dict[str, list[str]]:
    """Names of the columns of each view that may be asked."""
    return {view: list(query(store_dir, f"SELECT * FROM {view} LIMIT 0", until_ns=_NEVER_NS)) for view in VIEWS}


_NEVER_NS = -(2**63)  # so that no file is read


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


def answered(
    now: Layout,
    sql: str,
    params: dict[str, Any],
    rules: Rules,
    since_ns: int | None = None,
    until_ns: int | None = None,
    among: Layout | None = None,
    catalog_dir: Path | None = None,
) -> Columns:
    """Columns of the answer to `sql` over the files of `now`; an error that `reading` knows if one of them vanished.

    among: the whole store, if `now` is a part of it; verdicts need an event's neighbours. catalog_dir: for `runtimes`.
    """
    found = flags(among or now, rules) if _JUDGED.search(sql) else []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="matinee-query-") as spill,
            connect(_between(now, since_ns, until_ns), Path(spill), found, catalog_dir) as connection,
        ):
            return _to_numpy(connection.execute(sql, params))
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        if not all(segment.path.exists() for segment in now.all()):
            raise _Vanished from error
        for segment in now.all():
            schema.facts_of(segment.path)  # names the one that is damaged
        raise


def connect(
    now: Layout, spill: Path, found: Sequence[Flags] = (), catalog_dir: Path | None = None
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
    stored, mine = now.events + now.kept, {segment.path for segment in now.events + now.kept}
    found = [each for each in found if each.segment.path in mine]
    connection.register("flagged_rows", _flag_table(found))
    views = {
        "stored_events": _select(stored, schema.EVENT_SCHEMA),
        "pruned_sessions": _select(now.sessions, schema.SESSION_SCHEMA, rows=False),
        "quarantine": _select(now.quarantine, schema.QUARANTINE_SCHEMA),
        "answer_records": _select(now.answers, schema.ANSWER_SCHEMA),
        "events": _clean(stored, found),
        "catalog_runtimes": _catalog_runtimes(catalog_dir / "movies.jsonl" if catalog_dir else None),
    } | _VIEWS
    for name, text in views.items():
        connection.execute(f"CREATE VIEW {name} AS {text}")
    return connection


def _flag_table(found: Sequence[Flags]) -> Any:
    """Columns source, partition, offset and flag of all flagged rows."""
    sizes = [len(each.offset) for each in found]
    place = numbers(np.repeat(np.arange(len(found)), sizes), pa.int64())
    reason = np.concatenate([[], *(each.reason for each in found)])
    return pa.table({
        "source": texts([each.segment.source for each in found], pa.string()).take(place),
        "partition": numbers([each.segment.partition for each in found], pa.int32()).take(place),
        "offset": numbers(np.concatenate([[], *(each.offset for each in found)]), pa.int64()),
        "flag": texts(REASONS, pa.string()).take(numbers(reason, pa.int64())),
    })  # fmt: skip


def _clean(stored: list[Segment], found: Sequence[Flags]) -> str:
    """SQL for the rows without a verdict. Stream by stream, because a join by offset alone costs next to nothing."""
    marked = sorted({each.segment.stream for each in found})
    parts = [_select([s for s in stored if s.stream not in marked], schema.EVENT_SCHEMA)]
    for source, partition in marked:
        mine = _select([s for s in stored if s.stream == (source, partition)], schema.EVENT_SCHEMA)
        where = f"source = '{source}' AND partition = {partition}"
        parts.append(f'FROM ({mine}) ANTI JOIN (SELECT "offset" FROM flagged_rows WHERE {where}) USING ("offset")')
    return " UNION ALL BY NAME ".join(f"({part})" for part in parts)


_JUDGED = re.compile(r"\b(all_events|events|watches|ratings|requests|accounts|sessions|runtimes)\b", re.IGNORECASE)
_LINE = '"offset", source, partition, at_ns, user_id'
_VIEWS = {
    "all_events": 'SELECT * FROM stored_events LEFT JOIN flagged_rows USING (source, partition, "offset")',
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


def _between(now: Layout, since_ns: int | None, until_ns: int | None) -> Layout:
    """The store without files of events that lie outside of [since_ns, until_ns)."""

    def timely(found: list[Segment]) -> list[Segment]:
        return [segment for segment in found if _overlaps(segment, since_ns, until_ns)]

    return replace(now, events=timely(now.events), kept=timely(now.kept), sessions=timely(now.sessions))


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
