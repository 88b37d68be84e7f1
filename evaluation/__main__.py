"""Commands of evaluation: `python -m evaluation --help`."""

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from evaluation.observed import HOUR_NS
from evaluation.settings import EvaluationSettings
from stream.events import WallClock
from stream.settings import read_settings
from stream.terms import TERMS, Term

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}

in_store = click.option("--store", type=FOLDER, help="The event log; default: store in VAR_DIR.")
in_logs = click.option("--log", "logs", multiple=True, type=FILE, help="A bare log (plain or .gz) instead; repeatable.")
more_logs = click.argument("more_logs", nargs=-1, type=FILE)
of_term = click.option("--term", type=click.Choice(list(TERMS)), help="Term whose rules apply; default: COURSE_TERM.")
with_catalog = click.option("--catalog", type=FOLDER, help="Folder with movies.jsonl; default: catalog in the store.")
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
to_html = click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page with pictures."
)


def hours(text: str) -> int:
    """Nanoseconds of a duration like 30m, 6h, 7d or 2w."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([mhdw])", text)
    if not found or not float(found[1]):
        raise click.BadParameter(f"expected a duration like 30m, 6h or 7d, got {text!r}")
    return round(float(found[1]) * HOURS[found[2]] * HOUR_NS)


@click.group()
def cli() -> None:
    """Turn events and lists into numbers that can be trusted."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


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
    rules, window_ns = _term(settings, term), window or round(settings.online_window_hours * HOUR_NS)
    with _opened(settings, store, (*logs, *more_logs), rules) as (store_dir, _):
        report = judge(store_dir, rules, window_ns, last, by, read_titles(catalog or store_dir / "catalog"))
    if html:
        html.write_text(online_page(report), encoding="utf-8")
    click.echo(json.dumps(report.as_json()) if as_json else online_text(report))


@cli.command()
@in_store
@in_logs
@more_logs
@of_term
@click.option(
    "--submitted", multiple=True, metavar="TIME", help="Local time of submission, 2026-10-20T23:59; repeatable."
)
@click.option("--due", metavar="TIME", help="Local time the work was due; default: the first submission.")
@with_catalog
@to_html
@as_json
def grade(
    store: Path | None, logs: tuple[Path, ...], more_logs: tuple[Path, ...], term: str | None,
    submitted: tuple[str, ...], due: str | None, catalog: Path | None, html: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Would the team pass? The course's arithmetic over a log: volume, personalised share, availability and more.

    Works from the store, or from bare logs (--log FILE, more FILEs may follow). Without --submitted, as if the team
    submitted at the end of the log. `unknown` means that the log does not cover what the criterion looks at.
    """
    from evaluation.catalogue import read_titles
    from evaluation.graded_log import GradedLog
    from evaluation.grading import grade as judge
    from evaluation.html import grade_page
    from evaluation.text import grade_text

    settings = read_settings(EvaluationSettings)
    rules = _term(settings, term)
    clock = WallClock(rules.zone)
    moments = [_moment(text, clock, "--submitted") for text in submitted]
    due_ns = _moment(due, clock, "--due") if due else None
    with _opened(settings, store, (*logs, *more_logs), rules) as (store_dir, names):
        try:
            log = GradedLog.read(store_dir, clock, names)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        report = judge(log, rules, moments, due_ns, read_titles(catalog or store_dir / "catalog"))
    if html:
        html.write_text(grade_page(report), encoding="utf-8")
    click.echo(json.dumps(report) if as_json else grade_text(report))


def _follow(settings: EvaluationSettings, store: Path | None) -> None:
    from evaluation.live import Loop
    from stream.metrics import PortTaken

    try:
        Loop(settings, store or settings.store_dir).run()
    except PortTaken as error:
        raise click.ClickException(str(error)) from None


@contextlib.contextmanager
def _opened(
    settings: EvaluationSettings, store: Path | None, logs: tuple[Path, ...], term: Term
) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """The store asked for, or the bare logs as one."""
    if store and logs:
        raise click.UsageError("expected --store DIR or --log FILE, not both")
    if not logs:
        yield store or settings.store_dir, {}
        return
    from tqdm import tqdm

    from evaluation.logs import as_store

    with (
        tqdm(unit="B", unit_scale=True, desc="reading", disable=not sys.stderr.isatty()) as bar,
        as_store(logs, term, bar.update) as opened,
    ):
        yield opened


def _term(settings: EvaluationSettings, name: str | None) -> Term:
    return TERMS[name] if name else settings.term


def _moment(text: str, clock: WallClock, option: str) -> int:
    try:
        return clock.read(text)
    except ValueError:
        raise click.BadParameter(
            f"expected a local time like 2026-10-20T23:59, got {text!r}", param_hint=option
        ) from None


if __name__ == "__main__":
    cli(prog_name="python -m evaluation")
