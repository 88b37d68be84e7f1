"""Commands of `python -m stream.platform` that plan trouble, stand in for a provider, and score detectors."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from stream.events import WallClock
from stream.platform.config import chosen_settings
from stream.platform.scenarios import SCENARIOS
from stream.platform.settings import PlatformSettings

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SCHEDULED = {"scenario", "at", "for", "rate", "team", "target"}


@click.command()
@click.argument("scenario", required=False)
@click.option("--at", default="now", show_default=True, help="Local stream time, e.g. 2026-10-20T18:00.")
@click.option("--for", "lasts", default="1h", show_default=True, help="How long, in stream time: 90s, 30m, 2h, 3d.")
@click.option("--rate", type=float, help="See the list that `inject` alone prints  [default: the scenario's]")
@click.option("--team", type=int, help="Only this team's stream  [default: all]")
@click.option("--target", default="", help="Movie, genre or group that it is about  [default: the platform chooses]")
@click.option(
    "--schedule", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Many, from a TOML file."
)
@click.option("--stop", "stopped", metavar="ID", help="End an injection now.")
@click.option("--list", "listed", is_flag=True, help="What is planned, on and over.")
def inject(
    scenario: str | None,
    at: str,
    lasts: str,
    rate: float | None,
    team: int | None,
    target: str,
    schedule: Path | None,
    stopped: str | None,
    listed: bool,
) -> None:
    """Put trouble into the stream, the API or the requests; the platform may run or not. Alone: list the scenarios."""
    from stream.platform import injections

    settings = chosen_settings()
    clock = WallClock(settings.term.zone)
    try:
        if stopped:
            click.echo(f"stopped {injections.stop(settings.home, stopped, _time_ms('now', clock, settings)).scenario}")
        elif listed:
            _show(settings, clock)
        elif scenario or schedule:
            wishes = (
                _scheduled(schedule)
                if schedule
                else [{"scenario": scenario, "at": at, "for": lasts, "rate": rate, "team": team, "target": target}]
            )
            planned = [_planned(wish, clock, settings) for wish in wishes]
            injections.add(settings.home, planned)
            for each in planned:
                click.echo(f"{each.id} {each.scenario} from {clock.show(each.from_ms * 1_000_000)}")
            click.echo("next: python -m stream.platform inject --list; the answer key grows in " + str(settings.home))
        else:
            for each in SCENARIOS.values():
                click.echo(f"{each.name:20} {each.rate:g} {each.unit}: {each.does}")
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _planned(wish: dict[str, Any], clock: WallClock, settings: PlatformSettings) -> Any:
    from stream.platform import injections

    if unknown := set(wish) - _SCHEDULED:
        raise ValueError(f"expected some of {', '.join(sorted(_SCHEDULED))}; got {', '.join(sorted(unknown))}")
    _check_team(wish.get("team"), str(wish.get("scenario")), settings)
    from_ms = _time_ms(str(wish.get("at", "now")), clock, settings)
    return injections.planned(
        str(wish.get("scenario")), from_ms, _duration_ms(str(wish.get("for", "1h"))),
        wish.get("rate"), wish.get("team"), str(wish.get("target", "")),
    )  # fmt: skip


def _check_team(team: object, scenario: str, settings: PlatformSettings) -> None:
    """Raises ValueError for a team that is not there, or trouble that cannot befall one team alone."""
    from stream.platform.class_teams import teams_of
    from stream.platform.scenarios import scenario_of

    if team is None:
        return
    there = {each.settings.team: each.name for each in teams_of(settings)}
    if team not in there:
        named = ", ".join(f"{number} ({name})" for number, name in there.items())
        raise ValueError(f"expected a team of {named}; got {team!r}")
    if len(there) > 1 and scenario_of(scenario).family == "api":
        raise ValueError(f"{scenario}: all teams ask the same API, so it cannot befall one; leave the team out")


def _scheduled(schedule: Path) -> list[dict[str, Any]]:
    """The [[injection]] tables of a TOML file."""
    try:
        found = tomllib.loads(schedule.read_text(encoding="utf-8")).get("injection")
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{schedule}: {error}") from None
    if not isinstance(found, list) or not found:
        raise ValueError(
            f"{schedule}: expected [[injection]] tables with scenario, at, for and perhaps rate, team, target"
        )
    return found


def _time_ms(text: str, clock: WallClock, settings: PlatformSettings) -> int:
    if text != "now":
        return clock.read(text) // 1_000_000
    from stream.platform.run import stream_ms

    now_ms = stream_ms(settings)
    if now_ms is None:
        raise ValueError("expected --at <local stream time> while the platform does not run; got now")
    return now_ms


def _duration_ms(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not found:
        raise ValueError(f"expected a duration like 90s, 30m, 2h or 3d; got {text}")
    return int(float(found[1]) * _UNITS_MS[found[2]])


def _show(settings: PlatformSettings, clock: WallClock) -> None:
    from stream.platform import injections

    for each in injections.read(settings.home):
        begins, ends = (clock.show(ms * 1_000_000) for ms in (each.from_ms, each.until_ms))
        whom = "all teams" if each.team is None else f"team {each.team}"
        click.echo(
            f"{each.id} {each.scenario:20} {begins} to {ends}, rate {each.rate:g}, {whom} {each.target}".rstrip()
        )


@click.command()
@click.option("--findings", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON.")
@click.option(
    "--grace", "grace_h", default=24.0, show_default=True, help="Hours after its end that a finding may name it."
)
@click.option("--team", type=int, help="Whose findings they are  [default: TEAM]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def score(findings: Path, grace_h: float, team: int | None, as_json: bool) -> None:
    """Hold a detector's findings against the answer key: precision, recall, delay."""
    from stream.platform import answer_key, injections
    from stream.platform.score import read_findings
    from stream.platform.score import score as score_findings

    settings = chosen_settings()
    team = settings.team if team is None else team
    clock = WallClock(settings.term.zone)
    try:
        said = read_findings(findings, clock)
        planned = [each for each in injections.read(settings.home) if each.team in (None, team)]
        touched = (each for each in answer_key.read(settings.home) if each.team in (None, team))
        report = score_findings(said, planned, touched, clock, grace_h)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo("\n".join(_said(report)))


