"""Assembles one worker of the service; granian calls `build` in each. Nothing happens at import.

Start reading at `build`.
"""

import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from serving import metric_files
from serving.settings import ServingSettings, prepare_environment
from stream.settings import read_settings

if TYPE_CHECKING:
    from serving.lifecycle import Lifecycle


def build() -> Flask:
    """The application of this worker, its models loaded and its housekeeping running."""
    start_ns = time.time_ns()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    settings = read_settings(ServingSettings)
    metrics_dir = settings.metrics_dir if metric_files.reserve(settings.metrics_dir) else None
    if metrics_dir is None:
        logging.getLogger(__name__).error("no disk for metrics in %s: counted in memory alone", settings.metrics_dir)
    app, lifecycle = _assemble(settings, metrics_dir, start_ns)
    lifecycle.start()
    return app


def check() -> None:
    """Load all that a worker needs, without becoming one; raises what a worker would die of."""
    _assemble(read_settings(ServingSettings), None, time.time_ns())


def _assemble(settings: ServingSettings, metrics_dir: Path | None, start_ns: int) -> tuple[Flask, "Lifecycle"]:
    prepare_environment(metrics_dir)  # before prometheus_client and numpy are imported
    from serving.answerer import Answerer
    from serving.app import create_app
    from serving.lifecycle import Lifecycle
    from serving.slots import Slots
    from serving.spool import Spool
    from serving.telemetry import Telemetry
    from serving.trials import Trials

    spool = Spool(settings.spool_dir, settings.spool_max_mb * 1_000_000, start_ns)
    telemetry = Telemetry(spool, limit_s=settings.answer_limit_s, metrics_dir=metrics_dir, start_ns=start_ns)
    slots, trials = Slots(settings.models_dir, telemetry), Trials(settings.experiments)
    slots.look()
    trials.look()
    answerer = Answerer(lambda: slots.live, lambda: trials.running, telemetry.failed)
    app = create_app(answerer, telemetry, _commit())
    chores = [slots.look, trials.look, spool.measure, telemetry.asking.look]
    lifecycle = Lifecycle(settings.roll_file, settings.ready_file, start_ns, chores)
    app.wsgi_app = lifecycle.closing(app.wsgi_app)  # type: ignore[assignment,method-assign]
    app.test_client().get("/health")  # the first request of a Flask application costs 20 ms more than the second
    return app, lifecycle


def _commit() -> str:
    """Commit of the checkout this code lies in, or "unknown" where it lies in none."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
