"""A million requests with swaps and refreshes: no failure, and memory, open files and threads stay as they were.

SOAK_REQUESTS=100000 asks for fewer.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from running_service import KNOWN_USERS, MOVIES, publish, running_service

from stream.published import attach_overlay, write_overlay

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "1000000"))
CLIENT = Path(__file__).resolve().parents[1] / "bench/http_load.py"
WINDOW_S = 5.0


class Publisher(threading.Thread):
    """A version every ten seconds and an overlay every second; old folders go as pruning lets them go."""

    def __init__(self, models_dir: Path) -> None:
        super().__init__(daemon=True)
        self.models_dir, self.ending, self.swaps = models_dir, threading.Event(), 0

    def run(self) -> None:
        draw, version = np.random.default_rng(1), 1
        while not self.ending.wait(1.0):
            if self.swaps % 10 == 9:
                version += 1
                publish(self.models_dir, str(version))
                shutil.rmtree(self.models_dir / str(version - 3), ignore_errors=True)
            else:
                lists = np.array([draw.permutation(len(MOVIES))[:20] for _ in KNOWN_USERS])
                users, tiers = np.array(KNOWN_USERS), np.zeros(len(lists))
                name = write_overlay(self.models_dir / str(version), self.swaps + 1, users, lists, tiers)
                attach_overlay(self.models_dir, "default", str(version), name)
            self.swaps += 1


def test_a_million_requests_with_swaps_leave_no_trace(tmp_path):
    publish(tmp_path / "var/models", "1")
    with running_service(tmp_path, spool_max_mb=50) as service:
        publisher = Publisher(service.models_dir)
        publisher.start()
        seen, answered, failed = [], 0, 0
        while answered < REQUESTS:
            window = load(service.port)
            answered, failed = answered + window["requests"], failed + window["failed"]
            seen.append(resources(service.workers()))
            for file in service.spool_dir.glob("*.jsonl"):  # as the shipper takes what it delivered
                file.unlink()
        publisher.ending.set()
        publisher.join()
        swaps, refused = (service.counted(f"matinee_model_{n}_total") for n in ("swaps", "swap_failures"))
    print(f"\n{answered:,} answered, {failed} failed, {publisher.swaps} publications, {swaps:.0f} swaps")
    print(f"MB, files, threads: {seen[0]} to {seen[-1]}")
    assert (failed, refused) == (0, 0)
    assert min(publisher.swaps, swaps) > len(seen)  # the publisher lived, and workers followed
    early = seen[min(1, len(seen) - 1)]  # after the first window everything was touched once
    assert seen[-1][0] < early[0] * 1.10 + 5
    assert seen[-1][1] <= early[1] + 4
    assert seen[-1][2] <= early[2]


def load(port: int) -> dict:
    words = [sys.executable, str(CLIENT), str(port), "/recommend/{}", "--seconds", str(WINDOW_S), "--users", "300"]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True, timeout=90).stdout)


def resources(pids: list[int]) -> tuple[float, int, int]:
    """Resident megabytes, open files and threads of all workers."""
    status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    rss, threads = (sum(int(field(text, name)) for text in status) for name in ("VmRSS", "Threads"))
    return rss / 1024, sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids), threads


def field(text: str, name: str) -> str:
    return next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name}:"))
