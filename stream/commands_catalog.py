"""Commands of `python -m stream catalog`: movies and users as the API describes them.

Each parses, calls one function, prints. Libraries are imported when a command runs, so that help is quick.
"""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from stream.commands_kafka import stopping
from stream.reporting import as_json
from stream.settings import StreamSettings, read_settings

in_store = click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="The event log; default: store in VAR_DIR."
)


@click.group()
def catalog() -> None:
    """Movies and users as the API describes them, kept in the store's folder catalog."""


@catalog.command()
@in_store
@click.option("--movies-only", is_flag=True, help="Leave the users out.")
@click.option("--all-users", "users_to", type=click.IntRange(min=1), metavar="N", help="Users 1 to N, seen or not.")
@click.option("--refresh", is_flag=True, help="Ask again for everything; the last good copy stays if that goes wrong.")
@click.option("--max-age-hours", type=click.FloatRange(min=0), help="Ask again for records older than this.")
@click.option("--max-per-s", type=click.FloatRange(min=0.001), help="Requests a second; default: API_MAX_PER_S.")
@click.option("--follow", is_flag=True, help="Go on with what appears in the store, newest first, until stopped.")
@as_json
def sync(
    store: Path | None, movies_only: bool, users_to: int | None, refresh: bool, max_age_hours: float | None,
    max_per_s: float | None, follow: bool, as_json: bool,
) -> None:  # fmt: skip
    """Fetch every movie and user that occurs in the store and is not on disk yet.

    Exit 1 if the API is away; what came is kept, and the same command goes on from there.
    """
    from tqdm import tqdm

    from stream.catalog.api import ApiAway
    from stream.catalog.client import Catalog
    from stream.catalog.follow import follow as follow_store
    from stream.catalog.pace import Stopped
    from stream.catalog.records import MOVIES, USERS
    from stream.catalog.seen import seen_since, up_to
    from stream.catalog.telling import sync_lines

    settings = read_settings(StreamSettings)
    folder, pace = store or settings.store_dir, max_per_s or settings.api_max_per_s
    older_ns = _older_than_ns(0.0 if refresh else max_age_hours)
    report: dict[str, Any] = {}
    with stopping() as stop, _kept(ApiAway, Stopped, OSError, ValueError):
        client = Catalog(settings.api_address, folder / "catalog", max_per_s=pace, stop=stop)
        if follow:
            return follow_store(client, settings, folder, stop)
        for kind in (MOVIES,) if movies_only else (MOVIES, USERS):
            ids = up_to(users_to) if users_to and kind is USERS else seen_since(folder, kind)[0]
            with tqdm(total=len(ids), desc=f"{kind.path}s", unit=" ids", disable=not sys.stderr.isatty()) as bar:
                done = client.sync(kind, ids, bar.update, older_than_ns=older_ns)
            click.echo("\n".join(sync_lines(kind, done, len(ids))), err=as_json)
            report[f"{kind.path}s"] = {"seen": len(ids), **asdict(done)}
    return click.echo(json.dumps(report)) if as_json else None


@catalog.command()
@click.argument("key", metavar="ID")
@in_store
@click.option("--user", is_flag=True, help="ID is a user; otherwise a number is one too, anything else a movie.")
@click.option("--movie", is_flag=True, help="ID is a movie even if it is a number.")
@as_json
def show(key: str, store: Path | None, user: bool, movie: bool, as_json: bool) -> None:
    """Print the record of a movie or a user, from disk or else from the API, and what changed in it since."""
    from stream.catalog.api import ApiAway
    from stream.catalog.client import Catalog
    from stream.catalog.records import MOVIES, USERS
    from stream.catalog.telling import change_lines, why_not

    kind = USERS if user or (not movie and key.isascii() and key.isdigit()) else MOVIES
    key = key.replace("%2B", "+").replace("%2b", "+")
    if (asked := kind.id_of({kind.key: key})) is None:
        raise click.UsageError(f"expected the number of a user, got {key!r}; without --user it is a movie")
    settings = read_settings(StreamSettings)
    client = Catalog(settings.api_address, (store or settings.store_dir) / "catalog", max_per_s=settings.api_max_per_s)
    with _kept(ApiAway):
        found = client.show(kind, asked)
    if found is None:
        raise click.ClickException(why_not(client, kind, asked, settings.api_address))
    click.echo(json.dumps(found, ensure_ascii=False, indent=None if as_json else 2))
    for line in change_lines(client, kind, asked):
        click.echo(line, err=True)


@contextlib.contextmanager
def _kept(*errors: type[Exception]) -> Iterator[None]:
    """These errors end a command with a sentence and status 1; what it had fetched is on disk."""
    try:
        yield
    except errors as error:
        said = f"{error or 'stopped'}. What came is kept; the same command goes on from there."
        raise click.ClickException(said) from error


def _older_than_ns(hours: float | None) -> int:
    return 0 if hours is None else time.time_ns() - round(hours * 3_600e9)


@catalog.command()
@in_store
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page with pictures.")
@as_json
def describe(store: Path | None, html: Path | None, as_json: bool) -> None:
    """Describe the collected data (milestone 1) as Markdown: counts and distributions, equal to the store's own."""
    from stream.catalog.describe import describe as describe_store
    from stream.catalog.describe_page import html as page
    from stream.catalog.describe_page import markdown

    settings = read_settings(StreamSettings)
    try:
        found = describe_store(store or settings.store_dir, settings.term)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if html:
        html.write_text(page(found), encoding="utf-8")
        click.echo(f"wrote {html}", err=True)
    click.echo(json.dumps(found.as_json()) if as_json else markdown(found), nl=as_json)


@catalog.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@in_store
@as_json
def load(files: tuple[Path, ...], store: Path | None, as_json: bool) -> None:
    """Keep the movies and users of the course's CSV FILES (plain or .gz), where no API is at hand."""
    from stream.catalog.client import Catalog
    from stream.catalog.load import WrongFile, read_csv

    settings = read_settings(StreamSettings)
    client = Catalog(settings.api_address, (store or settings.store_dir) / "catalog")
    report = {}
    for path in files:
        try:
            kind, records = read_csv(path)
            done = client.take(kind, records)
        except WrongFile as error:
            raise click.ClickException(f"{error}. What stood before that is kept; mend it and load again.") from error
        refused = f", {done.refused} refused (see refused.jsonl)" if done.refused else ""
        click.echo(f"{path}: {done.fetched} {kind.path}s kept that were not there{refused}", err=as_json)
        report[str(path)] = asdict(done)
    if as_json:
        click.echo(json.dumps(report))
