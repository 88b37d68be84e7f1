"""What the doctor says of lag, of lines that will be dropped, and of clocks; asked of a real topic."""

import time

import pytest
from consumers import CLOCK
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from patients import by_name

from stream import doctor_broker
from stream.doctor_reading import Reading, lag
from stream.settings import StreamSettings
from stream.store.log import Batch, EventLog
from stream.topics import Broker, Range


def course(bootstrap, tmp_path, **more):
    return StreamSettings(
        source="course", kafka_bootstrap=bootstrap, api_url="http://127.0.0.1:9", var_dir=tmp_path, **more
    )


def aged(broker, topic, ages_h, line="{at},7,GET /data/m/heat+1995/1.mpg"):
    """Send a line to partition 0 for each age in hours, received then and saying so."""
    producer = KafkaProducer(bootstrap_servers=broker)
    for age_h in ages_h:
        at_ms = int((time.time() - 3600 * age_h) * 1000)
        text = line.format(at=CLOCK.show(at_ms * 1_000_000))
        producer.send(topic, text.encode(), partition=0, timestamp_ms=at_ms)
    producer.flush()
    producer.close()


def drop(broker, topic, before):
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.delete_records({TopicPartition(topic, 0): before})
    admin.close()


def store_until(settings, broker, topic, end):
    """Store the offsets of partition 0 below `end`, as the consumer would."""
    with Broker(broker) as asked:
        source = asked.topic(topic).source
    lines = [f"{CLOCK.show(time.time_ns() + n)},7,GET /data/m/heat+1995/1.mpg".encode() for n in range(end)]
    EventLog(settings.store_dir, CLOCK).append(Batch(source, 0, range(end), lines))


@pytest.mark.broker
def test_lines_that_will_soon_be_dropped_are_told_with_the_hours_left(broker, fresh_topic, tmp_path):
    settings = course(broker, tmp_path, topic=fresh_topic)
    aged(broker, fresh_topic, [50, 49, 48, 46, 44, 2, 1, 0])
    store_until(settings, broker, fresh_topic, 4)
    drop(broker, fresh_topic, 2)  # the oldest held is 48 hours old, the first unread 44
    found = by_name(doctor_broker.stream(settings))
    assert not found["retention"].fine
    assert "dropped in about 4.0 hours" in found["retention"].seen
    assert "make deploy" in found["retention"].mend
    assert "4 lines are not stored yet (partition 0: 4, partition 1: 0)" in found["lag"].seen


@pytest.mark.broker
def test_unread_lines_with_days_left_are_no_trouble(broker, fresh_topic, tmp_path):
    settings = course(broker, tmp_path, topic=fresh_topic)
    aged(broker, fresh_topic, [50, 49, 48, 46, 30, 1, 0])
    store_until(settings, broker, fresh_topic, 4)
    drop(broker, fresh_topic, 2)
    found = by_name(doctor_broker.stream(settings))
    assert found["retention"].fine
    assert "dropped in about 18.0 hours" in found["retention"].seen


@pytest.mark.broker
def test_lines_that_were_dropped_unread_are_counted(broker, fresh_topic, tmp_path):
    settings = course(broker, tmp_path, topic=fresh_topic)
    aged(broker, fresh_topic, [9, 8, 7, 6, 5, 4, 0])
    store_until(settings, broker, fresh_topic, 2)
    drop(broker, fresh_topic, 5)
    found = by_name(doctor_broker.stream(settings))["retention"]
    assert (found.fine, found.seen) == (False, "3 lines were dropped by the broker before they were stored")


@pytest.mark.parametrize(("stored", "fine"), [(40_000, False), (50_000, True), (90_000, True)])
def test_a_long_lag_is_told_by_partition(stored, fine):
    held = {0: Range(30_000, 100_000), 1: Range(0, 7)}
    found = lag(Reading(held, {0: stored, 1: 7}, {}, {}, ()))
    assert (found.fine, bool(found.mend)) == (fine, not fine)
    assert f"partition 0: {100_000 - stored}, partition 1: 0" in found.seen


@pytest.mark.broker
@pytest.mark.parametrize(
    ("term", "shift_h", "word"),
    [
        ("F2026", 0, None),
        ("F2026", 3, "+3.0 hours off in America/New_York"),
        ("F2026", -24 * 30, "-720.0 hours off"),
    ],
)
def test_lines_of_another_zone_are_told(broker, fresh_topic, tmp_path, term, shift_h, word):
    producer = KafkaProducer(bootstrap_servers=broker)
    for number in range(5):
        line = f"{CLOCK.show(time.time_ns() + int(shift_h * 3600e9) + number)},7,GET /data/m/heat+1995/1.mpg"
        producer.send(fresh_topic, line.encode(), partition=0)
    producer.send(fresh_topic, b"not a line", partition=0)
    producer.flush()
    producer.close()
    found = by_name(doctor_broker.stream(course(broker, tmp_path, topic=fresh_topic, course_term=term)))["clock"]
    assert found.fine == (word is None)
    assert word is None or (word in found.seen and "COURSE_TERM" in found.mend)


@pytest.mark.broker
@pytest.mark.parametrize(("age_h", "words"), [(0.5, "stands still"), (-0.1, "its clock is slow")])
def test_a_stream_that_stands_still_or_comes_from_the_future_is_told(broker, fresh_topic, tmp_path, age_h, words):
    aged(broker, fresh_topic, [age_h])
    found = by_name(doctor_broker.stream(course(broker, tmp_path, topic=fresh_topic)))["clock"]
    assert not found.fine
    assert words in found.seen
