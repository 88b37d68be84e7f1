"""Plays a recording to a topic: the lines in their order, at their pace or a multiple of it.

A recording goes out in steps of what is due. With a requester, request lines of a step are asked of our service anew
and our outcomes take their places, at the recorded stream time. Start reading at `Player.play`; `stream/live_replay.py`
is the supervised form that goes on where it was.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stream.events import Event, MalformedLine, Requested, WallClock, parse_line
from stream.producer import LineProducer
from stream.recording import recorded_lines
from stream.requester import Outcome, Requester
from stream.topics import Topic, ensure_topic

STEP_S = 0.2  # lines go out together with those due this much later
STEP_LINES = 2_000
HURRY_S = 1.0  # a replay that fell further behind goes on at its pace from there

log = logging.getLogger("stream.replay")


@dataclass(frozen=True, slots=True)
class Line:
    """A recorded line, read as far as it can be, and the partition it goes to."""

    text: bytes
    event: Event | None  # None if it does not parse: it is sent as it is, behind its predecessor
    partition: int


class Player:
    """Sends recorded lines when they are due.

    speed: stream seconds per second; inf = at once. shift_ns: added to every line's time. requester: asks anew.
    skip: how many lines of each partition are in the topic already, from a play that was cut short.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: Topic,
        clock: WallClock,
        *,
        speed: float = 1.0,
        shift_ns: int = 0,
        requester: Requester | None = None,
        skip: Mapping[int, int] | None = None,
    ) -> None:
        self._producer = LineProducer(bootstrap)
        self._topic, self._clock, self._speed, self._shift_ns = topic, clock, speed, shift_ns
        self._requester, self._skip = requester, dict(skip or {})
        self._start: tuple[int, float] | None = None  # a stream time and the real time at which it is due
        self.sent = self.asked = 0
        self.stream_ns: int | None = None

    def play(self, lines: Iterator[bytes], stop: threading.Event, kept: Callable[[int], None] | None = None) -> bool:
        """Send `lines` in order; True if they ended, False if `stop` was set before.

        kept(n): called each time that the broker has taken n more of the lines, or had them already.
        Raises BrokerAway if it does not take them in time.
        """
        for step in self._steps(self._read(lines), stop):
            todo = [line for line in step if not self._there(line)]
            for line, text in zip(todo, self._texts(todo), strict=True):
                self._producer.send(self._topic.name, line.partition, text)
                self.stream_ns = line.event.at_ns + self._shift_ns if line.event else self.stream_ns
            self._producer.flush()
            self.sent += len(todo)
            if kept:
                kept(len(step))
        return not stop.is_set()

    def close(self) -> None:
        """Hang up."""
        self._producer.close()

    def _read(self, lines: Iterator[bytes]) -> Iterator[Line]:
        partitions, user = self._topic.partitions, 0
        for text in lines:
            event = _event(text, self._clock)
            user = user if event is None else event.user_id
            yield Line(text, event, partitions[user % len(partitions)])

    def _steps(self, lines: Iterator[Line], stop: threading.Event) -> Iterator[list[Line]]:
        """Lists of lines that are due together; ends early when `stop` is set."""
        step: list[Line] = []
        for line in lines:
            if step and (len(step) >= STEP_LINES or self._due_in_s(line) > 0):
                yield step
                step = []
            if stop.is_set() or (not step and (wait_s := self._due_in_s(line)) > 0 and stop.wait(wait_s + STEP_S)):
                return
            step.append(line)
        if step:
            yield step

    def _due_in_s(self, line: Line) -> float:
        """Seconds until a line is due, negative if it is late."""
        if line.event is None:
            return 0.0
        now = time.monotonic()
        if self._start is None:
            self._start = line.event.at_ns, now
        due = self._start[1] + (line.event.at_ns - self._start[0]) / 1e9 / self._speed
        if due < now - HURRY_S:
            self._start = line.event.at_ns, now
        return due - now

    def _there(self, line: Line) -> bool:
        if not self._skip.get(line.partition):
            return False
        self._skip[line.partition] -= 1
        return True

    def _texts(self, lines: list[Line]) -> list[bytes]:
        """What is sent for each line: itself at its shifted time, or what our service answered."""
        asked = [line.event for line in lines if self._requester and isinstance(line.event, Requested)]
        outcomes: list[Outcome] = []
        if asked and self._requester:
            outcomes = self._requester.ask_many([request.user_id for request in asked])
            self.asked += len(asked)
        answered = {id(request): outcome for request, outcome in zip(asked, outcomes, strict=True)}
        return [self._text(line, answered.get(id(line.event))) for line in lines]

    def _text(self, line: Line, outcome: Outcome | None) -> bytes:
        if line.event is None:
            return line.text
        at_ns = line.event.at_ns + self._shift_ns
        if outcome and self._requester:
            return outcome.event(at_ns, line.event.user_id, self._requester.host).format(self._clock).encode()
        if not self._shift_ns:
            return line.text
        return self._clock.show(at_ns).encode() + line.text[line.text.index(b",") :]


def replay_file(
    path: Path,
    bootstrap: str,
    topic: str,
    clock: WallClock,
    *,
    stop: threading.Event,
    speed: float = 1.0,
    shift_ns: int | None = 0,
    requester: Requester | None = None,
) -> int:
    """Send a recording from its first line on; returns how many lines. The topic is made if it is not there.

    speed: stream seconds per second; inf = at once. shift_ns: added to every line's time; None = so that the first line
    is now. Raises OSError, BrokerAway.
    """
    shift_ns = time.time_ns() - _first_ns(path, clock) if shift_ns is None else shift_ns
    made = ensure_topic(bootstrap, topic, retention_bytes=str(_room(path)))
    player = Player(bootstrap, made, clock, speed=speed, shift_ns=shift_ns, requester=requester)
    try:
        player.play(recorded_lines(path), stop)
    finally:
        player.close()
    return player.sent


def _event(text: bytes, clock: WallClock) -> Event | None:
    try:
        return parse_line(text, clock)
    except MalformedLine:
        return None


def _first_ns(path: Path, clock: WallClock) -> int:
    for text in recorded_lines(path):
        if event := _event(text, clock):
            return event.at_ns
    return time.time_ns()


def _room(path: Path) -> int:
    """Bytes of a partition that hold the whole recording: text shrinks to about a tenth, each line costs some more."""
    size = path.stat().st_size * (12 if path.suffix == ".gz" else 1)
    return min(max(128_000_000, 2 * size), 2_000_000_000)
