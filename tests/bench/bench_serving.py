"""/recommend with arms, tiers and records on, beside a bare Flask app of one constant view under the same server.

Servers on one core, the client (a process of its own) on the other; windows in turn, judged by their median. A window
in which others used the machine is taken again a few times. Start at `figures`.
"""

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from running_service import Service, children, free_port, start_service, stop

from side_by_side import Figure
from stream.published import Manifest, Slot, Tables, move_pointer, write_model
from stream.terms import TERMS
from waiting import until

HERE = Path(__file__).resolve().parent
TERM = TERMS["F2026"]
WINDOWS, AGAIN = 3, 2
SECONDS = {0: 3.0, 100: 6.0, 500: 4.0}  # of a window, by rate; 0 = as fast as it goes
FOREIGN = 0.25  # cores that others may use during a window
EXPERIMENTS = {
    "blend": 'name = "blend"\nlayer = "model"\n[[arms]]\nname = "control"\nshare = 0.5\n[[arms]]\nname = "new"\n'
    'share = 0.5\nslot = "new"\n',
    "order": 'name = "order"\nlayer = "list"\n[[arms]]\nname = "a"\nshare = 0.5\n[[arms]]\nname = "b"\nshare = 0.5\n',
}
Window = dict[str, float]


def figures() -> list[Figure]:
    """Throughput and tails as ratios to the bare app's, start and memory of a worker."""
    folder = Path(tempfile.mkdtemp(prefix="bench-serving-"))
    try:
        _prepare(folder)
        with _ours(folder) as ours, _bare() as bare:
            found = _at_saturation(ours, bare) + _at_rates(folder, ours, bare)
        return [*found, _server(), _start(folder), _second_worker(folder)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path) -> None:
    (folder / "var/experiments").mkdir(parents=True)
    for name, text in EXPERIMENTS.items():
        (folder / f"var/experiments/{name}.toml").write_text(text)
    subprocess.run([sys.executable, HERE / "publisher.py", folder / "var/models", "1"], check=True, capture_output=True)


@contextlib.contextmanager
def _ours(folder: Path, workers: int = 1, core: int | None = 0) -> Iterator[Service]:
    service = start_service(folder, free_port(), serve_workers=workers, spool_max_mb=2_000, course_term=TERM.name)
    try:
        until(service.is_ready, 30, "the service")
        _pin(service.process.pid, core)
        yield service
    finally:
        stop(service)


@contextlib.contextmanager
def _bare(*command: str) -> Iterator[int]:
    """Port of the bare app, under the shipped server or under what `command` starts, with PORT in it."""
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in command] or [str(HERE / "bare_flask.py"), str(port)]
    with subprocess.Popen(
        [sys.executable, *words], cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as app:
        try:
            until(lambda: _answers(port), 20, "the bare app")
            _pin(app.pid, 0)
            yield port
        finally:
            app.send_signal(signal.SIGTERM)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError, RuntimeError):
        return Service(port, HERE, None, HERE).ask("/")[0] == 200  # type: ignore[arg-type]
    return False


