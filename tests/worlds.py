"""Worlds to try things in: settings for a folder of their own, and what happened in one as events of the log."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from stream.events import Event, Rated, Requested, WallClock, Watched, parse_line
from stream.platform.history import new_world, span
from stream.platform.lines import LineWriter
from stream.platform.settings import PlatformSettings
from stream.platform.simulation import Simulation
from stream.platform.world import HOUR_MS, world_of


def platform_settings(folder: Path, **changes) -> PlatformSettings:
    """Settings of a platform in `folder`, untouched by a .env that happens to lie about."""
    return PlatformSettings(_env_file=None, **{"var_dir": folder / "var", "world": "test"} | changes)


def fresh_world(settings: PlatformSettings) -> Simulation:
    """The settings' world at the beginning of its history."""
    world = world_of(settings.world, settings.term)
    return new_world(settings, world, span(settings, world).begin_ms)


def writer_of(world: Simulation) -> LineWriter:
    """Formats this world's events as its term wants them."""
    return LineWriter(world.catalogue.ids, world.term.zone, world.term.watch_digits)


def hours_of(world: Simulation, hours: float) -> list[Event]:
    """The next hours of a world, read back from its lines by the ordinary parser."""
    text = writer_of(world).block(world.take(world.now_ms + int(hours * HOUR_MS)))
    clock = WallClock(world.term.zone)
    return [parse_line(line, clock) for line in text.splitlines()]


@dataclass
class Session:
    """Minutes of one movie that one user watched in a row."""

    ticks: list[Watched]
    ratings: list[Rated]


def sessions_of(events: list[Event]) -> list[Session]:
    """Sessions by user and movie that began (minute 0) in these events."""
    found: dict[tuple[int, str], list[Session]] = defaultdict(list)
    for event in events:
        if isinstance(event, Watched):
            sessions = found[event.user_id, event.movie_id]
            if event.minute == 0:
                sessions.append(Session([], []))
            if sessions:
                sessions[-1].ticks.append(event)
        elif isinstance(event, Rated) and (sessions := found[event.user_id, event.movie_id]):
            sessions[-1].ratings.append(event)
    return [session for sessions in found.values() for session in sessions]


def requests_of(events: list[Event]) -> list[Requested]:
    """The requests among events."""
    return [event for event in events if isinstance(event, Requested)]
