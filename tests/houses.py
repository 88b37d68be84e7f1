"""A whole house in a folder of its own: a copy of the tracked files, its own ports, the tiny test world."""

import configparser
import contextlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PORTS = (
    "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "API_PORT", "SERVE_PORT", "MLFLOW_PORT", "CONSUMER_METRICS_PORT",
    "PLATFORM_METRICS_PORT", "TRAINING_METRICS_PORT", "EVALUATION_METRICS_PORT", "SHIPPER_METRICS_PORT",
)  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now, below those that the system hands out to clients by itself."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            found.add(port)
    return sorted(found)


@dataclass
class House:
    """A deployed copy of the project; commands run in it as a student would type them."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    deploy_output: str = ""

    def write_settings(self, **more: object) -> None:
        """Add to the copy's `.env`."""
        self.settings |= {name: str(value) for name, value in more.items()}
        (self.folder / ".env").write_text("".join(f"{k}={v}\n" for k, v in self.settings.items()))

    def run(self, *words: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run a command in the copy; nothing of the outer environment's settings leaks in."""
        env = {k: v for k, v in os.environ.items() if k not in PORTS}
        return subprocess.run(
            words, cwd=self.folder, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def must(self, *words: str, timeout: float = 240) -> str:
        """Run a command that has to succeed; what it said comes with the failure."""
        done = self.run(*words, timeout=timeout)
        assert done.returncode == 0, (
            f"{' '.join(words)} -> {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
        return done.stdout

    def python(self, *words: str, timeout: float = 240) -> str:
        """`must` with the copy's interpreter."""
        return self.must(".venv/bin/python", *words, timeout=timeout)

    def report(self, *words: str) -> dict:
        """The JSON object a reporting command prints."""
        return json.loads(self.python(*words, "--json"))

    def port(self, name: str) -> int:
        """A port by its setting's name."""
        return int(self.settings[name])

    def get(self, path: str, port: str = "SERVE_PORT", timeout: float = 5) -> tuple[int, str]:
        """Status and text of a GET on loopback, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(port), timeout=timeout)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def supervisor(self, *words: str) -> str:
        """What supervisorctl answers, e.g. to `stop kafka`."""
        conf = configparser.RawConfigParser()
        conf.read(self.folder / "var/run/supervisord.conf")
        socket_file = conf["unix_http_server"]["file"]
        return self.run(".venv/bin/supervisorctl", "-s", f"unix://{socket_file}", *words).stdout.strip()

    def pid(self, name: str) -> int:
        """Process id of a supervised program, 0 if it is not running."""
        text = self.supervisor("pid", name)
        return int(text) if text.isdigit() else 0


@contextlib.contextmanager
def house(folder: Path, **settings: object) -> Iterator[House]:
    """A copy of the tracked files beside the checkout's virtual environment, taken down at the end."""
    list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(list_files, cwd=CHECKOUT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.prefix).resolve())
    jars = CHECKOUT / "var/kafka/libs"
    if jars.is_dir():  # a second download would prove nothing
        shutil.copytree(jars, folder / "var/kafka/libs")
    made = House(folder)
    made.write_settings(WORLD="test", **dict(zip(PORTS, free_ports(len(PORTS)), strict=True)), **settings)
    try:
        yield made
    finally:
        made.run("make", "down", timeout=90)


@dataclass
class Load:
    """Answers counted while something else happens."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    bodies: set[str] = field(default_factory=set)
    longest_gap_s: float = 0.0


@contextlib.contextmanager
def load(house: House, path: str = "/recommend/42", per_second: float = 50) -> Iterator[Load]:
    """Ask `path` `per_second` times a second, a new connection each, in a thread, until the block ends."""
    seen, stop = Load(), threading.Event()

    def ask() -> None:
        last = due = time.monotonic()
        while not stop.is_set():
            try:
                status, body = house.get(path, timeout=3)
                seen.bodies.add(body)
                if status == 200:
                    seen.answered += 1
                    now = time.monotonic()
                    seen.longest_gap_s, last = max(seen.longest_gap_s, now - last), now
                else:
                    seen.failures.append(f"{status} {body[:80]}")
            except OSError as error:
                seen.failures.append(repr(error))
            except http.client.HTTPException as error:
                seen.failures.append(repr(error))
            due += 1 / per_second
            stop.wait(max(0.0, due - time.monotonic()))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(10)