def _pin(pid: int, core: int | None) -> None:
    """Every thread of a process and of its children to one core; where the system knows that."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return
    for process in (pid, *children(pid)):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(thread.name), {core})


def _at_saturation(ours: Service, bare: int) -> list[Figure]:
    pairs = [_pair(ours.port, bare, 0, first) for first in range(WINDOWS + 2)]
    rate, tail = (_median(pairs, key) for key in ("rate", "p99"))
    note = f"{_middle(pairs, 0, 'rate'):,.0f} and {_middle(pairs, 1, 'rate'):,.0f} a second"
    return [
        Figure("/recommend / bare Flask, throughput", rate, 0.60, True, note=f"{note}; stretch 0.70"),
        Figure("... p99 at saturation", tail, 1.6, False, note=_tails(pairs, ("p99",))),
        _failures("... failed", pairs),
    ]


def _at_rates(folder: Path, ours: Service, bare: int) -> list[Figure]:
    found = []
    for rate in (100, 500):
        found += _tail_figures(f"at {rate} a second", [_pair(ours.port, bare, rate, n) for n in range(WINDOWS)])
        with _publishing(folder, ours):
            pairs = [_pair(ours.port, bare, rate, n) for n in range(WINDOWS)]
        found += _tail_figures(f"at {rate} a second while models are published and swapped in", pairs)
    return found


def _tail_figures(name: str, pairs: list[tuple[Window, Window]]) -> list[Figure]:
    return [
        Figure(f"p99 / bare, {name}", _median(pairs, "p99"), 3.0, False, note=_tails(pairs, ("p99",))),
        Figure(f"p99.9 / bare, {name}", _median(pairs, "p99.9"), 3.0, False, note=_tails(pairs, ("p99.9", "max"))),
        _failures(f"failed or past {TERM.timeout_ms} ms, {name}", pairs),
    ]


def _pair(ours: int, bare: int, rate: int, turn: int) -> tuple[Window, Window]:
    """One window of each, who goes first changing from turn to turn."""

    def ask(port: int, path: str) -> Window:
        return _window(port, path, rate)

    if turn % 2:
        below = ask(bare, "/")
        return ask(ours, "/recommend/{}"), below
    return ask(ours, "/recommend/{}"), ask(bare, "/")


def _window(port: int, path: str, rate: int) -> Window:
    """One window, taken again while others use the machine; `foreign` says how much they did in the one kept."""
    for _ in range(AGAIN + 1):
        before = _busy() - _spent()
        found = _load(port, path, rate)
        found["foreign"] = (_busy() - _spent() - before) / SECONDS[rate]
        if found["foreign"] < FOREIGN:
            break
    return found


def _load(port: int, path: str, rate: int) -> Window:
    words = [sys.executable, str(HERE / "http_load.py"), str(port), path, "--seconds", str(SECONDS[rate])]
    with subprocess.Popen([*words, "--rate", str(rate)], stdout=subprocess.PIPE, text=True) as client:
        _pin(client.pid, (os.cpu_count() or 1) - 1)
        found: Window = json.loads(client.communicate(timeout=60)[0])
    return found


def _busy() -> float:
    """Seconds of all cores that were not idle since the machine started."""
    user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _spent() -> float:
    """Seconds of all cores spent by this process and everything it started, ended or not."""
    stats = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stats[int(file.parent.name)] = [int(word) for word in file.read_text().rpartition(")")[2].split()[1:15]]
    ours = {os.getpid()}
    while more := {pid for pid, stat in stats.items() if stat[0] in ours} - ours:
        ours |= more
    return sum(sum(stats[pid][10:14]) for pid in ours if pid in stats) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _publishing(folder: Path, service: Service) -> Iterator[None]:
    words = [sys.executable, str(HERE / "publisher.py"), str(folder / "var/models")]
    before = service.counted("matinee_model_swaps_total")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as publisher:
        try:
            until(lambda: service.counted("matinee_model_swaps_total") > before, 30, "a swap")
            yield
        finally:
            publisher.terminate()
    for old in sorted((folder / "var/models").glob("[0-9]*"), key=lambda path: int(path.name))[:-2]:
        shutil.rmtree(old)


def _server() -> Figure:
    """The shipped server against gunicorn's default, both with one worker and the bare app."""
    gunicorn = ("-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "1", "bare_flask:app")
    with _bare() as shipped, _bare(*gunicorn) as usual:
        pairs = [(_window(shipped, "/", 0), _window(usual, "/", 0)) for _ in range(WINDOWS)]
    note = f"{_middle(pairs, 0, 'rate'):,.0f} and {_middle(pairs, 1, 'rate'):,.0f} a second"
    return Figure("shipped server / gunicorn sync", _median(pairs, "rate"), 2.5, True, note=note)


def _start(folder: Path) -> Figure:
    """A fresh interpreter until a worker is ready with its models, against one that imports Flask."""
    environment = os.environ | {"VAR_DIR": str(folder / "var")}
    ready = [_seconds("from serving.wsgi import check; check()", environment) for _ in range(5)]
    flask = [_seconds("import flask", environment) for _ in range(5)]
    note = f"{statistics.median(ready):.2f} and {statistics.median(flask):.2f} s"
    return Figure(
        "worker ready / import flask", statistics.median(ready) / statistics.median(flask), 3.0, False, note=note
    )


def _seconds(code: str, environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def _second_worker(folder: Path) -> Figure:
    """Memory (proportional set size) of server and workers, with one and with two, with lists of a million users."""
    _publish_a_million(folder)
    one, two = (_memory_mb(folder, workers) for workers in (1, 2))
    note = f"{one:.0f} and {two:.0f} MB"
    return Figure("memory a second worker adds / first, 1 M users", (two - one) / one, 0.35, False, note=note)


def _publish_a_million(folder: Path) -> None:
    """As many users as a term has; any lists do, for only their size counts."""
    movies = np.array(sorted(f"some+film+number+{n}+{1950 + n % 70}" for n in range(TERM.n_movies)))
    lists = np.random.default_rng(0).integers(0, len(movies), (1_000_000, 20), dtype=np.int32)
    tables = Tables(movies, np.arange(len(lists)), lists, np.zeros(len(lists)), np.arange(100))
    write_model(folder / "var/models", tables, Manifest("1000000", "bench"), {})
    move_pointer(folder / "var/models", {slot: Slot("1000000") for slot in ("default", "new")})


def _memory_mb(folder: Path, workers: int) -> float:
    with _ours(folder, workers, core=None) as service:
        until(lambda: len(service.workers()) >= workers, 20, "all workers")
        _load(service.port, "/recommend/{}", 500)
        pids = [service.process.pid, *service.workers()]
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    lines = [line for rollup in rollups for line in rollup.splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) / 1024


def _median(pairs: list[tuple[Window, Window]], key: str) -> float:
    return statistics.median(ours[key] / theirs[key] for ours, theirs in pairs)


def _middle(pairs: list[tuple[Window, Window]], side: int, key: str) -> float:
    return statistics.median(pair[side][key] for pair in pairs)


def _tails(pairs: list[tuple[Window, Window]], keys: tuple[str, ...]) -> str:
    return ", ".join(f"{key} {_middle(pairs, 0, key):.1f} and {_middle(pairs, 1, key):.1f} ms" for key in keys)


def _failures(name: str, pairs: list[tuple[Window, Window]]) -> Figure:
    late = sum(int(ours["max"] > (TERM.timeout_ms or 800)) for ours, _ in pairs)
    failed = sum(ours["failed"] for ours, _ in pairs)
    foreign = max(window["foreign"] for pair in pairs for window in pair)
    note = f"{failed:.0f} failed, late in {late} windows; others used up to {foreign:.2f} cores"
    return Figure(name, failed + late, 0, False, unit="requests", note=note)
