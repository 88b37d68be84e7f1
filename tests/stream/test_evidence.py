"""Heartbeats and evidence: what a reader sees while others write, and after a kill."""

import json
import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from stream import evidence


def test_a_heartbeat_carries_name_process_time_and_facts(tmp_path):
    before_ns = time.time_ns()
    evidence.beat(tmp_path, "consumer", {"stored": 3})
    beat = evidence.read_beats(tmp_path)["consumer"]
    assert (beat.name, beat.pid, beat.facts) == ("consumer", os.getpid(), {"stored": 3})
    assert before_ns <= beat.at_ns <= time.time_ns()
    assert not beat.stale()


def test_a_silent_process_is_stale_after_20_seconds(tmp_path):
    evidence.beat(tmp_path, "consumer", {})
    beat = evidence.read_beats(tmp_path)["consumer"]
    assert not beat.stale(beat.at_ns + 20_000_000_000)
    assert beat.stale(beat.at_ns + 20_000_000_001)


def test_a_damaged_heartbeat_is_left_out_and_the_others_are_read(tmp_path):
    evidence.beat(tmp_path, "consumer", {})
    (tmp_path / "health" / "shipper.json").write_text('{"name": "ship')
    (tmp_path / "health" / "replay.json").write_text("[]")
    assert list(evidence.read_beats(tmp_path)) == ["consumer"]


def test_no_folder_means_no_heartbeats_and_no_evidence(tmp_path):
    assert evidence.read_beats(tmp_path) == {}
    assert evidence.read(tmp_path, "promotion") == []
    assert list(tmp_path.iterdir()) == []


def test_evidence_is_read_in_the_order_it_was_left_and_keeps_its_own_time(tmp_path):
    evidence.leave(tmp_path, "promotion", {"version": "1", "at_ns": 5})
    evidence.leave(tmp_path, "promotion", {"version": "2"})
    first, second = evidence.read(tmp_path, "promotion")
    assert first == {"version": "1", "at_ns": 5}
    assert second["version"] == "2"
    assert second["at_ns"] > 5


def test_a_line_cut_short_by_a_kill_costs_itself_only(tmp_path):
    evidence.leave(tmp_path, "promotion", {"version": "1"})
    with (tmp_path / "evidence" / "promotion.jsonl").open("ab") as file:
        file.write(b'{"version": "2", "gate')
    evidence.leave(tmp_path, "promotion", {"version": "3"})
    assert [record["version"] for record in evidence.read(tmp_path, "promotion")] == ["1", "3"]


def test_evidence_stays_bounded_and_keeps_the_newest(tmp_path):
    filler = "x" * 1_000_000
    for number in range(14):
        evidence.leave(tmp_path, "deploy", {"number": number, "filler": filler})
    kept = [record["number"] for record in evidence.read(tmp_path, "deploy")]
    assert kept[-1] == 13
    assert kept == list(range(kept[0], 14))
    assert sum(path.stat().st_size for path in (tmp_path / "evidence").iterdir()) <= 2 * evidence.MAX_BYTES


def _leave_many(folder, writer):
    for number in range(200):
        evidence.leave(folder, "answers", {"writer": writer, "number": number})


def test_several_writers_at_once_lose_nothing(tmp_path):
    start = multiprocessing.get_context("spawn")
    writers = [start.Process(target=_leave_many, args=(tmp_path, writer)) for writer in range(3)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(60)
    records = evidence.read(tmp_path, "answers")
    for writer in range(3):
        assert [r["number"] for r in records if r["writer"] == writer] == list(range(200))
    assert all(json.dumps(record) for record in records)


@pytest.mark.parametrize("name", ["", "../promotion", "a/b", "Ä", "x" * 65])
def test_a_name_that_would_leave_its_folder_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="expected a name"):
        evidence.leave(tmp_path, name, {})
    with pytest.raises(ValueError, match="expected a name"):
        evidence.beat(tmp_path, name, {})


def test_a_process_is_alive_until_it_is_reaped():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert evidence.alive(child.pid)
    child.communicate(b"\n")
    assert not evidence.alive(child.pid)
