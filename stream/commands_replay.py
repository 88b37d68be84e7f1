"""`python -m stream record` and `replay`: topics to recordings and back."""

import contextlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream.commands_kafka import stopping
from stream.settings import StreamSettings, read_settings

if TYPE_CHECKING:
    from stream.replay import Done, How

DOCTOR = "python -m stream doctor looks what is wrong"
AGAIN = "the same command with --resume goes on from there"


@click.command()
@click.argument("recordings", metavar="FILE...", nargs=-1, required=True)
@click.option("--topic", "topics", multiple=True, help="Topic to send to, or several.  [default: the movielog's]")
@click.option("--teams", help="A class, e.g. 1-30: {team} in FILE and --topic (movielog{team}) is each of them.")
@click.option("--speed", type=float, help="1 = as recorded, 60 = a minute per second, inf = at once.  [default: 1]")
@click.option("--from", "first", metavar="TIME", help="Leave out what is earlier; local time as in the log.")
@click.option("--to", "last", metavar="TIME", help="Leave out what is at this time or later.")
@click.option("--shift", metavar="now|SECONDS", default="0", help="Move all times; now = the first line is now.")
@click.option("--loop", is_flag=True, help="Start over at the end, with times that go on; until stopped.")
@click.option("--resume", is_flag=True, help="Go on where the same replay was cut short, by what its topics hold.")
@click.option("--partitions", type=click.IntRange(1, 1000), help="Of the topics; 1 keeps all lines in order.")
@click.option("--ask", is_flag=True, help="Ask our service what the recorded requests asked; our outcome is sent.")
@click.option(
    "--live", is_flag=True, help="As `make deploy` runs it: REPLAY_SPEED, goes on after a restart, then stays."
)
def replay(recordings: tuple[str, ...], live: bool, speed: float | None, ask: bool, **wanted: Any) -> None:
    """Send recorded lines to topics, in order, at their pace.

    FILES (plain or gzipped) are played one behind the other to each topic; words FILE:TOPIC are played at once, each
    to its own. Topics that are not there are made, and keep the whole recording.
    """
    settings = read_settings(StreamSettings)
    if live:
        _live(settings, recordings, speed, ask)
        return
    how = _how(settings, 1.0 if speed is None else speed, wanted)
    if ask and how.resume:
        raise click.UsageError("--ask cannot be resumed: what our service answered is not in the recording")
    _replay(settings, recordings, wanted, how, ask)


