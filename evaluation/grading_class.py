"""A whole class graded: one process per team, so that a damaged or hostile log costs nobody but its own team.

Each team is graded by the command a grader would type for it, with bounds on memory, file size and time. Start at
`grade_class`.
"""

import contextlib
import csv
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.text import table
from stream.teams import Team

MEMORY_BYTES = 6_000_000_000  # address space of one team's process, several times what a log of a week needs
FILE_BYTES = 4_000_000_000  # of any file that it writes
IDS = ("volume", "personalised", "availability", "bonus", "updates", "well_formed", "latency")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


@dataclass(frozen=True, slots=True)
class Graded:
    """What came out for one team: a report, or an error."""

    team: Team
    report: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The report under the team's name."""
        found = {"name": self.team.name, "error": self.error} if self.error else {"name": self.team.name}
        return {**found, "seconds": round(self.seconds, 1), **self.report}


def grade_class(
    teams: Sequence[Team], out: Path, options: Sequence[str] = (), jobs: int | None = None,
    limit_seconds: float = 1_800.0, memory_bytes: int = MEMORY_BYTES, told: Callable[[Graded], object] = lambda _: None,
) -> list[Graded]:  # fmt: skip
    """Grade every team, `jobs` at a time, in the order given; each leaves <team>.html and <team>.json in `out`.

    options: of the command `grade`, for all teams. told: called with each result as it comes, from any thread.
    """
    out.mkdir(parents=True, exist_ok=True)

    def one(team: Team) -> Graded:
        found = _graded(team, out, options, limit_seconds, memory_bytes)
        told(found)
        return found

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        return list(pool.map(one, teams))


def write_csv(found: Sequence[Graded], path: Path) -> None:
    """One row for each submission of each team; verdict, value and margin of each criterion."""
    columns = [f"{name}{part}" for name in IDS for part in ("", "_value", "_margin")]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["team", "term", "submitted", "late_days", "requests", "ok", *columns, "error", "report"])
        for each in found:
            for submission in each.report.get("submissions", [{}]):
                rows.writerow([_cell(value) for value in _row(each, submission)])


def class_text(found: Sequence[Graded], out: Path) -> str:
    """The class as a table for a terminal; the first submission of each team."""
    head = ["team", "requests", "answered", "late", *IDS, "error"]
    rows = []
    for each in found:
        first = (each.report.get("submissions") or [{}])[0]
        verdicts = {c["id"]: c["verdict"] for c in first.get("criteria", [])}
        counts = [str(each.report.get(name, "-")) for name in ("requests", "ok")]
        late = str(first.get("late_days", "-"))
        rows.append(
            [plain_words(each.team.name), *counts, late, *(verdicts.get(name, "-") for name in IDS), each.error]
        )
    failed = sum(bool(each.error) for each in found)
    said = f"{len(found) - failed} of {len(found)} teams graded; reports, class.csv and class.html in {out}"
    return "\n".join([*table(head, rows), "", said])


def plain_words(text: str) -> str:
    """Without what a terminal would obey."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", text)


def _graded(team: Team, out: Path, options: Sequence[str], limit_seconds: float, memory_bytes: int) -> Graded:
    if not team.logs and not team.topic:
        return Graded(team, error="no log and no topic: what should be graded?")
    began, page = time.monotonic(), out / f"{team.file_name}.html"
    for old in (page, page.with_name(f"{team.file_name}.json")):
        old.unlink(missing_ok=True)  # of an earlier run, which would pass for this one's
    command = [sys.executable, "-m", "evaluation", "grade", *options, *_options(team), "--html", str(page), "--json"]
    with tempfile.TemporaryDirectory(prefix="matinee-team-") as scratch:  # goes away however the process ends
        code, said, wrong = _run(["env", f"TMPDIR={scratch}", *command], limit_seconds, memory_bytes)
    seconds = time.monotonic() - began
    if code is None:
        return Graded(team, error=f"not done after {limit_seconds:.0f} s", seconds=seconds)
    if code:
        return Graded(team, error=_reason(code, wrong), seconds=seconds)
    (out / f"{team.file_name}.json").write_bytes(said)
    return Graded(team, json.loads(said), seconds=seconds)


def _run(command: Sequence[str], limit_seconds: float, memory_bytes: int) -> tuple[int | None, bytes, bytes]:
    """Exit status, standard output and error of a process of its own session; None if it took too long."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    _bound(process.pid, memory_bytes)
    try:
        said, wrong = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        return None, b"", b""
    return process.returncode, said, wrong


def _options(team: Team) -> Iterator[str]:
    for name, value in (("--term", team.term), ("--due", team.due), ("--catalog", team.catalog)):
        if value:
            yield from (name, str(value))
    for moment in team.submitted:
        yield from ("--submitted", moment)
    for log in team.logs:
        yield from ("--log", str(log))
    for path in team.answers:
        yield from ("--answers", str(path))
    if team.topic and not team.logs:
        yield from ("--topic", team.topic)


def _bound(pid: int, memory_bytes: int) -> None:
    """What a process that has just begun may use at most; where the system has no such bounds, as much as it likes."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError, ValueError):  # it has ended already, or may not be given so much
            for kind, most in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_FSIZE, FILE_BYTES)):
                resource.prlimit(pid, kind, (most, most))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _reason(code: int, wrong: bytes) -> str:
    """The last words of a process that failed."""
    lines = [line for line in wrong.decode(errors="replace").splitlines() if line.strip()]
    last = plain_words(lines[-1])[:300] if lines else ""
    return last.removeprefix("Error: ") or (f"ended by signal {-code}" if code < 0 else f"ended with {code}")


def _row(each: Graded, submission: Mapping[str, Any]) -> list[Any]:
    found = {criterion["id"]: criterion for criterion in submission.get("criteria", [])}
    verdicts = [found.get(name, {}).get(part) for name in IDS for part in ("verdict", "value", "margin")]
    facts = [each.report.get("term", each.team.term), submission.get("submitted"), submission.get("late_days")]
    counts = [each.report.get("requests"), each.report.get("ok")]
    page = "" if each.error else f"{each.team.file_name}.html"
    return [each.team.name, *facts, *counts, *verdicts, each.error, page]


def _cell(value: Any) -> Any:
    """Text that a spreadsheet takes for text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
