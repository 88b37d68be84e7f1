"""Sends lines when they are due: several recordings at once on one axis of time, each to one or more topics.

A line is read once however many topics it goes to. With a requester, request lines are asked of our service anew and
our outcomes take their places, at the recorded stream time. Start reading at `play`.
"""

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stream.dated_lines import Line
from stream.events import MalformedLine, Requested, WallClock, parse_line
from stream.producer import LineProducer, LinesRefused
from stream.requester import Requester
from stream.topics import BrokerAway, Topic

STEP_S = 0.02  # lines due this much later go out together with those that are due
STEP_LINES = 2_000
UNSURE_LINES = 20_000  # sent, and not yet known to be in the topic
SETTLE_S, STOP_S = 30.0, 5.0  # how long the broker may take for them, and when asked to stop
HURRY_S = 1.0  # of asking: it does not make up for lost time, which would load the service as no user does

Item = tuple[Line, Sequence[Topic]]  # a line and the topics that lack it


@dataclass(frozen=True, slots=True)
class Clock:
    """Real time, in seconds, and how to wait for it: `wait(seconds)` is True if it was cut short by a stop."""

    now: Callable[[], float]
    wait: Callable[[float], bool]

    @classmethod
    def real(cls, stop: threading.Event) -> "Clock":
        """The machine's own."""
        return cls(time.monotonic, stop.wait)


@dataclass(slots=True)
class Asking:
    """How request lines are asked anew."""

    requester: Requester
    clock: WallClock
    asked: int = 0

    def answered(self, lines: Sequence[Line]) -> list[bytes]:
        """The lines' texts, with what our service answered in place of what the recorded one did."""
        requests = {number: asked for number, line in enumerate(lines) if (asked := self._request(line.text))}
        outcomes = self.requester.ask_many([asked.user_id for asked in requests.values()])
        self.asked += len(outcomes)
        texts = [line.text for line in lines]
        for (number, asked), outcome in zip(requests.items(), outcomes, strict=True):
            event = outcome.event(asked.at_ns, asked.user_id, self.requester.host)
            texts[number] = event.format(self.clock).encode()
        return texts

    def _request(self, text: bytes) -> Requested | None:
        try:
            event = parse_line(text, self.clock) if b",recommendation request " in text else None
        except MalformedLine:
            return None
        return event if isinstance(event, Requested) else None


class Play:
    """One recording on its way out.

    items: lines in order, each with the topics it goes to. kept(n): called when the broker has n more of the lines.
    """

    def __init__(
        self,
        items: Iterator[Item],
        producer: LineProducer,
        asking: Asking | None = None,
        kept: Callable[[int], None] | None = None,
    ) -> None:
        self._items, self._producer, self.asking, self._kept = items, producer, asking, kept
        self._next = next(items, None)
        self.lines = self.sent = 0
        self.at_ns: int | None = None  # stream time of the last line
        self.last_ns: int | None = None  # when it was due

    @property
    def due_ns(self) -> int | None:
        """When the next line is due, on the axis of the recording; None at the end."""
        return self._next[0].due_ns if self._next else None

    def step(self, horizon_ns: float) -> None:
        """Send what is due by `horizon_ns`, or a part of it. Raises BrokerAway, LinesRefused."""
        step, send = self._due(horizon_ns), self._producer.send
        texts = self.asking.answered([line for line, _ in step]) if self.asking else [line.text for line, _ in step]
        for (line, topics), text in zip(step, texts, strict=True):
            for name, _, partitions in topics:
                send(name, partitions[line.user_id % len(partitions)], text)
                self.sent += 1
        self.lines += len(step)
        if step:
            self.at_ns, self.last_ns = step[-1][0].at_ns, step[-1][0].due_ns
        if self._kept:
            self._producer.flush()
            self._kept(len(step))

    def _due(self, horizon_ns: float) -> list[Item]:
        step: list[Item] = []
        item, items = self._next, self._items
        while item and item[0].due_ns <= horizon_ns and len(step) < STEP_LINES:
            step.append(item)
            item = next(items, None)
        self._next = item
        return step


def play(
    plays: Sequence[Play], producer: LineProducer, *, speed: float, stop: threading.Event, clock: Clock | None = None
) -> bool:
    """Send all lines; True if they ended, False if `stop` was set before. What was sent is in the topics then.

    speed: stream seconds per second; inf = at once. The earliest line of all is due now, every other as much later as
    its recording says. Whoever is behind catches up, as fast as the client can send.
    Raises BrokerAway if the broker does not take the lines in time, LinesRefused.
    """
    clock = clock or Clock.real(stop)
    turns = itertools.count()
    waiting = [(each.due_ns, next(turns), each) for each in plays if each.due_ns is not None]
    heapq.heapify(waiting)
    axis = _Axis(waiting[0][0], clock.now(), speed) if waiting else None
    while waiting and axis and not stop.is_set():
        due_ns, _, each = waiting[0]
        if (wait_s := axis.due_s(due_ns) - clock.now()) > 0 and clock.wait(wait_s + STEP_S):
            break
        if each.asking and -wait_s > HURRY_S:
            axis.start_s -= wait_s
        heapq.heappop(waiting)
        each.step(max(due_ns, axis.horizon_ns(clock.now())))
        if each.due_ns is not None:
            heapq.heappush(waiting, (each.due_ns, next(turns), each))
        settle(producer, stop, UNSURE_LINES)
    settle(producer, stop)
    return not waiting


@dataclass(slots=True)
class _Axis:
    """Which stream time is due when."""

    first_ns: int
    start_s: float  # when first_ns is due
    speed: float

    def due_s(self, due_ns: int) -> float:
        return self.start_s + (due_ns - self.first_ns) / 1e9 / self.speed

    def horizon_ns(self, now_s: float) -> float:
        return math.inf if math.isinf(self.speed) else self.first_ns + int((now_s - self.start_s) * self.speed * 1e9)


def settle(producer: LineProducer, stop: threading.Event, but: int = 0) -> None:
    """Wait until the broker has all but the newest `but` lines that were sent; if `stop` is set not for long.

    Raises BrokerAway, LinesRefused.
    """
    started = time.monotonic()
    while True:
        try:
            return producer.ease(but, 1.0) if but else producer.flush(1.0)
        except LinesRefused:
            raise
        except BrokerAway:
            if time.monotonic() - started > (STOP_S if stop.is_set() else SETTLE_S):
                raise
