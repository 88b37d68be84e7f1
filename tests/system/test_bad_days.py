"""What must not cost an answer or an event: killed processes, an absent broker, damaged models, a vanished disk."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from houses import House, load
from topics import topic_digest
from waiting import until

pytestmark = pytest.mark.system

NEVER_STOPS_ANSWERS = ("platform", "consumer", "shipper", "schedule", "refresh", "evaluation", "kafka")


def healthy(house: House) -> bool:
    return house.run("make", "status").returncode == 0


def store_agrees_with_topic(house: House) -> bool:
    """Every line of the topic is in the store, once."""
    topic = topic_digest(f"127.0.0.1:{house.port('KAFKA_PORT')}", "movielog1")
    sources = house.report("-m", "stream", "store", "info")["sources"]
    own = [source for source in sources if source["source"] == topic.source]
    digest = sum(int(source["digest"], 16) for source in own) % 2**128
    return (sum(source["lines"] for source in own), f"{digest:032x}") == (topic.lines, topic.digest)


@pytest.mark.parametrize("name", NEVER_STOPS_ANSWERS)
def test_kill_nine_of_any_process_costs_no_request(deployed, name):
    victim = deployed.pid(name)
    with load(deployed) as seen:
        os.kill(victim, signal.SIGKILL)
        until(lambda: deployed.pid(name) not in (0, victim), 30, f"{name} to be restarted")
        until(lambda: healthy(deployed), 90, "everything to be healthy again")
    assert seen.failures == []
    assert seen.answered > 20


def test_after_all_those_kills_the_store_holds_the_topic_line_for_line(deployed):
    deployed.supervisor("stop", "platform")
    try:
        until(lambda: store_agrees_with_topic(deployed), 60, "the store to hold what the topic holds")
    finally:
        deployed.supervisor("start", "platform")
    until(lambda: healthy(deployed), 60, "everything to be healthy again")


def children_of(parent: int) -> list[int]:
    """Direct children of a process."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def test_a_killed_worker_costs_at_most_the_request_it_held(deployed):
    parent = deployed.pid("service")
    worker = children_of(parent)[-1]
    with load(deployed) as seen:
        os.kill(worker, signal.SIGKILL)
        until(lambda: len(children_of(parent)) >= 2 and worker not in children_of(parent), 20, "a new worker")
    assert len(seen.failures) <= 1
    until(lambda: healthy(deployed), 30, "everything to be healthy again")


def test_a_killed_parent_costs_at_most_five_seconds(deployed):
    parent = deployed.pid("service")
    with load(deployed) as seen:
        os.kill(parent, signal.SIGKILL)
        until(lambda: deployed.pid("service") not in (0, parent), 20, "a new parent")
        until(lambda: healthy(deployed), 30, "everything to be healthy again")
    assert seen.longest_gap_s <= 5


def test_the_broker_is_away_for_twenty_seconds_and_no_answer_is_late_or_lost(deployed):
    with load(deployed, per_second=20) as seen:
        deployed.supervisor("stop", "kafka")
        away_until = time.monotonic() + 20
        until(lambda: time.monotonic() > away_until, 25, "twenty seconds without a broker")
        deployed.supervisor("start", "kafka")
        until(lambda: healthy(deployed), 90, "everything to be healthy again")
    assert seen.failures == []


def point_at(models: Path, pointer: dict, version: str) -> None:
    """Replace the pointer atomically, as publishing does."""
    slots = pointer["slots"] | {"default": {"version": version, "overlay": None}}
    (models / "live.json.new").write_text(json.dumps(pointer | {"slots": slots}))
    os.replace(models / "live.json.new", models / "live.json")


def test_a_damaged_model_folder_never_goes_live_and_the_reason_is_logged(deployed):
    models, log = deployed.folder / "var/models", deployed.folder / "var/log/service.log"
    pointer = json.loads((models / "live.json").read_text())
    live = pointer["slots"]["default"]["version"]
    shutil.copytree(models / live, models / "damaged")
    table = models / "damaged/lists.npy"
    table.write_bytes(table.read_bytes()[:-7])
    with load(deployed) as seen:
        point_at(models, pointer, "damaged")
        until(lambda: "damaged" in log.read_text() and "lists.npy" in log.read_text(), 20, "the reason in the log")
        assert json.loads(deployed.get("/version")[1])["slots"]["default"]["version"] == live
    assert seen.failures == []
    point_at(models, pointer, live)
    shutil.rmtree(models / "damaged")
    until(lambda: healthy(deployed), 30, "everything to be healthy again")


def test_down_and_deploy_again_resumes_behind_the_last_stored_line(deployed):
    before = deployed.report("-m", "stream", "store", "info")["events"]
    deployed.must("make", "down")
    assert deployed.run(".venv/bin/python", "-m", "infra", "status").returncode == 1
    kept = deployed.report("-m", "stream", "store", "info")["events"]
    assert kept >= before
    deployed.must("make", "deploy")
    until(lambda: deployed.report("-m", "stream", "store", "info")["events"] > kept, 60, "new events")
    test_after_all_those_kills_the_store_holds_the_topic_line_for_line(deployed)


def test_a_deleted_broker_is_a_new_source_and_nothing_stored_is_lost(deployed):
    deployed.must("make", "down")
    before = deployed.report("-m", "stream", "store", "info")
    shutil.rmtree(deployed.folder / "var/kafka")
    deployed.must("make", "deploy")
    until(lambda: deployed.report("-m", "stream", "store", "info")["events"] > before["events"], 60, "new events")
    after = deployed.report("-m", "stream", "store", "info")
    known = {source["source"] for source in before["sources"]}
    assert {source["source"] for source in after["sources"]} > known
    test_after_all_those_kills_the_store_holds_the_topic_line_for_line(deployed)


def test_what_dies_five_times_in_two_minutes_is_marked_failed_with_its_last_words(deployed):
    for _ in range(5):
        until(lambda: deployed.pid("shipper"), 30, "the shipper to run")
        os.kill(deployed.pid("shipper"), signal.SIGKILL)
    until(lambda: "failed" in deployed.run("make", "status").stdout, 30, "the shipper to be marked failed")
    shown = deployed.run("make", "status")
    assert shown.returncode != 0
    assert "shipper" in shown.stdout
    deployed.must("make", "deploy")
    assert healthy(deployed)
