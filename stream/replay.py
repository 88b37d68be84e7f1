"""Plays recordings to topics: the lines in their order, at their pace or a multiple of it.

What is sent when: `stream/dated_lines.py` and `player.py`; going on where a replay was cut short: `resume.py`; the
supervised form with SOURCE=replay:FILE: `live_replay.py`. Start reading at `replay`.
"""

import itertools
import logging
import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stream import resume
from stream.dated_lines import SECOND_NS, Line, dated, passes, undated, within
from stream.player import Asking, Item, Play, play
from stream.producer import LineProducer
from stream.recording import NotARecording, Progress, recorded_lines
from stream.replay_topics import topic_for
from stream.requester import Requester
from stream.topics import Topic
from stream.wall_clock import WallClock

log = logging.getLogger("stream.replay")


@dataclass(frozen=True, slots=True)
class Show:
    """Files, played one behind the other as one recording, and the topics that each of its lines goes to."""

    files: tuple[Path, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class How:
    """How shows are played."""

    speed: float = 1.0  # stream seconds per second; inf = at once
    from_ns: int | None = None  # first and last (not included) stream time that is played
    to_ns: int | None = None
    shift_ns: int | None = 0  # added to every line's time; None = so that each recording's first line is now
    loop: bool = False
    resume: bool = False
    partitions: int | None = None  # of the topics; None = those they have, 2 if new

    @property
    def timeless(self) -> bool:
        """Whether the lines' times decide nothing: all go out at once, as they are, once."""
        return (
            math.isinf(self.speed)
            and self.shift_ns == 0
            and (self.from_ns, self.to_ns, self.loop) == (None, None, False)
        )


@dataclass(slots=True)
class Done:
    """What a replay did."""

    lines: int = 0  # of the recordings
    sent: int = 0  # the same, counted for each topic
    ended: bool = False  # else it was stopped
    seconds: float = 0.0
    stream_seconds: float = 0.0  # 0 at once
    damaged: dict[Path, str] = field(default_factory=dict)  # files that break off, with the reason


def replay(
    shows: Sequence[Show],
    bootstrap: str,
    clock: WallClock,
    how: How,
    *,
    stop: threading.Event,
    requester: Requester | None = None,
    progress: Progress | None = None,
) -> Done:
    """Send recordings to their topics, all at once, until they end or `stop` is set; topics are made as needed.

    requester: asks anew what the recorded requests asked. progress: called with bytes of the files, as they are read.
    Raises NotARecording (nothing to play), NotOurs, WrongPartitions, BrokerAway, LinesRefused, OSError.
    """
    done = Done()
    producer, asking = LineProducer(bootstrap), Asking(requester, clock) if requester else None
    try:
        stage = _Stage(bootstrap, clock, how, stop, progress, done)
        plays = [Play(stage.items(show), producer, asking) for show in shows]
        begun, started = [each.due_ns for each in plays], time.monotonic()
        done.ended = play(plays, producer, speed=how.speed, stop=stop)
    finally:
        producer.close()
    done.lines, done.sent = sum(each.lines for each in plays), sum(each.sent for each in plays)
    ends = [each.last_ns for each in plays if each.last_ns is not None]
    first_ns = min((first for first in begun if first is not None), default=0)
    done.seconds, done.stream_seconds = time.monotonic() - started, (max(ends, default=first_ns) - first_ns) / SECOND_NS
    return done


@dataclass(frozen=True, slots=True)
class _Stage:
    """What turns a show into lines that go out."""

    bootstrap: str
    clock: WallClock
    how: How
    stop: threading.Event
    progress: Progress | None
    done: Done

    def items(self, show: Show) -> Iterator[Item]:
        """A show's lines, each with the topics that lack it."""
        how, lines = self.how, self._lines(show)
        if (first := next(lines, None)) is None:
            raise self._nothing(show)
        begun: list[Iterator[Line]] = [itertools.chain([first], lines)]
        topics = [topic_for(self.bootstrap, name, show.files, how.partitions, how.loop) for name in show.topics]
        if not how.resume:
            shift_ns = _now_shift(first) if how.shift_ns is None else how.shift_ns
            return zip(self._passes(show, begun, shift_ns), itertools.repeat(topics))
        shift_ns = self._shift_before(show, topics, first) if how.shift_ns is None else how.shift_ns
        held = {topic.name: resume.tails(self.bootstrap, topic, self.stop) for topic in topics}
        return resume.unsent(self._passes(show, begun, shift_ns), topics, held)

    def _passes(self, show: Show, begun: list[Iterator[Line]], shift_ns: int) -> Iterator[Line]:
        return passes(lambda: begun.pop() if begun else self._lines(show), self.clock, shift_ns, self.how.loop)

    def _lines(self, show: Show) -> Iterator[Line]:
        texts = (recorded_lines(path, self.progress, self.done.damaged) for path in show.files)
        every = itertools.chain.from_iterable(texts)
        if self.how.timeless:
            return undated(every, self.clock)
        return within(dated(every, self.clock), self.how.from_ns, self.how.to_ns)

    def _shift_before(self, show: Show, topics: Sequence[Topic], first: Line) -> int:
        """Whatever "now" was when this replay began."""
        found = (resume.shift_of(self._lines(show), topic, self.bootstrap, self.clock) for topic in topics)
        return next((shift for shift in found if shift is not None), _now_shift(first))

    def _nothing(self, show: Show) -> NotARecording:
        names = ", ".join(str(path) for path in show.files)
        low = high = 0
        for line in dated(itertools.chain.from_iterable(map(recorded_lines, show.files)), self.clock):
            low, high = min(low or line.at_ns, line.at_ns), max(high, line.at_ns)
        if high:
            spans = f"{self.clock.show(low)} to {self.clock.show(high)}"
            return NotARecording(f"{names}: expected lines between --from and --to; its lines go from {spans}")
        why = "; ".join(self.done.damaged.values()) or "it is empty"
        return NotARecording(f"{names}: expected lines to send, got none ({why})")


def _now_shift(first: Line) -> int:
    """In whole seconds, so that every line keeps the digits of its time."""
    return (time.time_ns() - first.at_ns) // SECOND_NS * SECOND_NS
