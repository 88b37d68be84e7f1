"""The live stream as the process it is: a real broker, a real service over HTTP, kills in between."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from worlds import fresh_world, platform_settings

from houses import free_ports
from stream.events import AccountCreated, Requested, WallClock, parse_line
from stream.platform.history import generate
from stream.platform.opening import open_world
from stream.platform.state import Step
from stream.platform.telling import Telling
from stream.topics import Broker, read_lines
from waiting import until

pytestmark = pytest.mark.broker
FAST = {"fast_speed": 600.0, "fast_minutes": 60.0, "world": "test"}


class _Service(ThreadingHTTPServer):
    """Answers every user with one list, and can be told to fail."""

    daemon_threads = True

    def __init__(self, movies: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body, self.ready, self.gone, self.asked = ",".join(movies).encode(), True, False, 0

    def leave(self) -> None:
        """As a process that dies: nothing listens any more, and open connections end without an answer."""
        self.gone = True
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.server.gone:
            self.close_connection = True
            return
        self.server.asked += self.path.startswith("/recommend/")
        self.send_response(200 if self.server.ready else 503)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        """Quiet."""


class _Platform:
    """`python -m stream.platform run` in a folder of its own."""

    def __init__(self, settings, broker) -> None:
        ports = dict(zip(("API_PORT", "PLATFORM_METRICS_PORT"), map(str, free_ports(2)), strict=True))
        self.settings, self.api = settings, f"http://127.0.0.1:{ports['API_PORT']}"
        self.environment = os.environ | ports | {
            "VAR_DIR": str(settings.var_dir), "KAFKA_BOOTSTRAP": broker, "TOPIC": settings.topic,
            "WORLD": settings.world, "SERVICE_URL": settings.service_url, "FAST_SPEED": str(settings.fast_speed),
            "FAST_MINUTES": str(settings.fast_minutes), "COURSE_TERM": settings.course_term,
            "WORLD_SEED": str(settings.world_seed),
        }  # fmt: skip
        self.process = None

    def start(self) -> None:
        command = [sys.executable, "-m", "stream.platform", "run"]
        self.process = subprocess.Popen(command, env=self.environment)

    def end(self, number=signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def facts(self) -> dict:
        beat = json.loads((self.settings.run_dir / "health" / "platform.json").read_text())
        assert beat["pid"] == self.process.pid
        return beat["facts"]


@contextlib.contextmanager
def _running(settings, broker) -> Iterator[_Platform]:
    platform = _Platform(settings, broker)
    platform.start()
    try:
        yield platform
    finally:
        platform.process.kill()
        platform.process.wait(10)


@pytest.fixture
def service(tmp_path):
    world = fresh_world(platform_settings(tmp_path))
    rare = np.argsort(world.catalogue.appeal)[:20]
    server = _Service([world.catalogue.ids[movie] for movie in rare])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def _settings(tmp_path, topic, service=None, **changes):
    url = f"http://127.0.0.1:{service.server_port}" if service else f"http://127.0.0.1:{free_ports(1)[0]}"
    return platform_settings(tmp_path, topic=topic, service_url=url, **FAST | changes)


def _lines(broker, topic) -> dict[int, list[bytes]]:
    with Broker(broker) as asked:
        ranges = asked.ranges(topic)
    found: dict[int, list[bytes]] = {partition: [] for partition in ranges}
    for received in read_lines(broker, topic, ranges):
        found[received.partition].append(received.line)
    return found


def _length(broker, topic) -> int:
    with Broker(broker) as asked:
        return sum(held.end - held.first for held in asked.ranges(topic).values())


def _events(lines, settings):
    clock = WallClock(settings.term.zone)
    return [parse_line(line, clock) for part in lines.values() for line in part]


def test_kills_repeat_no_line_and_lose_none_and_the_same_answers_give_the_same_world(
    broker, fresh_topic, service, tmp_path
):
    settings = _settings(tmp_path, fresh_topic, service)
    generate(settings, tmp_path / "history")
    begun = open_world(settings).world
    with _running(settings, broker) as platform:
        for _ in range(4):
            held = _length(broker, fresh_topic)
            until(lambda held=held: _length(broker, fresh_topic) > held + 500, 40, "lines after a start")
            platform.end(signal.SIGKILL)
            platform.start()
        held = _length(broker, fresh_topic)
        until(lambda: _length(broker, fresh_topic) > held + 500, 40, "lines after the last start")
        assert platform.end() == 0
    lines = _lines(broker, fresh_topic)
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
        for number, part in telling.lines_of(Step(until_ms, 0.0, True, answers), 2).items():
            told.setdefault(number, []).extend(part)
    return {number: sorted(part) for number, part in told.items()}


def test_requests_begin_when_the_service_is_first_ready_and_its_failures_are_written(
    broker, fresh_topic, service, tmp_path
):
    service.ready = False
    settings = _settings(tmp_path, fresh_topic, service)
    with _running(settings, broker) as platform:
        until(lambda: platform.facts()["lines"] > 300, 40, "a stream before any service")
        assert not [event for event in _events(_lines(broker, fresh_topic), settings) if isinstance(event, Requested)]
        service.ready = True
        until(lambda: platform.facts()["requests_ok"] > 5, 40, "requests answered")
        service.ready = False
        until(lambda: platform.facts()["requests"] > platform.facts()["requests_ok"] + 3, 40, "requests refused")
        assert platform.end() == 0
    requests = [event for event in _events(_lines(broker, fresh_topic), settings) if isinstance(event, Requested)]
    assert {event.host for event in requests} == {"17645-team01.isri.cmu.edu:8082"}
    assert {event.status for event in requests} == {200, 503}
    assert all(",".join(event.movies).encode() == service.body for event in requests if event.status == 200)
    assert all(event.failure for event in requests if event.status == 503)


def test_a_service_that_went_away_is_refused_in_javas_words(broker, fresh_topic, service, tmp_path):
    settings = _settings(tmp_path, fresh_topic, service)
    with _running(settings, broker) as platform:
        until(lambda: platform.facts()["requests_ok"] > 3, 40, "requests answered")
        service.leave()
        until(lambda: platform.facts()["requests"] > platform.facts()["requests_ok"] + 5, 40, "requests refused")
    failures = [event for event in _events(_lines(broker, fresh_topic), settings)
                if isinstance(event, Requested) and event.status == 0]  # fmt: skip
    assert any(
        event.failure.startswith("Connection refused: 17645-team01.isri.cmu.edu/127.0.0.1:8082") for event in failures
    )


def test_without_a_saved_state_the_stream_goes_on_behind_what_the_topic_holds(broker, fresh_topic, tmp_path):
    settings = _settings(tmp_path, fresh_topic)
    with _running(settings, broker) as platform:
        until(lambda: platform.facts()["lines"] > 800, 40, "a stream")
        assert platform.end() == 0
        newest = max(event.at_ns for event in _events(_lines(broker, fresh_topic), settings))
        held = {number: len(part) for number, part in _lines(broker, fresh_topic).items()}
        (settings.home / "state.npz").unlink()
        platform.start()
        until(lambda: _length(broker, fresh_topic) > sum(held.values()) + 200, 40, "the stream goes on")
    later = {number: part[held[number] :] for number, part in _lines(broker, fresh_topic).items()}
    assert all(event.at_ns > newest for event in _events(later, settings))


def test_a_state_of_another_world_is_refused_by_name(broker, fresh_topic, tmp_path):
    settings = _settings(tmp_path, fresh_topic)
    generate(settings, tmp_path / "history")
    other = _Platform(settings.model_copy(update={"world_seed": settings.world_seed + 1}), broker)
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

    settings = _settings(tmp_path, fresh_topic, fast_speed=3_600.0)
    with _running(settings, broker) as platform:
        found = until(
            lambda: [
                event for event in _events(_lines(broker, fresh_topic), settings) if isinstance(event, AccountCreated)
            ],
            60,
            "a sign-up",
        )
        with urllib.request.urlopen(f"{platform.api}/user/{found[0].user_id}", timeout=5) as answer:
            assert json.load(answer)["user_id"] == found[0].user_id
    assert found[0].user_id > 500
