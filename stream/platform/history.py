"""The past of a world as files: one log file a local day, and the state from which the stream goes live.

Files are written as `<day>.log.part` and renamed when whole, so that an ingest beside it may take each as it appears;
`DONE` says that nothing more will come. The same world, term and seed give the same bytes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from stream.platform.columns import Events
from stream.platform.lines import LineWriter
from stream.platform.local_time import LocalTime
from stream.platform.settings import PlatformSettings
from stream.platform.simulation import WARM_UP_MS, Simulation
from stream.platform.state import Progress, StateFolder
from stream.platform.world import BLOCK_MS, DAY_MS, HOUR_MS, World, world_of

DONE = "DONE"
_REAL_WAIT_S = 15  # a newcomer's first request waits at least this long in real time


@dataclass(frozen=True, slots=True)
class Span:
    """When a world's history begins and where the live stream takes over, in milliseconds UTC."""

    begin_ms: int
    live_ms: int


def span(settings: PlatformSettings, world: World) -> Span:
    """The history of a world under these settings; its last hour belongs to the live stream."""
    begin_ms = LocalTime(settings.term.zone).instant_ms(settings.world_start)
    days = settings.history_days or world.history_days
    return Span(begin_ms, begin_ms + (days * DAY_MS - HOUR_MS if days else 0))


def new_world(settings: PlatformSettings, world: World, at_ms: int) -> Simulation:
    """A world with an audience at `at_ms`, and nothing before that."""
    simulation = empty_world(settings, world, at_ms - WARM_UP_MS, at_ms)
    while simulation.now_ms < at_ms:  # block by block: nobody keeps what is not asked for
        simulation.take(min(at_ms, simulation.now_ms + BLOCK_MS))
    return simulation


def empty_world(settings: PlatformSettings, world: World, at_ms: int, sign_ups_ms: int = 0) -> Simulation:
    """A world in which nobody watches anything yet, or that a saved state will fill; see `Simulation`."""
    fastest = 1.0 if world.real_time else max(settings.speed, settings.fast_speed)
    wait_ms = int(_REAL_WAIT_S * 1000 * fastest)
    return Simulation(world, settings.term, settings.world_seed, at_ms, wait_ms, sign_ups_ms)


def generate(
    settings: PlatformSettings, out: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, int | str]:
    """Write a world's history to `out` and its state to the platform's folder.

    progress(done, total) is called with hours. Returns what was written: lines, bytes, files, first and last day.
    """
    world = world_of(settings.world, settings.term, settings.demographic_taste)
    world = replace(world, asks_for_nothing=settings.asks_for_nothing)
    when = span(settings, world)
    simulation = new_world(settings, world, when.begin_ms)
    writer = LineWriter(simulation.catalogue.ids, settings.term.zone, settings.term.watch_digits)
    days = _DayFiles(out, LocalTime(settings.term.zone), writer)
    with ThreadPoolExecutor(1) as second:  # formats and writes while the world goes on
        waiting: Future[None] | None = None
        for from_ms, until_ms in _steps(when, BLOCK_MS if world.real_time else HOUR_MS):
            events = simulation.take(until_ms)
            if waiting:
                waiting.result()
            waiting = second.submit(days.write, from_ms, events)
            if progress:
                progress((until_ms - when.begin_ms) // HOUR_MS, (when.live_ms - when.begin_ms) // HOUR_MS)
        if waiting:
            waiting.result()
    days.finish()
    StateFolder(settings.home).save(simulation, Progress())
    (out / DONE).touch()
    return {"world": world.name, "lines": days.lines, "bytes": days.bytes, "files": days.files}


def _steps(when: Span, length_ms: int) -> Iterator[tuple[int, int]]:
    for from_ms in range(when.begin_ms, when.live_ms, length_ms):
        yield from_ms, min(from_ms + length_ms, when.live_ms)


class _DayFiles:
    """Turns events into files of days."""

    def __init__(self, out: Path, local: LocalTime, writer: LineWriter) -> None:
        out.mkdir(parents=True, exist_ok=True)
        (out / DONE).unlink(missing_ok=True)
        for left in out.glob("*.log.part"):
            left.unlink()
        self._out, self._local, self._writer = out, local, writer
        self._day = ""
        self._file: BinaryIO | None = None
        self.lines = self.bytes = self.files = 0

    def write(self, at_ms: int, events: Events) -> None:
        """Append events that begin at `at_ms` and lie within one local day."""
        local_ms = at_ms + self._local.shift_ms(at_ms // HOUR_MS)
        day = f"{datetime.fromtimestamp(local_ms / 1000, UTC):%Y-%m-%d}"
        if day != self._day:
            self.finish()
            self._day, self._file = day, (self._out / f"{day}.log.part").open("wb")
        assert self._file is not None
        self.bytes += self._file.write(self._writer.block(events))
        self.lines += len(events)

    def finish(self) -> None:
        """Close the day's file under its final name."""
        if self._file is not None:
            self._file.close()
            (self._out / f"{self._day}.log.part").rename(self._out / f"{self._day}.log")
            self.files += 1
            self._file = None
