"""A port that is taken: by whom, and what to change."""

import os
import shutil
import socket
import sys

import pytest

from houses import free_ports
from infra import pids, ports
from infra.digest import Record
from infra.plan import Action, PortTaken, Step, check_ports
from infra.processes import Port, Program


def wants(number, setting="SERVE_PORT", name="service"):
    return Step(Program(name, (), (), "", ports=(Port(number, setting),)), Action.START, "", Record({}, {}, ""))


@pytest.fixture
def listener():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_taken_port_says_by_whom_and_which_setting_to_change(listener, tmp_path):
    whom = rf"process {os.getpid()} \(.*python.*\)"
    said = rf"service: port {listener} is taken by {whom}; stop it, or set SERVE_PORT in \.env"
    with pytest.raises(PortTaken, match=said):
        check_ports([wants(listener)], tmp_path)


def test_a_free_port_is_fine(tmp_path):
    check_ports([wants(free_ports(1)[0])], tmp_path)


def test_a_port_of_what_runs_already_is_not_looked_at(listener, tmp_path):
    step = wants(listener)
    check_ports([Step(step.program, Action.LEAVE, "", step.record)], tmp_path)


def test_two_processes_cannot_have_the_same_port(tmp_path):
    with pytest.raises(PortTaken, match="port 417 is asked for twice: change SERVE_PORT"):
        check_ports([wants(417), wants(417, "API_PORT", "platform")], tmp_path)


def test_the_holder_is_found_with_and_without_tools(listener):
    assert ports.holder(listener) == os.getpid()
    if sys.platform == "linux":
        assert ports._pid_by_proc(listener) == os.getpid()
    if shutil.which("lsof"):
        assert ports._pid_by_tool(listener) == os.getpid()


def test_the_command_of_a_process_is_readable():
    assert "python" in pids.command_of(os.getpid())
    assert pids.command_of(2**22 + 1) == ""


def test_children_are_told_from_others():
    assert os.getpid() in pids.children_of(os.getppid())
    assert os.getppid() not in pids.children_of(os.getpid())
