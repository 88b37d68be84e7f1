"""Stub programs under a real supervisor: started in order, given up when they keep dying, stopped to the last."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from infra import pids
from infra.deploy import DeployFailed, bring_up, roll
from infra.digest import Record
from infra.health import judge
from infra.plan import Action, Step
from infra.processes import Program
from infra.takedown import take_down
from infra.watch import DEATHS, DeathCount, last_lines, read_mark
from waiting import until

NOTHING = Record({}, {}, "")
SLEEPER = [sys.executable, "-c", "import time; time.sleep(99)"]
LEAVES_NOTE = """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
def note(word):
    with open(pathlib.Path(__file__).with_name("notes"), "a") as notes:
        notes.write(word + "\\n")
note("ready")
signal.sigwait([signal.SIGTERM])
note(NAME)
"""
ROLLING = f"""
def start():
    return subprocess.Popen({SLEEPER})
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGTERM])
worker = start()
while signal.sigwait([signal.SIGHUP, signal.SIGTERM]) == signal.SIGHUP:
    fresh = start()
    worker.kill()
    worker.wait()
    worker = fresh
worker.kill()
"""
WATCH = Program("watch", (sys.executable, "-m", "infra.watch"), (), "gives up")


def starts(*programs):
    return [Step(program, Action.START, "it does not run", NOTHING) for program in programs]


def test_processes_start_after_what_they_need_is_healthy(deployed, stub):
    first = stub("first", "sleep(1.5); heart(); sleep(60)", beats=True)
    second = stub("second", "sleep(60)", needs=("first",))
    deployment = deployed(second, first)
    bring_up(deployment, starts(second, first), 30)
    states = deployment.supervisor.states()
    assert states["second"].started - states["first"].started >= 1


def test_a_process_that_never_gets_healthy_is_named_with_cause_and_log(deployed, stub):
    mute = stub("mute", "sleep(60)", beats=True)
    deployment = deployed(mute)
    with pytest.raises(DeployFailed, match=r"mute: no heartbeat since it was started; see .*mute\.log"):
        bring_up(deployment, starts(mute), 2)


def test_a_process_that_died_five_times_is_given_up_with_its_last_words(deployed, stub):
    crash = stub("crash", "print('the disk is full'); raise SystemExit(3)")
    deployment = deployed(crash, WATCH)
    with pytest.raises(
        DeployFailed, match=r"crash: died 5 times in two minutes; its last words: the disk is full; see"
    ):
        bring_up(deployment, starts(WATCH, crash), 60)
    assert read_mark(deployment.layout.run, "crash").tail.count("the disk is full") >= DEATHS
    until(lambda: not deployment.supervisor.states()["crash"].running, 10, "it is left alone")
    verdict = judge(crash, deployment.supervisor.states()["crash"], deployment.layout.run, deployment.log(crash))
    assert (verdict.healthy, verdict.word) == (False, "failed")


def test_a_killed_process_comes_back_and_is_not_given_up(deployed, stub):
    steady = stub("steady", "heart(); sleep(60)", beats=True)
    deployment = deployed(steady, WATCH)
    bring_up(deployment, starts(WATCH, steady), 30)
    first = deployment.supervisor.states()["steady"].pid
    os.kill(first, signal.SIGKILL)
    until(lambda: deployment.supervisor.states()["steady"].pid not in (0, first), 10, "a new process")
    until(lambda: deployment.verdicts()["steady"].healthy, 10, "healthy again")
    assert read_mark(deployment.layout.run, "steady") is None


def test_down_stops_everything_it_started_and_nothing_else(deployed, stub):
    family = stub("family", f"subprocess.Popen({SLEEPER})\nsleep(99)")
    stubborn = stub("stubborn", "signal.signal(signal.SIGTERM, signal.SIG_IGN); sleep(99)", stop_s=1)
    deployment = deployed(family, stubborn, WATCH)
    bring_up(deployment, starts(family, stubborn, WATCH), 30)
    bystander = subprocess.Popen(SLEEPER)
    assert take_down(deployment.supervisor, deployment.layout, deployment.table) >= 4
    assert pids.started_for(deployment.layout.run) == set()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_down_works_when_the_supervisor_died(deployed, stub):
    steady = stub("steady", "sleep(99)")
    deployment = deployed(steady)
    bring_up(deployment, starts(steady), 30)
    os.kill(deployment.supervisor.pid(), signal.SIGKILL)
    until(lambda: not deployment.supervisor.answers(), 5, "the supervisor is gone")
    assert pids.started_for(deployment.layout.run)
    take_down(deployment.supervisor, deployment.layout, deployment.table)
    assert pids.started_for(deployment.layout.run) == set()


def test_a_process_is_stopped_before_what_it_needs(deployed, stub, tmp_path):
    notes = tmp_path / "notes"
    ground, above = stub("ground", LEAVES_NOTE), stub("above", LEAVES_NOTE, needs=("ground",))
    deployment = deployed(ground, above)
    bring_up(deployment, starts(ground, above), 30)
    until(lambda: notes.read_text().count("ready") == 2, 10, "both can be told to stop")
    take_down(deployment.supervisor, deployment.layout, deployment.table)
    assert [line for line in notes.read_text().splitlines() if line != "ready"] == ["above", "ground"]


def test_workers_are_rolled_by_hanging_up_and_the_parent_stays(deployed, stub):
    parent = stub("parent", ROLLING, reloads=True)
    deployment = deployed(parent)
    bring_up(deployment, starts(parent), 30)
    pid = deployment.supervisor.states()["parent"].pid
    old = until(lambda: pids.workers_of(pid), 10, "a worker")
    roll(deployment, parent, 20)
    assert deployment.supervisor.states()["parent"].pid == pid
    assert pids.workers_of(pid)
    assert not pids.workers_of(pid) & old


def test_code_that_cannot_be_imported_is_not_rolled_out(deployed, stub, tmp_path):
    (tmp_path / "stream").mkdir()
    (tmp_path / "stream" / "broken.py").write_text("import no_such_thing\n")
    parent = stub("parent", ROLLING, reloads=True, entries=("stream.broken",))
    deployment = deployed(parent)
    bring_up(deployment, starts(parent), 30)
    pid = deployment.supervisor.states()["parent"].pid
    old = until(lambda: pids.workers_of(pid), 10, "a worker")
    edited = replace(deployment, layout=replace(deployment.layout, checkout=tmp_path))
    with pytest.raises(
        DeployFailed, match=r"parent: the new code cannot be imported, the old goes on: .*no_such_thing"
    ):
        roll(edited, parent, 20)
    assert pids.workers_of(pid) == old


def test_deaths_long_ago_are_forgotten():
    count = DeathCount(deaths=3, window_s=10)
    assert [count.died("one", at) for at in (0.0, 1.0, 12.0, 13.0, 14.0)] == [False, False, False, False, True]


def test_deaths_of_different_processes_are_counted_apart():
    count = DeathCount(deaths=2, window_s=10)
    assert [count.died(name, 0.0) for name in ("one", "other", "one")] == [False, False, True]


def test_the_end_of_a_log_that_is_not_there_is_nothing(tmp_path):
    assert last_lines(tmp_path / "none.log") == ()
