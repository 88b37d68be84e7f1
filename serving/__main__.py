"""Commands of the recommendation service: `python -m serving`."""

import json
import os
import sys

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
@click.option("--user", default=42, show_default=True, help="Whose list.")
def request(url: str, user: int) -> None:
    """Ask the service at URL for one list, as the course's requester does."""
    from serving.probe import ask, is_list

    reply = ask(url, f"/recommend/{user}")
    click.echo(f"{reply.status} in {reply.ms:.1f} ms", err=True)
    click.echo(reply.body.decode("utf-8", "replace").removesuffix("\n"))
    sys.exit(0 if is_list(reply) else 1)


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


if __name__ == "__main__":
    cli()
