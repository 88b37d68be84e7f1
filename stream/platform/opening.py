"""Where a live stream takes up: the saved world, or a fresh one where nothing was saved.

A stream never goes back in time: a topic that already holds later lines (the platform's folder was deleted, or its
history made anew) is continued behind them.
"""

import logging
from dataclasses import dataclass, replace

from stream.events import MalformedLine, WallClock, parse_line
from stream.platform.delivery import Outbox
from stream.platform.history import empty_world, new_world, span
from stream.platform.settings import PlatformSettings
from stream.platform.simulation import Simulation
from stream.platform.state import Progress, StateFolder
from stream.platform.world import World, world_of

_log = logging.getLogger(__name__)
_SLACK_MS = 5_000  # a line may be stamped this much later than its step ends: an answer takes its time


@dataclass(frozen=True, slots=True)
class Opened:
    """A world ready to go live."""

    folder: StateFolder
    world: Simulation
    progress: Progress
    fresh: bool = False  # nothing was saved of it


def shape_of(settings: PlatformSettings) -> World:
    """The world that the settings ask for."""
    shape = world_of(settings.world, settings.term, settings.demographic_taste)
    return replace(shape, asks_for_nothing=settings.asks_for_nothing)


def open_world(settings: PlatformSettings) -> Opened:
    """The world of these settings, from the platform's folder or fresh. Raises WrongState."""
    shape, folder = shape_of(settings), StateFolder(settings.home)
    if not folder.path.exists():
        begin_ms = span(settings, shape).live_ms
        _log.info(
            "no saved state: a fresh world begins at %s", WallClock(settings.term.zone).show(begin_ms * 1_000_000)
        )
        world = new_world(settings, shape, begin_ms)
        folder.save(world, Progress())
        return Opened(folder, world, Progress())
    world = empty_world(settings, shape, 0)
    return Opened(folder, world, folder.load(world))


def catch_up(world: Simulation, outbox: Outbox) -> None:
    """Lead a world that has no more steps to repeat behind the topic's newest line. Raises Stopped."""
    ahead_ms = _newest_ms(world, outbox) - world.now_ms
    if ahead_ms > _SLACK_MS:
        _log.info("the topic is %d s of stream time ahead of the saved world: continued behind it", ahead_ms // 1000)
        world.take(world.now_ms + ahead_ms + 1)


def _newest_ms(world: Simulation, outbox: Outbox) -> int:
    """Time of the topic's newest line; 0 if it holds none."""
    clock, newest_ms = WallClock(world.term.zone), 0
    for line in outbox.newest():
        try:
            newest_ms = max(newest_ms, parse_line(line, clock).at_ns // 1_000_000)
        except MalformedLine as error:
            _log.warning("the topic's last line tells no time: %s", error)
    return newest_ms
