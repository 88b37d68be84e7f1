"""Recordings, played to topics: line for line, shifted, asked anew, and as `make deploy` plays them."""

import json
import random
import signal
import time

import pytest
from consumers import CLOCK, consumer_house, some_lines
from recordings import in_topic, play, recording
from services import Answering

from stream.events import Requested, parse_line
from stream.requester import Requester
from stream.store.info import info
from stream.store.ingest import ingest
from stream.terms import TERMS
from stream.topics import end_offsets
from waiting import until

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", ["lines.log", "lines.log.gz"])
def test_a_recording_arrives_line_for_line_and_each_user_in_order(tmp_path, broker, fresh_topic, name, end):
    lines = some_lines(3_000)
    path = recording(tmp_path / name, lines, end)
    assert play(path, broker, fresh_topic) == 3_000
    arrived = in_topic(broker, fresh_topic)
    assert sorted(arrived[0] + arrived[1]) == sorted(lines)
    place = {line: number for number, line in enumerate(lines)}
    for partition, got in arrived.items():
        assert [place[line] for line in got] == sorted(place[line] for line in got)
        users = {parse_line(line, CLOCK).user_id % 2 for line in got if not line.startswith(b"not")}
        assert users == {partition}


def test_replay_and_consume_store_what_ingest_stores(tmp_path, broker, fresh_topic):
    path = recording(tmp_path / "lines.log", some_lines(3_000))
    ingest([path], tmp_path / "ingested", TERMS["F2026"])
    play(path, broker, fresh_topic)
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.start()
        until(lambda: house.lines() == 3_000, 40, "all lines in the store")
        one, other = info(house.store), info(tmp_path / "ingested")
    assert (one["digest"], one["kinds"], one["quarantined"]) == (other["digest"], other["kinds"], other["quarantined"])


def test_a_shift_moves_every_time_and_nothing_else(tmp_path, broker, fresh_topic):
    path = recording(tmp_path / "lines.log", [b"2026-09-12T09:15,7,GET /data/m/heat+1995/007.mpg", b"what is this"])
    play(path, broker, fresh_topic, shift_ns=3_600_000_000_500)
    lines = in_topic(broker, fresh_topic)
    assert lines[1] == [b"2026-09-12T10:15:00.000000500,7,GET /data/m/heat+1995/007.mpg", b"what is this"]


def test_shifted_to_now_the_first_line_is_now(tmp_path, broker, fresh_topic):
    path = recording(tmp_path / "lines.log", some_lines(3))
    before_ns = time.time_ns()
    play(path, broker, fresh_topic, shift_ns=None)
    first = parse_line(in_topic(broker, fresh_topic)[0][0], CLOCK)
    assert before_ns - 1_000_000_000 <= first.at_ns <= time.time_ns()
    assert first.at_ns % 1_000_000_000 == 125_000_000, "its digits are as recorded"


def test_recorded_requests_are_asked_anew_at_their_time_and_ours_takes_their_place(tmp_path, broker, fresh_topic):
    lines = some_lines(200)
    path = recording(tmp_path / "lines.log", lines)
    with Answering("up+2009,brazil+1985") as service, Requester(service.url, 2_000, "ours:8082") as requester:
        play(path, broker, fresh_topic, requester=requester)
    arrived = in_topic(broker, fresh_topic)
    kept = [line for line in lines if b"recommendation request" not in line]
    ours = [line for part in arrived.values() for line in part if b"recommendation request" in line]
    assert sorted(set(arrived[0] + arrived[1]) - set(ours)) == sorted(kept)
    recorded = {(e.at_ns, e.user_id) for e in map(_request, lines) if e}
    assert {(e.at_ns, e.user_id) for e in map(_request, ours)} == recorded
    assert {(e.movies, e.status, e.host) for e in map(_request, ours)} == {
        (("up+2009", "brazil+1985"), 200, "ours:8082")
    }


def _request(line):
    try:
        event = parse_line(line, CLOCK)
    except ValueError:
        return None
    return event if isinstance(event, Requested) else None


def test_a_live_replay_killed_at_random_moments_sends_every_line_once_and_then_stays(tmp_path, broker, fresh_topic):
    draw = random.Random(5)
    lines = some_lines(9_000)  # 63 s of stream time
    path = recording(tmp_path / "lines.log.gz", lines)
    with Answering("up+2009") as service, consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.var_dir.mkdir()
        house.settings |= {"SERVICE_URL": service.url, "REPLAY_SPEED": "8"}
        command = ("replay", str(path), "--live", "--ask")
        for _ in range(3):
            house.start(*command)
            goal = sum(end_offsets(broker, fresh_topic).values()) + draw.randrange(1, 1_500)
            until(lambda goal=goal: sum(end_offsets(broker, fresh_topic).values()) >= goal, 40, "lines", every=0.01)
            house.stop(signal.SIGKILL)
        house.start(*command)
        until(lambda: _beat(house, "replay")["state"] == "finished", 60, "the end of the recording")
        assert house.stop(seconds=5) == 0
        house.start(*command)
        until(lambda: _beat(house, "replay")["state"] == "finished", 30, "the end again, at once")
    arrived = in_topic(broker, fresh_topic)
    assert sum(map(len, arrived.values())) == len(lines)
    kept = [line for line in lines if b"recommendation request" not in line]
    assert sorted(line for part in arrived.values() for line in part if b"recommendation" not in line) == sorted(kept)


def _beat(house, name):
    beat = json.loads((house.var_dir / "run" / "health" / f"{name}.json").read_text())
    assert house.process is not None
    assert beat["pid"] == house.process.pid
    return beat["facts"]
