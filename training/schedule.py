"""When to train: a small process that asks now and then, and trains in a child process.

It holds neither data nor libraries, so that it costs next to nothing while it waits. Retraining runs at the lowest
priority the system offers, so that it takes only time that nobody else wants. Start at `run`.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from stream import evidence
from stream.metrics import serve
from training.metrics import ScheduleMetrics
from training.settings import TrainingSettings

CHECK_SECONDS = {"first": 10.0, "later": 60.0}  # a check costs a second of CPU
STOP_SECONDS = 3.0
LOOK_SECONDS = 1.0  # at the child, or for the wish to stop
log = logging.getLogger(__name__)


class Schedule:
    """Checks, trains, beats; `stop` ends it within seconds."""

    def __init__(self, settings: TrainingSettings, metrics: ScheduleMetrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.stopping = threading.Event()
        self.facts: dict[str, Any] = {"state": "starting"}

    def stop(self) -> None:
        """End the loop, and the child if one runs."""
        self.stopping.set()

    def loop(self) -> None:
        """Until `stop`."""
        while not self.stopping.is_set():
            due = self._ask()
            if due.get("due"):
                self._train(first=due["live_version"] is None)
            live = due.get("live_version") is not None
            self._wait(CHECK_SECONDS["later" if live else "first"])

    def _ask(self) -> dict[str, Any]:
        code, answer = self._child("due", "--json", idle=False)
        if not answer:
            log.error("`training due` ended with %d; its reason stands above", code)
            return {}
        due: dict[str, Any] = json.loads(answer)
        self.facts = {"state": "waiting", **due}
        self.metrics.version.set(int(due["live_version"] or 0))
        if due["live_data_ns"] is not None and due["stream_ns"] is not None:
            self.metrics.age.set((due["stream_ns"] - due["live_data_ns"]) / 1e9)
        return due

    def _train(self, first: bool) -> None:
        log.info("training: %s", self.facts.get("why"))
        started = time.monotonic()
        self.facts = {**self.facts, "state": "training"}
        self.metrics.running.set(1)
        code, answer = self._child("train", "--model", self.settings.models, "--json", idle=not first)
        self.metrics.running.set(0)
        self.metrics.seconds.set(time.monotonic() - started)
        outcome = ("promoted" if json.loads(answer)["live"] else "refused") if code == 0 else "failed"
        self.metrics.trainings.labels(outcome).inc()
        log.info("training %s after %.0f s", outcome, time.monotonic() - started)

    def _child(self, *arguments: str, idle: bool) -> tuple[int, str]:
        """Exit code and standard output of `python -m training …`; beats while it runs, ends it when stopping."""
        command = [sys.executable, "-m", "training", "--times", *arguments]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
            if idle:
                yield_to_others(child.pid)
            while True:
                self._beat()
                try:
                    return child.wait(timeout=LOOK_SECONDS), child.stdout.read() if child.stdout else ""
                except subprocess.TimeoutExpired:
                    pass
                if self.stopping.is_set():
                    end(child)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self._beat()
            self.stopping.wait(min(left, LOOK_SECONDS))

    def _beat(self) -> None:
        evidence.beat(self.settings.run_dir, "schedule", self.facts)


def yield_to_others(pid: int) -> None:
    """Give a process only the time nobody else wants, where the system knows that; elsewhere let it be nice."""
    with contextlib.suppress(OSError):
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, pid, 19)


def end(child: "subprocess.Popen[str]") -> None:
    """Ask a child to end, and make it end if it does not."""
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(STOP_SECONDS)
        return
    child.kill()


def run(settings: TrainingSettings) -> None:
    """The schedule's process: metrics, loop, clean end on SIGTERM and SIGINT."""
    metrics = ScheduleMetrics()
    serve(metrics.registry, settings.training_metrics_port, "TRAINING_METRICS_PORT")
    schedule = Schedule(settings, metrics)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: schedule.stop())
    schedule.loop()
