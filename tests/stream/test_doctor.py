"""What the doctor says of a healthy stream and of a broken one."""

import json
import os
import subprocess
import sys

import pytest
from consumers import consumer_house, send, some_lines
from services import Answering

from houses import free_ports
from waiting import until


def doctor(environment):
    done = subprocess.run(
        [sys.executable, "-m", "stream", "doctor", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


@pytest.mark.broker
def test_a_healthy_stream_is_fine_in_every_point(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(100))
    with Answering("Movie API Service") as api, consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.settings["API_URL"] = api.url
        house.start()
        until(lambda: house.state() == "reading", 40, "the consumer to read")
        status, found = doctor(house.environment())
    assert (status, [name for name, finding in found.items() if not finding["fine"]]) == (0, [])
    assert "100 lines in 2 partitions" in found["topic"]["seen"]


def test_a_stream_without_anything_says_what_mends_each_point(tmp_path):
    port, api_port = free_ports(2)
    status, found = doctor(os.environ | {"VAR_DIR": str(tmp_path), "KAFKA_PORT": str(port), "API_PORT": str(api_port)})
    assert status == 1
    assert [name for name, finding in found.items() if not finding["fine"]] == [
        "own broker",
        "topic",
        "consumer",
        "api",
    ]
    assert all(finding["mend"] for finding in found.values() if not finding["fine"])
    assert f"127.0.0.1:{port}" in found["own broker"]["seen"]
