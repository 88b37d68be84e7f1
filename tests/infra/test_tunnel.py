"""The tunnel's command, its settings, when it runs and how it is judged; a real sshd is met in `make soak`."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from infra.health import judge
from infra.processes import Settings, programs
from infra.setup import CHECKOUT
from infra.supervisor import State
from infra.tunnel import command, for_a_person
from stream.settings import StreamSettings, read_settings


def course(**more):
    return StreamSettings(source="course", tunnel="team1@tunnel.example.edu", api_url="http://127.0.0.1:9", **more)


def table(monkeypatch, **settings):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return {program.name: program for program in programs(Settings.read())}


def test_the_command_is_the_kafka_labs_and_never_asks():
    words = " ".join(command(course()))
    assert words.startswith("ssh -N ")
    assert words.endswith("-L 127.0.0.1:9092:localhost:9092 team1@tunnel.example.edu")
    for option in ("ExitOnForwardFailure=yes", "ServerAliveInterval=15", "ServerAliveCountMax=3", "BatchMode=yes"):
        assert f"-o {option} " in words


def test_options_and_target_are_passed_on():
    words = command(course(tunnel_options="-p 2222 -i key", tunnel_target="kafka:9092", kafka_bootstrap="localhost:99"))
    assert words[words.index("-p") : words.index("-p") + 4] == ["-p", "2222", "-i", "key"]
    assert words[-2] == "127.0.0.1:99:kafka:9092"


def test_clients_go_to_the_tunnels_end_by_default():
    assert course().log_bootstrap == "localhost:9092"
    assert StreamSettings(tunnel="team1@host").log_bootstrap == "127.0.0.1:19092", "only the course is behind it"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"TUNNEL": "-oProxyCommand=x"}, "TUNNEL.*expected user@host"),
        ({"TUNNEL": "host"}, "TUNNEL.*expected user@host"),
        ({"TUNNEL": "a@b c"}, "TUNNEL.*expected user@host"),
        ({"TUNNEL_OPTIONS": "-i 'my key'"}, "TUNNEL_OPTIONS.*without quotes"),
        ({"TUNNEL_TARGET": "kafka"}, "TUNNEL_TARGET.*expected host:port"),
        (
            {"TUNNEL": "a@b", "SOURCE": "course", "API_URL": "http://a", "KAFKA_BOOTSTRAP": "kafka.example.edu:9092"},
            "its end here: localhost:PORT",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, wrong, words):
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=words):
        read_settings(StreamSettings)


def test_it_runs_only_for_a_course_that_is_behind_one(monkeypatch):
    assert "tunnel" not in table(monkeypatch, TUNNEL="a@b")
    there = table(monkeypatch, SOURCE="course", API_URL="http://127.0.0.1:9")
    assert there["tunnel"].kafka == 9092
    assert there["tunnel"].ports[0].number == 9092
    assert "tunnel" not in table(monkeypatch, TUNNEL="", KAFKA_BOOTSTRAP="localhost:9092")


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ("team1@host: Permission denied (publickey).", "ssh-agent"),
        ("Host key verification failed.", "run `ssh team1@host` once"),
        ("command-line: line 0: Bad configuration option: nonsense", "TUNNEL_OPTIONS"),
        ("ssh: connect to host h port 22: Connection refused", ""),
        ("Timeout, server h not responding.", ""),
        ("ssh: Could not resolve hostname h: Name or service not known", ""),
    ],
)
def test_what_a_person_must_mend_is_told_apart_from_what_passes(said, mend):
    found = for_a_person(said, "team1@host")
    assert mend in found
    assert bool(found) == bool(mend)


def test_a_machine_without_ssh_is_told_what_to_install(tmp_path):
    settings = {"SOURCE": "course", "TUNNEL": "a@b", "API_URL": "http://127.0.0.1:9", "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "infra.tunnel"],
        env=os.environ | settings, cwd=CHECKOUT, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert "install OpenSSH's client" in done.stderr


def verdict_at(port, tmp_path, monkeypatch):
    tunnel = table(
        monkeypatch,
        SOURCE="course", TUNNEL="a@b", API_URL="http://127.0.0.1:9", KAFKA_BOOTSTRAP=f"localhost:{port}",
    )["tunnel"]  # fmt: skip
    (tmp_path / "tunnel.log").write_text("channel 2: open failed: connect failed: Connection refused\n")
    return judge(tunnel, State("tunnel", "RUNNING", 7, 1, 2, ""), tmp_path, tmp_path / "tunnel.log")


def test_a_tunnel_that_listens_without_a_broker_behind_it_is_not_healthy(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        verdict = verdict_at(server.getsockname()[1], tmp_path, monkeypatch)
    assert not verdict.healthy
    assert "no broker answers" in verdict.why
    assert "open failed" in verdict.why


@pytest.mark.broker
def test_a_tunnel_through_which_a_broker_answers_is_healthy(tmp_path, monkeypatch, broker):
    assert verdict_at(broker.partition(":")[2], tmp_path, monkeypatch).healthy
