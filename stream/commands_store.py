"""Commands of `python -m stream` that look after the event log, and `sql`, which asks it.

Each parses, calls one function, prints. Libraries are imported when a command runs, so that help is quick.
"""

import contextlib
import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from stream.reporting import as_json, in_store, plain, show, store_of
from stream.settings import StreamSettings, read_settings
from stream.terms import TERMS

with_term = click.option("--term", type=click.Choice(list(TERMS)), help="Judge by this term; default: the store's own.")
with_catalog = click.option(
    "--catalog", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Default: catalog in the store."
)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """A damaged file or a full disk is said in a sentence."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None


@click.group()
def store() -> None:
    """Look after the event log."""


@store.command()
@in_store
@with_term
@with_catalog
@as_json
def info(store: Path | None, term: str | None, catalog: Path | None, as_json: bool) -> None:
    """Counts, ranges, bytes and digest of everything stored, and how many lines are flagged or quarantined."""
    from stream.store.info import info as info_of
    from stream.store.rules import rules_of

    folder = store_of(store)
    with _readable():
        show(info_of(folder, rules_of(folder, TERMS[term] if term else None, catalog)), as_json)


@store.command()
@in_store
@as_json
def verify(store: Path | None, as_json: bool) -> None:
    """Read every file and recompute its digest; name damage, gaps and overlaps, and say what to do.

    Exit status 1 if a file is damaged or a range is missing. Overlaps are harmless.
    """
    from stream.store.verify import verify as verify_all

    report = verify_all(store_of(store))
    show(report, as_json)
    sys.exit(0 if report["holds"] else 1)


@store.command()
@in_store
@as_json
def compact(store: Path | None, as_json: bool) -> None:
    """Merge small files into large ones; harmless beside readers and a running consumer."""
    from stream.store.compact import compact as compact_all

    with _readable():
        show(compact_all(store_of(store), full=True), as_json)


@store.command()
@in_store
@click.option("--max-mb", type=click.IntRange(min=1), help="Bound of the whole store; default: STORE_MAX_MB.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Of raw lines; default: STORE_MAX_DAYS.")
@as_json
def prune(store: Path | None, max_mb: int | None, days: float | None, as_json: bool) -> None:
    """Fold the oldest ticks into sessions until the store is within its bounds, in bytes and in days of stream time."""
    from stream.store.retention import enforce

    settings = read_settings(StreamSettings)
    bound = (max_mb or settings.store_max_mb) * 1_000_000
    with _readable():
        show(enforce(store_of(store), bound, days or settings.store_max_days), as_json)


@store.command("files")
@in_store
@click.option("--kind", default="events", show_default=True, type=click.Choice(["events", "answers", "quarantine"]))
@as_json
def list_files(store: Path | None, kind: str, as_json: bool) -> None:
    """The files that count at this moment, for pandas, DuckDB or Spark; rows to leave out are named.

    A bare glob (events/*/*.parquet) gives the same where nothing else writes or tidies meanwhile and `store verify`
    names no overlap. Otherwise it may count lines twice: read exactly these files, and of those with a range only it.
    """
    from stream.store.files import segments

    found = segments(store_of(store), kind)
    if as_json:
        show({"files": [{"path": str(s.path), "low": s.low, "high": s.high, "whole": s.whole} for s in found]}, True)
        return
    for segment in found:
        click.echo(str(segment.path) + ("" if segment.whole else f"\toffset {segment.low} to {segment.high} only"))


@store.command()
@in_store
@click.option("--list", "only_list", is_flag=True, help="Only show them.")
@click.option("--reason", help="List only lines with this reason.")
@click.option("--limit", type=click.IntRange(min=1), default=1_000, show_default=True, help="List at most so many.")
@as_json
def requarantine(store: Path | None, only_list: bool, reason: str | None, limit: int, as_json: bool) -> None:
    """Parse quarantined lines anew after a fix of the parser; those that parse now become events, each once.

    With --list: show them with source, partition and offset, and change nothing.
    """
    if reason and not only_list:
        raise click.UsageError("--reason goes with --list; without it, all lines are parsed anew")
    if only_list:
        _show_quarantine(store_of(store), reason, limit, as_json)
        return
    from tqdm import tqdm

    from stream.store.requarantine import requarantine as parse_anew

    with _readable(), tqdm(unit=" offsets", disable=not sys.stderr.isatty()) as bar:
        report = parse_anew(store_of(store), bar.update)
    show(report, as_json)
    if not report["done"]:
        raise click.ClickException("another process is looking after the store; try again in a minute")


@store.command()
@in_store
@click.option("--reason", help="Only lines with this reason.")
@click.option("--limit", type=click.IntRange(min=1), default=1_000, show_default=True, help="At most so many.")
@as_json
def quarantine(store: Path | None, reason: str | None, limit: int, as_json: bool) -> None:
    """Lines that did not parse: source, partition, offset, reason and the line."""
    _show_quarantine(store_of(store), reason, limit, as_json)


def _show_quarantine(folder: Path, reason: str | None, limit: int, as_json: bool) -> None:
    from stream.store.requarantine import listed

    with _readable():
        found = listed(folder, reason, limit)
    if as_json:
        show({"lines": found}, True)
        return
    for row in found:
        click.echo("\t".join(str(row[name]) for name in ("source", "partition", "offset", "reason", "line")))


@click.command()
@click.argument("query")
@in_store
@with_term
@with_catalog
@as_json
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, with a line of names.")
def sql(query: str, store: Path | None, term: str | None, catalog: Path | None, as_json: bool, as_csv: bool) -> None:
    """Ask the store, in DuckDB's SQL.

    Views: events, watches, ratings, requests, accounts, sessions, runtimes, answers, quarantine; flagged lines are in
    all_events alone, with the reason in the column flag. `describe watches` names a view's columns.
    """
    import duckdb

    from stream.store.query import query_under
    from stream.store.rules import rules_of

    folder = store_of(store)
    try:
        with _readable():
            columns = query_under(rules_of(folder, TERMS[term] if term else None, catalog), folder, query)
    except duckdb.Error as error:
        raise click.UsageError(f"{error}\n\n{_views(folder)}") from None
    rows = [tuple(map(_known, values)) for values in zip(*columns.values(), strict=True)]
    if as_json:
        show({"rows": [dict(zip(columns, row, strict=True)) for row in rows]}, True)
    else:
        out = csv.writer(sys.stdout, delimiter="," if as_csv else "\t", lineterminator="\n")
        out.writerows([tuple(columns), *rows] if as_csv else [tuple(columns), *map(_texts, rows)])


def _views(folder: Path) -> str:
    """What can be asked for."""
    from stream.store.query import columns_of_views

    lines = (f"  {view}: {', '.join(names)}" for view, names in columns_of_views(folder).items())
    return "\n".join(["The store's views and their columns:", *lines])


def _known(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return plain(value) if isinstance(value, bytes | bytearray) or hasattr(value, "tolist") else value


def _texts(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(str(value) for value in row)
