"""`make bench`: every figure of performance against its goal; exit 1 if one is missed. ONLY=topic picks one.

Each topic runs in a process of its own, since libraries fix their number of threads when they are first imported.
"""

import argparse
import importlib
import re
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from infra.setup import install
from side_by_side import Figure

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"


def topics() -> list[str]:
    """Names of the files bench_<topic>.py."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def install_baselines() -> None:
    """The libraries that only benches compare with; deploy and tests do without them."""
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if any(_version(name) != pinned for name, pinned in pins):
        install(LOCK, f"tests/bench/{LOCK.name}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def show(figures: list[Figure], topic: str, seconds: float) -> None:
    """The topic's table."""
    print(f"\n{topic} ({seconds:.0f} s)")
    for figure in figures:
        goal = f"{'>=' if figure.at_least else '<='} {figure.goal:g}"
        verdict = "holds" if figure.holds else "MISSED"
        print(f"  {verdict:6}  {figure.value:12,.3f} {figure.unit:10} {goal:12} {figure.name}", end="")
        print(f"  ({figure.note})" if figure.note else "", flush=True)


def run(topic: str) -> bool:
    """Measure one topic in this process; whether all its goals are met."""
    sys.path.append(str(HERE.parent))  # what the tests share: houses, brokers, waiting
    started = time.perf_counter()
    figures: list[Figure] = importlib.import_module(f"bench_{topic}").figures()
    show(figures, topic, time.perf_counter() - started)
    return bool(figures) and all(figure.holds for figure in figures)


def main() -> None:
    """Run one topic here, or each in turn in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topic", nargs="?", choices=topics())
    topic = parser.parse_args().topic
    if topic:
        install_baselines()
        sys.exit(0 if run(topic) else 1)
    failed = [each for each in topics() if subprocess.run([sys.executable, str(HERE), each]).returncode]
    print(f"\n{len(topics()) - len(failed)} of {len(topics())} topics hold" + (f"; not: {failed}" if failed else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
