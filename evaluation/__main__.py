"""Commands of evaluation: `python -m evaluation --help`."""

import json
import logging
import sys
from pathlib import Path

import click

from evaluation.command_options import (
    hours,
    in_logs,
    in_store,
    more_logs,
    of_term,
    opened,
    term_of,
    to_html,
    with_catalog,
)
from evaluation.commands_experiment import experiment
from evaluation.commands_grade import grade, selfcheck
from evaluation.observed import HOUR_NS
from evaluation.settings import EvaluationSettings
from stream import evidence
from stream.reporting import as_json
from stream.settings import read_settings


@click.group()
def cli() -> None:
    """Turn events and lists into numbers that can be trusted."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


cli.add_command(experiment)


@cli.command()
@in_store
@in_logs
@more_logs
@of_term
@click.option(
    "--window",
    type=hours,
    metavar="DURATION",
    help="How long after a list a play counts for it; default: ONLINE_WINDOW_HOURS.",
)
@click.option(
    "--last",
    type=hours,
    metavar="DURATION",
    help="Only the last 24h, 7d … of stream time; default: since the first request.",
)
@click.option("--by", type=click.Choice(["tier", "model", "arm", "hour"]), help="The same figures for each part, too.")
@with_catalog
@click.option("--follow", is_flag=True, help="The live loop: a round a minute, for Prometheus and the status table.")
@to_html
@as_json
def online(
    store: Path | None, logs: tuple[Path, ...], more_logs: tuple[Path, ...], term: str | None, window: int | None,
    last: int | None, by: str | None, catalog: Path | None, follow: bool, html: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """What people do with the lists they are shown: hit rate, accuracy, availability and more.

    Works from the store, or from bare logs (--log FILE, more FILEs may follow). Times are stream time.
    """
    from evaluation.catalogue import read_titles
    from evaluation.html import online_page
    from evaluation.online import online as judge
    from evaluation.text import online_text

    settings = read_settings(EvaluationSettings)
    if follow:
        _follow(settings, store)
        return
    rules, window_ns = term_of(settings, term), window or round(settings.online_window_hours * HOUR_NS)
    with opened(settings, store, (*logs, *more_logs), rules) as found:
        store_dir = found.store_dir
        report = judge(store_dir, rules, window_ns, last, by, read_titles(catalog or store_dir / "catalog"))
    if not logs and not more_logs:
        evidence.leave(settings.var_dir, "online", report.as_json() | {"groups": []})
    if html:
        html.write_text(online_page(report), encoding="utf-8")
    click.echo(json.dumps(report.as_json()) if as_json else online_text(report))


def _follow(settings: EvaluationSettings, store: Path | None) -> None:
    from evaluation.live import Loop
    from stream.metrics import PortTaken

    try:
        Loop(settings, store or settings.store_dir).run()
    except PortTaken as error:
        raise click.ClickException(str(error)) from None


cli.add_command(grade)
cli.add_command(selfcheck)


if __name__ == "__main__":
    cli(prog_name="python -m evaluation")
