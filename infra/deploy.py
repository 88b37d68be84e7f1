"""Bring the processes of a plan up: in the order of their needs, until each is healthy. Start reading at `bring_up`."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra import pids
from infra.conf import Layout
from infra.digest import keep
from infra.health import Verdict, judge
from infra.imports import closure
from infra.plan import Action, Step
from infra.processes import Program
from infra.supervisor import State, Supervisor
from infra.terminal import Progress
from infra.watch import clear_mark, read_mark

_POLL_S = 0.25
_ROLL_S = 60.0


class DeployFailed(RuntimeError):
    """A process did not become healthy; the text names it, the cause and its log."""


@dataclass
class Deployment:
    """A running supervisor and the table that it shall run. changed: whose configuration differs from what runs."""

    supervisor: Supervisor
    layout: Layout
    table: tuple[Program, ...]
    changed: set[str] = field(default_factory=set)

    def verdicts(self) -> dict[str, Verdict]:
        """Health of every process of the table."""
        states = self.supervisor.states()
        return {program.name: self.judge(program, states.get(program.name)) for program in self.table}

    def judge(self, program: Program, state: State | None) -> Verdict:
        """Health of one."""
        return judge(program, state, self.layout.run, self.log(program))

    def log(self, program: Program) -> Path:
        """Where it speaks."""
        return self.layout.log / f"{program.name}.log"

    def record_file(self, name: str) -> Path:
        """Where the record of what it runs is kept."""
        return self.layout.run / "digests" / name

    def stop(self, name: str, patience_s: float) -> None:
        """Stop one process and wait until it lies still. Raises DeployFailed."""
        self.supervisor.stop(name)
        until = time.monotonic() + patience_s + 5
        while (state := self.supervisor.states().get(name)) and state.running:
            if time.monotonic() > until:
                raise DeployFailed(f"{name} does not stop within {patience_s + 5:.0f} s")
            time.sleep(0.1)


def bring_up(deployment: Deployment, steps: list[Step], timeout_s: float) -> None:
    """Carry out every step, each process after what it needs, and wait until all are healthy. Raises DeployFailed."""
    waiting = {step.program.name: step for step in steps if step.action is not Action.LEAVE}
    for name in waiting:
        clear_mark(deployment.layout.run, name)
    progress, until = Progress(), time.monotonic() + timeout_s
    while True:
        verdicts = deployment.verdicts()
        if not waiting and all(verdict.healthy for verdict in verdicts.values()):
            return
        for step in _ready(waiting, verdicts):
            _carry_out(deployment, step)
            del waiting[step.program.name]
        complain(deployment, verdicts, time.monotonic() > until, waiting)
        _show(progress, verdicts, waiting)
        time.sleep(_POLL_S)


def _ready(waiting: dict[str, Step], verdicts: dict[str, Verdict]) -> list[Step]:
    """Steps whose needs are healthy and not about to be touched themselves."""
    return [
        step
        for step in waiting.values()
        if all(need not in waiting and verdicts[need].healthy for need in step.program.needs)
    ]


def _carry_out(deployment: Deployment, step: Step) -> None:
    name = step.program.name
    if step.action is Action.RELOAD:
        roll(deployment, step.program)
    else:
        if step.action is Action.RESTART:
            deployment.stop(name, step.program.stop_s)
        if name in deployment.changed:
            deployment.supervisor.remove(name)
            deployment.supervisor.add(name)
        deployment.supervisor.start(name)
    keep(deployment.record_file(name), step.record)


def roll(deployment: Deployment, program: Program, patience_s: float = _ROLL_S) -> None:
    """Have a parent replace its workers one by one; nobody who asks notices.

    Raises DeployFailed if old ones stay, or if the new code cannot be imported: then the old code goes on.
    """
    _try_imports(deployment, program)
    parent = deployment.supervisor.states()[program.name].pid
    old = pids.workers_of(parent)
    deployment.supervisor.hang_up(program.name)
    _until(lambda: _rolled(parent, old), patience_s, f"{program.name}: its workers were not replaced")
    _until(
        lambda: deployment.verdicts()[program.name].healthy, patience_s, f"{program.name}: not healthy after the change"
    )


def _try_imports(deployment: Deployment, program: Program) -> None:
    checkout = deployment.layout.checkout
    modules = sorted(module for module in closure(checkout, program.entries) if not module.endswith("__main__"))
    command = [sys.executable, "-c", f"import {', '.join(modules)}"]
    tried = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False) if modules else None
    if tried and tried.returncode:
        cause = tried.stderr.strip().splitlines()[-1]
        raise DeployFailed(f"{program.name}: the new code cannot be imported, the old goes on: {cause}")


def _rolled(parent: int, old: set[int]) -> bool:
    now = pids.workers_of(parent)
    return len(now) >= len(old) and not now & old


def _until(holds: Callable[[], bool], patience_s: float, otherwise: str) -> None:
    until = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > until:
            raise DeployFailed(f"{otherwise} within {patience_s:.0f} s")
        time.sleep(_POLL_S)


def complain(deployment: Deployment, verdicts: dict[str, Verdict], late: bool, waiting: dict[str, Step]) -> None:
    """Raise DeployFailed for a process that was given up, or, when it is late, for one that is not healthy."""
    for program in deployment.table:
        verdict = verdicts[program.name]
        given_up = read_mark(deployment.layout.run, program.name) is not None
        unhealthy = not verdict.healthy and program.name not in waiting
        if given_up or (late and unhealthy):
            raise DeployFailed(f"{program.name}: {verdict.why}; see {deployment.log(program)}")


def _show(progress: Progress, verdicts: dict[str, Verdict], waiting: dict[str, Step]) -> None:
    slow = [name for name, verdict in verdicts.items() if not verdict.healthy]
    healthy = len(verdicts) - len(slow)
    if slow or waiting:
        progress.show(f"{healthy} of {len(verdicts)} healthy, waiting for {', '.join(slow)}")
