"""Commands of training: `python -m training --help`."""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from stream.published import DamagedModel
from stream.settings import read_settings
from training.commands_compare import compare, curve
from training.settings import TrainingSettings

JSON_HELP = "Print one JSON object."


@click.group()
@click.option("--times", is_flag=True, help="Put the time in front of what is said on the way, as logs do.")
def cli(times: bool) -> None:
    """Make, keep, publish and release models."""
    _log(times)


@cli.command()
@click.option("--model", "models", help="One or more models, comma-separated; default: MODELS. See `training/models`.")
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Event store; default: var/store.")
@click.option("--promote/--no-promote", default=True, show_default=True, help="Let the best that passes go live.")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def train(models: str | None, store: Path | None, promote: bool, as_json: bool) -> None:
    """Fit, score, log, register; publish the best model that the gate lets through."""
    from training.models import UnknownModel
    from training.run import AlreadyTraining, TooLittleData, train_and_register

    settings = read_settings(TrainingSettings)
    names = [name.strip() for name in (models or settings.models).split(",") if name.strip()]
    try:
        trained = train_and_register(names, settings, promote, store)
    except UnknownModel as error:
        raise click.BadParameter(str(error), param_hint="--model") from None
    except (AlreadyTraining, TooLittleData) as error:
        raise click.ClickException(str(error)) from None
    _print(trained.record(), as_json, trained.table)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def models(as_json: bool) -> None:
    """List all versions: what they are, how good, and which are live."""
    from training.release import version_table, versions

    listed = versions(read_settings(TrainingSettings))
    _print({"versions": [asdict(version) for version in listed]}, as_json, lambda: version_table(listed))


@cli.command()
@click.argument("version")
def promote(version: str) -> None:
    """Make VERSION (a number, or a model's name for its newest) the champion and live, whatever the gate said of it."""
    _release("promote", version)


@cli.command()
def rollback() -> None:
    """Make what was live before live again."""
    _release("rollback")


@cli.command()
def publish() -> None:
    """Write the champion's lists anew from the store as it is now, and make them live."""
    _release("republish")


@cli.command()
@click.option("--follow", is_flag=True, help="Keep on until stopped, with a heartbeat.")
def refresh(follow: bool) -> None:
    """Write lists anew for users who did something since the live version was published."""
    from training import refresh as refreshing

    settings = read_settings(TrainingSettings)
    if follow:
        _log(times=True)
        refreshing.follow(settings)
        return
    refresher = refreshing.Refresher(settings)
    try:
        click.echo(f"wrote the lists of {refresher.step()} users anew")
    except DamagedModel as error:
        raise click.ClickException(str(error)) from None


@cli.command()
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def due(as_json: bool) -> None:
    """Say whether it is time to train, and why; exit status 1 = not yet."""
    from training.due import check

    found = check(read_settings(TrainingSettings))
    _print(found.record(), as_json, lambda: f"{'train now' if found.due else 'not yet'}: {found.why}")
    sys.exit(0 if found.due else 1)


@cli.command()
def schedule() -> None:
    """Train whenever it is due, in a child process, until stopped."""
    from stream.metrics import PortTaken
    from training import schedule as scheduling

    _log(times=True)
    try:
        scheduling.run(read_settings(TrainingSettings))
    except PortTaken as error:
        raise click.ClickException(str(error)) from None


@cli.command()
@click.argument("user", type=int)
@click.argument("time", type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]), required=False)
@click.option("--check/--no-check", default=True, show_default=True, help="Compute the recorded digests anew.")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def trace(user: int, time: datetime | None, check: bool, as_json: bool) -> None:
    """Say where the last answer to USER came from: model, code, data. TIME (real, UTC) asks for an earlier one.

    Exit 1 if there is none, or if something is not what was recorded.
    """
    from training import trace as tracing

    until_ns = int((time.replace(tzinfo=UTC) if time else datetime.now(UTC)).timestamp() * 1e9)
    try:
        found = tracing.trace(read_settings(TrainingSettings), user, until_ns, check=check)
    except tracing.NoSuchAnswer as error:
        raise click.ClickException(str(error)) from None
    _print(found.record(), as_json, found.text)
    sys.exit(0 if found.holds else 1)


@cli.command()
@click.argument("version")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def reproduce(version: str, as_json: bool) -> None:
    """Fit VERSION again on the data it was made from, and say whether everybody gets the same list; exit 1 if not."""
    from training import reproduce as reproducing
    from training.models import UnknownModel
    from training.registry import NoSuchVersion

    try:
        found = reproducing.reproduce(read_settings(TrainingSettings), version)
    except (DamagedModel, NoSuchVersion, UnknownModel, reproducing.CannotReproduce) as error:
        raise click.ClickException(str(error)) from None
    _print(found.record(), as_json, found.text)
    sys.exit(0 if found.holds else 1)


@cli.command()
@click.argument("version")
def card(version: str) -> None:
    """Print the model card of VERSION, in Markdown."""
    from training.card import model_card
    from training.registry import NoSuchVersion, Registry

    registry = Registry(read_settings(TrainingSettings).mlflow_dir)
    try:
        found = registry.get(version)
        click.echo(model_card(found, registry.facts(found)))
    except (DamagedModel, NoSuchVersion) as error:
        raise click.ClickException(str(error)) from None


cli.add_command(compare)
cli.add_command(curve)


@cli.command()
@click.argument("text", required=False)
@click.option("--dislikes", default="", help="What TEXT's writer says they do not like.")
@click.option("--user", type=int, help="Read the words of a user whose record was fetched, instead of TEXT.")
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def describe(text: str | None, dislikes: str, user: int | None, as_json: bool) -> None:
    """Say what is read from a self-description, by keywords or the language model of LLM_URL, and the list it gives."""
    from training.descriptions.describe import NothingToRead, describe_user
    from training.descriptions.describe import describe as describe_text
    from training.descriptions.taste import Description

    if (user is None) == (text is None):
        raise click.UsageError("expected either TEXT or --user ID")
    settings = read_settings(TrainingSettings)
    try:
        if user is not None:
            found = describe_user(settings, user)
        else:
            found = describe_text(settings, Description.of(text, dislikes))
    except NothingToRead as error:
        raise click.ClickException(str(error)) from None
    _print(found.record(), as_json, found.text)


def _log(times: bool) -> None:
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s" if times else "%(message)s"
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=form, force=True)


def _release(name: str, *arguments: str) -> None:
    from training import release
    from training.registry import NoSuchVersion

    try:
        click.echo(getattr(release, name)(read_settings(TrainingSettings), *arguments))
    except (DamagedModel, NoSuchVersion) as error:
        raise click.ClickException(str(error)) from None


def _print(record: dict[str, Any], as_json: bool, text: Callable[[], str]) -> None:
    click.echo(json.dumps(record) if as_json else text())


if __name__ == "__main__":
    cli(prog_name="python -m training")