def _said(report: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{report['findings']} findings, {report['injections']} injections: precision {report['precision']}, "
        f"recall {report['recall']}, median delay {report['delay_minutes']} min"
    )
    for row in report["scenarios"]:
        found, right = f"{row['found']} of {row['injections']} found", f"{row['right']} of {row['findings']} right"
        items = f", {row['items']}" if row["items"] else ""
        yield f"{row['scenario']:20} {found}, {right}, delay {row['delay_minutes']} min{items}"


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), help="Port on loopback  [default: PROVIDER_PORT]")
@click.option("--key", default="", help="Only answer who shows this key; default: anybody on this machine.")
@click.option("--drop", default=0.10, show_default=True, help="Share of the titles in a text that it forgets.")
@click.option("--invent", default=0.05, show_default=True, help="Share of titles it adds that nobody named.")
@click.option("--obey", is_flag=True, help="Do what a text orders.")
@click.option("--slow", "slow_s", default=0.0, show_default=True, help="Seconds before each answer.")
@click.option("--wrong", default=0.0, show_default=True, help="Share of answers that break the asked-for schema.")
@click.option("--busy", default=0.0, show_default=True, help="Share of requests refused with 429.")
@click.option("--price-in", default=0.15, show_default=True, help="US dollars per million tokens read.")
@click.option("--price-out", default=0.60, show_default=True, help="US dollars per million tokens written.")
@click.option("--seed", default=0, show_default=True, help="Which mistakes it makes.")
def provider(port: int | None, key: str, **habits: float | bool) -> None:
    """Stand in for a language-model provider: POST /v1/chat/completions; PUT /behaviour changes its habits."""
    from stream.platform.provider import Behaviour
    from stream.platform.run import run_provider

    try:
        behaviour = Behaviour().changed(habits)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    settings = chosen_settings()
    run_provider(settings, port or settings.provider_port, behaviour, key)
