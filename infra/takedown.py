"""Stop everything that was started for this checkout, and nothing else; data stays.

Works with a supervisor that died, too: every process carries the run folder of its deployment in its environment.
"""

import time

from infra import pids
from infra.conf import Layout
from infra.processes import Program
from infra.supervisor import Supervisor
from infra.terminal import Progress

_POLL_S = 0.1


def take_down(supervisor: Supervisor, layout: Layout, table: tuple[Program, ...]) -> int:
    """Stop what depends on others first, then the supervisor, then whatever is left; returns how many ran."""
    running = len(pids.started_for(layout.run))
    if not running:
        return 0
    progress = Progress()
    if supervisor.answers():
        _stop_in_order(supervisor, table, progress)
        supervisor.shut_down()
        _wait_for_end(layout)
    if left := pids.started_for(layout.run):
        progress.show(f"ending {len(left)} processes that nobody supervises")
        pids.end(left)
    progress.done(f"stopped {running} processes")
    return running


def _stop_in_order(supervisor: Supervisor, table: tuple[Program, ...], progress: Progress) -> None:
    """A process is stopped when nothing that runs needs it any more."""
    patience_s = {program.name: program.stop_s for program in table}
    needs = {program.name: set(program.needs) for program in table}
    known = supervisor.states()
    waiting = {name for name, state in known.items() if state.running}
    until = time.monotonic() + sum(patience_s.values())
    while waiting and time.monotonic() < until:
        needed = {need for name in waiting for need in needs.get(name, ())}
        for name in waiting - needed:
            if known[name].word != "STOPPING":
                supervisor.stop(name)
        progress.show(f"stopping {', '.join(sorted(waiting - needed))}")
        time.sleep(_POLL_S)
        known = supervisor.states()
        waiting = {name for name, state in known.items() if state.running}


def _wait_for_end(layout: Layout) -> None:
    until = time.monotonic() + 20
    while layout.pid_file.exists() and time.monotonic() < until:
        time.sleep(_POLL_S)
