"""Thirty teams on one platform process: what it costs, and what a dead and a slow service do to the others."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from houses import free_ports
from stream.events import Requested, WallClock, parse_line
from stream.terms import TERMS
from stream.topics import Broker, read_lines
from waiting import until

TEAMS, SECONDS, ROUNDS = (int(os.environ.get(*each)) for each in (("TEAMS", "30"), ("SECONDS", "40"), ("ROUNDS", "2")))
DEAD, SLOW = 0, 1
ANSWER_S = 0.037  # of a healthy service; the quickest that was measured in the course
CONFIG = """
[world]
start = "2026-09-01T17:00:00"
history_days = 1
asks_for_nothing = 0.9
[class]
term = "F2026"
teams = "teams.toml"
[speed]
speed = {speed}
fast_minutes = 0
[folders]
var = "var"
[broker]
bootstrap = "{broker}"
[ports]
api = {api}
metrics = {metrics}
"""

pytestmark = pytest.mark.broker


class Services:
    """Thirty tiny services in one thread; the first two can be dead (never answer) and late (800 ms)."""

    def __init__(self, body: bytes) -> None:
        self._answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        self.ports: list[int] = []
        self.trouble = False
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        for number in range(TEAMS):
            server = self.loop.run_until_complete(asyncio.start_server(self._serve(number), "127.0.0.1", 0))
            self.ports.append(server.sockets[0].getsockname()[1])
        started.set()
        self.loop.run_forever()

    def _serve(self, number: int):
        async def serve(reader, writer):
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    ill = self.trouble and number in (DEAD, SLOW)
                    await asyncio.sleep((60 if number == DEAD else 0.8) if ill else ANSWER_S)
                    writer.write(self._answer)
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        return serve

    def close(self) -> None:
        async def cancel() -> None:
            for task in asyncio.all_tasks(self.loop) - {asyncio.current_task()}:
                task.cancel()
            self.loop.call_soon(self.loop.stop)

        asyncio.run_coroutine_threadsafe(cancel(), self.loop)
        self._thread.join(10)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_gb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024 / 1024


def sizes(broker: str, topics: list[str]) -> list[dict[int, int]]:
    with Broker(broker) as asked:
        return [{number: held.end for number, held in asked.ranges(topic).items()} for topic in topics]


def requests_between(broker, topic, first, last):
    from stream.topics import Range

    clock = WallClock(TERMS["F2026"].zone)
    ranges = {number: Range(first[number], last[number]) for number in first}
    lines = [received.line for received in read_lines(broker, topic, ranges)]
    events = (parse_line(line.decode(), clock) for line in lines if b"recommendation request" in line)
    return len(lines), [event for event in events if isinstance(event, Requested)]


def test_thirty_teams_fit_one_machine_and_a_dead_and_a_slow_one_change_nothing_for_the_others(broker, tmp_path):
    services = Services(b"heat+1995,fargo+1996")
    topics = [f"soak-{uuid.uuid4().hex[:8]}-{number}" for number in range(1, TEAMS + 1)]
    api, metrics = free_ports(2)
    speed = float(os.environ.get("TEAMS_SPEED", "6"))
    config = tmp_path / "platform.toml"
    config.write_text(CONFIG.format(broker=broker, api=api, metrics=metrics, speed=speed))
    (tmp_path / "teams.toml").write_text(
        "".join(
            f'[[team]]\nname = "team {n}"\ntopic = "{topic}"\nservice = "http://127.0.0.1:{port}"\n'
            for n, (topic, port) in enumerate(zip(topics, services.ports, strict=True), 1)
        )
    )
    process = subprocess.Popen([sys.executable, "-m", "stream.platform", "--config", str(config), "run"])
    try:
        beat = tmp_path / "var/run/health/platform.json"
        until(
            lambda: json.loads(beat.read_text())["facts"]["requests_ok"] > 10 * TEAMS, 180, "requests of thirty teams"
        )
        phases = [_phase(services, process.pid, broker, topics, bad=bool(n % 2)) for n in range(2 * ROUNDS)]
        memory = peak_gb(process.pid)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        services.close()
        with Broker(broker) as asked:
            for topic in topics:
                asked.delete(topic)
    for phase in phases:
        print({key: value for key, value in phase.items() if key != "latencies"})
    changes = [bad["p99"] / good["p99"] for good, bad in zip(phases[::2], phases[1::2], strict=True)]
    print(f"memory {memory:.2f} GB, p99 bad/good {changes}")
    assert min(phase["requests_per_s"] for phase in phases) >= 10 * TEAMS * 0.9
    assert min(phase["events_per_s"] for phase in phases) >= 100 * TEAMS * 0.9
    assert np.median([phase["cores"] for phase in phases]) <= 1.5
    assert memory <= 3
    assert np.median(changes) < 1.2
    assert all(phase["slow_ok"] == 0 for phase in phases[1::2])


def _phase(services: Services, pid: int, broker: str, topics: list[str], bad: bool) -> dict[str, float]:
    """Figures of some seconds with all services good, or one dead and one late."""
    services.trouble = bad
    time.sleep(3)  # what was asked before is over
    first, used, begun = sizes(broker, topics), cpu_seconds(pid), time.monotonic()
    time.sleep(SECONDS)  # the length of the measurement
    cores = (cpu_seconds(pid) - used) / (time.monotonic() - begun)
    last, seconds = sizes(broker, topics), time.monotonic() - begun
    heard = [requests_between(broker, *each) for each in zip(topics, first, last, strict=True)]
    others = [event.latency_ms for team, (_, events) in enumerate(heard) if team > SLOW for event in events]
    asked = sum(len(events) for _, events in heard)
    return {
        "cores": cores, "p99": float(np.percentile(others, 99)), "median": float(np.median(others)),
        "requests_per_s": asked / seconds, "events_per_s": (sum(lines for lines, _ in heard) - asked) / seconds,
        "slow_ok": sum(event.status == 200 for _, events in heard[: SLOW + 1] for event in events),
        "others_failed": sum(event.status != 200 for _, events in heard[SLOW + 1 :] for event in events),
    }  # fmt: skip
