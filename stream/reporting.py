"""What the stream's commands share: their options, and how a report is printed."""

import json
from pathlib import Path
from typing import Any

import click

from stream.settings import StreamSettings, read_settings

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
in_store = click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="The event log; default: store in VAR_DIR."
)


def store_of(given: Path | None) -> Path:
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


def show(report: dict[str, Any], as_json: bool) -> None:
    """A report as one JSON object, or a line for each of its keys."""
    if as_json:
        click.echo(json.dumps(report, default=plain))
        return
    for name, value in report.items():
        click.echo(f"{name}: {json.dumps(value, default=plain)}")


def plain(value: Any) -> Any:
    """numpy's numbers and arrays, and bytes, as JSON knows them."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="backslashreplace")
    return value.tolist()
