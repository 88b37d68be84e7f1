"""A class graded: how long 30 logs of 2 million lines take on two cores, and that memory does not grow with the class.

The teams' logs are one file of 170 MB under 30 names, so the disk is bounded; each is read and graded by itself. On a
machine with more cores two teams are graded at a time. BENCH_TEAMS=6 grades fewer, and the time is extrapolated.
"""

import os
import resource
import tempfile
import time
from pathlib import Path

from course_lines import course_lines
from evaluation.grading_class import grade_class
from side_by_side import Figure
from stream.teams import Team

TEAMS, LINES, SECONDS, CORES = 30, 2_000_000, 180, 2
BLOCK_LINES = 500_000
PEAK_MB = 1_000  # of one team's process
START, DAY = b"2026-10-16T00:", b"2026-10-%02dT%02d:"


def figures() -> list[Figure]:
    """Seconds for the class, the peak memory of its largest process, and how that grows with a log twice as long."""
    teams = int(os.environ.get("BENCH_TEAMS", TEAMS))
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as folder:
        out, log = Path(folder) / "out", _log(Path(folder) / "team.log", LINES)
        options = ["--term", "F2026", "--submitted", "2026-10-17T12:00"]
        copies = [_linked(log, Path(folder) / f"{number}.log") for number in range(teams)]
        began = time.perf_counter()
        graded = grade_class([Team(p.stem, logs=(p,)) for p in copies], out, options, CORES)
        seconds = (time.perf_counter() - began) * TEAMS / teams
        requests = graded[0].report["requests"]
        assert [(each.error, each.report["requests"]) for each in graded] == [("", requests)] * teams
        peak_mb = _peak_mb()
        (longer,) = grade_class([Team("longer", logs=(_log(log, 2 * LINES),))], out, options)
        assert longer.report["requests"] == 2 * requests
    how = f"{teams} teams, {CORES} at a time, {TEAMS * LINES / seconds / 1e3:.0f} k lines/s"
    return [
        Figure("30 logs of 2 M lines graded", seconds, SECONDS, False, "s", how),
        Figure("peak of a team's process", peak_mb, PEAK_MB, False, "MB"),
        Figure("peak with a log twice as long", _peak_mb() / peak_mb, 1.2, False),
    ]


def _log(path: Path, lines: int) -> Path:
    """A log of so many lines over some days."""
    block = b"\n".join(course_lines(BLOCK_LINES, start="2026-10-16T00:09")) + b"\n"
    with path.open("wb") as file:
        for part in range(lines // BLOCK_LINES):
            file.write(block.replace(START, DAY % (16 + part // 2, 12 * (part % 2))))
    return path


def _linked(log: Path, path: Path) -> Path:
    """The log under another name; the same bytes on disk."""
    os.link(log, path)
    return path


def _peak_mb() -> float:
    """Of the largest child so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
