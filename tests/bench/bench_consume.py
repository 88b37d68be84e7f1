"""The consumer end to end: from a broker to durable, validated files, against a bare `poll` loop of the same client."""

import itertools
import shutil
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from stream_lines import CLOCK, course_lines

from houses import free_ports
from infra.kafka import local_broker
from side_by_side import Figure, ratio
from stream.feed import POLL_LINES, POLL_MS, Feed, Plan
from stream.metrics import ConsumerMetrics
from stream.producer import LineProducer
from stream.store.log import EventLog
from stream.topics import PARTITIONS, ensure_topic

TOPIC, LINES = "some", 150_000


def figures() -> list[Figure]:
    """Lines a second stored, as a ratio to lines a second received."""
    folder = Path(tempfile.mkdtemp(prefix="bench-consume-"))
    try:
        with local_broker(folder / "kafka", *free_ports(2)) as broker:
            _fill(broker, TOPIC, LINES)
            rate = ratio(lambda: _consumed(broker, folder / uuid.uuid4().hex), lambda: _polled(broker))
        return [Figure("consume to durable files / bare poll loop", rate, 0.6, True)]
    finally:
        shutil.rmtree(folder)


def _fill(broker: str, topic: str, count: int) -> None:
    ensure_topic(broker, topic, retention_bytes="-1", segment_bytes="1073741824")
    with closing(LineProducer(broker)) as producer:
        for number, line in enumerate(itertools.islice(course_lines(), count)):
            producer.send(topic, number % 2, line)
        producer.flush()


def _consumed(broker: str, store: Path) -> float:
    """Lines a second from the first ones received until all are stored, durably.

    It is closed when it has received everything, for the last lines would else wait for more to share a file with.
    """
    plan = Plan("events", broker, TOPIC, uuid.uuid4().hex, create=False)
    feed = Feed(plan, EventLog(store, CLOCK), ConsumerMetrics())
    while not feed.lag:  # joins
        feed.step()
    started, before = time.perf_counter(), POLL_LINES
    while len(feed.lag) < PARTITIONS or any(feed.lag.values()):
        feed.step()
    feed.close()
    seconds = time.perf_counter() - started
    assert feed.stored == LINES, f"expected {LINES} lines in the store, got {feed.stored}"
    return (LINES - before) / seconds


def _polled(broker: str) -> float:
    """The same by a loop that only counts."""
    with closing(KafkaConsumer(bootstrap_servers=broker, group_id=None, enable_auto_commit=False)) as consumer:
        parts = [TopicPartition(TOPIC, partition) for partition in (0, 1)]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)

        while not (counted := _poll(consumer)):
            pass
        started, before = time.perf_counter(), counted
        while counted < LINES:
            counted += _poll(consumer)
        return (LINES - before) / (time.perf_counter() - started)


def _poll(consumer: KafkaConsumer) -> int:
    return sum(map(len, consumer.poll(timeout_ms=POLL_MS, max_records=POLL_LINES).values()))
