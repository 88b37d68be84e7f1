"""A replay that was cut short goes on behind its last line, or refuses because somebody else wrote."""

import itertools
import math
import random
import signal
import threading
import uuid

import pytest
from consumers import CLOCK, consumer_house, some_lines
from recordings import STOP, in_topic, play, recording

from stream.dated_lines import own_ns
from stream.producer import LineProducer
from stream.replay import How, Show, replay
from stream.resume import NotOurs
from stream.topics import Broker, end_offsets
from waiting import until

pytestmark = pytest.mark.broker


@pytest.fixture
def topics(broker):
    """Names of three topics that are not there yet, and are deleted if they are made."""
    names = [f"resumed-{uuid.uuid4().hex[:8]}" for _ in range(3)]
    yield names
    with Broker(broker) as asked:
        for name in names:
            if asked.topic(name):
                asked.delete(name)


def play_part(path, broker, topic, count, **how):
    """Play the first `count` lines, as a replay does that is cut short."""
    part = path.with_name(f"part-{path.name}")
    part.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:count]))
    return play(part, broker, topic, **how)


def send_to(broker, topic, partition, lines):
    producer = LineProducer(broker)
    for line in lines:
        producer.send(topic, partition, line)
    producer.flush()
    producer.close()


def test_cut_short_anywhere_again_and_again_every_line_is_there_once_in_order(tmp_path, broker, topics):
    path = recording(tmp_path / "lines.log", some_lines(3_000))
    play(path, broker, topics[0])
    draw = random.Random(7)
    sent, done = [], 0
    for cut in [*sorted(draw.sample(range(1, 3_000), 4)), 3_000, 3_000]:
        sent.append(play_part(path, broker, topics[1], cut, resume=True))
        done += sent[-1]
        assert done == cut
    assert sent[-1] == 0
    assert in_topic(broker, topics[1]) == in_topic(broker, topics[0])


def test_killed_at_random_moments_every_line_is_there_once_in_order(tmp_path, broker, topics):
    path = recording(tmp_path / "lines.log.gz", some_lines(9_000))  # 63 s of stream time
    play(path, broker, topics[0])
    draw, command = random.Random(11), ("replay", str(path), "--topic", topics[1], "--speed")
    with consumer_house(tmp_path / "var", broker, topics[1]) as house:
        for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            before = sum(end_offsets(broker, topics[1]).values())
            house.start(*command, "10", "--resume")
            goal = before + draw.randrange(1, 2_000)
            until(lambda goal=goal: sum(end_offsets(broker, topics[1]).values()) >= goal, 40, "lines", every=0.01)
            status = house.stop(number)
            assert status == (0 if number == signal.SIGINT else -number)
        assert "the same command with --resume goes on" in house.log()
        house.start(*command, "inf", "--resume")
        assert house.process.wait(60) == 0
    assert in_topic(broker, topics[1]) == in_topic(broker, topics[0])


def test_partitions_may_be_apart_by_what_was_under_way(tmp_path, broker, topics):
    path = recording(tmp_path / "lines.log", some_lines(2_000))
    play(path, broker, topics[0])
    whole = in_topic(broker, topics[0])
    with Broker(broker) as asked:
        asked.create(topics[1])
    send_to(broker, topics[1], 0, whole[0][:700])
    send_to(broker, topics[1], 1, whole[1][:300])
    assert play(path, broker, topics[1], resume=True) == 2_000 - 1_000
    assert in_topic(broker, topics[1]) == whole


def rest_of(lines):
    """What a replay that does not look would send on, by partition."""
    named = [line for line in lines if not line.startswith(b"not")]
    return [[line for line in named if int(line.split(b",")[1]) % 2 == part] for part in (0, 1)]


