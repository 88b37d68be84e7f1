"""The consumer's memory stays flat while two million lines go through it."""

import subprocess
from itertools import islice

import pytest
from consumers import consumer_house
from stream_lines import course_lines

from stream.producer import LineProducer
from waiting import until

EARLY, LATE = 500_000, 2_000_000


@pytest.mark.broker
def test_two_million_lines_take_no_more_memory_than_half_a_million(tmp_path, broker, fresh_topic):
    lines, producer = course_lines(), LineProducer(broker)
    with consumer_house(tmp_path / "var", broker, fresh_topic, FLUSH_SECONDS="2") as house:
        house.start()
        peaks = []
        for goal in (EARLY, LATE):
            sent = house.lines()
            for number, line in enumerate(islice(lines, goal - sent)):
                producer.send(fresh_topic, number % 2, line)
            producer.flush()
            until(lambda goal=goal: house.lines() >= goal, 300, f"{goal:,} lines in the store", every=0.5)
            peaks.append(resident_mb(house.process.pid))
        producer.close()
    print(f"\nresident: {peaks[0]} MB after {EARLY:,} lines, {peaks[1]} MB after {LATE:,}")
    assert peaks[1] < peaks[0] * 1.15 + 10


def resident_mb(pid):
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return round(int(said.stdout) / 1024)
