"""A topic's lines into a recording: what it holds, and with `follow` what comes.

Whatever kills the writer, `recorded_lines` reads what was flushed, which is done each second while lines come. Start
reading at `Recorder.run`.
"""

import gzip
import heapq
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from stream.escaping import escape
from stream.topics import Broker, BrokerAway, LineReader, Range, Received, Topic

FOLLOW_S = 1.0
FLUSH_LINES = 20_000

Progress = Callable[[int, int], object]

log = logging.getLogger("stream.recorder")


class NoTopic(LookupError):
    """There is no topic of that name to write down."""


class Recorder:
    """Writes one topic to one new file."""

    def __init__(self, bootstrap: str, topic: str, path: Path) -> None:
        self._broker, self._bootstrap, self._name, self._path = Broker(bootstrap), bootstrap, topic, path
        self._readers: dict[int, LineReader] = {}
        self._at: dict[int, int] = {}  # by partition, the offset of the next line to write
        self._topic: Topic | None = None
        self._away = False
        self.lines = self.lost = 0

    def run(self, stop: threading.Event, follow: bool = False, progress: Progress | None = None) -> int:
        """Write what the topic holds now, and with `follow` what comes until `stop` is set; returns how many lines.

        Partitions are merged by the time at which the producer sent each line: the order within a partition is kept,
        lines of two partitions may be a little out of theirs. progress(written, left): lines.
        With `follow` a broker that is away is waited for; without, BrokerAway. Raises NoTopic, OSError; FileExistsError
        if the file is there.
        """
        self._find(self._broker.topic(self._name))  # before a file is made
        try:
            with _created(self._path) as file:
                while True:
                    self._turn(file, stop, follow, progress or (lambda *_: None))
                    if not follow or stop.wait(FOLLOW_S):
                        return self.lines
        finally:
            self._hang_up()
            self._broker.close()

    def _turn(self, file: IO[bytes], stop: threading.Event, follow: bool, progress: Progress) -> None:
        try:
            self._write(file, self._ranges(), stop, progress)
        except BrokerAway as error:
            if not follow:
                raise
            if not self._away:
                log.warning("%s; waiting for it", error)
            self._away = True
            self._hang_up()
        else:
            self._away = False
        finally:
            file.flush()

    def _write(self, file: IO[bytes], ranges: dict[int, Range], stop: threading.Event, progress: Progress) -> None:
        left, fresh = sum(held.end - held.first for held in ranges.values()), 0
        for received in self._merged(ranges):
            file.write(escape(received.line) + b"\n")
            self._at[received.partition] = received.offset + 1
            self.lines, fresh = self.lines + 1, fresh + 1
            if fresh % FLUSH_LINES == 0:
                file.flush()
                progress(FLUSH_LINES, left - fresh)
            if stop.is_set():
                break
        progress(fresh % FLUSH_LINES, left - fresh)

    def _ranges(self) -> dict[int, Range]:
        """What each partition holds and is not written yet."""
        self._find(self._broker.topic(self._name))
        found = {}
        for partition, held in self._broker.ranges(self._name).items():
            at = self._at.setdefault(partition, held.first)
            if at < held.first:
                self.lost += held.first - at
                log.warning("%s-%d: retention took %d lines first", self._name, partition, held.first - at)
            if held.end > at:
                found[partition] = Range(max(at, held.first), held.end)
        return found

    def _find(self, topic: Topic | None) -> None:
        """A topic made anew is read from its start."""
        if topic is None:
            if self._topic is None:
                raise NoTopic(f"no topic {self._name!r} at {self._bootstrap}; name one that is there with --topic")
            return
        if self._topic is not None and self._topic.source != topic.source:
            log.warning("%s was made anew; going on with its first line", self._name)
            self._at.clear()
            self._hang_up()
        self._topic = topic

    def _merged(self, ranges: dict[int, Range]) -> Iterator[Received]:
        for partition in ranges.keys() - self._readers.keys():
            self._readers[partition] = LineReader(self._bootstrap, self._name)
        parts = [self._readers[partition].read({partition: held}) for partition, held in ranges.items()]
        return heapq.merge(*parts, key=lambda received: received.at_ms)

    def _hang_up(self) -> None:
        while self._readers:
            self._readers.popitem()[1].close()


def _created(path: Path) -> IO[bytes]:
    """A new file; one that is there is never written over."""
    return gzip.open(path, "xb", compresslevel=6) if path.suffix == ".gz" else path.open("xb")  # type: ignore[return-value]
