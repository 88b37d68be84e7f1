"""`up`: prepare, start or restart exactly what is out of date, wait until all of it is true. Start reading at `up`."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

from infra import pids
from infra.conf import MARK, Layout, configuration, server_section
from infra.deploy import DeployFailed, Deployment, bring_up, complain
from infra.facts import Facts, gather
from infra.history import History, store_history
from infra.kafka.fetch import ensure_jars
from infra.kafka.java import ensure_java
from infra.plan import Action, Step, check_ports, plan
from infra.processes import Settings, programs
from infra.settings import environment_without, given_in_environment
from infra.settings_table import setting_names
from infra.supervisor import Supervisor, launch
from infra.takedown import take_down
from infra.terminal import Progress, say

_POLL_S = 0.5
_FIRST_HIT_S = 90  # simulated viewers begin a film some 70 stream minutes after its list; recorded ones saw other lists


def up(settings: Settings, layout: Layout) -> Deployment:
    """Everything healthy and busy. Raises one of the failures that `commands` turns into a sentence."""
    deployment = Deployment(Supervisor(layout.socket), layout, programs(settings))
    alive = _supervisor_to_keep(deployment)
    removed = _configure(deployment, alive)
    steps = _plan(deployment, alive)
    check_ports(steps, layout.run)
    _announce(steps, alive)
    _prepare(settings, layout, steps)
    _supervise(deployment, alive, removed)
    bring_up(deployment, steps, settings.infra.deploy_timeout_s)
    _settle(settings, deployment)
    return deployment


def _supervisor_to_keep(deployment: Deployment) -> bool:
    """Is there a supervisor that can stay? One of another lock goes, and so does what a dead one left behind."""
    layout, supervisor = deployment.layout, deployment.supervisor
    if supervisor.answers():
        kept = deployment.record_file("supervisord")
        if kept.exists() and kept.read_text(encoding="ascii") == _identity(layout):
            return True
        say("the supervisor itself is out of date: everything is started anew")
        take_down(supervisor, layout, deployment.table)
    elif left := pids.started_for(layout.run):
        say(f"ending {len(left)} processes whose supervisor died")
        pids.end(left)
    return False


def _configure(deployment: Deployment, alive: bool) -> list[str]:
    """Write the supervisor's configuration; notes what it changes in `deployment`, returns whom it no longer has."""
    layout = deployment.layout
    for folder in (layout.run, layout.log):
        folder.mkdir(parents=True, exist_ok=True)
    given = given_in_environment(setting_names())
    layout.conf.write_text(configuration(deployment.table, layout, given), encoding="utf-8")
    if not alive:
        return []
    added, changed, removed = deployment.supervisor.reread()
    deployment.changed.update(added, changed)
    return removed


def _identity(layout: Layout) -> str:
    lock = (layout.checkout / "requirements.lock").read_bytes()
    return hashlib.sha256(lock + server_section(layout).encode()).hexdigest()


def _plan(deployment: Deployment, alive: bool) -> list[Step]:
    layout = deployment.layout
    states = deployment.supervisor.states() if alive else {}
    verdicts = deployment.verdicts() if alive else {}
    return plan(deployment.table, layout.checkout, layout.run / "digests", states, verdicts, deployment.changed)


def _announce(steps: list[Step], alive: bool) -> None:
    for step in steps:
        if alive and step.action is not Action.LEAVE:
            say(f"  {step.action.value} {step.program.name}: {step.why}")


def _prepare(settings: Settings, layout: Layout, steps: list[Step]) -> None:
    """Broker and history, side by side: one waits for the network, the other for the processor."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        broker = beside.submit(_fetch_broker, settings) if _starts_broker(steps) else None
        history = History.of(settings)
        if settings.house.source == "platform" and not history.stored():
            store_history(history, environment_without(frozenset()) | {MARK: str(layout.run)})
        if broker:
            broker.result()


def _starts_broker(steps: list[Step]) -> bool:
    return any(step.program.name == "kafka" and step.action is not Action.LEAVE for step in steps)


def _fetch_broker(settings: Settings) -> None:
    ensure_java()
    ensure_jars(settings.infra.kafka_dir / "libs")


def _supervise(deployment: Deployment, alive: bool, removed: list[str]) -> None:
    layout = deployment.layout
    for name in removed:
        deployment.stop(name, patience_s=20)
        deployment.supervisor.remove(name)
    if not alive:
        launch(layout.conf, layout.socket, environment_without(setting_names()) | {MARK: str(layout.run)})
        deployment.record_file("supervisord").parent.mkdir(parents=True, exist_ok=True)
        deployment.record_file("supervisord").write_text(_identity(layout), encoding="ascii")


def _settle(settings: Settings, deployment: Deployment) -> None:
    """Wait until the system does what it is for; of a course's stream nobody knows when. Raises DeployFailed."""
    if settings.house.source == "course":
        return
    progress, until = Progress(), time.monotonic() + settings.infra.deploy_timeout_s
    while missing := _missing(facts_of(settings)):
        what, process = missing
        complain(deployment, deployment.verdicts(), late=False, waiting={})
        if time.monotonic() > until:
            log = deployment.layout.log / f"{process}.log"
            raise DeployFailed(f"{process}: no {what} within {settings.infra.deploy_timeout_s:.0f} s; see {log}")
        progress.show(f"waiting for {what}")
        time.sleep(_POLL_S)
    if settings.house.source != "platform":
        return
    patient_until = time.monotonic() + _FIRST_HIT_S
    while not facts_of(settings).hit_rate and time.monotonic() < patient_until:
        progress.show("waiting for the first film that somebody picks from a list")
        time.sleep(_POLL_S)


def facts_of(settings: Settings) -> Facts:
    """What is happening in this deployment."""
    return gather(settings.house.run_dir, settings.house.store_dir, settings.service_address)


def _missing(facts: Facts) -> tuple[str, str] | None:
    """What is not there yet, and the process that makes it."""
    if facts.model is None:
        return "model that went live", "schedule"
    if not facts.answered:
        return "request answered with status 200", "service"
    return ("figures of online evaluation", "evaluation") if facts.personalised is None else None
