"""The consumer as a process, against a real broker, through everything that may happen to either."""

import contextlib
import random
import signal

import pytest
from consumers import consumer_house, send, sending, some_lines

from stream.store.info import info
from stream.topics import Broker
from topics import topic_digest
from waiting import until

pytestmark = pytest.mark.broker


def agrees(house, broker, topic):
    held = topic_digest(broker, topic)
    return house.holds() == (held.lines, held.digest)


def test_every_line_is_stored_once_and_a_stop_is_clean(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(5_000))
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.start()
        until(lambda: house.lines() == 5_000, 30, "5,000 lines in the store")
        send(broker, fresh_topic, some_lines(10, first=5_000))
        until(lambda: house.lines() == 5_010, 10, "ten more lines in the store")
        assert house.stop(seconds=5) == 0
        assert agrees(house, broker, fresh_topic)
        held = info(house.store)
        assert held["quarantined"] == {"fields": 100}
        assert [(s["source"], s["partition"], s["first"], s["last"]) for s in held["sources"]] == [
            (topic_digest(broker, fresh_topic).source, partition, 0, 2_504) for partition in (0, 1)
        ]


def test_kill_nine_at_random_moments_loses_nothing_and_doubles_nothing(tmp_path, broker, fresh_topic):
    draw = random.Random(11)
    lines = some_lines(40_000)
    with (
        consumer_house(tmp_path / "var", broker, fresh_topic) as house,
        sending(broker, fresh_topic, lines, seconds=25) as sender,
    ):
        kills = 0
        while sender.is_alive() and kills < 5:
            house.start()
            goal = house.lines() + draw.randrange(1, 4_000)
            until(lambda goal=goal: house.lines() >= goal or not sender.is_alive(), 30, "some lines", every=0.01)
            house.stop(signal.SIGKILL)
            kills += 1
    assert kills >= 4
    house.start()
    until(lambda: house.lines() >= len(lines), 30, "all lines in the store")
    with contextlib.ExitStack() as stack:
        stack.callback(house.stop, signal.SIGKILL)
        assert house.stop() == 0
    assert house.lines() == len(lines)
    assert agrees(house, broker, fresh_topic)


def test_a_topic_made_anew_under_a_running_consumer_is_read_from_its_start(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(400))
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house, Broker(broker) as asked:
        house.start()
        until(lambda: house.lines() == 400, 30, "the old topic's lines in the store")
        first = topic_digest(broker, fresh_topic).source
        asked.delete(fresh_topic)
        asked.create(fresh_topic)
        send(broker, fresh_topic, some_lines(3_000, first=400))  # more than the old one had, so no offset is missing
        until(lambda: house.lines() == 3_400, 30, "the new topic's lines in the store too")
        second = topic_digest(broker, fresh_topic).source
        send(broker, fresh_topic, some_lines(10, first=3_400))
        until(lambda: house.lines() == 3_410, 10, "the next lines")
        assert first != second
        assert {source["source"] for source in info(house.store)["sources"]} == {first, second}


def test_a_topic_made_anew_while_no_consumer_runs_is_read_from_its_start(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(400))
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house, Broker(broker) as asked:
        house.start()
        until(lambda: house.lines() == 400, 30, "the old topic's lines in the store")
        house.stop()
        asked.delete(fresh_topic)
        asked.create(fresh_topic)
        send(broker, fresh_topic, some_lines(1_000, first=400))
        house.start()
        until(lambda: house.lines() == 1_400, 30, "the new topic's lines in the store too")


def test_a_topic_that_is_not_there_yet_is_made_with_two_partitions(tmp_path, broker):
    with consumer_house(tmp_path / "var", broker, f"later-{tmp_path.name}") as house, Broker(broker) as asked:
        house.start()
        made = until(lambda: asked.topic(house.topic), 30, "the topic to be made")
        assert made.partitions == (0, 1)
        send(broker, house.topic, some_lines(100))
        until(lambda: house.lines() == 100, 30, "its lines in the store")
        house.stop()
        asked.delete(house.topic)


def test_two_consumers_share_the_partitions_and_one_takes_over_from_a_killed_one(tmp_path, broker, fresh_topic):
    lines = some_lines(20_000)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(consumer_house(tmp_path / "var", broker, fresh_topic))
        second = stack.enter_context(consumer_house(tmp_path / "var", broker, fresh_topic))
        second.team = first.team
        with sending(broker, fresh_topic, lines, seconds=20):
            first.start()
            until(lambda: first.lines() > 500, 30, "lines of the first consumer")
            second.start()
            until(lambda: "reading" in first.log() and "1 partitions" in first.log(), 30, "one partition each")
            first.stop(signal.SIGKILL)
            until(lambda: "2 partitions" in second.log()[-2_000:], 30, "both partitions at the second")
        until(lambda: second.lines() >= len(lines), 30, "all lines in the store")
        assert agrees(second, broker, fresh_topic)


def test_lines_that_the_broker_dropped_before_they_were_read_are_counted(tmp_path, broker, fresh_topic):
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        send(broker, fresh_topic, some_lines(200))
        house.start()
        until(lambda: house.lines() == 200, 30, "the first lines")
        house.stop()
        send(broker, fresh_topic, some_lines(200, first=200))
        _drop_before(broker, fresh_topic, 0, 150)
        house.start()
        until(lambda: house.lines() == 350, 30, "the lines that are left")
        until(lambda: "50 lines were dropped by the broker" in house.log(), 5, "the loss in the log")


def test_a_topic_whose_first_lines_are_gone_is_read_from_what_is_there_without_alarm(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(200))
    _drop_before(broker, fresh_topic, 1, 30)
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.start()
        until(lambda: house.lines() == 170, 30, "the lines that are there")
        assert "dropped by the broker" not in house.log()


def _drop_before(broker, topic, partition, offset):
    """What retention does, at once."""
    from kafka import KafkaAdminClient, TopicPartition

    with contextlib.closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        admin.delete_records({TopicPartition(topic, partition): offset})
