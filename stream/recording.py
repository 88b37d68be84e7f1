"""Recordings: text files of the log's lines, one a line, plain or gzipped, and how a topic becomes one."""

import gzip
import hashlib
import heapq
import itertools
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from stream.topics import Broker, Range, Received, read_lines

FOLLOW_S = 1.0


def recorded_lines(path: Path) -> Iterator[bytes]:
    """Lines of a recording without their ends (LF or CRLF); `.gz` by suffix. Raises OSError."""
    with _opened(path, "rb") as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def fingerprint(path: Path) -> str:
    """Tells recordings apart without reading them whole: size and first bytes, hashed."""
    with path.open("rb") as file:
        return hashlib.sha256(b"%d:" % path.stat().st_size + file.read(65_536)).hexdigest()[:16]


def record(bootstrap: str, topic: str, path: Path, *, stop: threading.Event, follow: bool = False) -> int:
    """Write what a topic holds to a file, and with `follow` what comes, until `stop` is set; returns the lines.

    Partitions are merged by the time at which the broker got each line, so lines may step back a little.
    Raises BrokerAway, OSError.
    """
    lines = 0
    at: dict[int, int] = {}
    with Broker(bootstrap) as broker, _opened(path, "wb") as file:
        while True:
            now = {p: Range(at.get(p, held.first), held.end) for p, held in broker.ranges(topic).items()}
            for received in _merged(bootstrap, topic, now):
                file.write(received.line + b"\n")
                lines += 1
            at |= {partition: held.end for partition, held in now.items()}
            file.flush()
            if not follow or stop.wait(FOLLOW_S):
                return lines


def _merged(bootstrap: str, topic: str, ranges: Mapping[int, Range]) -> Iterator[Received]:
    parts = [read_lines(bootstrap, topic, {partition: held}) for partition, held in ranges.items()]
    return heapq.merge(*parts, key=lambda received: received.at_ms)


def _opened(path: Path, mode: str) -> IO[bytes]:
    return gzip.open(path, mode) if path.suffix == ".gz" else path.open(mode)  # type: ignore[return-value]


def chunks(lines: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    """The lines in lists of at most `size`."""
    while chunk := list(itertools.islice(lines, size)):
        yield chunk
