"""A live platform process beside a test, a service that answers it, and what its topic holds."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from worlds import fresh_world, platform_settings

from houses import free_ports
from stream.events import WallClock, parse_line
from stream.topics import Broker, read_lines

FAST = {"fast_speed": 600.0, "fast_minutes": 60.0, "world": "test"}


class FixedService(ThreadingHTTPServer):
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


class PlatformHouse:
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
def running(settings, broker) -> Iterator[PlatformHouse]:
    platform = PlatformHouse(settings, broker)
    platform.start()
    try:
        yield platform
    finally:
        platform.process.kill()
        platform.process.wait(10)


@contextlib.contextmanager
def fixed_service(folder: Path) -> Iterator[FixedService]:
    """A service that recommends rare movies of the test world to everybody."""
    world = fresh_world(platform_settings(folder))
    rare = np.argsort(world.catalogue.appeal)[:20]
    server = FixedService([world.catalogue.ids[movie] for movie in rare])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()


def live_settings(tmp_path, topic, service=None, **changes):
    url = f"http://127.0.0.1:{service.server_port}" if service else f"http://127.0.0.1:{free_ports(1)[0]}"
    return platform_settings(tmp_path, topic=topic, service_url=url, **FAST | changes)


def topic_lines(broker, topic) -> dict[int, list[bytes]]:
    with Broker(broker) as asked:
        ranges = asked.ranges(topic)
    found: dict[int, list[bytes]] = {partition: [] for partition in ranges}
    for received in read_lines(broker, topic, ranges):
        found[received.partition].append(received.line)
    return found


def topic_length(broker, topic) -> int:
    with Broker(broker) as asked:
        return sum(held.end - held.first for held in asked.ranges(topic).values())


def events_of(lines, settings):
    clock = WallClock(settings.term.zone)
    return [parse_line(line, clock) for part in lines.values() for line in part]
