"""A real service for tests: granian in processes of its own, asked over sockets, with models published for it."""

import collections
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stream.published import DEFAULT_SLOT, Manifest, Slot, Tables, Tier, move_pointer, write_model
from waiting import until

MOVIES = np.array(sorted(f"film+{n}+{1950 + n % 70}" for n in range(200)))
KNOWN_USERS = range(100, 200)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def publish(models_dir: Path, version: str, slot: str = DEFAULT_SLOT, users=KNOWN_USERS, live: bool = True) -> Path:
    """A small model whose lists differ by version and user; known users are personal."""
    users = np.array(sorted(users))
    rng = np.random.default_rng(int(version))
    lists = np.array([rng.permutation(len(MOVIES))[:20] for _ in users])
    tiers = np.full(len(users), Tier.PERSONAL)
    tables = Tables(MOVIES, users, lists, tiers, rng.permutation(len(MOVIES))[:30])
    folder = write_model(models_dir, tables, Manifest(version, "test"), {"factors": np.ones(3)})
    if live:
        move_pointer(models_dir, {slot: Slot(version)})
    return folder


@dataclass
class Service:
    """A running service and what a client needs to know of it."""

    port: int
    directory: Path
    process: subprocess.Popen
    log: Path

    @property
    def models_dir(self) -> Path:
        return self.directory / "var/models"

    @property
    def spool_dir(self) -> Path:
        return self.directory / "var/spool"

    def ask(self, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own, the path sent exactly as it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()

    def json(self, path: str):
        return json.loads(self.ask(path)[2])

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask("/ready")[0] == 200
        return False

    def versions(self) -> set[str]:
        """Versions that answer in ten requests, so that both workers are heard."""
        return {self.ask("/recommend/1")[1]["x-model"] for _ in range(10)}

    def workers(self) -> list[int]:
        return children(self.process.pid)

    def records(self) -> list[str]:
        return [line for path in sorted(self.spool_dir.glob("*.jsonl")) for line in path.read_text().splitlines()]

    def counted(self, sample: str) -> float:
        """Value of one sample of /metrics, e.g. request_count_total{http_status="200"}."""
        for line in self.ask("/metrics")[2].decode().splitlines():
            if line.startswith(sample + " "):
                return float(line.rpartition(" ")[2])
        return 0.0


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def start_service(directory: Path, port: int, wrap: tuple[str, ...] = (), **settings) -> Service:
    """Start `python -m serving run` without waiting for it; a keyword is a setting, `wrap` goes before the command."""
    environment = {k: v for k, v in os.environ.items() if k.upper() not in ("VAR_DIR", "PROMETHEUS_MULTIPROC_DIR")}
    environment |= {"VAR_DIR": str(directory / "var"), "SERVE_PORT": str(port), "SOURCE": "platform"}
    environment |= {name.upper(): str(value) for name, value in settings.items()}
    log = directory / "service.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [*wrap, sys.executable, "-m", "serving", "run"],
            cwd=directory, env=environment, stdout=output, stderr=output,
        )  # fmt: skip
    return Service(port, directory, process, log)


@contextlib.contextmanager
def running_service(directory: Path, wrap: tuple[str, ...] = (), **settings) -> Iterator[Service]:
    """A service on a free port, ready; stopped at the end with everything it started."""
    service = start_service(directory, free_port(), wrap, **settings)
    workers = int(settings.get("serve_workers", 2))
    try:
        until(service.is_ready, 30, "the service is ready")
        until(lambda: len(answering(service)) >= workers, 30, "all workers answer")
        yield service
    finally:
        stop(service)


def answering(service: Service) -> set[str]:
    """Workers that answer, by the process part of the request ids they give."""
    return {service.ask("/recommend/1")[1]["x-request-id"].split("-")[0] for _ in range(12)}


def stop(service: Service) -> None:
    left = [service.process.pid, *service.workers()]
    service.process.terminate()
    try:
        service.process.wait(10)
    except subprocess.TimeoutExpired:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        service.process.wait(10)


@dataclass
class Load:
    """Clients that ask all the time; what they got is counted by status or name of the error."""

    port: int
    clients: int = 4
    pause_s: float = 0.05
    keep_alive: bool = False
    seen: collections.Counter = field(default_factory=collections.Counter)
    latencies: list[float] = field(default_factory=list)
    bodies: set[bytes] = field(default_factory=set)
    failures: list[tuple[float, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._client, args=(n,)) for n in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> int:
        return sum(count for got, count in self.seen.items() if got != 200)

    def _client(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        user = number
        while not self.stop.is_set():
            user += self.clients
            started = time.perf_counter()
            try:
                connection.request("GET", f"/recommend/{user % 250}")
                response = connection.getresponse()
                self.bodies.add(response.read())
                self.seen[response.status] += 1
            except (OSError, http.client.HTTPException) as error:
                self.seen[type(error).__name__] += 1
                self.failures.append((time.time(), repr(error)))
                connection.close()
            self.latencies.append(time.perf_counter() - started)
            if not self.keep_alive:
                connection.close()
            self.stop.wait(self.pause_s)
        connection.close()
