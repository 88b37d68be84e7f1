"""What the doctor says of a healthy stream and of one without anything, and that nothing keeps it waiting."""

import json
import os
import subprocess
import sys
import threading

import pytest
from consumers import consumer_house, send, some_lines
from patients import movie_api

from houses import free_ports
from stream.findings import Finding, side_by_side
from stream.settings import StreamSettings
from waiting import until


def doctor(environment):
    command = [sys.executable, "-m", "stream", "doctor", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


@pytest.mark.broker
def test_a_healthy_stream_is_fine_in_every_point(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(100))
    with movie_api() as url, consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.settings["API_URL"] = url
        house.start()
        until(lambda: house.state() == "reading" and house.lines() == 100, 40, "the consumer to store all")
        status, found = doctor(house.environment())
    assert [finding for finding in found.values() if not finding["fine"] and finding["name"] != "open ports"] == []
    assert status == 0 or not found["open ports"]["fine"]
    assert "holds 100 lines" in found["topic"]["seen"]
    assert found["lag"]["seen"].startswith("0 lines are not stored yet")
    assert "one movie in" in found["api speed"]["seen"]


def test_a_stream_without_anything_says_what_mends_each_point(tmp_path):
    port, api_port = free_ports(2)
    status, found = doctor(os.environ | {"VAR_DIR": str(tmp_path), "KAFKA_PORT": str(port), "API_PORT": str(api_port)})
    assert status == 1
    wrong = [name for name, finding in found.items() if not finding["fine"] and name != "open ports"]
    assert wrong == ["own broker", "topic", "consumer", "api"]
    assert all(finding["mend"] for finding in found.values() if not finding["fine"])
    assert f"127.0.0.1:{port}" in found["own broker"]["seen"]


def test_a_look_that_does_not_end_is_told_and_keeps_nobody_waiting(tmp_path):
    stuck, settings = threading.Event(), StreamSettings(var_dir=tmp_path)

    def broken(_):
        raise ValueError("positions.json: damaged")

    looks = {
        "stuck": lambda _: [Finding("never", stuck.wait(), "")],
        "broken": broken,
        "well": lambda _: [Finding("well", True, "")],
    }
    found = side_by_side(looks, settings, patience_s=0.3)
    stuck.set()
    assert [(one.name, one.fine) for one in found] == [("stuck", False), ("broken", False), ("well", True)]
    assert "no answer within" in found[0].seen
    assert "positions.json" in found[1].seen
