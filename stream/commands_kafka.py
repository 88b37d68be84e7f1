"""Commands of `python -m stream` that talk to a broker.

Each parses, calls one function, prints. Libraries are imported when a command runs, so that help is quick.
"""

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click

from stream.settings import StreamSettings, read_settings


@contextlib.contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set, with one line a message on standard error."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kafka").setLevel(
        logging.CRITICAL
    )  # it repeats itself many times a second while a broker is away
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    from stream.metrics import PortTaken
    from stream.topics import BrokerAway

    try:
        yield stop
    except (BrokerAway, PortTaken) as error:
        raise click.ClickException(f"{error}; python -m stream doctor looks what is wrong") from error


@click.command()
@click.option("--until-idle", "until_idle_s", type=float, metavar="SECONDS", help="Stop when no line came for so long.")
def consume(until_idle_s: float | None) -> None:
    """Store what comes in on the movielog's topic and on our answers' topic, each line once."""
    from stream.consumer import consume as run

    with stopping() as stop:
        click.echo(f"stored {run(read_settings(StreamSettings), stop, until_idle_s)} lines")


@click.command()
def ship() -> None:
    """Deliver the service's answer records from the spool to our own broker."""
    from stream.shipper import ship as run

    with stopping() as stop:
        click.echo(f"delivered {run(read_settings(StreamSettings), stop)} records")


@click.command()
@click.argument("recording", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--topic", help="Topic to send to; made if it is not there.  [default: the movielog's]")
@click.option("--speed", type=float, help="1 = as recorded, 60 = a minute per second, inf = at once.  [default: 1]")
@click.option("--shift", metavar="now|SECONDS", default="0", help="Move all times; now = the first line is now.")
@click.option("--ask", is_flag=True, help="Ask our service what the recorded requests asked; our outcome is sent.")
@click.option(
    "--live", is_flag=True, help="As `make deploy` runs it: REPLAY_SPEED, goes on after a restart, then stays."
)
def replay(recording: Path, topic: str | None, speed: float | None, shift: str, ask: bool, live: bool) -> None:
    """Send the recorded lines of FILE to a topic, in order, at their pace. FILE may be gzipped (.gz)."""
    if speed is not None and not speed > 0:
        raise click.BadParameter("must be greater than 0", param_hint="--speed")
    shift_ns = _shift_ns(shift)
    settings = read_settings(StreamSettings)
    if live:
        from stream.live_replay import LiveReplay

        with stopping() as stop:
            LiveReplay(settings, recording, speed=speed or settings.replay_speed, ask=ask).run(stop)
        return
    from stream.events import WallClock
    from stream.replay import replay_file
    from stream.requester import Requester

    host = settings.term.host_pattern.format(team=settings.team)
    with stopping() as stop, Requester(settings.service_address, settings.term.timeout_ms, host) as requester:
        sent = replay_file(
            recording,
            settings.log_bootstrap,
            topic or settings.log_topic,
            WallClock(settings.term.zone),
            stop=stop,
            speed=speed or 1.0,
            shift_ns=shift_ns,
            requester=requester if ask else None,
        )
        click.echo(f"sent {sent} lines")


@click.command()
@click.argument("recording", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--topic", help="Topic to write down.  [default: the movielog's]")
@click.option("--follow", is_flag=True, help="Go on with what comes, until stopped.")
def record(recording: Path, topic: str | None, follow: bool) -> None:
    """Write the lines that a topic holds to FILE, gzipped if its name ends in .gz."""
    from stream.recording import record as run

    settings = read_settings(StreamSettings)
    with stopping() as stop:
        lines = run(settings.log_bootstrap, topic or settings.log_topic, recording, stop=stop, follow=follow)
        click.echo(f"wrote {lines} lines to {recording}")


def _shift_ns(shift: str) -> int | None:
    if shift == "now":
        return None
    try:
        return round(float(shift) * 1_000_000_000)
    except (ValueError, OverflowError):
        raise click.BadParameter("expected now or a number of seconds", param_hint="--shift") from None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def doctor(as_json: bool) -> None:
    """Look for what is wrong between this machine and its stream, and say what mends it."""
    import json
    from dataclasses import asdict

    from stream.doctor import examine

    findings = examine(read_settings(StreamSettings))
    if as_json:
        click.echo(json.dumps({"findings": [asdict(finding) for finding in findings]}))
    else:
        for one in findings:
            click.echo(
                f"{'ok   ' if one.fine else 'wrong'} {one.name}: {one.seen}" + (f"  -> {one.mend}" if one.mend else "")
            )
    sys.exit(0 if all(finding.fine for finding in findings) else 1)
