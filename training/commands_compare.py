"""Commands that measure recipes without registering anything: `compare` and `curve`."""

import json
from pathlib import Path
from typing import Any

import click

from stream.settings import read_settings
from training.settings import TrainingSettings

DEFAULT_MODELS = (
    "popularity,recent,svd,svd_seen,surprise_knn,item_knn:weighting=cosine,item_knn,item_knn:weighting=bm25,als,ease,"
    "fresh,default"
)


def _sources(command: Any) -> Any:
    for option in (
        click.option("--store", type=click.Path(exists=True, file_okay=False, path_type=Path),
                     help="Event store; default: var/store."),
        click.option("--ratings", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                     help="A file of ratings instead of a store."),
        click.option("--format", "format_", default="movielens", show_default=True, help="Of --ratings."),
        click.option("--models", help="Comma-separated: names in training/models, NAME:PRESET, NAME:KEY=VALUE, dotted "
                     "paths, .py files, folders of them, folders of published versions. Default: all."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with pictures."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@_sources
@click.option("--split", type=click.Choice(["time", "random"]), default="time", show_default=True)
@click.option("--cuts", default="80,85,90,95", show_default=True, help="Percent of events before each cut in time.")
@click.option("--log/--no-log", default=True, show_default=True, help="Keep it in MLflow: one run, a child a model.")
def compare(
    store: Path | None, ratings: Path | None, format_: str, models: str | None, as_json: bool, html: Path | None,
    split: str, cuts: str, log: bool,
) -> None:  # fmt: skip
    """Compare models on the same data: accuracy, cost of training and of inference, size. Changes nothing."""
    from training import compare_page, compare_text, comparing

    settings = read_settings(TrainingSettings)
    with _usage():
        read = comparing.read(settings, store, ratings, format_)
        recipes = comparing.recipes(models or DEFAULT_MODELS)
        found = comparing.compared(read, recipes, split, comparing.cuts_of(cuts))
    record = compare_text.record(found.comparison, found.groups)
    if log:
        comparing.log(settings, found, record)
    if html:
        html.write_text(compare_page.page_of(found), encoding="utf-8")
    click.echo(json.dumps(record) if as_json else compare_text.text(found.comparison, found.groups))


@click.command()
@_sources
def curve(
    store: Path | None, ratings: Path | None, format_: str, models: str | None, as_json: bool, html: Path | None
) -> None:
    """Show how much history it takes until each model beats popularity."""
    from training import comparing, curve_page
    from training import curve as curves

    settings = read_settings(TrainingSettings)
    with _usage():
        read = comparing.read(settings, store, ratings, format_)
        found = curves.learning_curve(read, comparing.recipes(models or "recent,als,ease,fresh,default"))
    if html:
        html.write_text(curve_page.page_of(found), encoding="utf-8")
    click.echo(json.dumps(found.record()) if as_json else found.text())


class _usage:  # noqa: N801 - reads as a word of `with`
    """Turns what the user got wrong into a message and exit status 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from training.comparing import NothingToCompare
        from training.models import UnknownModel

        if isinstance(error, UnknownModel | NothingToCompare):
            raise click.UsageError(str(error)) from None
