"""The simulated platform's past, made as files and stored from files while they appear; once, and resumable.

Generating is deterministic and storing keeps a line once, so an interrupted run is simply done again.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.processes import Settings
from infra.terminal import Progress
from infra.watch import last_lines


class HistoryFailed(RuntimeError):
    """History could not be made or stored; the text has the cause and the log."""


@dataclass(frozen=True, slots=True)
class History:
    """Where it is made, where it goes, and the marker that says it is there."""

    world: str
    seed: int
    term: str
    made: Path
    store: Path
    log_dir: Path

    @classmethod
    def of(cls, settings: Settings) -> "History":
        """Of this deployment."""
        home = settings.platform.home
        house = settings.house
        return cls(
            house.world, settings.platform.world_seed, house.course_term, home / "history", house.store_dir,
            settings.infra.log_dir,
        )  # fmt: skip

    @property
    def marker(self) -> Path:
        """Written when all of it is stored."""
        return self.store / "history.json"

    @property
    def identity(self) -> dict[str, Any]:
        """What one history is of; another needs another folder."""
        return {"world": self.world, "seed": self.seed, "term": self.term}

    def stored(self) -> bool:
        """Is it there? Raises HistoryFailed when the store holds another world's."""
        if not self.marker.exists():
            return False
        found = json.loads(self.marker.read_text(encoding="utf-8"))
        held = {key: found.get(key) for key in self.identity}
        if held != self.identity:
            raise HistoryFailed(
                f"{self.store} holds the history of {held}, the settings ask for {self.identity}: "
                "set VAR_DIR to a new folder, or `make down` and delete var/"
            )
        return True


def store_history(history: History, environment: dict[str, str]) -> None:
    """Generate and ingest side by side, with progress shown; leaves the marker. Raises HistoryFailed."""
    history.made.mkdir(mode=0o700, parents=True, exist_ok=True)
    history.log_dir.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    with contextlib.ExitStack() as stack:
        running = [
            (name, log, stack.enter_context(_child(command, log, environment)))
            for name, log, command in _commands(history)
        ]
        _wait(history, running, progress)
    history.marker.write_text(json.dumps(history.identity), encoding="utf-8")
    progress.done("history: stored")


def _commands(history: History) -> Iterator[tuple[str, Path, list[str]]]:
    generate = ["stream.platform", "generate", "--out", str(history.made)]
    ingest = ["stream", "ingest", "--follow-dir", str(history.made), "--delete"]
    if not (history.made / "DONE").exists():
        yield "making history", history.log_dir / "history-generate.log", [*generate, "--world", history.world]
    yield "storing history", history.log_dir / "history-ingest.log", [*ingest, "--store", str(history.store)]


@contextlib.contextmanager
def _child(arguments: list[str], log: Path, environment: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("wb") as file:
        command = [sys.executable, "-m", *arguments]
        child = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=environment)
        try:
            yield child
        finally:
            if child.poll() is None:
                child.terminate()
            child.wait()


def _wait(history: History, running: "list[tuple[str, Path, subprocess.Popen[bytes]]]", progress: Progress) -> None:
    seen: set[str] = set()
    while True:
        for name, log, child in running:
            if child.poll():
                words = last_lines(log)
                raise HistoryFailed(f"{name} failed: {words[-1] if words else 'it said nothing'}; see {log}")
        if all(child.poll() == 0 for _, _, child in running):
            return
        there = {file.name for file in history.made.glob("*.log")}
        seen |= there
        progress.show(f"history: {len(seen)} days made, {len(seen - there)} stored")
        time.sleep(0.5)
