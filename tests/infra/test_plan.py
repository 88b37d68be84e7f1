"""What `up` does to each process, and why."""

import time

import pytest

from infra.commands import Busy, _alone
from infra.digest import BrokenSource, Record, keep
from infra.health import Verdict
from infra.plan import Action, plan
from infra.processes import Program
from infra.setup import CHECKOUT
from infra.supervisor import State

ONE = Program("one", ("true",), ("infra.ports",), "")
HEALTHY = Verdict(True, "healthy")


def state(word="RUNNING", age_s=5):
    now = int(time.time())
    return State("one", word, 7, now - age_s, now, "")


def step(records, program=ONE, word="RUNNING", age_s=5, verdict=HEALTHY, reconfigured=(), checkout=CHECKOUT):
    return plan((program,), checkout, records, {"one": state(word, age_s)}, {"one": verdict}, reconfigured)[0]


@pytest.fixture
def records(tmp_path):
    """As if the process had been started with today's code."""
    keep(tmp_path / "one", step(tmp_path).record)
    return tmp_path


def test_a_process_that_runs_what_it_should_is_left_alone(records):
    assert step(records).action is Action.LEAVE


@pytest.mark.parametrize("word", ["STOPPED", "EXITED", "FATAL"])
def test_a_process_that_lies_still_is_started(records, word):
    assert step(records, word=word).action is Action.START


def test_a_process_of_other_code_is_restarted_and_the_file_is_named(records):
    old = step(records).record
    keep(records / "one", Record(old.files | {"infra/ports.py": "older"}, old.settings, old.lock))
    assert (step(records).action, step(records).why) == (Action.RESTART, "infra/ports.py changed")


def test_a_process_that_can_reload_is_reloaded(records):
    old = step(records).record
    keep(records / "one", Record(old.files | {"infra/ports.py": "older"}, old.settings, old.lock))
    reloading = Program("one", ("true",), ("infra.ports",), "", reloads=True, parent=("infra.terminal",))
    assert step(records, reloading).action is Action.RELOAD


def test_many_changes_are_told_shortly(records):
    old = step(records).record
    keep(records / "one", Record(old.files, dict.fromkeys(("a", "b", "c", "d"), "x") | old.settings, old.lock))
    assert step(records).why == "A, B, C and 1 more changed"


def test_a_process_without_a_record_is_restarted(tmp_path):
    assert step(tmp_path).action is Action.RESTART


def test_another_command_or_environment_is_a_restart(records):
    assert step(records, reconfigured=("one",)).why == "its command or environment changed"


def test_a_silent_process_is_restarted_at_once_and_a_slow_one_gets_a_minute(records):
    silent, slow = Verdict(False, "silent", "quiet", stuck=True), Verdict(False, "waiting", "no answer")
    assert step(records, verdict=silent).action is Action.RESTART
    assert step(records, verdict=slow, age_s=30).action is Action.LEAVE
    assert step(records, verdict=slow, age_s=90).action is Action.RESTART


def test_code_that_does_not_parse_stops_the_deploy_before_anything_is_touched(tmp_path):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "ports.py").write_text("def broken(:\n")
    (tmp_path / "requirements.lock").touch()
    with pytest.raises(BrokenSource, match=r"one: infra/ports\.py, line 1: .*; nothing was restarted"):
        step(tmp_path, checkout=tmp_path)


def test_two_deploys_at_once_are_refused(layout):
    with _alone(layout), pytest.raises(Busy, match="still running"), _alone(layout):
        pass
    with _alone(layout):
        pass
