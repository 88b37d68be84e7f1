"""Topics and the producer against a real broker."""

import time
import uuid

import pytest

from houses import free_ports
from stream.producer import LineProducer
from stream.topics import Broker, BrokerAway, Range, end_offsets, ensure_topic, last_lines, read_lines, source_id

pytestmark = pytest.mark.broker


def send(broker, topic, lines):
    producer = LineProducer(broker)
    for number, line in enumerate(lines):
        producer.send(topic, number % 2, line)
    producer.flush()
    producer.close()


def test_lines_arrive_in_order_in_their_partition(broker, fresh_topic):
    send(broker, fresh_topic, [b"line %d" % number for number in range(1_000)])
    assert end_offsets(broker, fresh_topic) == {0: 500, 1: 500}
    read = [(r.partition, r.offset, r.line) for r in read_lines(broker, fresh_topic, {1: Range(0, 500)})]
    assert read == [(1, number, b"line %d" % (2 * number + 1)) for number in range(500)]
    assert last_lines(broker, fresh_topic, 0, 2) == [b"line 996", b"line 998"]


def test_the_last_lines_of_a_short_or_empty_partition_are_all_there_are(broker, fresh_topic):
    assert last_lines(broker, fresh_topic, 0, 5) == []
    send(broker, fresh_topic, [b"only"])
    assert last_lines(broker, fresh_topic, 0, 5) == [b"only"]


def test_asking_for_a_topic_never_creates_it(broker):
    name = f"absent-{uuid.uuid4().hex[:8]}"
    with Broker(broker) as asked:
        assert asked.topic(name) is None
        assert asked.ranges(name) == {}
        assert end_offsets(broker, name) == {}
        with pytest.raises(BrokerAway):
            LineProducer(broker).send(name, 0, b"line")
        assert asked.topic(name) is None


def test_a_topic_made_anew_is_another_source(broker):
    name = f"remade-{uuid.uuid4().hex[:8]}"
    first = ensure_topic(broker, name)
    assert ensure_topic(broker, name) == first
    with Broker(broker) as asked:
        asked.delete(name)
        assert asked.topic(name) is None
        second = asked.create(name)
        assert (second.name, second.partitions) == (first.name, first.partitions)
        assert second.source != first.source
        asked.delete(name)


def test_a_producer_goes_on_when_its_topic_is_made_anew(broker, fresh_topic):
    producer = LineProducer(broker)
    producer.send(fresh_topic, 0, b"old")
    producer.flush()
    with Broker(broker) as asked:
        asked.delete(fresh_topic)
        asked.create(fresh_topic)
    producer.send(fresh_topic, 0, b"new")
    producer.flush()
    producer.close()
    assert last_lines(broker, fresh_topic, 0, 5) == [b"new"]


def test_a_broker_that_is_away_is_named_within_seconds():
    (port,) = free_ports(1)
    started = time.monotonic()
    with pytest.raises(BrokerAway, match=f"no answer from the broker at 127.0.0.1:{port}"):
        end_offsets(f"127.0.0.1:{port}", "topic")
    assert time.monotonic() - started < 10


def test_the_source_is_the_hashed_topic_id_or_cluster_and_name_without_one():
    assert source_id("6f0c", "cluster", "movielog1") == source_id("6f0c", "other", "any") == "f453f282777d4de4"
    assert source_id(None, "cluster", "movielog1") == source_id("cluster/movielog1", "", "")
