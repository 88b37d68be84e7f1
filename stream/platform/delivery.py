"""Lines of the live stream to their topic, each once, whatever happens to the broker or to this process.

Steps are delivered one after the other. If it is unknown how much of a step arrived (we were killed, the broker was
away, the topic was made anew), the topic's last lines say so, and only the rest is sent.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from stream.producer import LineProducer
from stream.topics import Broker, BrokerAway, ensure_topic, last_lines

_log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_KEEP_BYTES, _SEGMENT_BYTES = str(128 * 1024 * 1024), str(16 * 1024 * 1024)  # of a partition

Lines = Mapping[int, Sequence[bytes]]  # by partition
T = TypeVar("T")


class Stopped(Exception):
    """The process is asked to end while lines wait for the broker."""


class Outbox:
    """The way to one topic."""

    def __init__(self, bootstrap: str, topic: str, stop: threading.Event, alive: Callable[[], None]) -> None:
        """stop: set when the process should end. alive: called at least every few seconds while the broker is away."""
        self.bootstrap, self.topic = bootstrap, topic
        self._stop, self._alive = stop, alive
        self._producer = LineProducer(bootstrap)
        self._away = False
        self.partitions = 0  # of the topic; known after `open`

    def open(self) -> None:
        """Wait until the topic is there, made if need be. Raises Stopped."""
        there = self._answered(
            lambda: ensure_topic(self.bootstrap, self.topic, retention_bytes=_KEEP_BYTES, segment_bytes=_SEGMENT_BYTES)
        )
        self.partitions = len(there.partitions)

    def newest(self) -> list[bytes]:
        """The last line of each partition that holds any. Raises Stopped."""
        tails = (
            self._answered(lambda number=number: last_lines(self.bootstrap, self.topic, number, 1))  # type: ignore[misc]
            for number in range(self.partitions)
        )
        return [line for tail in tails for line in tail]

    def deliver(self, lines: Lines) -> None:
        """Returns when the broker has all lines. Raises Stopped."""
        while not self._sent(lines):
            lines = self.missing(lines)

    def missing(self, lines: Lines) -> dict[int, Sequence[bytes]]:
        """What of `lines`, the last that were sent in each partition, the topic does not hold. Raises Stopped."""
        self.open()
        return {number: wanted[self._arrived(number, wanted) :] for number, wanted in lines.items() if wanted}

    def close(self) -> None:
        """Hang up."""
        self._producer.close()

    def _sent(self, lines: Lines) -> bool:
        try:
            for number, wanted in lines.items():
                for line in wanted:
                    self._producer.send(self.topic, number, line)
            self._producer.flush(FLUSH_SECONDS)
        except BrokerAway as error:
            self._say_away(error)
            self._settle()
            return False
        return True

    def _settle(self) -> None:
        """Let lines that wait reach a broker that is only late, then give the rest up; `missing` finds them."""
        while True:
            self._wait()
            try:
                with Broker(self.bootstrap) as broker:
                    there = broker.topic(self.topic)
                if there:
                    self._producer.flush(FLUSH_SECONDS)
                break
            except BrokerAway as error:
                if self._reachable():
                    _log.warning("lines refused, sent anew: %s", error)
                    break
        self._producer.close()
        self._producer = LineProducer(self.bootstrap)
        self._say_back()

    def _reachable(self) -> bool:
        try:
            with Broker(self.bootstrap) as broker:
                broker.cluster()
        except BrokerAway:
            return False
        return True

    def _arrived(self, number: int, wanted: Sequence[bytes]) -> int:
        tail = self._answered(lambda: last_lines(self.bootstrap, self.topic, number, len(wanted)))
        return next((n for n in range(len(tail), 0, -1) if tail[len(tail) - n :] == list(wanted[:n])), 0)

    def _answered(self, question: Callable[[], T]) -> T:
        while True:
            try:
                answer = question()
            except BrokerAway as error:
                self._say_away(error)
                self._wait()
            else:
                self._say_back()
                return answer

    def _wait(self) -> None:
        self._alive()
        if self._stop.wait(_RETRY_SECONDS):
            raise Stopped

    def _say_away(self, error: BrokerAway) -> None:
        if not self._away:
            self._away = True
            _log.warning("the stream waits: %s", error)

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            _log.info("the broker at %s answers again", self.bootstrap)