@pytest.mark.parametrize("where", ["before", "in between", "behind"])
def test_a_line_of_somebody_else_anywhere_is_noticed_and_nothing_is_sent(tmp_path, broker, topics, where):
    path = recording(tmp_path / "lines.log", some_lines(2_000))
    with Broker(broker) as asked:
        asked.create(topics[0])
    cut = {"before": 0, "in between": 700, "behind": 1_500}[where]
    if cut:
        play_part(path, broker, topics[0], cut)
    send_to(broker, topics[0], 1, [b"who wrote this?"])
    for part, lines in enumerate(rest_of(some_lines(1_500)[cut:])):
        send_to(broker, topics[0], part, lines)
    with Broker(broker) as asked:
        held = asked.ranges(topics[0])
    with pytest.raises(NotOurs, match=r"cannot resume: expected .* holds .* in the place of .*--resume"):
        play(path, broker, topics[0], resume=True)
    with Broker(broker) as asked:
        assert asked.ranges(topics[0]) == held


def test_another_recording_or_a_longer_one_is_not_resumed(tmp_path, broker, topics):
    path = recording(tmp_path / "lines.log", some_lines(500))
    play(path, broker, topics[0])
    with pytest.raises(NotOurs, match=r"offset .* holds"):
        play(recording(tmp_path / "other.log", some_lines(900, 1_000)), broker, topics[0], resume=True)
    with pytest.raises(NotOurs, match="holds more lines than that"):
        play(recording(tmp_path / "shorter.log", some_lines(100)), broker, topics[0], resume=True)


def test_a_topic_that_is_still_written_to_is_not_resumed(tmp_path, broker, topics):
    path, stop = recording(tmp_path / "lines.log", some_lines(100)), threading.Event()
    with Broker(broker) as asked:
        asked.create(topics[0])

    def write():
        while not stop.wait(0.05):
            send_to(broker, topics[0], 0, [b"more"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(NotOurs, match="lines are still coming: another replay or producer runs"):
            play(path, broker, topics[0], resume=True)
    finally:
        stop.set()
        writer.join(20)


def test_a_replay_shifted_to_now_is_resumed_with_the_shift_it_had(tmp_path, broker, topics):
    lines = some_lines(1_000)
    path = recording(tmp_path / "lines.log", lines)
    play_part(path, broker, topics[0], 400, shift_ns=None)
    assert play(path, broker, topics[0], shift_ns=None, resume=True) == 600
    times = [own_ns(line, CLOCK) for part in in_topic(broker, topics[0]).values() for line in part]
    recorded = [own_ns(line, CLOCK) for line in lines]
    shift = min(filter(None, times)) - min(filter(None, recorded))
    assert shift % 1_000_000_000 == 0
    assert sorted(at - shift for at in times if at) == sorted(filter(None, recorded))


def test_a_loop_is_resumed_in_the_pass_where_it_was(tmp_path, broker, topics):
    path = recording(tmp_path / "lines.log", some_lines(300))  # 2.1 s, so 3 s a pass
    stop = threading.Event()
    seen = itertools.count()

    def progress(_):
        if next(seen) == 3:  # a file of one chunk: the fourth pass has begun
            stop.set()

    show, how = [Show((path,), (topics[0],))], {"loop": True, "partitions": 1}
    replay(show, broker, CLOCK, How(speed=1e6, **how), stop=stop, progress=progress)
    first = in_topic(broker, topics[0])[0]
    stop, seen = threading.Event(), itertools.count()
    again = How(speed=1e6, resume=True, **how)
    replay(show, broker, CLOCK, again, stop=stop, progress=lambda _: next(seen) == 12 and stop.set())
    whole = in_topic(broker, topics[0])[0]
    assert len(whole) > len(first) > 300
    assert whole[: len(first)] == first
    times = [own_ns(line, CLOCK) for line in whole if not line.startswith(b"not")]
    assert times == sorted(times)
    assert len(set(times)) == len(times)
    assert [line for line in whole[300:600] if line.startswith(b"not")] == whole[49:300:50]


def test_each_of_several_topics_gets_what_it_lacks(tmp_path, broker, topics):
    path = recording(tmp_path / "lines.log", some_lines(1_000))
    play_part(path, broker, topics[0], 300)
    play_part(path, broker, topics[1], 800)
    done = replay([Show((path,), tuple(topics))], broker, CLOCK, How(math.inf, resume=True), stop=STOP)
    assert (done.sent, done.ended) == (700 + 200 + 1_000, True)
    assert in_topic(broker, topics[0]) == in_topic(broker, topics[1]) == in_topic(broker, topics[2])