@click.command()
@click.argument("recording", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--topic", help="Topic to write down.  [default: the movielog's]")
@click.option("--follow", is_flag=True, help="Go on with what comes, until stopped.")
def record(recording: Path, topic: str | None, follow: bool) -> None:
    """Write the lines that a topic holds to FILE, gzipped if its name ends in .gz; FILE must be new."""
    from tqdm import tqdm

    from stream.recorder import NoTopic, Recorder

    settings = read_settings(StreamSettings)
    with stopping() as stop, tqdm(unit=" lines", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def progress(written: int, left: int) -> None:
            bar.total = None if follow else bar.n + written + left
            bar.update(written)

        recorder = Recorder(settings.log_bootstrap, topic or settings.log_topic, recording)
        try:
            recorder.run(stop, follow, progress)
        except FileExistsError:
            raise click.ClickException(f"{recording} is there already; name a new file, or move it away") from None
        except NoTopic as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:  # the broker is away, or the disk is full
            raise click.ClickException(f"{error}; {recorder.lines} lines were written; {DOCTOR}") from error
    click.echo(f"wrote {recorder.lines} lines to {recording}")
    if recorder.lost:
        raise click.ClickException(f"{recorder.lost} lines went by retention before they could be written")


def _replay(settings: StreamSettings, words: tuple[str, ...], wanted: dict[str, Any], how: "How", ask: bool) -> None:
    from stream.replay import replay as run
    from stream.replay_plan import shows_of, teams_of
    from stream.requester import Requester
    from stream.wall_clock import WallClock

    host = settings.term.host_pattern.format(team=settings.team)
    with (
        stopping() as stop,
        _said(),
        Requester(settings.service_address, settings.term.timeout_ms, host) as requester,
    ):
        teams = teams_of(wanted["teams"]) if wanted["teams"] else []
        shows = shows_of(words, wanted["topics"], teams, settings.log_topic)
        size = 0 if how.loop else sum(path.stat().st_size for show in shows for path in show.files)
        with _bar(size) as progress:
            done = run(
                shows, settings.log_bootstrap, WallClock(settings.term.zone), how,
                stop=stop, requester=requester if ask else None, progress=progress,
            )  # fmt: skip
    _report(done)


def _report(done: "Done") -> None:
    pace = f", {done.stream_seconds / done.seconds:.4g} times their pace" if done.stream_seconds else ""
    click.echo(f"sent {done.sent} lines in {done.seconds:.1f} s{pace}")
    if not done.ended:
        click.echo(f"stopped before the end; {AGAIN}")
    for path, reason in done.damaged.items():
        click.echo(f"{path} breaks off ({reason}); every whole line before that was sent", err=True)
    if done.damaged:
        sys.exit(1)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """What a person can mend, as one sentence."""
    from stream.producer import LinesRefused
    from stream.recording import NotARecording
    from stream.replay_topics import WrongPartitions
    from stream.resume import NotOurs
    from stream.topics import BrokerAway

    try:
        yield
    except (NotARecording, NotOurs, WrongPartitions) as error:
        raise click.ClickException(str(error)) from error
    except LinesRefused as error:
        raise click.ClickException(f"{error}; raise max.message.bytes of the topic, or use a new one") from error
    except BrokerAway as error:
        raise click.ClickException(f"{error}; {DOCTOR}; once it is back, {AGAIN}") from error
    except (FileNotFoundError, ValueError) as error:
        raise click.UsageError(str(error)) from error


@contextlib.contextmanager
def _bar(size: int) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(total=size or None, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        yield bar.update


def _live(settings: StreamSettings, recordings: tuple[str, ...], speed: float | None, ask: bool) -> None:
    from stream.live_replay import LiveReplay

    path = Path(recordings[0])
    if len(recordings) > 1 or not path.is_file():
        raise click.UsageError(f"--live: expected one recording, got {' '.join(recordings)}")
    with stopping() as stop:
        LiveReplay(settings, path, speed=speed or settings.replay_speed, ask=ask).run(stop)


def _how(settings: StreamSettings, speed: float, wanted: dict[str, Any]) -> "How":
    from stream.replay import How

    if not speed > 0:
        raise click.BadParameter(f"expected a number greater than 0, or inf; got {speed}", param_hint="--speed")
    from_ns, to_ns = _time(settings, "--from", wanted["first"]), _time(settings, "--to", wanted["last"])
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise click.UsageError(f"expected --from before --to, got {wanted['first']} and {wanted['last']}")
    if wanted["loop"] and math.isinf(speed):
        raise click.UsageError("--loop at --speed inf would fill the disk; expected a speed in numbers")
    options = {name: wanted[name] for name in ("loop", "resume", "partitions")}
    return How(speed, from_ns, to_ns, _shift_ns(wanted["shift"]), **options)


def _time(settings: StreamSettings, option: str, text: str | None) -> int | None:
    from stream.wall_clock import WallClock

    try:
        return None if text is None else WallClock(settings.term.zone).read(text.replace(" ", "T"))
    except ValueError:
        raise click.BadParameter(
            f"expected a local time as in the log, such as 2026-09-12T09:15 or 2026-09-12T09:15:30; got {text!r}",
            param_hint=option,
        ) from None


def _shift_ns(shift: str) -> int | None:
    if shift == "now":
        return None
    try:
        return round(float(shift) * 1_000_000_000)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"expected now or a number of seconds, got {shift!r}", param_hint="--shift") from None
