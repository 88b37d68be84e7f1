"""How fast a replay sends against a bare loop of the same client, and how true its speed is. A broker of its own."""

import itertools
import math
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from consumers import CLOCK, some_lines
from kafka import KafkaProducer
from recordings import recording

from houses import free_ports
from infra.kafka import local_broker
from side_by_side import Figure, ratio
from stream.dated_lines import own_ns
from stream.producer import LINE_BYTES
from stream.replay import How, Show, replay
from stream.topics import Broker, Range, end_offsets, read_lines

LINES = 150_000  # so that making the topic, which the bare loop does not, weighs little
SPEED, REAL_S = 60.0, 25.0


def figures() -> list[Figure]:
    """Rate against the bare loop, the same to four topics at once, and the speed at 60 times the pace."""
    with tempfile.TemporaryDirectory() as folder, local_broker(Path(folder) / "kafka", *free_ports(2)) as broker:
        path = recording(Path(folder) / "lines.log.gz", some_lines(LINES))
        names = (f"replay-{number}" for number in itertools.count())
        alone = ratio(lambda: replayed(broker, path, names, 1), lambda: bare(broker, next(names)), rounds=5)
        four = ratio(lambda: replayed(broker, path, names, 4), lambda: bare(broker, next(names)), rounds=1)
        speed = true_speed(broker, Path(folder) / "slow.log", next(names))
    return [
        Figure("replay to one topic / bare producer loop, lines/s", alone, 0.8, True),
        Figure("replay of one recording to 4 topics / bare producer loop, lines/s", four, 0.8, True),
        Figure(f"speed at {SPEED:g}x over {REAL_S:g} s: off by", speed, 0.02, False, "share"),
    ]


def replayed(broker: str, path: Path, names: Iterator[str], topics: int) -> float:
    """Lines per second of a replay at once, from the file to the last acknowledgement."""
    wanted = tuple(next(names) for _ in range(topics))
    started = time.perf_counter()
    done = replay([Show((path,), wanted)], broker, CLOCK, How(speed=math.inf), stop=threading.Event())
    rate = done.sent / (time.perf_counter() - started)
    assert (done.sent, done.ended) == (LINES * topics, True)
    drop(broker, *wanted)
    return rate


def bare(broker: str, name: str) -> float:
    """Lines per second of a loop over `send` with the settings of stream/producer.py, the lines in memory."""
    lines = some_lines(LINES)
    with Broker(broker) as asked:
        asked.create(name)
    started = time.perf_counter()
    client = KafkaProducer(
        bootstrap_servers=broker, acks="all", enable_idempotence=True, linger_ms=20, batch_size=64 * 1024,
        max_request_size=LINE_BYTES + 1_000,
    )  # fmt: skip
    for number, line in enumerate(lines):
        client.send(name, value=line, partition=number % 2)
    client.flush()
    rate = LINES / (time.perf_counter() - started)
    client.close()
    drop(broker, name)
    return rate


def true_speed(broker: str, path: Path, name: str) -> float:
    """By which share the speed seen at the topic differs from what was asked: when the client sent the first and the
    last line, against the times in them."""
    span = round(REAL_S * SPEED / 0.007)
    recording(path, some_lines(span)[:: round(0.25 / 0.007)])  # 240 lines a second
    done = replay([Show((path,), (name,))], broker, CLOCK, How(speed=SPEED), stop=threading.Event())
    assert done.ended
    held = {partition: Range(0, end) for partition, end in end_offsets(broker, name).items()}
    seen = [(got.at_ms, own_ns(got.line, CLOCK)) for got in read_lines(broker, name, held)]
    first, last = (pick((sent, at) for sent, at in seen if at) for pick in (min, max))
    return abs((last[1] - first[1]) / 1e6 / (last[0] - first[0]) / SPEED - 1)


def drop(broker: str, *names: str) -> None:
    """Delete topics, so that a long bench needs little disk."""
    with Broker(broker) as asked:
        for name in names:
            asked.delete(name)
