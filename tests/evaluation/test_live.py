"""The live loop as a process of its own: heartbeat, metrics, totals, a clean end."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation.live import Loop
from evaluation.observed import observe
from evaluation.settings import EvaluationSettings
from evaluation.totals import Totals, read_totals, write_totals
from small_logs import HOUR_NS, SmallLog
from stream.evidence import read_beats
from stream.terms import TERMS
from waiting import until

TERM = TERMS["F2026"]


def log_of(hours: range) -> SmallLog:
    """Every hour user h gets a,b,c and, in even hours, plays b twenty minutes later."""
    log, start = SmallLog(), SmallLog().at("2026-10-20T00:00")
    for hour in hours:
        log.asked(start + hour * HOUR_NS, hour, ["a", "b", "c"])
        if hour % 2 == 0:
            log.played(start + hour * HOUR_NS + HOUR_NS // 3, hour, "b")
    return log


def settings(folder: Path, **given: object) -> EvaluationSettings:
    return EvaluationSettings(var_dir=folder, **given)


def test_a_round_shows_the_last_hours_and_totals_keep_the_whole(tmp_path):
    log_of(range(31)).store(tmp_path / "store")
    loop = Loop(settings(tmp_path), tmp_path / "store")
    report = loop.round()
    assert report is not None
    assert report.facts["requests"] == 12  # the log ends with a play at 30:20, so hours 19 to 30
    assert loop.facts["hit_rate"] == 3 / 6  # hours 19 to 24 have had their six hours; 20, 22 and 24 were hit
    assert loop.facts["totals"]["lists"] == 6


def test_totals_counted_in_rounds_are_those_counted_at_once(tmp_path):
    store, hours = tmp_path / "store", [range(0, 9), range(9, 14), range(14, 90), range(90, 91)]
    loop = Loop(settings(tmp_path), store)
    for number, part in enumerate(hours):
        log_of(part).store(store, source=f"{number:016x}")
        loop.round()
    start = SmallLog().at("2026-10-20T00:00")
    # the log ends at 90:20, so what began up to 84:20 counts: lists 0 to 84, of which the 43 even ones were played
    whole = Totals().advanced(observe(store, TERM, start, start + 90 * HOUR_NS + HOUR_NS // 3 + 1, 6 * HOUR_NS))
    assert loop.facts["totals"] == whole.counts()
    assert whole.counts() == {"requests": 85, "ok": 85, "lists": 85, "hits": 43, "plays": 43, "recommended": 43}


def test_totals_survive_a_restart_and_a_damaged_file_starts_anew(tmp_path):
    path = tmp_path / "totals.json"
    write_totals(path, Totals(until_ns=7, requests=3))
    assert read_totals(path) == Totals(until_ns=7, requests=3)
    path.write_text('{"requests": ')
    assert read_totals(path) == Totals()


def test_an_empty_store_is_no_error(tmp_path):
    assert Loop(settings(tmp_path), tmp_path / "store").round() is None


def test_rounds_on_disk_stay_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("evaluation.live.KEPT_BYTES", 8_000)
    log_of(range(31)).store(tmp_path / "store")
    loop = Loop(settings(tmp_path), tmp_path / "store")
    for _ in range(12):
        loop.round()
    kept = list((tmp_path / "store" / "metrics").glob("online.jsonl*"))
    assert len(kept) == 2
    assert sum(path.stat().st_size for path in kept) <= 16_000
    assert json.loads(kept[0].read_text().splitlines()[-1])["requests"] == 12


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "VAR_DIR": str(tmp_path), "EVALUATION_METRICS_PORT": str(port), "EVALUATE_SECONDS": "0.3",
    }  # fmt: skip
    command = [sys.executable, "-m", "evaluation", "online", "--follow"]
    with subprocess.Popen(command, env=environment, cwd=tmp_path) as child:
        yield child, port
        child.kill()


def test_the_process_beats_shows_metrics_and_ends_cleanly(tmp_path, process):
    child, port = process
    until(lambda: "evaluation" in read_beats(tmp_path / "run"), 20, "a heartbeat before there is any event")
    log_of(range(31)).store(tmp_path / "store")
    until(lambda: read_beats(tmp_path / "run")["evaluation"].facts.get("ok"), 20, "a round over the store")

    def metrics() -> str:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()

    until(lambda: 'online_requests{outcome="ok"} 12.0' in metrics(), 10, "the requests of the last hours in /metrics")
    assert 'online_measure{end="value",name="hit_rate"} 0.5' in metrics()
    child.send_signal(signal.SIGTERM)
    assert child.wait(5) == 0


def test_a_taken_port_is_named_with_the_setting_to_change(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        environment = os.environ | {"VAR_DIR": str(tmp_path), "EVALUATION_METRICS_PORT": port}
        command = [sys.executable, "-m", "evaluation", "online", "--follow"]
        ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert f"port {port} is taken" in ended.stderr
    assert "EVALUATION_METRICS_PORT" in ended.stderr
