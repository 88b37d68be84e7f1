"""Stub programs under a real supervisor, in a folder of their own."""

import sys

import pytest

from infra.conf import MARK, Layout, configuration
from infra.deploy import Deployment
from infra.processes import Program
from infra.settings import environment_without, runtime_socket
from infra.setup import CHECKOUT
from infra.supervisor import Supervisor, launch
from infra.takedown import take_down


@pytest.fixture
def layout(tmp_path):
    """Folders of a deployment; its programs run in the checkout, where our packages are."""
    run, log = tmp_path / "run", tmp_path / "log"
    for folder in (run, log):
        folder.mkdir()
    return Layout(CHECKOUT, run, log, runtime_socket(run))


@pytest.fixture
def stub(tmp_path):
    """Makes a program that runs a script; `heart()` in the script beats, `sleep` sleeps."""
    head = f"""
import json, os, pathlib, signal, subprocess, sys, time
from time import sleep

def heart():
    folder = pathlib.Path({str(tmp_path / "run" / "health")!r})
    folder.mkdir(exist_ok=True)
    beat = {{"name": NAME, "pid": os.getpid(), "at_ns": time.time_ns(), "facts": {{}}}}
    fresh = folder / (NAME + ".tmp")
    fresh.write_text(json.dumps(beat))
    fresh.replace(folder / (NAME + ".json"))
"""

    def make(name, code, **rest):
        script = tmp_path / f"{name}.py"
        script.write_text(f"{head}\nNAME = {name!r}\n{code}\n")
        rest = {"entries": (), "purpose": "a stub"} | rest
        return Program(name=name, command=(sys.executable, str(script)), **rest)

    return make


@pytest.fixture
def deployed(layout):
    """Call it with programs to have them under a supervisor, not started yet; all is stopped after the test."""
    made = []

    def deploy(*programs):
        layout.conf.write_text(configuration(programs, layout, {}))
        launch(layout.conf, layout.socket, environment_without(frozenset()) | {MARK: str(layout.run)})
        made.append(Deployment(Supervisor(layout.socket), layout, programs))
        return made[-1]

    yield deploy
    for deployment in made:
        take_down(deployment.supervisor, layout, deployment.table)
