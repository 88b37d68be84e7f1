"""Gives up on a process that keeps dying: five deaths in two minutes, and it is stopped and marked as failed.

The supervisor alone would start it again for ever. Runs as the supervisor's event listener:
`python -m infra.watch RUN_DIR LOG_DIR SOCKET`. The mark `RUN_DIR/failed/<name>.json` has the last log lines.
"""

import contextlib
import json
import sys
import time
from collections import defaultdict, deque
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.supervisor import Supervisor, SupervisorFailed

DEATHS, WINDOW_S = 5, 120.0
_TAIL_LINES, _TAIL_BYTES = 20, 16_384
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A process that was given up. at_s: seconds since 1970."""

    name: str
    at_s: float
    deaths: int
    tail: tuple[str, ...]

    @property
    def cause(self) -> str:
        """One sentence."""
        last = self.tail[-1] if self.tail else "it said nothing"
        return f"died {self.deaths} times in two minutes; its last words: {last}"


class DeathCount:
    """Deaths of each process within the window."""

    def __init__(self, deaths: int = DEATHS, window_s: float = WINDOW_S) -> None:
        self._deaths, self._window_s = deaths, window_s
        self._at: defaultdict[str, deque[float]] = defaultdict(deque)

    def died(self, name: str, at_s: float) -> bool:
        """Note a death; True when it is one too many (counting begins anew then)."""
        seen = self._at[name]
        seen.append(at_s)
        while seen[0] < at_s - self._window_s:
            seen.popleft()
        if len(seen) < self._deaths:
            return False
        seen.clear()
        return True


def last_lines(log: Path) -> tuple[str, ...]:
    """The end of a log, without empty lines; nothing if there is none."""
    if not log.exists():
        return ()
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return tuple(line for line in lines if line.strip())[-_TAIL_LINES:]


def mark(run_dir: Path, failed: Failed) -> None:
    """Leave the mark, whole or not at all."""
    folder = run_dir / "failed"
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{failed.name}.tmp"
    fresh.write_text(json.dumps(asdict(failed)), encoding="utf-8")
    fresh.replace(folder / f"{failed.name}.json")


def read_mark(run_dir: Path, name: str) -> Failed | None:
    """The mark of a process, if it was given up."""
    try:
        said = json.loads((run_dir / "failed" / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Failed(said["name"], said["at_s"], said["deaths"], tuple(said["tail"]))


def clear_mark(run_dir: Path, name: str) -> None:
    """It gets another chance."""
    (run_dir / "failed" / f"{name}.json").unlink(missing_ok=True)


def give_up(supervisor: Supervisor, name: str) -> None:
    """Stop a process that may be between two lives: ask until the supervisor says that it lies still."""
    until = time.monotonic() + _STOP_S
    while time.monotonic() < until and supervisor.states()[name].word not in ("STOPPED", "FATAL"):
        with contextlib.suppress(SupervisorFailed):
            supervisor.stop(name)
        time.sleep(0.05)


def listen(run_dir: Path, log_dir: Path, supervisor: Supervisor) -> None:
    """Follow the supervisor's events for ever."""
    from supervisor import childutils

    count = DeathCount()
    while True:
        headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
        name = childutils.get_headers(payload)["processname"]
        fatal = headers["eventname"] == "PROCESS_STATE_FATAL" and supervisor.states()[name].word == "FATAL"
        too_many = count.died(name, time.time()) or fatal  # an old FATAL is no news of what was started again since
        childutils.listener.ok(sys.stdout)
        if too_many:
            give_up(supervisor, name)  # before the mark: who sees it may start the process again at once
            mark(run_dir, Failed(name, time.time(), DEATHS, last_lines(log_dir / f"{name}.log")))
            sys.stderr.write(f"gave up {name} after {DEATHS} deaths\n")


def main(arguments: list[str]) -> None:
    """Listen for the deployment whose folders are given."""
    run_dir, log_dir, path = (Path(argument) for argument in arguments)
    listen(run_dir, log_dir, Supervisor(path))


if __name__ == "__main__":
    main(sys.argv[1:])
