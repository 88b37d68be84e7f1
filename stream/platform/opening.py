"""Where a live stream takes up: the saved world, or a fresh one where nothing was saved.

A stream never goes back in time: a topic that already holds later lines (the platform's folder was deleted, or its
history made anew) is continued behind them.
"""

import logging
from dataclasses import dataclass

from stream.events import MalformedLine, WallClock, parse_line
from stream.platform.delivery import Outbox
from stream.platform.history import empty_world, new_world, span
from stream.platform.settings import PlatformSettings
from stream.platform.simulation import Simulation
from stream.platform.state import Progress, StateFolder
from stream.platform.world import world_of

_log = logging.getLogger(__name__)
_SLACK_MS = 5_000  # a line may be stamped this much later than its step ends: an answer takes its time


@dataclass(frozen=True, slots=True)
class Opened:
    """A world ready to go live."""

    folder: StateFolder
    world: Simulation
    progress: Progress


def open_world(settings: PlatformSettings, outbox: Outbox) -> Opened:
    """The world of these settings, from the platform's folder or fresh. Raises WrongState, Stopped."""
    shape, folder = world_of(settings.world, settings.term), StateFolder(settings.home)
    outbox.open()
    newest_ms = _newest_ms(settings, outbox)
    if not folder.path.exists():
        begin_ms = max(span(settings, shape).live_ms, newest_ms + 1)
        _log.info(
            "no saved state: a fresh world begins at %s", WallClock(settings.term.zone).show(begin_ms * 1_000_000)
        )
        world = new_world(settings, shape, begin_ms)
        folder.save(world, Progress())
        return Opened(folder, world, Progress())
    world = empty_world(settings, shape, 0)
    progress = folder.load(world)
    reached_ms = max((step.until_ms for step in folder.steps(world.now_ms)), default=world.now_ms)
    if newest_ms > reached_ms + _SLACK_MS:
        _log.info("the topic is %d s ahead of the saved state: continued behind it", (newest_ms - reached_ms) // 1000)
        world.take(newest_ms + 1)
    return Opened(folder, world, progress)


def _newest_ms(settings: PlatformSettings, outbox: Outbox) -> int:
    """Time of the topic's newest line; 0 if it holds none."""
    clock, newest_ms = WallClock(settings.term.zone), 0
    for line in outbox.newest():
        try:
            newest_ms = max(newest_ms, parse_line(line, clock).at_ns // 1_000_000)
        except MalformedLine as error:
            _log.warning("the topic's last line tells no time: %s", error)
    return newest_ms
