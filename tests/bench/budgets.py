"""The budgets of the README, measured on a fresh clone: `make budgets`.

Clones the committed tree into a temporary folder, deploys it there on free ports with an empty `var/` and a new virtual
environment, deploys again, retrains once, lets the fast start pass, and prints one Markdown row per budget.
"""

import argparse
import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from houses import CHECKOUT, PORTS, House, free_ports


def processes_below(folder: Path) -> list[int]:
    """Everything that runs with its working folder in `folder`: what deploy started, and deploy itself."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").resolve().is_relative_to(folder):
                found.append(int(entry.name))
    return found


def memory_mb(folder: Path) -> float:
    """Sum of the proportional set sizes of all those processes."""
    total_kb = 0
    for pid in processes_below(folder):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total_kb += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total_kb / 1024


def cpu_seconds(folder: Path) -> float:
    """User and system seconds of all those processes and their reaped children so far."""
    ticks = 0
    for pid in processes_below(folder):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Peak(threading.Thread):
    """Samples memory twice a second and keeps the largest sum."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.mb, self.stop = folder, 0.0, threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.5):
            self.mb = max(self.mb, memory_mb(self.folder))


def size_mb(folder: Path) -> float:
    """Bytes on disk below a folder."""
    return int(subprocess.run(["du", "-sk", str(folder)], capture_output=True, text=True).stdout.split()[0]) / 1024


def timed(house: House, *words: str, show: bool = False) -> float:
    """Wall seconds of a command that has to succeed."""
    started = time.monotonic()
    said = house.must(*words, timeout=1_200)
    if show:
        print(said, file=sys.stderr)
    return time.monotonic() - started


def measure(folder: Path, steady_minutes: float, wait_minutes: float) -> list[tuple[str, str, str]]:
    """One (budget, limit, seen) per line of the table."""
    subprocess.run(["git", "clone", "-q", str(CHECKOUT), str(folder)], check=True)
    house = House(folder)
    house.write_settings(**dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    peak = Peak(folder)
    peak.start()
    try:
        first = timed(house, "make", "deploy", show=True)
        again = timed(house, "make", "deploy")
        timed(house, "make", "retrain")
        peak.stop.set()
        time.sleep(max(0.0, wait_minutes * 60))
        windows = []
        for _ in range(3):
            before, started = cpu_seconds(folder), time.monotonic()
            time.sleep(steady_minutes * 20)
            windows.append((cpu_seconds(folder) - before) / (time.monotonic() - started))
        steady_mb, disk = memory_mb(folder), size_mb(folder / "var")
        house.must("make", "status")
    finally:
        house.run("make", "down", timeout=120)
    return [
        ("fresh clone to all healthy", "5 min", f"{first:.0f} s"),
        ("second `make deploy`, nothing changed", "10 s", f"{again:.1f} s"),
        ("memory (sum of PSS), peak over deploy and one retraining", "2.5 GB", f"{peak.mb / 1000:.2f} GB"),
        ("memory, steady", "", f"{steady_mb / 1000:.2f} GB"),
        ("CPU, steady (median of three windows)", "0.5 core", f"{sorted(windows)[1]:.2f} core"),
        ("`var/` at the end of this run", "3 GB for ever", f"{disk / 1000:.2f} GB"),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wait-minutes", type=float, default=10, help="until the fast start is over")
    parser.add_argument("--steady-minutes", type=float, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="matinee-budgets-")).resolve()
    try:
        rows = measure(folder / "matinee", options.steady_minutes, options.wait_minutes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    print(f"Measured on {machine}.\n")
    print("| budget | limit | seen |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
