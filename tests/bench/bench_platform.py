"""How fast and how large the simulated worlds are."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from side_by_side import Figure

_SIMULATE = """
import json, resource, sys, time
from pathlib import Path
from stream.platform.history import new_world, span
from stream.platform.lines import LineWriter
from stream.platform.settings import PlatformSettings
from stream.platform.world import BLOCK_MS, world_of

settings = PlatformSettings(_env_file=None, var_dir=Path(sys.argv[1]), world="course", course_term="S2026")
shape = world_of("course", settings.term)
begun = time.perf_counter()
world = new_world(settings, shape, span(settings, shape).begin_ms + 20 * 3_600_000)
started = time.perf_counter() - begun
writer, cpu, lines = LineWriter(world.catalogue.ids, settings.term.zone, 3), time.process_time(), 0
for _ in range(6):
    events = world.take(world.now_ms + BLOCK_MS)
    lines += writer.block(events).count(b"\\n")
used = time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
print(json.dumps({"start": started, "cores": used / lines * 1000, "gb": peak}))
"""


def figures() -> list[Figure]:
    """`generate` of demo's 14 days; the start, an evening hour and the memory of the course's world."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, lines = _generate(Path(folder))
        done = subprocess.run([sys.executable, "-c", _SIMULATE, folder], capture_output=True, text=True, check=True)
    course = json.loads(done.stdout)
    return [
        Figure("generate, demo", lines / seconds, 1_000_000, True, "lines/s", "one process, both cores, whole command"),
        Figure("14 days of demo", seconds, 60, False, "s", "whole command"),
        Figure("course starts", course["start"], 60, False, "s", "population, catalogue, five hours to fill the halls"),
        Figure("course, memory", course["gb"], 2, False, "GB", "peak, an hour of evening planned and written"),
        Figure("course at 1,000 lines/s", course["cores"], 0.5, False, "cores", "planning and writing its lines"),
    ]


def _generate(folder: Path) -> tuple[float, int]:
    command = [sys.executable, "-m", "stream.platform", "generate", "--world", "demo", "--json"]
    begun = time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(folder / "out")],
        env=os.environ | {"VAR_DIR": str(folder), "HISTORY_DAYS": "14"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - begun, json.loads(done.stdout)["lines"]
