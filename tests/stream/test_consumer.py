"""The consumer as a process, against a real broker, through everything that may happen to either."""

import contextlib
import random
import signal
import uuid

import pytest
from consumers import CLOCK, Reader, consumer_house, send, sending, some_lines
from kafka import ConsumerRebalanceListener, KafkaAdminClient, TopicPartition

from houses import free_ports
from stream.group_member import group_member
from stream.sources import following
from stream.store import positions
from stream.store.info import info
from stream.store.log import Batch, EventLog
from stream.topics import Broker, Topic
from topics import topic_digest
from waiting import until

pytestmark = pytest.mark.broker


def agrees(house, broker, topic):
    held = topic_digest(broker, topic)
    return house.holds() == (held.lines, held.digest)


@pytest.fixture
def reader(tmp_path, broker, fresh_topic):
    return Reader(tmp_path / "store", broker, fresh_topic)


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
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        with sending(broker, fresh_topic, lines, seconds=10) as sender:
            for _ in range(3):
                house.start()
                goal = house.lines() + draw.randrange(1, 6_000)
                until(lambda goal=goal: house.lines() >= goal or not sender.is_alive(), 40, "some lines", every=0.01)
                house.stop(signal.SIGKILL)
        house.start()
        until(lambda: house.lines() >= len(lines), 40, "all lines in the store")
        assert house.stop() == 0
        assert house.lines() == len(lines)
        assert agrees(house, broker, fresh_topic)


def test_a_topic_made_anew_under_a_running_consumer_is_read_from_its_start(broker, fresh_topic, reader):
    send(broker, fresh_topic, some_lines(400))
    with reader.running(), Broker(broker) as asked:
        until(lambda: reader.lines() == 400, 40, "the old topic's lines in the store")
        first = topic_digest(broker, fresh_topic).source
        asked.delete(fresh_topic)
        asked.create(fresh_topic)
        send(broker, fresh_topic, some_lines(3_000, first=400))  # more than the old one had, so no offset is missing
        until(lambda: reader.lines() == 3_400, 40, "the new topic's lines in the store too")
        second = topic_digest(broker, fresh_topic).source
        send(broker, fresh_topic, some_lines(10, first=3_400))
        until(lambda: reader.lines() == 3_410, 20, "the next lines")
    assert first != second
    assert reader.sources() == {first, second}


def test_a_topic_made_anew_with_fewer_lines_is_read_from_its_start_too(broker, fresh_topic, reader):
    send(broker, fresh_topic, some_lines(400))
    with reader.running(), Broker(broker) as asked:
        until(lambda: reader.lines() == 400, 40, "the old topic's lines in the store")
        asked.delete(fresh_topic)
        asked.create(fresh_topic)
        send(broker, fresh_topic, some_lines(10, first=400))
        until(lambda: reader.lines() == 410, 40, "the new topic's lines in the store too")


def test_a_topic_made_anew_while_no_consumer_runs_is_read_from_its_start(broker, fresh_topic, reader):
    send(broker, fresh_topic, some_lines(400))
    with reader.running():
        until(lambda: reader.lines() == 400, 40, "the old topic's lines in the store")
    with Broker(broker) as asked:
        asked.delete(fresh_topic)
        asked.create(fresh_topic)
    send(broker, fresh_topic, some_lines(1_000, first=400))
    with reader.running():
        until(lambda: reader.lines() == 1_400, 40, "the new topic's lines in the store too")


def test_a_topic_that_is_not_there_yet_is_made_with_two_partitions(broker, reader):
    reader.topic = f"later-{uuid.uuid4().hex[:8]}"
    with reader.running(), Broker(broker) as asked:
        made = until(lambda: asked.topic(reader.topic), 40, "the topic to be made")
        assert made.partitions == (0, 1)
        send(broker, reader.topic, some_lines(100))
        until(lambda: reader.lines() == 100, 40, "its lines in the store")
    with Broker(broker) as asked:
        asked.delete(reader.topic)


def test_who_joined_before_the_topic_was_there_does_not_leave_its_empty_hands_to_its_successor(broker, reader):
    reader.topic = f"later-{uuid.uuid4().hex[:8]}"
    early = group_member(broker, Topic(reader.topic, "0" * 16, (0, 1)), reader.topic, "reader")
    told = Told()
    early.subscribe([reader.topic], listener=told)
    until(lambda: early.poll(timeout_ms=500) or told.assigned, 30, "an assignment")
    assert not any(told.assigned)
    early.close()  # a static member does not leave
    with Broker(broker) as asked:
        asked.create(reader.topic)
        with reader.running():
            send(broker, reader.topic, some_lines(100))
            until(lambda: reader.lines() == 100, 20, "the topic's lines in the store")
        asked.delete(reader.topic)


class Told(ConsumerRebalanceListener):
    """What a member of a group was given."""

    def __init__(self):
        self.assigned = []

    def on_partitions_assigned(self, assigned):
        self.assigned.append(sorted(assigned))

    def on_partitions_revoked(self, revoked):
        pass


