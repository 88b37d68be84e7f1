"""`python -m stream`: the stream's commands. A command parses, calls one function and prints."""

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from stream.commands_catalog import catalog
from stream.commands_kafka import consume, doctor, ship
from stream.commands_replay import record, replay
from stream.plain_errors import PlainErrors
from stream.settings import StreamSettings, read_settings
from stream.store.formats import FORMATS
from stream.terms import TERMS, readable, table

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
in_store = click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="The event log; default: store in VAR_DIR."
)


@click.group(cls=PlainErrors)
def cli() -> None:
    """What happened, kept for good: the log's lines in and out of the store, the broker and recordings."""


for command in (catalog, consume, doctor, record, replay, ship):
    cli.add_command(command)


@cli.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@in_store
@click.option("--term", type=click.Choice(list(TERMS)), help="Term whose rules apply; default: COURSE_TERM.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="log", show_default=True,
              help="log lines; CSVs of the online section; or user, item, rating[, time].")  # fmt: skip
@click.option("--catalog", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Movies and users that judge the lines; default: the store's own.")  # fmt: skip
@click.option("--follow-dir", type=click.Path(file_okay=False, path_type=Path), help="Take *.log files as they appear.")
@click.option("--delete", is_flag=True, help="Remove each file once it is stored.")
@as_json
def ingest(
    files: tuple[Path, ...], store: Path | None, term: str | None, format_: str, catalog: Path | None,
    follow_dir: Path | None, delete: bool, as_json: bool,
) -> None:  # fmt: skip
    """Store every line of FILES, plain or compressed (.gz .bz2 .xz .zip); running it twice changes nothing."""
    from tqdm import tqdm

    from stream.store.ingest import follow
    from stream.store.ingest import ingest as ingest_files

    if bool(files) == bool(follow_dir):
        raise click.UsageError("expected FILES or --follow-dir DIR, one of the two")
    settings = read_settings(StreamSettings)
    paths: Iterable[Path] = follow(follow_dir) if follow_dir else files
    size = sum(path.stat().st_size for path in files) or None
    with tqdm(total=size, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        rules, where = TERMS[term or settings.course_term], store or settings.store_dir
        try:
            report = ingest_files(paths, where, rules, bar.update, delete, format_=format_, catalog_dir=catalog)
        except OSError as error:
            raise click.ClickException(f"{error}; what was stored stays, the same command goes on from there") from None
    _print(report, as_json)
    if report["damaged"]:
        sys.exit(1)


@cli.group()
def store() -> None:
    """Look after the event log."""


@store.command()
@in_store
@as_json
def info(store: Path | None, as_json: bool) -> None:
    """Counts, ranges, bytes and digest of everything stored."""
    from stream.store.info import info as info_of

    _print(info_of(_store(store)), as_json)


@store.command()
@in_store
@as_json
def verify(store: Path | None, as_json: bool) -> None:
    """Read every file and recompute its digest; name damage, gaps and overlaps. Exit 1 if there is any damage."""
    from stream.store.verify import verify as verify_all

    report = verify_all(_store(store))
    _print(report, as_json)
    sys.exit(0 if report["holds"] else 1)


@store.command()
@in_store
@as_json
def compact(store: Path | None, as_json: bool) -> None:
    """Merge small files into large ones; harmless beside readers and a running consumer."""
    from stream.store.compact import compact as compact_all

    _print(compact_all(_store(store), full=True), as_json)


@store.command()
@in_store
@click.option("--max-mb", type=click.IntRange(min=1), help="Bound of the whole store; default: STORE_MAX_MB.")
@as_json
def prune(store: Path | None, max_mb: int | None, as_json: bool) -> None:
    """Fold the oldest ticks into sessions until the store is within its bound."""
    from stream.store.retention import enforce

    bound = max_mb or read_settings(StreamSettings).store_max_mb
    _print(enforce(_store(store), bound * 1_000_000), as_json)


@store.command("files")
@in_store
@click.option("--kind", default="events", show_default=True, type=click.Choice(["events", "answers", "quarantine"]))
@as_json
def list_files(store: Path | None, kind: str, as_json: bool) -> None:
    """The files that count at this moment, for pandas, DuckDB or Spark; rows to leave out are named."""
    from stream.store.files import segments

    found = segments(_store(store), kind)
    if as_json:
        _print({"files": [{"path": str(s.path), "low": s.low, "high": s.high, "whole": s.whole} for s in found]}, True)
        return
    for segment in found:
        click.echo(str(segment.path) + ("" if segment.whole else f"\toffset {segment.low} to {segment.high} only"))


@cli.command()
@click.argument("query")
@in_store
@as_json
def sql(query: str, store: Path | None, as_json: bool) -> None:
    """Ask the store. Views: events, watches, ratings, requests, accounts, sessions, runtimes, answers, quarantine."""
    import duckdb

    from stream.store.query import query as ask

    try:
        columns = ask(_store(store), query)
    except duckdb.Error as error:
        raise click.UsageError(str(error)) from None
    rows = [dict(zip(columns, map(_known, values), strict=True)) for values in zip(*columns.values(), strict=True)]
    if as_json:
        _print({"rows": rows}, True)
        return
    click.echo("\t".join(columns))
    for row in rows:
        click.echo("\t".join(str(value) for value in row.values()))


@cli.command()
@in_store
@as_json
def sessions(store: Path | None, as_json: bool) -> None:
    """Watch sessions folded from minute ticks: how many, how long, how much of the movie, how rated."""
    from stream.session_summary import summary, told

    found = summary(_store(store))
    if as_json:
        _print(found, True)
    else:
        click.echo(told(found))


@cli.command()
@as_json
def terms(as_json: bool) -> None:
    """The course's terms and their rules; COURSE_TERM chooses one."""
    if as_json:
        _print({"terms": table()}, True)
        return
    click.echo(readable(read_settings(StreamSettings).course_term))


def _store(given: Path | None) -> Path:
    """The store to read. UsageError if one was named that is none; a new house has nothing stored yet, and says so."""
    from stream.store.files import is_store

    folder = given or read_settings(StreamSettings).store_dir
    if is_store(folder):
        return folder
    makes_one = f"make deploy, or python -m stream ingest FILE --store {folder}"
    if given or any(folder.glob("*")):
        what = "expected a store (a folder with events/)"
        came = "there is no such folder" if not folder.exists() else "it holds other things"
        raise click.BadParameter(f"{what}; {folder}: {came}; to make one: {makes_one}", param_hint="--store")
    click.echo(f"nothing is stored in {folder} yet: {makes_one}", err=True)
    return folder


def _print(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report, default=_plain))
        return
    for name, value in report.items():
        click.echo(f"{name}: {json.dumps(value, default=_plain)}")


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _plain(value: Any) -> Any:
    """numpy's numbers and arrays, and bytes, as JSON knows them."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="backslashreplace")
    return value.tolist()


if __name__ == "__main__":
    cli(prog_name="python -m stream")
