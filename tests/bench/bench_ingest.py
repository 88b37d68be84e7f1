"""A day of lines from a file into the store: how long it takes, and that memory does not grow with the file.

Extrapolated from a few million lines; with BENCH_DAY=1 the whole day of 43 million lines (3.4 GB) is stored once.
"""

import os
import resource
import tempfile
import time
from pathlib import Path

from course_lines import course_lines
from side_by_side import Figure
from stream.store.ingest import ingest
from stream.terms import TERMS

DAY_LINES, DAY_SECONDS = 43_000_000, 120
BLOCK_LINES, BLOCKS = 500_000, 6
DAY, HOUR = "2026-02-%02dT%02d:", "2026-02-01T00:"


def figures() -> list[Figure]:
    """Seconds for a day, and the growth of memory from a small file to a larger one."""
    whole = os.environ.get("BENCH_DAY") == "1"
    blocks = DAY_LINES // BLOCK_LINES if whole else BLOCKS
    block = b"\n".join(course_lines(BLOCK_LINES, start=f"{HOUR}09")) + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        _ingest(Path(folder), block, 2)
        before_mb = _peak_mb()
        wall_s, cpu_s = _ingest(Path(folder), block, blocks)
        grown_mb = _peak_mb() - before_mb
    lines = blocks * BLOCK_LINES
    how = f"{lines / 1e6:.0f} M lines, {lines / wall_s / 1e3:.0f} k/s, {cpu_s / wall_s:.2f} cores busy"
    return [
        Figure("a day of 43 M lines from a file", wall_s * DAY_LINES / lines, DAY_SECONDS, False, "s", how),
        Figure("memory grown from 1 M lines on", grown_mb, 100, False, "MB", f"peak {_peak_mb():.0f} MB"),
    ]


def _ingest(folder: Path, block: bytes, blocks: int) -> tuple[float, float]:
    """Wall and processor seconds of storing a file of so many blocks, each an hour later than the one before."""
    path, store = folder / f"{blocks}.log", folder / f"store-{blocks}"
    with path.open("wb") as file:
        for hour in range(blocks):
            file.write(block.replace(HOUR.encode(), (DAY % (1 + hour // 24, hour % 24)).encode()))
    wall, cpu = time.perf_counter(), time.process_time()
    report = ingest([path], store, TERMS["F2026"])
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    assert (report["lines"], report["stored"], report["quarantined"]) == (blocks * BLOCK_LINES,) * 2 + ({},)
    path.unlink()
    return seconds


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
