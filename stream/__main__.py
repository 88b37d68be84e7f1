"""`python -m stream`: the stream's commands. A command parses, calls one function and prints."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from stream.commands_catalog import catalog
from stream.commands_kafka import consume, doctor, ship
from stream.commands_replay import record, replay
from stream.commands_store import sql, store
from stream.plain_errors import PlainErrors
from stream.reporting import as_json, in_store, show, store_of
from stream.settings import StreamSettings, read_settings
from stream.terms import TERMS, readable, table

FORMATS = ("log", "m0", "movielens")  # of stream.store.formats, which a command that ingests nothing does without


@click.group(cls=PlainErrors)
def cli() -> None:
    """What happened, kept for good: the log's lines in and out of the store, the broker and recordings."""


for command in (catalog, consume, doctor, record, replay, ship, sql, store):
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
    if follow_dir and not follow_dir.is_dir():
        click.echo(f"waiting for {follow_dir}, which is not there yet; a file DONE in it ends the waiting", err=True)
    paths: Iterable[Path] = follow(follow_dir) if follow_dir else files
    size = sum(path.stat().st_size for path in files) or None
    with tqdm(total=size, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        rules, where = TERMS[term or settings.course_term], store or settings.store_dir
        try:
            report = ingest_files(paths, where, rules, bar.update, delete, format_=format_, catalog_dir=catalog)
        except OSError as error:
            raise click.ClickException(f"{error}; what was stored stays, the same command goes on from there") from None
    show(report, as_json)
    if report["damaged"]:
        sys.exit(1)


@cli.command()
@in_store
@as_json
def sessions(store: Path | None, as_json: bool) -> None:
    """Watch sessions folded from minute ticks: how many, how long, how much of the movie, how rated."""
    from stream.session_summary import summary, told

    found = summary(store_of(store))
    if as_json:
        show(found, True)
    else:
        click.echo(told(found))


@cli.command()
@as_json
def terms(as_json: bool) -> None:
    """The course's terms and their rules; COURSE_TERM chooses one."""
    if as_json:
        show({"terms": table()}, True)
        return
    click.echo(readable(read_settings(StreamSettings).course_term))


if __name__ == "__main__":
    cli(prog_name="python -m stream")
