"""The verbs of `python -m infra`, inside `.venv`; each returns the exit status. Start reading at `run`."""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from infra import disk, pids, setup
from infra.conf import Layout
from infra.deploy import DeployFailed, Deployment
from infra.digest import BrokenSource
from infra.health import Verdict
from infra.history import HistoryFailed
from infra.kafka.fetch import FetchFailed
from infra.plan import PortTaken
from infra.processes import Settings, programs
from infra.supervisor import State, Supervisor, SupervisorFailed
from infra.takedown import take_down
from infra.terminal import say, table
from infra.up import facts_of, up
from infra.watch import read_mark

_FAILURES = (BrokenSource, DeployFailed, FetchFailed, HistoryFailed, PortTaken, SupervisorFailed, setup.SetupFailed)
_NEXT = """\
What to do next
  curl {address}      ask for a recommendation
  make status         this table again        make logs NAME=service   what a process says
  make down           stop, keep the data     docs/first-hour.md       your first model"""


class Busy(RuntimeError):
    """Another deploy or takedown of this checkout is going on."""


def run(verb: str, name: str | None) -> int:
    """Do what the verb says; a failure becomes one sentence on standard error and status 1."""
    settings = Settings.read()
    layout = Layout.of(settings)
    try:
        if verb == "up":
            return deploy(settings, layout)
        if verb == "status":
            return status(settings, layout)
        if verb == "logs":
            return logs(settings, layout, name)
        return down(settings, layout) if verb == "down" else mlflow(settings)
    except (*_FAILURES, Busy) as failure:
        sys.stderr.write(f"\n{verb} failed: {failure}\n")
        return 1


def deploy(settings: Settings, layout: Layout) -> int:
    """Bring everything up and say what is there."""
    started = time.monotonic()
    with _alone(layout):
        deployment = up(settings, layout)
    say(_table(deployment, deployment.verdicts()))
    say("\n" + "\n".join((*facts_of(settings).lines(), disk.line(settings))))
    say("\n" + _NEXT.format(address=f"{settings.service_address}/recommend/42"))
    say(f"\nAll healthy after {time.monotonic() - started:.0f} s.")
    return 0


def status(settings: Settings, layout: Layout) -> int:
    """The table and what is happening; 1 if a process is not healthy."""
    deployment = Deployment(Supervisor(layout.socket), layout, programs(settings))
    if not deployment.supervisor.answers():
        left = len(pids.started_for(layout.run))
        what = f"The supervisor died; {left} processes run on without it" if left else "Nothing runs here"
        say(f"{what}: `make deploy` starts everything.")
        return 1
    verdicts = deployment.verdicts()
    say(_table(deployment, verdicts))
    say("\n" + "\n".join((*facts_of(settings).lines(), disk.line(settings))))
    for program in deployment.table:
        if not verdicts[program.name].healthy:
            say(f"\n{program.name}: {verdicts[program.name].why}; see {deployment.log(program)}")
            failed = read_mark(layout.run, program.name)
            for line in failed.tail if failed else ():
                say(f"    {line}")
    return 0 if all(verdict.healthy for verdict in verdicts.values()) else 1


def logs(settings: Settings, layout: Layout, name: str | None) -> int:
    """Follow what the processes say, until Ctrl-C."""
    known = [program.name for program in programs(settings)]
    if name and name not in known:
        sys.stderr.write(f"there is no process {name!r}; there are {', '.join(known)}\n")
        return 2
    files = [str(file) for one in ([name] if name else known) if (file := layout.log / f"{one}.log").exists()]
    if not files:
        say("Nothing was written yet: `make deploy` starts everything.")
        return 1
    return os.execvp("tail", ["tail", "-n", "40", "-F", *files])


def down(settings: Settings, layout: Layout) -> int:
    """Stop everything, keep the data."""
    with _alone(layout):
        stopped = take_down(Supervisor(layout.socket), layout, programs(settings))
    say(f"The data is kept in {settings.house.var_dir}/." if stopped else "Nothing runs here.")
    return 0


def mlflow(settings: Settings) -> int:
    """Serve MLflow's pages in the foreground."""
    home, port = settings.training.mlflow_dir.absolute(), settings.training.mlflow_port
    home.mkdir(parents=True, exist_ok=True)
    say(f"MLflow on http://127.0.0.1:{port} in a moment; Ctrl-C ends it.")
    store = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--default-artifact-root", f"{home}/artifacts"]
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    lean = ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", "MLFLOW_DISABLE_TELEMETRY=true"]
    return os.execvp("env", ["env", *lean, sys.executable, "-m", "mlflow", "server", *store, *where])


def _table(deployment: Deployment, verdicts: dict[str, Verdict]) -> str:
    states = deployment.supervisor.states()
    rows = [
        (program.name, verdicts[program.name].word, _since(states.get(program.name)), program.address, program.purpose)
        for program in deployment.table
    ]
    return table(("PROCESS", "STATE", "SINCE", "ADDRESS", "WHAT IT IS FOR"), rows)


def _since(state: State | None) -> str:
    if state is None or not state.running or not state.started:
        return "-"
    age_s = state.now - state.started
    return f"{age_s} s" if age_s < 120 else f"{age_s // 60} min" if age_s < 7200 else f"{age_s // 3600} h"


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """One deploy or takedown at a time."""
    layout.run.mkdir(parents=True, exist_ok=True)
    with (layout.run / "infra.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("another `make deploy` or `make down` of this checkout is still running") from None
        yield
