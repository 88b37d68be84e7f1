"""Commands of `python -m stream` that talk to a broker.

Each parses, calls one function, prints. Libraries are imported when a command runs, so that help is quick.
"""

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator

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
