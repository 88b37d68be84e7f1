"""Processes of this machine, as far as `infra` must know them: whose child, which command, started for which checkout.

Linux tells all of it in /proc; elsewhere `ps` does.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from infra.conf import MARK

_PROC = Path("/proc")
_GENTLE_S = 8.0


def command_of(pid: int) -> str:
    """Command line of a process, cut to a readable length; empty if there is none."""
    if _on_linux():
        return _read(pid, "cmdline").replace("\0", " ").strip()[:120]
    return _ps("-o", "command=", "-p", str(pid)).strip()[:120]


def children_of(pid: int) -> set[int]:
    """Processes whose parent is `pid`."""
    if not _on_linux():
        rows = (line.split() for line in _ps("-A", "-o", "pid=,ppid=").splitlines())
        return {int(child) for child, parent in rows if int(parent) == pid}
    return {one for one in _all() if _parent_of(one) == pid}


def workers_of(pid: int) -> set[int]:
    """Children that work for `pid`; Python's own helper process, which never changes, is none of them."""
    return {child for child in children_of(pid) if "resource_tracker" not in command_of(child)}


def started_for(run_dir: Path) -> set[int]:
    """Processes that carry the mark of a deployment in their environment, this one left out."""
    wanted = f"{MARK}={run_dir}"
    if _on_linux():
        found = {pid for pid in _all() if wanted in _read(pid, "environ").split("\0")}
    else:
        rows = (line.strip().partition(" ") for line in _ps("-A", "-E", "-ww", "-o", "pid=,command=").splitlines())
        found = {int(pid) for pid, _, words in rows if f" {wanted} " in f"{words} "}
    return found - {os.getpid()}


def end(wanted: set[int]) -> None:
    """Ask them to stop, and after some seconds make them."""
    for sign, patience_s in ((signal.SIGTERM, _GENTLE_S), (signal.SIGKILL, 2.0)):
        for pid in wanted:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, sign)
        until = time.monotonic() + patience_s
        while (wanted := {pid for pid in wanted if alive(pid)}) and time.monotonic() < until:
            time.sleep(0.05)


def alive(pid: int) -> bool:
    """Does it run (a zombie does not)?"""
    if _on_linux():
        return _read(pid, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])
    return _ps("-o", "state=", "-p", str(pid)).strip()[:1] not in ("", "Z")


def _on_linux() -> bool:
    return (_PROC / "self" / "stat").exists()


def _all() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _parent_of(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _read(pid: int, file: str) -> str:
    try:
        return (_PROC / str(pid) / file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it ended, or belongs to somebody else


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
