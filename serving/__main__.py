"""Commands of the recommendation service: `python -m serving`."""

import contextlib
import json
import os
import sys
from pathlib import Path

import click


@click.group()
def cli() -> None:
    """The recommendation service."""


@cli.command()
def run() -> None:
    """Serve recommendations until stopped; SIGHUP replaces the workers without a failed request."""
    from serving import metric_files
    from serving.settings import ServingSettings
    from stream.settings import read_settings

    settings = read_settings(ServingSettings)
    metric_files.empty(settings.metrics_dir)
    arguments = {
        "--host": settings.bind_host,
        "--port": settings.serve_port,
        "--workers": settings.serve_workers,
        "--roll-file": settings.roll_file,
        "--ready-file": settings.ready_file,
    }
    words = [str(word) for pair in arguments.items() for word in pair]
    os.execv(sys.executable, [sys.executable, "-m", "serving.run", *words])


@cli.command()
@click.argument("url", default="http://127.0.0.1:8082")
@click.option("--user", default=42, show_default=True, help="Whose list, if it is one.")
@click.option("--users", type=click.IntRange(1), help="Ask for so many lists, of users drawn at random ...")
@click.option("--known", type=click.IntRange(1), help="... from 1 to this; default: as many as the term has.")
@click.option("--rate", default=10.0, show_default=True, type=click.FloatRange(0.01, 5_000), help="Requests a second.")
@click.option("--seed", type=int, help="Draw the same users again.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Append movielog lines to this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object about all requests.")
def request(
    url: str, user: int, users: int | None, known: int | None, rate: float, seed: int | None, log: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Ask the service at URL as the course's requester does: for one list, or with --users for many.

    Of many, the lines that the course's log would have go to --log, for `python -m evaluation grade --log FILE`;
    exit 1 if not every request was answered with a list in time.
    """
    if users is None:
        _ask_once(url, user)
    else:
        _ask_often(url, users, known, rate, seed, log, as_json)


@cli.command()
@click.argument("url", default="http://127.0.0.1:8082")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def probe(url: str, as_json: bool) -> None:
    """Check the course's contract against the service at URL, ours or any team's; exit 1 if something does not hold."""
    from serving.probe import probe as check
    from serving.settings import ServingSettings
    from stream.settings import read_settings

    verdicts = check(url, read_settings(ServingSettings).answer_limit_s * 1_000)
    passed = sum(verdict.holds for verdict in verdicts)
    if as_json:
        checks = [{"id": v.id, "verdict": "pass" if v.holds else "fail", "seen": v.seen} for v in verdicts]
        click.echo(json.dumps({"checks": checks, "passed": passed, "failed": len(verdicts) - passed}))
    else:
        for verdict in verdicts:
            click.echo(f"{'pass' if verdict.holds else 'FAIL'}  {verdict.id:40} {verdict.seen}")
        click.echo(f"{passed} passed, {len(verdicts) - passed} failed")
    sys.exit(0 if passed == len(verdicts) else 1)


def _ask_once(url: str, user: int) -> None:
    from serving.probe import ask, is_list

    reply = ask(url, f"/recommend/{user}")
    click.echo(f"{reply.status} in {reply.ms:.1f} ms", err=True)
    click.echo(reply.body.decode("utf-8", "replace").removesuffix("\n"))
    sys.exit(0 if is_list(reply) else 1)


def _ask_often(
    url: str, users: int, known: int | None, rate: float, seed: int | None, log: Path | None, as_json: bool
) -> None:
    from serving.requests import ask_for_lists
    from serving.settings import ServingSettings
    from stream.settings import read_settings

    settings = read_settings(ServingSettings)
    with log.open("a", buffering=1, encoding="utf-8") if log else contextlib.nullcontext(None) as file:
        write = (lambda line: file.write(line + "\n")) if file else (lambda line: None)
        found = ask_for_lists(url, users, rate, settings.term, write, team=settings.team, known=known, seed=seed)
    record = found.record()
    times = record["latency_ms"]
    click.echo(json.dumps(record) if as_json else (
        f"{record['lists']} of {users} answered with a list, {record['personalised']:.0%} personalised; "
        f"p50 {times['p50']} ms, p99 {times['p99']} ms, slowest {times['max']} ms; statuses {record['statuses']}"
    ))  # fmt: skip
    sys.exit(0 if record["lists"] == users else 1)


if __name__ == "__main__":
    cli()
