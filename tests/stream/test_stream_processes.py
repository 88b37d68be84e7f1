"""What the stream's processes show of themselves: metrics, heartbeats, refusals."""

import socket
import subprocess
import sys
import urllib.request

import pytest
from consumers import consumer_house, send, some_lines

from stream import evidence
from waiting import until


def metrics(house, setting="CONSUMER_METRICS_PORT"):
    with urllib.request.urlopen(f"http://127.0.0.1:{house.settings[setting]}/metrics", timeout=5) as response:
        lines = response.read().decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


@pytest.mark.broker
def test_the_consumer_shows_what_it_stored_and_how_far_it_is(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(1_000))
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.start()
        until(lambda: house.lines() == 1_000, 40, "the lines in the store")
        until(lambda: metrics(house).get('stream_lag_lines{feed="events",partition="1"}') == "0.0", 20, "the lag")
        seen = metrics(house)
        kinds = {kind: seen[f'stream_stored_lines_total{{feed="events",kind="{kind}"}}'] for kind in ("watch", "rate")}
        assert kinds == {"watch": "940.0", "rate": "20.0"}
        assert seen['stream_quarantined_lines_total{feed="events",reason="fields"}'] == "20.0"
        assert seen['stream_connected{feed="events"}'] == "1.0"
        until(lambda: _facts(house)["events"]["stored"] == 1_000, 20, "the heartbeat to say so")
        assert _facts(house)["events"]["lag"] == 0
        assert float(metrics(house)["stream_last_event_seconds"]) == _facts(house)["events"]["last_ns"] / 1e9


def _facts(house):
    return evidence.read_beats(house.var_dir / "run")["consumer"].facts


def test_a_taken_metrics_port_is_named_with_the_setting_that_changes_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, consumer_house(tmp_path / "var", "127.0.0.1:1", "t") as house:
        port = str(taken.getsockname()[1])
        house.settings |= {"CONSUMER_METRICS_PORT": port, "SHIPPER_METRICS_PORT": port}
        for command, setting in (("consume", "CONSUMER_METRICS_PORT"), ("ship", "SHIPPER_METRICS_PORT")):
            done = subprocess.run(
                [sys.executable, "-m", "stream", command], env=house.environment(), capture_output=True, text=True
            )
            assert done.returncode == 1
            assert f"port {port} is taken; free it or set {setting} to another" in done.stderr


@pytest.mark.parametrize("words", [("--speed", "0"), ("--speed", "-1"), ("--speed", "nan"), ("--shift", "soon")])
def test_a_replay_refuses_what_makes_no_sense(tmp_path, words):
    (tmp_path / "lines.log").write_text("")
    command = [sys.executable, "-m", "stream", "replay", str(tmp_path / "lines.log"), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert words[0] in done.stderr
