"""Client of the supervisor: a handful of calls over its unix socket, and how it is started."""

import http.client
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast


class SupervisorFailed(RuntimeError):
    """The supervisor did not start, or refused what was asked."""


@dataclass(frozen=True, slots=True)
class State:
    """What the supervisor says of a process. started: seconds since 1970; 0 when it never ran."""

    name: str
    word: str  # RUNNING, STARTING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL
    pid: int
    started: int
    now: int
    told: str

    @property
    def running(self) -> bool:
        """Is there a process (or about to be one)?"""
        return self.word in ("RUNNING", "STARTING", "BACKOFF", "STOPPING")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=15)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self._path)


class Supervisor:
    """Client of one checkout's supervisor."""

    def __init__(self, path: Path) -> None:
        """path: its unix socket."""
        self._client = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=_Transport(str(path)))
        self._call = cast(Any, self._client).supervisor

    def answers(self) -> bool:
        """Is it there?"""
        try:
            return bool(self._call.getState()["statename"] == "RUNNING")
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError):
            return False

    def states(self) -> dict[str, State]:
        """Every process it knows, by name."""
        return {
            said["name"]: State(
                said["name"],
                said["statename"],
                said["pid"],
                said["start"],
                said["now"],
                said["spawnerr"] or said["description"],
            )
            for said in self._call.getAllProcessInfo()
        }

    def start(self, name: str) -> None:
        """Ask for a start; no waiting."""
        self._unless("ALREADY_STARTED", "SPAWN_ERROR", call=lambda: self._call.startProcess(name, False))

    def stop(self, name: str) -> None:
        """Ask for a stop; no waiting."""
        self._unless("NOT_RUNNING", call=lambda: self._call.stopProcess(name, False))

    def pid(self) -> int:
        """Process id of the supervisor itself."""
        return int(self._call.getPID())

    def hang_up(self, name: str) -> None:
        """Send HUP to a process."""
        self._call.signalProcess(name, "HUP")

    def reread(self) -> tuple[list[str], list[str], list[str]]:
        """Read the configuration anew: names added, changed, removed; nothing is started or stopped yet."""
        added, changed, removed = self._call.reloadConfig()[0]
        return added, changed, removed

    def add(self, name: str) -> None:
        """Take up a process of the configuration."""
        self._unless("ALREADY_ADDED", call=lambda: self._call.addProcessGroup(name))

    def remove(self, name: str) -> None:
        """Forget a stopped process."""
        self._unless("BAD_NAME", call=lambda: self._call.removeProcessGroup(name))

    def shut_down(self) -> None:
        """Stop what runs and end."""
        self._call.shutdown()

    @staticmethod
    def _unless(*harmless: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except xmlrpc.client.Fault as fault:
            if not any(word in fault.faultString for word in harmless):
                raise SupervisorFailed(f"the supervisor refused: {fault.faultString}") from fault


def launch(conf: Path, path: Path, environment: dict[str, str]) -> None:
    """Start a supervisor in the background; path: its socket. Raises SupervisorFailed with its last words."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise SupervisorFailed(f"the supervisor does not start: {words[-1]}")
