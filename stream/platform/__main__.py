"""Commands of the simulated platform: `python -m stream.platform`."""

import json
import logging
from pathlib import Path
from typing import Any

import click

from stream.platform.commands_trouble import inject, provider, score
from stream.platform.commands_truth import truth
from stream.platform.config import chosen_settings
from stream.platform.world import WORLDS


@click.group()
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The platform's settings in one TOML; then neither .env nor the environment counts.",
)  # fmt: skip
def cli(config: Path | None) -> None:
    """The other side of the wire: users who watch and rate, their requests, and the user and movie API."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # delivery says itself when the broker is away


for command in (inject, provider, score, truth):
    cli.add_command(command)


@cli.command()
def run() -> None:
    """Simulate the world live: stream to the topic, requests to the service, the API."""
    from stream.platform.run import run as run_platform
    from stream.platform.state import WrongState
    from stream.teams import TeamsError

    try:
        run_platform(chosen_settings())
    except (WrongState, TeamsError) as error:
        raise SystemExit(str(error)) from None


@cli.command()
@click.option("--catalog", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
def api(catalog: Path) -> None:
    """Answer the user and movie API from the movies.jsonl and users.jsonl of a folder."""
    from stream.platform.run import run_api

    try:
        run_api(chosen_settings(), catalog)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None


@cli.command()
@click.option("--world", type=click.Choice(list(WORLDS)), help="World to simulate  [default: the setting WORLD]")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the day files."
)
@click.option("--seed", type=click.IntRange(min=0), help="What everything follows from  [default: WORLD_SEED]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def generate(world: str | None, out: Path, seed: int | None, as_json: bool) -> None:
    """Write the world's past as one log file a day, and the state from which `run` goes on."""
    from tqdm import tqdm

    from stream.platform.history import generate as generate_history

    changed = {name: value for name, value in {"world": world, "world_seed": seed}.items() if value is not None}
    settings = chosen_settings().model_copy(update=changed)
    with tqdm(unit="h", desc="history", disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        wrote = generate_history(settings, out, show)
    click.echo(json.dumps(wrote) if as_json else f"wrote {wrote['lines']} lines in {wrote['files']} day files to {out}")


@cli.command()
@click.option("--world", required=True, type=click.Choice(("demo", "course")), help="World to compare.")
@click.option("--seed", type=click.IntRange(min=0), help="What everything follows from  [default: WORLD_SEED]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def calibrate(world: str, seed: int | None, as_json: bool) -> None:
    """Compare a world's lines with those of the course's stream; exit 1 if one misses what it should show."""
    from stream.platform.calibrate import calibrate as compare
    from stream.platform.calibrate import missed

    settings = chosen_settings()
    settings = settings if seed is None else settings.model_copy(update={"world_seed": seed})
    found = compare(settings, world, lambda run: click.echo(run, err=True))
    click.echo(json.dumps(found) if as_json else _table(found["checks"]))
    raise SystemExit(1 if missed(found["checks"]) else 0)


def _table(checks: list[dict[str, Any]]) -> str:
    rows = []
    for check in checks:
        verdict = "holds" if check["holds"] else f"cannot: {check['cannot']}" if "cannot" in check else "MISSED"
        seen = "-" if check["seen"] is None else f"{check['seen']:g}"
        run = f"{check['term']} {check['lists']}".strip()
        rows.append(
            f"{run:21} {check['quantity']:42} {check['target']:8g} +- {check['tolerance']:<7g} {seen:>9}  {verdict}"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    cli(prog_name="python -m stream.platform")
