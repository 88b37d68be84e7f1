"""When lines go out: by a clock that the test turns, and in what order from several recordings at once."""

import itertools
import math
import random
import threading

import pytest
from consumers import CLOCK, START_NS, some_lines
from services import Answering

from stream.dated_lines import Line, dated
from stream.player import STEP_S, Asking, Clock, Play, play
from stream.producer import LineProducer, LinesRefused
from stream.requester import Requester
from stream.topics import ensure_topic

pytestmark = pytest.mark.broker


class Hands:
    """A clock that moves only when it is waited for, by as much as asked and a little or a lot more."""

    def __init__(self, oversleeps=0.0):
        self.now_s, self._oversleeps, self._draw = 1_000.0, oversleeps, random.Random(3)

    def now(self):
        return self.now_s

    def wait(self, seconds):
        self.now_s += seconds + self._draw.random() * self._oversleeps
        return False


def played(broker, topic, lines, speed, hands):
    """(seconds since the start, lines that were sent then), step by step."""
    steps, producer = [], LineProducer(broker, linger_ms=0)
    items = zip(lines, itertools.repeat([ensure_topic(broker, topic)]))
    one = Play(items, producer, kept=lambda n: steps.append((hands.now_s - 1_000, n)))
    assert play([one], producer, speed=speed, stop=threading.Event(), clock=Clock(hands.now, hands.wait))
    producer.close()
    return steps


@pytest.mark.parametrize("speed", [0.5, 60, 1_000])
def test_every_line_goes_out_when_it_is_due_at_any_speed(broker, fresh_topic, speed):
    lines = list(dated(some_lines(300), CLOCK))  # 2.1 s of stream time
    due_s = [(line.due_ns - START_NS) / 1e9 / speed for line in lines]
    sent = 0
    for at_s, count in played(broker, fresh_topic, lines, speed, Hands()):
        for due in due_s[sent : sent + count]:
            assert at_s - STEP_S - 1e-6 <= due <= at_s + 1e-6
        sent += count
    assert sent == 300


def test_a_replay_that_is_held_up_again_and_again_keeps_its_speed(broker, fresh_topic):
    lines = list(dated(some_lines(3_000), CLOCK))  # 21 s
    steps = played(broker, fresh_topic, lines, 1.0, Hands(oversleeps=0.4))
    assert len(steps) > 50
    assert (lines[-1].due_ns - START_NS) / 1e9 == pytest.approx(steps[-1][0], rel=0.02)


def test_at_once_waits_for_nothing(broker, fresh_topic):
    hands = Hands()
    assert sum(n for _, n in played(broker, fresh_topic, dated(some_lines(5_000), CLOCK), math.inf, hands)) == 5_000
    assert hands.now_s == 1_000


def test_recordings_share_one_axis_of_time(broker, fresh_topic):
    """Of two recordings the later begins as much later as it is."""
    hands, sent, producer = Hands(), [], LineProducer(broker)
    topic = ensure_topic(broker, fresh_topic)

    def one(name, seconds):
        lines = (Line(b"%s %d" % (name, s), s, int(s * 1e9), 0) for s in seconds)
        return Play(zip(lines, itertools.repeat([topic])), producer, kept=lambda n: sent.append((name, n)))

    plays = [one(b"a", [100, 102, 104]), one(b"b", [103, 105])]
    assert play(plays, producer, speed=1, stop=threading.Event(), clock=Clock(hands.now, hands.wait))
    assert [name for name, n in sent for _ in range(n)] == [b"a", b"a", b"b", b"a", b"b"]
    assert hands.now_s == pytest.approx(1_005, abs=2 * STEP_S)
    producer.close()


def test_asking_never_makes_up_for_lost_time(broker, fresh_topic):
    """A service that is asked must not be asked in bursts because a broker was away."""
    hands, steps = Hands(), []
    with Answering("up+2009") as service, Requester(service.url, 2_000) as requester:
        producer = LineProducer(broker)

        def kept(n):
            steps.append((hands.now_s - 1_000, n))
            hands.now_s += 100 if len(steps) == 3 else 0  # the broker took that long

        items = zip(dated(some_lines(700), CLOCK), itertools.repeat([ensure_topic(broker, fresh_topic)]))
        one = Play(items, producer, Asking(requester, CLOCK), kept)
        assert play([one], producer, speed=1, stop=threading.Event(), clock=Clock(hands.now, hands.wait))
        producer.close()
    assert steps[-1][0] == pytest.approx(104.9, abs=0.2)
    assert max(n for _, n in steps) < 20


def test_a_line_that_no_topic_takes_is_refused_by_name(broker, fresh_topic):
    producer = LineProducer(broker)
    one = Play(iter([(Line(b"x" * 17_000_000, 1, 1, 0), [ensure_topic(broker, fresh_topic)])]), producer)
    with pytest.raises(LinesRefused, match=r"refuses a line .MessageSizeTooLarge"):
        play([one], producer, speed=math.inf, stop=threading.Event())
    producer.close()