def test_at_a_broker_that_is_not_ours_a_missing_topic_is_waited_for_and_not_made(broker, reader):
    reader.topic = f"never-{uuid.uuid4().hex[:8]}"
    with reader.running(create=False) as feed, Broker(broker) as asked:
        until(lambda: feed.state == "no topic", 20, "the consumer to wait")
        assert asked.topic(reader.topic) is None
        asked.create(reader.topic)
        send(broker, reader.topic, some_lines(100))
        until(lambda: reader.lines() == 100, 40, "its lines in the store")
        asked.delete(reader.topic)


def test_at_the_course_nothing_is_made_and_nothing_changes_but_our_groups_offsets(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(300))
    (nobody,) = free_ports(1)
    settings = {
        "SOURCE": "course",
        "API_URL": "http://127.0.0.1:1",
        "KAFKA_PORT": str(nobody),
    }  # our own broker is away
    with consumer_house(tmp_path / "var", broker, fresh_topic, **settings) as house, Broker(broker) as asked:
        before = asked.ranges(fresh_topic), topics_of(broker)
        house.start()
        until(lambda: house.lines() == 300, 40, "the course's lines in the store")
        until(lambda: house.state("answers") == "broker away", 20, "our own broker to be missed")
        assert house.stop(seconds=6) == 0
        assert (asked.ranges(fresh_topic), topics_of(broker)) == before


def topics_of(broker):
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        return {name for name in admin.list_topics() if not name.startswith(("__", "test-", "never-", "later-"))}


def test_two_consumers_share_the_partitions_and_one_takes_over_from_a_killed_one(tmp_path, broker, fresh_topic):
    lines = some_lines(10_000)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(consumer_house(tmp_path / "var", broker, fresh_topic))
        second = stack.enter_context(consumer_house(tmp_path / "var", broker, fresh_topic))
        second.team = first.team
        with sending(broker, fresh_topic, lines, seconds=12):
            first.start()
            until(lambda: first.lines() > 500, 30, "lines of the first consumer")
            second.start()
            until(lambda: "reading" in first.log() and "1 partitions" in first.log(), 30, "one partition each")
            first.stop(signal.SIGKILL)
            until(lambda: "2 partitions" in second.log()[-2_000:], 30, "both partitions at the second")
        until(lambda: second.lines() >= len(lines), 30, "all lines in the store")
        assert agrees(second, broker, fresh_topic)


def test_lines_that_the_broker_dropped_before_they_were_read_are_counted(broker, fresh_topic, reader):
    send(broker, fresh_topic, some_lines(200))
    with reader.running():
        until(lambda: reader.lines() == 200, 40, "the first lines")
    send(broker, fresh_topic, some_lines(200, first=200))
    _drop_before(broker, fresh_topic, 0, 150)
    with reader.running() as feed:
        until(lambda: reader.lines() == 350, 40, "the lines that are left")
        assert feed.lost == 50


def test_a_topic_whose_first_lines_are_gone_is_read_from_what_is_there_without_alarm(broker, fresh_topic, reader):
    send(broker, fresh_topic, some_lines(200))
    _drop_before(broker, fresh_topic, 1, 30)
    with reader.running() as feed:
        until(lambda: reader.lines() == 170, 40, "the lines that are there")
        assert feed.lost == 0


def test_a_broker_that_lost_the_end_of_its_log_begins_another_source(broker, fresh_topic, reader):
    send(broker, fresh_topic, some_lines(200))
    source = topic_digest(broker, fresh_topic).source
    log = EventLog(reader.store, CLOCK)
    log.append(Batch(source, 0, range(160), some_lines(160)))  # read before the power cut: offsets 100 to 159 are gone
    log.append(Batch(source, 1, range(100), some_lines(100, first=1_000)))
    with reader.running():
        until(lambda: following(source) in begun(reader.store), 60, "another source to begin")
        send(broker, fresh_topic, some_lines(200, first=200))
        until(lambda: reader.lines() == 260 + 200, 40, "the new lines under the offsets of the lost ones")
    assert reader.sources() == {source, following(source)}


def test_lines_that_cannot_be_stored_wait_until_they_can(broker, fresh_topic, reader, caplog):
    reader.store.mkdir()
    (reader.store / "events").write_text("in the way, as a full disk would be")
    send(broker, fresh_topic, some_lines(500))
    with reader.running() as feed:
        until(lambda: feed.state == "cannot store", 40, "the consumer to say so")
        (reader.store / "events").unlink()
        until(lambda: reader.lines() == 500 and feed.state == "reading", 40, "the lines in the store")
    assert len([message for message in caplog.messages if "lines wait" in message]) == 1  # not once a second


def begun(store):
    return {name.rpartition("-")[0] for name in positions.read(store)}


def _drop_before(broker, topic, partition, offset):
    """What retention does, at once."""
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        admin.delete_records({TopicPartition(topic, partition): offset})
