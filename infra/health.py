"""Is a process healthy? First what the supervisor says, then what it shows itself: answer, port, heartbeat."""

import contextlib
import http.client
import json
import socket
import struct
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.processes import Program
from infra.supervisor import State
from infra.watch import last_lines, read_mark

STALE_S = 20.0  # every process with a heartbeat writes one at least every 5 s
_ANSWER_S = 3.0
# What every broker answers: size, ApiVersions, version, correlation id, no client name.
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 7, -1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Healthy or not. word: for the table; why: one sentence, empty when healthy; stuck: no use in waiting longer."""

    healthy: bool
    word: str
    why: str = ""
    stuck: bool = False


def judge(program: Program, state: State | None, run_dir: Path, log: Path) -> Verdict:
    """The health of one process right now."""
    if failed := read_mark(run_dir, program.name):
        return Verdict(False, "failed", failed.cause)
    if state is None or state.word == "STOPPED":
        return Verdict(False, "stopped", "it is not started")
    if state.word != "RUNNING":
        words = last_lines(log)
        return Verdict(False, state.word.lower(), f"{state.told}; its last words: {words[-1] if words else 'none'}")
    if silent := _silence(program, state, run_dir):
        return Verdict(False, "silent", silent, stuck=True)
    checks = (_port(program), _broker(program, log), _answer(program), _first_beat(program, state, run_dir))
    why = next((wrong for wrong in checks if wrong), "")
    return Verdict(not why, "waiting" if why else "healthy", why)


def read_beat(run_dir: Path, name: str) -> dict[str, Any] | None:
    """The last heartbeat of a process: {"name", "pid", "at_ns", "facts"}; None if there is none to read."""
    try:
        beat = json.loads((run_dir / "health" / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return beat if isinstance(beat, dict) and "at_ns" in beat else None


def fetch(url: str) -> tuple[int, str]:
    """Status and body of a GET. Raises OSError when there is no answer."""
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError(f"broken answer: {error!r}") from error


def _port(program: Program) -> str:
    if not program.listens:
        return ""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", program.listens), timeout=_ANSWER_S):
        return ""
    return f"nothing listens on port {program.listens}"


def _broker(program: Program, log: Path) -> str:
    """A tunnel listens before its other end does, so a broker's answer has to come through."""
    if not program.kafka:
        return ""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", program.kafka), timeout=_ANSWER_S) as connection,
    ):
        connection.sendall(_API_VERSIONS)
        if connection.recv(8)[4:] == _API_VERSIONS[8:12]:
            return ""
    words = last_lines(log)
    return f"no broker answers on port {program.kafka}; its last words: {words[-1] if words else 'none'}"


def _answer(program: Program) -> str:
    if not program.answers:
        return ""
    try:
        status, body = fetch(program.answers)
    except OSError as error:
        return f"no answer from {program.answers}: {getattr(error, 'reason', error)}"
    return "" if status == 200 else f"{program.answers} answers {status}: {body.strip()[:200]}"


def _silence(program: Program, state: State, run_dir: Path) -> str:
    beat = _beat_of_this_life(program, state, run_dir)
    age_s = time.time() - beat["at_ns"] / 1e9 if beat else 0.0
    return f"its last heartbeat is {age_s:.0f} s old" if age_s > STALE_S else ""


def _first_beat(program: Program, state: State, run_dir: Path) -> str:
    waiting = program.beats and not _beat_of_this_life(program, state, run_dir)
    return "no heartbeat since it was started" if waiting else ""


def _beat_of_this_life(program: Program, state: State, run_dir: Path) -> dict[str, Any] | None:
    beat = read_beat(run_dir, program.name) if program.beats else None
    return beat if beat and beat["at_ns"] / 1e9 >= state.started else None
