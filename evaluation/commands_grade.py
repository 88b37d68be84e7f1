"""The commands that judge a team by the course's rules: `grade`, for graders, and `selfcheck`, for the team itself."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from evaluation.choices import HOUR_NS, Choices
from evaluation.command_options import (
    FILE,
    FOLDER,
    hours,
    in_logs,
    in_store,
    moment,
    more_logs,
    of_term,
    opened,
    term_of,
    to_html,
    with_catalog,
)
from evaluation.logs import Opened
from evaluation.settings import EvaluationSettings
from stream.events import WallClock
from stream.reporting import as_json
from stream.settings import read_settings
from stream.terms import Term

_WORDS = Choices.words()
_DEFAULT = Choices()


def _choice(name: str, text: str) -> Callable[..., Any]:
    default = getattr(_DEFAULT, name)
    kind: Any = click.Choice(_WORDS[name]) if name in _WORDS else click.FloatRange(0, 1, min_open=True)
    return click.option(f"--{name.replace('_', '-')}", name, type=kind, help=f"{text} [default: {default}]")


def _with_choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how to count; docs/grading.md explains each."""
    options = [
        _choice("day", "Which 24 h around the submission count for volume and personalised."),
        _choice("counted", "Answers that count: status 200, with 1-20 good ids, or all of them known."),
        _choice("personalised_by", "Not the most frequent list; different lists; or titles not shared."),
        _choice("personalised_of", "The share is one of all requests, or of the answers."),
        _choice("availability_by", "Share of the minutes, or of the requests."),
        _choice("minute_up", "Share of a minute's requests that must be answered for it to be up."),
        _choice("quiet_minutes", "A minute without requests is as the one before, up, down, or left out."),
        _choice("updates_by", "Versions that began to answer in the window, or that answered at all."),
        _choice("latency_of", "Look at all requests, or at those answered."),
        _choice("latency_share", "Share of them that must be in time."),
        _choice("well_formed_share", "Share of the answers that must be well-formed."),
        click.option("--hole", "hole_ns", type=hours, metavar="DURATION", help="A longer stretch without any line is "
                     "missing from the log. [default: 1h]"),
        click.option("--slack", "slack_ns", type=hours, metavar="DURATION", help="What a window may lack and still "
                     "counts as covered. [default: 10m]"),
        click.option("--rule", "rules", multiple=True, metavar="NAME=VALUE", help="Another threshold than the term's, "
                     "e.g. avail_pass=0.8; repeatable."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@in_store
@in_logs
@more_logs
@click.option("--topic", metavar="NAME", help="A topic of the broker of KAFKA_BOOTSTRAP instead, as it is now.")
@click.option("--answers", multiple=True, type=FILE, help="The team's answer records beside --log; shows updates.")
@of_term
@click.option(
    "--submitted", multiple=True, metavar="TIME", help="Local time of submission, 2026-10-20T23:59; repeatable."
)
@click.option("--due", metavar="TIME", help="Local time the work was due; default: the first submission.")
@with_catalog
@click.option("--teams", type=click.Path(exists=True, path_type=Path), help="A whole class: teams.toml, or a folder.")
@click.option("--out", type=FOLDER, help="With --teams: where reports and class.csv go. [default: var/grades]")
@click.option("--jobs", type=click.IntRange(1), help="With --teams: how many at a time. [default: processors]")
@to_html
@as_json
@_with_choices
def grade(
    store: Path | None, logs: tuple[Path, ...], more_logs: tuple[Path, ...], topic: str | None,
    answers: tuple[Path, ...], term: str | None, submitted: tuple[str, ...], due: str | None, catalog: Path | None,
    teams: Path | None, out: Path | None, jobs: int | None, html: Path | None, as_json: bool, rules: tuple[str, ...],
    **chosen: Any,
) -> None:  # fmt: skip
    """Would the team pass? The course's arithmetic over a log: volume, personalised share, availability and more.

    Works from the store, from bare logs (--log FILE, more FILEs may follow), a topic, or for a whole class (--teams).
    Without --submitted, as if the team submitted at the end of the log. `unknown` means that the log does not cover
    what the criterion looks at.
    """
    settings = read_settings(EvaluationSettings)
    changed = with_rules(term_of(settings, term), rules)
    if teams:
        if store or logs or topic or answers:
            raise click.UsageError("--teams says where each log is; give no --log, --store, --topic or --answers")
        _grade_class(teams, submitted, out or settings.var_dir / "grades", jobs, html, as_json)
        return
    from evaluation.grade_page import grade_page
    from evaluation.grade_text import grade_text

    clock, choices = WallClock(changed.zone), Choices.of(chosen)
    moments = [moment(text, clock, "--submitted") for text in submitted]
    due_ns = moment(due, clock, "--due") if due else None
    with opened(settings, store, (*logs, *more_logs), changed, topic, answers) as found:
        report = _judged(found, changed, choices, moments, due_ns, catalog)
    if html:
        html.write_text(grade_page(report), encoding="utf-8")
    click.echo(json.dumps(report) if as_json else grade_text(report))


def _judged(
    found: Opened, term: Term, choices: Choices, moments: list[int], due_ns: int | None, catalog: Path | None
) -> dict[str, Any]:
    from evaluation.catalogue import read_titles
    from evaluation.graded_log import GradedLog
    from evaluation.grading import grade as judge

    try:
        log = GradedLog.read(found.store_dir, WallClock(term.zone), found.files, choices)
    except ValueError as error:
        raise click.ClickException("; ".join([str(error), *found.warnings])) from None
    titles = read_titles(catalog or found.store_dir / "catalog")
    return judge(log, term, moments, due_ns, titles, found.warnings)


@click.command()
@in_store
@of_term
@click.option("--milestone", type=click.Choice(["1", "2", "3", "4"]), help="Which milestone; needed unless --keep.")
@click.option("--submitted", metavar="TIME", help="Local time of submission; default: the end of the log.")
@click.option("--repo", type=FOLDER, default=".", help="Where the team's reports and history are; default: here.")
@click.option(
    "--max-age",
    type=hours,
    default="7d",
    show_default=True,
    metavar="DURATION",
    help="Older evidence is stale and says nothing.",
)
@click.option("--keep", metavar="KIND", help="Take one JSON object from standard input as evidence of this kind.")
@to_html
@as_json
def selfcheck(
    store: Path | None, term: str | None, milestone: str | None, submitted: str | None, repo: Path, max_age: int,
    keep: str | None, html: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Will we pass? What a milestone asks for and a machine can see, with projected points; exit 1 if a check fails.

    Looks at the team's store as graders do, at the evidence in var/evidence, and at the repository. `unknown` comes
    with the command that produces the evidence. docs/grading.md lists all checks.
    """
    settings = read_settings(EvaluationSettings)
    if keep:
        _keep(settings, keep)
        return
    if milestone is None:
        raise click.UsageError("expected --milestone 1, 2, 3 or 4")
    from evaluation.selfcheck import House
    from evaluation.selfcheck import selfcheck as look
    from evaluation.selfcheck_pages import selfcheck_page, selfcheck_text

    rules = term_of(settings, term)
    at_ns = moment(submitted, WallClock(rules.zone), "--submitted") if submitted else None
    models = settings.var_dir / "models"
    place = (store or settings.store_dir, settings.var_dir, models, repo)
    report = look(int(milestone), House(*place, rules, time.time_ns(), at_ns, max_age))
    if html:
        html.write_text(selfcheck_page(report), encoding="utf-8")
    click.echo(json.dumps(report) if as_json else selfcheck_text(report))
    raise SystemExit(any(check["verdict"] == "fail" for check in report["checks"]))


def _keep(settings: EvaluationSettings, kind: str) -> None:
    from stream import evidence

    try:
        record = json.loads(sys.stdin.read())
        if not isinstance(record, dict):
            raise ValueError("it is no object")
        evidence.leave(settings.var_dir, kind, {name: value for name, value in record.items() if name != "at_ns"})
    except ValueError as error:
        raise click.ClickException(
            f"expected one JSON object on standard input, and a kind of a-z 0-9: {error}"
        ) from None
    click.echo(f"kept as evidence of kind {kind!r}", err=True)


def with_rules(term: Term, rules: tuple[str, ...]) -> Term:
    """The term with thresholds of one's own; raises BadParameter for a name or value that is none."""
    known = {each.name for each in fields(Term)} - {"name", "zone", "host_pattern", "points"}
    given: dict[str, Any] = {}
    for rule in rules:
        name, _, text = rule.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = None
        if name not in known or value is None or value < 0:
            said = f"expected NAME=NUMBER with a NAME of {', '.join(sorted(known))}; got {rule!r}"
            raise click.BadParameter(said, param_hint="--rule")
        given[name] = int(value) if value.is_integer() and value > 1 else value
    return replace(term, **given)


def _grade_class(
    teams: Path, submitted: tuple[str, ...], out: Path, jobs: int | None, html: Path | None, as_json: bool
) -> None:
    """Grade every team; exit 1 if one could not be graded."""
    from tqdm import tqdm

    from evaluation.class_page import class_page
    from evaluation.grading_class import class_text, grade_class, write_csv
    from stream.teams import TeamsError, read_teams

    try:
        named = [replace(team, submitted=team.submitted or submitted) for team in read_teams(teams)]
    except TeamsError as error:
        raise click.UsageError(str(error)) from None
    with tqdm(total=len(named), unit="team", disable=not sys.stderr.isatty()) as bar:
        options = _given(click.get_current_context())
        found = grade_class(named, out, options, jobs, told=lambda _: bar.update())
    write_csv(found, out / "class.csv")
    for path in (out / "class.html", *([html] if html else [])):
        path.write_text(class_page(found), encoding="utf-8")
    click.echo(json.dumps({"teams": [each.as_json() for each in found]}) if as_json else class_text(found, out))
    if any(each.error for each in found):
        raise SystemExit(1)


def _given(ctx: click.Context) -> list[str]:
    """The options of this call that go for every team of a class, as they would be typed."""
    said: list[str] = []
    for option in ctx.command.params:
        value = ctx.params.get(str(option.name))
        if option.name not in {*_DEFAULT.said(), "hole_ns", "slack_ns", "rules", "term", "due", "catalog"}:
            continue
        for each in value if isinstance(value, tuple) else () if value is None else (value,):
            text = f"{each / HOUR_NS:.6f}h" if str(option.name).endswith("_ns") else str(each)
            said += [option.opts[0], text]
    return said
