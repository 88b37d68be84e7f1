"""One broker in a folder of its own: configured, formatted once, started.

The folder holds `server.properties` (written anew at each start), `data/` and the broker's own files. Deleting it is
allowed at any time: the next start begins a new broker with new topics.
"""

import base64
import contextlib
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.kafka.fetch import DEFAULT_LIBS, ensure_jars
from infra.kafka.java import ensure_java

HERE = Path(__file__).parent
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true")
_START_S, _STOP_S = 60.0, 20.0


class BrokerFailed(RuntimeError):
    """The broker did not format or start; the text has its last words."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker lies and listens. heap_mb: its Java heap."""

    directory: Path
    port: int
    controller_port: int
    heap_mb: int
    libs: Path

    @property
    def address(self) -> str:
        """Loopback address for clients."""
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> list[str]:
        """Write the configuration, format the storage if it is new, return the command that starts the broker."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(self._configuration(), encoding="utf-8")
        java = ensure_java()
        if not (self._data / "meta.properties").exists():
            self._format(java)
        return [*self._java(java), "kafka.Kafka", str(self._properties)]

    @property
    def _properties(self) -> Path:
        return self.directory.absolute() / "server.properties"

    @property
    def _data(self) -> Path:
        return self.directory.absolute() / "data"

    def _configuration(self) -> str:
        template = (HERE / "server.properties").read_text(encoding="utf-8")
        values = {"port": self.port, "controller_port": self.controller_port, "data": self._data}
        for word, value in values.items():
            template = template.replace(f"{{{word}}}", str(value))
        return template

    def _java(self, java: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.xml'}"
        heap = (f"-Xms{min(self.heap_mb, 128)}m", f"-Xmx{self.heap_mb}m")
        return [java, *heap, *_JVM, logging, "-cp", f"{self.libs.absolute()}/*"]

    def _format(self, java: str) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", "--standalone", "--ignore-formatted", f"--cluster-id={cluster}"]
        command = [*self._java(java), *tool, "-c", str(self._properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            words = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise BrokerFailed(f"the broker's storage in {self._data} cannot be formatted: {words[-1]}")


@contextlib.contextmanager
def local_broker(
    directory: Path, port: int, controller_port: int, *, heap_mb: int = 256, libs: Path = DEFAULT_LIBS
) -> Iterator[str]:
    """A broker in `directory` while the block runs; yields its address "127.0.0.1:port".

    Jars are fetched into `libs` when they are not there. Raises BrokerFailed or FetchFailed.
    """
    broker = Broker(directory, port, controller_port, heap_mb, ensure_jars(libs))
    command = broker.prepare()
    with (
        (directory / "broker.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=directory) as running,
    ):
        try:
            _wait(broker, running)
            yield broker.address
        finally:
            _stop(running)


def _wait(broker: Broker, running: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if running.poll() is not None:
            words = (broker.directory / "broker.log").read_text(encoding="utf-8").splitlines()[-3:]
            raise BrokerFailed(f"the broker on port {broker.port} ended: {' | '.join(words)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", broker.port), timeout=1):
            return
        time.sleep(0.1)
    raise BrokerFailed(f"the broker does not listen on port {broker.port} after {_START_S:.0f} s")


def _stop(running: "subprocess.Popen[bytes]") -> None:
    running.terminate()
    try:
        running.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        running.kill()
