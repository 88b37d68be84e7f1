"""What `up` has to do: which processes to start, restart, reload or leave alone, and whether their ports are free."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from infra import pids, ports
from infra.digest import BrokenSource, Record, load, needs_full_restart, record
from infra.health import Verdict
from infra.processes import Program
from infra.supervisor import State

_PATIENCE_S = 60  # a process that runs this long and is not healthy is started anew


class PortTaken(RuntimeError):
    """A port that we need belongs to something else; the text says to whom and what to change."""


class Action(StrEnum):
    """What happens to a process."""

    START = "start"
    RESTART = "restart"
    RELOAD = "reload"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Step:
    """One process, what to do with it and why, and the record of what it will run."""

    program: Program
    action: Action
    why: str
    record: Record


def plan(
    table: tuple[Program, ...],
    checkout: Path,
    records: Path,
    states: Mapping[str, State],
    verdicts: Mapping[str, Verdict],
    reconfigured: Collection[str],
) -> list[Step]:
    """A step for each process of the table.

    records: folder of what was kept at their start; reconfigured: whose command or environment differs.
    Raises BrokenSource, so that nothing is stopped for code that cannot run.
    """
    return [
        _step(
            program, _record(program, checkout), load(records / program.name), checkout, states, verdicts, reconfigured
        )
        for program in table
    ]


def check_ports(steps: list[Step], run_dir: Path) -> None:
    """Raises PortTaken unless every port of what will be started is free or our own."""
    numbers = Counter(port.number for step in steps for port in step.program.ports)
    for step in steps:
        for port in step.program.ports:
            if numbers[port.number] > 1:
                raise PortTaken(f"port {port.number} is asked for twice: change {port.setting} in .env")
    touched = [step for step in steps if step.action in (Action.START, Action.RESTART)]
    busy = [(step, port) for step in touched for port in step.program.ports if ports.taken(port.number)]
    ours = pids.started_for(run_dir) if busy else set()
    for step, port in busy:
        if (pid := ports.holder(port.number)) not in ours:
            whom = f"process {pid} ({pids.command_of(pid)})" if pid else "a process that this user may not see"
            raise PortTaken(
                f"{step.program.name}: port {port.number} is taken by {whom}; stop it, or set {port.setting} in .env"
            )


def _record(program: Program, checkout: Path) -> Record:
    try:
        return record(program, checkout)
    except BrokenSource as error:
        raise BrokenSource(f"{program.name}: {error}; nothing was restarted") from error


def _step(
    program: Program,
    now: Record,
    then: Record | None,
    checkout: Path,
    states: Mapping[str, State],
    verdicts: Mapping[str, Verdict],
    reconfigured: Collection[str],
) -> Step:
    state = states.get(program.name)
    if state is None or not state.running:
        return Step(program, Action.START, "it does not run", now)
    if program.name in reconfigured:
        return Step(program, Action.RESTART, "its command or environment changed", now)
    if changed := now.differences(then):
        full = needs_full_restart(program, checkout, now, then)
        return Step(program, Action.RESTART if full else Action.RELOAD, _shortly(changed), now)
    verdict = verdicts[program.name]
    if verdict.stuck or (not verdict.healthy and state.now - state.started > _PATIENCE_S):
        return Step(program, Action.RESTART, verdict.why, now)
    return Step(program, Action.LEAVE, "", now)


def _shortly(changed: list[str]) -> str:
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return ", ".join(changed[:3]) + more + " changed"
