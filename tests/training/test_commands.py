"""The commands as typed: exit status, JSON, and a schedule that trains by itself and stops when told."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from houses import free_ports
from stream.evidence import read_beats
from stream.published import load_model, read_pointer
from training.__main__ import cli
from waiting import until


def start(var: Path, *words: str, **settings: object) -> "subprocess.Popen[str]":
    env = os.environ | {"VAR_DIR": str(var)} | {name: str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "training", *words]
    return subprocess.Popen(command, env=env, cwd=var.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_an_unknown_model_is_a_wrong_usage_that_names_those_there_are(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    done = CliRunner().invoke(cli, ["train", "--model", "nope"])
    assert done.exit_code == 2
    assert "popularity" in done.output


def test_training_on_an_empty_store_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    done = CliRunner().invoke(cli, ["train", "--model", "recent"])
    assert done.exit_code == 1
    assert "MIN_SESSIONS" in done.output


def test_due_answers_by_exit_status_and_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    done = CliRunner().invoke(cli, ["due"])
    assert (done.exit_code, done.output.strip()) == (1, "not yet: nothing is stored yet")


def test_refreshing_once_with_nothing_live_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    done = CliRunner().invoke(cli, ["refresh"])
    assert (done.exit_code, done.output.strip()) == (0, "wrote the lists of 0 users anew")


@pytest.mark.timeout(240)
def test_the_schedule_trains_publishes_beats_and_stops_within_five_seconds(fresh):
    settings, (port,) = fresh(), free_ports(1)
    schedule = start(settings.var_dir, "schedule", MODELS="recent", TRAINING_METRICS_PORT=port)
    try:
        until(lambda: read_pointer(settings.models_dir), 180, "a model is live")
        version = read_pointer(settings.models_dir).slots["default"].version
        assert load_model(settings.models_dir / version).manifest.name == "recent"
        until(lambda: read_beats(settings.run_dir)["schedule"].facts["state"] == "waiting", 60, "the schedule waits")
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        assert 'training_runs_total{outcome="promoted"} 1.0' in metrics
        schedule.send_signal(signal.SIGTERM)
        _, said = schedule.communicate(timeout=6)
        assert schedule.returncode == 0, said
        assert "training promoted" in said
    finally:
        schedule.kill()


@pytest.mark.timeout(120)
def test_refresh_follows_until_it_is_told_to_stop(tmp_path):
    (tmp_path / "var").mkdir()
    refresh = start(tmp_path / "var", "refresh", "--follow", REFRESH_SECONDS=0.2)
    try:
        until(lambda: "refresh" in read_beats(tmp_path / "var" / "run"), 60, "refresh beats")
        refresh.send_signal(signal.SIGTERM)
        assert refresh.wait(5) == 0
    finally:
        refresh.kill()


def test_the_result_of_a_training_is_one_json_object(fresh, monkeypatch):
    settings = fresh()
    done = start(settings.var_dir, "train", "--model", "popularity", "--no-promote", "--json")
    out, said = done.communicate(timeout=150)
    assert done.returncode == 0, said
    record = json.loads(out)
    assert (record["live"], record["versions"][0]["name"]) == (None, "popularity")
    assert read_pointer(settings.models_dir) is None
