"""Small records that processes and commands leave behind, and whoever judges the system reads.

Two kinds: a heartbeat (`var/run/health/<name>.json`, replaced at each beat) says that a process is alive and what it is
doing; evidence (`var/evidence/<kind>.jsonl`, one object a line) says what a command did and when. Nothing here judges.
The formats are final: later versions only add keys. Standard library only, since every process imports this.
"""

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEAT_SECONDS = 5.0  # a long-running process beats at least this often ...
STALE_SECONDS = 20.0  # ... and is taken for stuck after this long without a beat
MAX_BYTES = 5_000_000  # of one evidence file; the file before it is kept too, older ones are dropped

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Beat:
    """The last heartbeat of one process."""

    name: str
    pid: int
    at_ns: int  # UTC
    facts: dict[str, Any]

    def stale(self, now_ns: int | None = None) -> bool:
        """Whether the process has been silent for too long."""
        return (time.time_ns() if now_ns is None else now_ns) - self.at_ns > STALE_SECONDS * 1e9


def beat(run_dir: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Say that process `name` is alive, with what it is doing; a reader never sees half a beat."""
    folder = run_dir / "health"
    folder.mkdir(parents=True, exist_ok=True)
    record = {"name": _checked(name), "pid": os.getpid(), "at_ns": time.time_ns(), "facts": dict(facts)}
    fresh = folder / f".{name}.{os.getpid()}.tmp"
    fresh.write_text(json.dumps(record, default=str))
    fresh.replace(folder / f"{name}.json")


def read_beats(run_dir: Path) -> dict[str, Beat]:
    """Last heartbeat of every process that ever beat, by name; a file that is no heartbeat is left out."""
    return {found.name: found for path in sorted((run_dir / "health").glob("*.json")) if (found := _read_beat(path))}


def alive(pid: int) -> bool:
    """Whether a process of this id runs now, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def leave(var_dir: Path, kind: str, record: Mapping[str, Any]) -> None:
    """Append `record` to the evidence of `kind`; `at_ns` (UTC) is added unless the record has its own.

    Safe for several writers at once. A line that a killed writer left unfinished costs itself only.
    """
    folder = var_dir / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_checked(kind)}.jsonl"
    line = json.dumps({"at_ns": time.time_ns(), **record}, default=str).encode() + b"\n"
    with _locked(folder):
        if path.exists() and path.stat().st_size + len(line) > MAX_BYTES:
            path.replace(folder / f"{kind}.jsonl.1")
        with path.open("ab+") as file:
            file.write((b"" if _ends_whole(file) else b"\n") + line)


def read(var_dir: Path, kind: str) -> list[dict[str, Any]]:
    """Evidence of `kind`, oldest first; empty if none was ever left. Lines cut short by a kill are left out."""
    folder = var_dir / "evidence"
    records: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError), _locked(folder):
        for path in (folder / f"{_checked(kind)}.jsonl.1", folder / f"{kind}.jsonl"):
            records += _records(path)
    return records


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected a name of lower-case letters, digits, '_', '.' and '-'; got {name!r}")
    return name


def _read_beat(path: Path) -> Beat | None:
    try:
        found = json.loads(path.read_text())
        return Beat(str(found["name"]), int(found["pid"]), int(found["at_ns"]), dict(found["facts"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        with contextlib.suppress(ValueError):
            if isinstance(record := json.loads(line), dict):
                yield record


def _ends_whole(file: Any) -> bool:
    if not file.seek(0, os.SEEK_END):
        return True
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer or reader at a time, so that nobody sees a file between its two names."""
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
