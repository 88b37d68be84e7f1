"""Some hours of a world as raw lines, in memory: with nobody to recommend anything, or with a popularity recommender.

What comes out is what a topic would carry, request lines included, so that whoever judges it needs no inside knowledge.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stream.events import Requested, WallClock
from stream.platform.columns import LIST_LENGTH, WATCH, Events, Intents
from stream.platform.draws import Ints
from stream.platform.history import new_world
from stream.platform.lines import LineWriter
from stream.platform.local_time import LocalTime
from stream.platform.population import FIRST_ID
from stream.platform.settings import PlatformSettings
from stream.platform.world import BLOCK_MS, HOUR_MS, World

_ANSWER_MS = 140  # what a service of 2022 took, median
_REFUSED = "Connection refused: {host}/127.0.0.1:8082"


@dataclass(frozen=True, slots=True)
class Hours:
    """Which hours are rehearsed: local hours since the world's start."""

    begin: float  # of the world; lists are shown from here on
    heard: float  # of the lines
    end: float


class Rehearsal:
    """One world, from its beginning; `lines` goes through it once."""

    def __init__(self, settings: PlatformSettings, world: World, hours: Hours, *, popular: bool) -> None:
        """popular: a recommender answers with the most started titles so far; else nobody answers."""
        self._midnight_ms = LocalTime(settings.term.zone).instant_ms(settings.world_start)
        self._hours, self._popular = hours, popular
        self.world = new_world(settings, world, self._at(hours.begin))
        self._clock, self._digits = WallClock(settings.term.zone), settings.term.request_digits
        self._host = settings.term.host_pattern.format(team=settings.team) + ":8082"
        self._writer = LineWriter(self.world.catalogue.ids, settings.term.zone, settings.term.watch_digits)
        self._started = np.zeros(len(self.world.catalogue), np.int64)

    def _at(self, hour: float) -> int:
        return self._midnight_ms + int(hour * HOUR_MS)

    def lines(self) -> Iterator[list[bytes]]:
        """Lines of each block of ten minutes; those of requests stand behind the others."""
        while self.world.now_ms < self._at(self._hours.end):
            from_ms, until_ms = self.world.now_ms, min(self.world.now_ms + BLOCK_MS, self._at(self._hours.end))
            due = self.world.requests(from_ms, until_ms)
            top = self._top()
            self._show(due, top)
            events = self.world.take(until_ms)
            starts = events.movie[(events.kind == WATCH) & (events.value == 0)]
            self._started += np.bincount(starts, minlength=len(self._started))
            if from_ms >= self._at(self._hours.heard):
                yield self._told(events, due, top)

    def _top(self) -> Ints:
        return np.argsort(-self._started, kind="stable")[:LIST_LENGTH]

    def _show(self, due: Intents, top: Ints) -> None:
        if self._popular:
            movies = [self.world.catalogue.ids[movie] for movie in top]
            for number in due.number.tolist():
                self.world.show(number, movies)

    def _told(self, events: Events, due: Intents, top: Ints) -> list[bytes]:
        movies = tuple(self.world.catalogue.ids[movie] for movie in top) if self._popular else ()
        failure = None if self._popular else _REFUSED.format(host=self._host.partition(":")[0])
        return self._writer.lines(events) + [
            Requested(
                (at_ms + _ANSWER_MS) * 1_000_000, user + FIRST_ID, self._host, 200 if movies else 0, movies, failure,
                _ANSWER_MS,
            ).format(self._clock, self._digits).encode()
            for at_ms, user in zip(due.at_ms.tolist(), due.user.tolist(), strict=True)
        ]  # fmt: skip
