"""The live stream as the process it is: a real broker, a real service over HTTP, kills in between."""

import json
import signal
import subprocess
import sys
from collections import Counter

import pytest

from platforms import PlatformHouse, events_of, fixed_service, live_settings, running, topic_length, topic_lines
from stream.events import AccountCreated, Requested, WallClock, parse_line
from stream.platform.history import generate
from stream.platform.opening import open_world
from stream.platform.state import Step
from stream.platform.telling import Telling
from waiting import until

pytestmark = pytest.mark.broker


@pytest.fixture
def service(tmp_path):
    with fixed_service(tmp_path) as server:
        yield server


def test_kills_repeat_no_line_and_lose_none_and_the_same_answers_give_the_same_world(
    broker, fresh_topic, service, tmp_path
):
    settings = live_settings(tmp_path, fresh_topic, service)
    generate(settings, tmp_path / "history")
    begun = open_world(settings).world
    with running(settings, broker) as platform:
        for _ in range(4):
            held = topic_length(broker, fresh_topic)
            until(lambda held=held: topic_length(broker, fresh_topic) > held + 500, 40, "lines after a start")
            platform.end(signal.SIGKILL)
            platform.start()
        held = topic_length(broker, fresh_topic)
        until(lambda: topic_length(broker, fresh_topic) > held + 500, 40, "lines after the last start")
        assert platform.end() == 0
    lines = topic_lines(broker, fresh_topic)
    assert all(count == 1 for part in lines.values() for count in Counter(part).values())
    assert sum(map(len, lines.values())) > 2_000
    assert _told_again(begun, settings, lines) == {number: sorted(part) for number, part in lines.items()}


def _told_again(world, settings, lines):
    """The lines that the world tells when it is shown the answers that `lines` hold, up to where they end."""
    telling, clock = Telling(world, settings.term), WallClock(settings.term.zone)
    answered = {}
    for text in (line.decode() for part in lines.values() for line in part if b"recommendation request" in line):
        event = parse_line(text, clock)
        answered[event.user_id, (event.at_ns // 1_000_000 - event.latency_ms)] = text
    end_ms = open_world(settings).world.now_ms
    told: dict[int, list[bytes]] = {}
    while world.now_ms < end_ms:
        until_ms = min(end_ms, world.now_ms + 60_000)
        due = world.requests(world.now_ms, until_ms)
        asked = zip(due.number.tolist(), due.user.tolist(), due.at_ms.tolist(), strict=True)
        answers = tuple((number, answered[user + 1, at]) for number, user, at in asked if (user + 1, at) in answered)
        for _, user_id, line in telling.lines_of(Step(until_ms, 0.0, True, answers)):
            told.setdefault(user_id % 2, []).append(line)
    return {number: sorted(part) for number, part in told.items()}


def test_requests_begin_when_the_service_is_first_ready_and_its_failures_are_written(
    broker, fresh_topic, service, tmp_path
):
    service.ready = False
    settings = live_settings(tmp_path, fresh_topic, service)
    with running(settings, broker) as platform:
        until(lambda: platform.facts()["lines"] > 300, 40, "a stream before any service")
        assert not [
            event for event in events_of(topic_lines(broker, fresh_topic), settings) if isinstance(event, Requested)
        ]
        service.ready = True
        until(lambda: platform.facts()["requests_ok"] > 5, 40, "requests answered")
        service.ready = False
        until(lambda: platform.facts()["requests"] > platform.facts()["requests_ok"] + 3, 40, "requests refused")
        assert platform.end() == 0
    requests = [
        event for event in events_of(topic_lines(broker, fresh_topic), settings) if isinstance(event, Requested)
    ]
    assert {event.host for event in requests} == {"17645-team01.isri.cmu.edu:8082"}
    assert {event.status for event in requests} == {200, 503}
    assert all(",".join(event.movies).encode() == service.body for event in requests if event.status == 200)
    assert all(event.failure for event in requests if event.status == 503)


def test_a_service_that_went_away_is_refused_in_javas_words(broker, fresh_topic, service, tmp_path):
    settings = live_settings(tmp_path, fresh_topic, service)
    with running(settings, broker) as platform:
        until(lambda: platform.facts()["requests_ok"] > 3, 40, "requests answered")
        service.leave()
        until(lambda: platform.facts()["requests"] > platform.facts()["requests_ok"] + 5, 40, "requests refused")
    failures = [event for event in events_of(topic_lines(broker, fresh_topic), settings)
                if isinstance(event, Requested) and event.status == 0]  # fmt: skip
    assert any(
        event.failure.startswith("Connection refused: 17645-team01.isri.cmu.edu/127.0.0.1:8082") for event in failures
    )


def test_without_a_saved_state_the_stream_goes_on_behind_what_the_topic_holds(broker, fresh_topic, tmp_path):
    settings = live_settings(tmp_path, fresh_topic)
    with running(settings, broker) as platform:
        until(lambda: platform.facts()["lines"] > 800, 40, "a stream")
        assert platform.end() == 0
        newest = max(event.at_ns for event in events_of(topic_lines(broker, fresh_topic), settings))
        held = {number: len(part) for number, part in topic_lines(broker, fresh_topic).items()}
        (settings.home / "state.npz").unlink()
        platform.start()
        until(lambda: topic_length(broker, fresh_topic) > sum(held.values()) + 200, 40, "the stream goes on")
    later = {number: part[held[number] :] for number, part in topic_lines(broker, fresh_topic).items()}
    assert all(event.at_ns > newest for event in events_of(later, settings))


def test_a_state_of_another_world_is_refused_by_name(broker, fresh_topic, tmp_path):
    settings = live_settings(tmp_path, fresh_topic)
    generate(settings, tmp_path / "history")
    other = PlatformHouse(settings.model_copy(update={"world_seed": settings.world_seed + 1}), broker)
    done = subprocess.run(
        [sys.executable, "-m", "stream.platform", "run"],
        env=other.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "the settings ask for" in done.stderr
    assert "Traceback" not in done.stderr


def test_sign_ups_are_in_the_log_and_the_api_knows_them(broker, fresh_topic, tmp_path):
    import urllib.request

    settings = live_settings(tmp_path, fresh_topic, fast_speed=3_600.0)
    with running(settings, broker) as platform:
        found = until(
            lambda: [
                event
                for event in events_of(topic_lines(broker, fresh_topic), settings)
                if isinstance(event, AccountCreated)
            ],
            60,
            "a sign-up",
        )
        with urllib.request.urlopen(f"{platform.api}/user/{found[0].user_id}", timeout=5) as answer:
            assert json.load(answer)["user_id"] == found[0].user_id
    assert found[0].user_id > 500
