"""Every line once, whoever is killed: after each blow the store holds exactly the topic's lines up to its positions."""

import os
import random
import signal
import time
from dataclasses import replace

import pytest
from brokers import mortal_broker
from consumers import CLOCK, consumer_house, sending, some_lines

from stream.store import files, rows
from stream.store.digest import digest, to_hex
from stream.store.log import EventLog
from stream.store.verify import verify
from stream.topics import ensure_topic
from topics import topic_digest
from waiting import until

pytestmark = pytest.mark.broker

LINES, FLOW_S = 60_000, 420
KILLS, BROKER_KILLS, MOVES = 30, 3, 3
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


class Campaign:
    """A topic into which lines flow, its broker, and two members that write one store."""

    def __init__(self, broker, first, second, draw):
        self.broker, self.first, self.second, self._draw = broker, first, second, draw
        self.done, self._started = [], time.monotonic()
        second.team = first.team

    def kill(self):
        """The consumer, at a random moment between its start and some while after it stored something."""
        self.first.start()
        goal = self.first.lines() + self._draw.choice([0, 0, 1, 400, 2_000])
        late = time.monotonic() + 20
        until(lambda: self.first.lines() >= goal or time.monotonic() > late, 25, "lines", every=0.01)
        time.sleep(self._draw.uniform(0, 2.5))  # the moment of the blow, not a wait for something
        self.first.stop(signal.SIGKILL)

    def kill_broker(self):
        """The broker under a running consumer, which then goes on by itself."""
        self.first.start()
        self.flows()
        self.broker.end()
        time.sleep(self._draw.uniform(0, 8))
        self.broker.start()
        self.flows()
        self.first.stop(signal.SIGKILL)

    def move(self):
        """A partition to a second member, one of the two is killed, the other takes both."""
        self.first.start()
        self.flows()
        said = len(self.second.log())
        self.second.start()
        until(lambda: "1 partitions" in self.second.log()[said:], 60, "one partition at the second member")
        self.flows()
        killed, other = self._draw.sample([self.first, self.second], 2)
        killed.stop(signal.SIGKILL)
        self.flows()
        other.stop(signal.SIGKILL)

    def flows(self):
        """Wait until both partitions' newest lines of this moment are stored."""
        ends = {partition: end + 1 for partition, end in self.reached().items()}
        until(lambda: all(self.reached()[p] >= end for p, end in ends.items()), 60, "lines of both partitions")

    def reached(self):
        """Next offset to store, by partition."""
        log = EventLog(self.first.store, CLOCK)
        return {partition: log.next_offset(self.source, partition) for partition in (0, 1)}

    @property
    def source(self):
        return topic_digest(self.broker.address, self.first.topic, {}).source

    def check(self, what):
        """The store is the topic up to where it has come, to the line."""
        reached = self.reached()
        held = topic_digest(self.broker.address, self.first.topic, reached)
        self.done.append(what)
        print(f"{time.monotonic() - self._started:5.0f} s  {len(self.done):2}  after {what:12} {held.lines:6} lines")
        assert stored(self.first.store, reached) == (held.lines, held.digest), f"after {what}, seed {SEED}"


def stored(store, reached):
    """How many lines below the positions, and their digest, from the bytes of the lines themselves.

    A kill between a range's quarantine and its events leaves quarantined lines beyond the position, which come again.
    """
    lines = []
    for kind in (files.EVENTS, files.QUARANTINE):
        for segment in files.segments(store, kind):
            below = replace(segment, high=min(segment.high, reached[segment.partition] - 1))
            lines += rows.lines_of(rows.rows_of(below), kind, CLOCK.zone) if below.low <= below.high else []
    return len(lines), to_hex(digest(lines))


def test_thirty_kills_three_of_the_broker_and_three_moves_cost_no_line_and_double_none(tmp_path):
    print(f"\nseed {SEED} (SOAK_SEED repeats it)")
    draw = random.Random(SEED)
    blows = ["kill"] * KILLS + ["kill_broker"] * BROKER_KILLS + ["move"] * MOVES
    draw.shuffle(blows)
    with (
        mortal_broker(tmp_path / "kafka") as broker,
        consumer_house(tmp_path / "var", broker.address, "flow") as first,
        consumer_house(tmp_path / "var", broker.address, "flow") as second,
    ):
        ensure_topic(broker.address, "flow")
        campaign = Campaign(broker, first, second, draw)
        with sending(broker.address, "flow", some_lines(LINES), FLOW_S) as sender:
            for blow in blows:
                getattr(campaign, blow)()
                campaign.check(blow)
            print("lines still flow" if sender.is_alive() else "the lines ended before the blows did")
        first.start()
        until(lambda: first.lines() >= LINES, 120, "all lines in the store")
        assert first.stop() == 0
        campaign.check("the end")
        held = topic_digest(broker.address, "flow")
        assert first.holds() == (held.lines, held.digest)
        assert first.lines() == LINES
        assert verify(first.store)["holds"]
