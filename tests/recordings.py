"""Recordings on disk, played to a topic, and what a topic holds."""

import gzip
import math
import threading
from pathlib import Path

from consumers import CLOCK

from stream.replay import How, Show, replay
from stream.requester import Requester
from stream.topics import Range, end_offsets, read_lines

STOP = threading.Event()  # never set


def recording(path: Path, lines: list[bytes], end: bytes = b"\n") -> Path:
    """A file of lines, compressed if its name says so."""
    data = b"".join(line + end for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def in_topic(broker: str, topic: str) -> dict[int, list[bytes]]:
    """Lines of each partition, in order."""
    held = {partition: Range(0, end) for partition, end in end_offsets(broker, topic).items()}
    lines: dict[int, list[bytes]] = {partition: [] for partition in held}
    for received in read_lines(broker, topic, held):
        lines[received.partition].append(received.line)
    return lines


def play(path: Path, broker: str, topic: str, requester: Requester | None = None, **how: object) -> int:
    """Replay a file to a topic, at once unless `how` says otherwise; returns how many lines were sent."""
    wanted = How(**({"speed": math.inf} | how))  # type: ignore[arg-type]
    return replay([Show((path,), (topic,))], broker, CLOCK, wanted, stop=STOP, requester=requester).sent
