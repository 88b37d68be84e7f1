"""The live loop: once a minute the figures of the last hours, for Prometheus, for the status table and on disk.

A round reads the last hours only, so it costs the same in a store of any size; figures since the first request are
running totals. Start reading at `Loop.round`.
"""

import json
import logging
import math
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.catalogue import read_titles
from evaluation.metrics import OnlineMetrics
from evaluation.observed import HOUR_NS, Observed, log_ends_ns, observe
from evaluation.online import observe_stretch, report_of
from evaluation.report import Report, plain
from evaluation.settings import EvaluationSettings
from evaluation.totals import Totals, read_totals, write_totals
from stream.evidence import BEAT_SECONDS, beat
from stream.metrics import serve

KEPT_BYTES = 5_000_000  # of a file of rounds; the file before it is kept too
EAGER_SECONDS = 10.0  # between rounds as long as nobody has found anything in a list
CATCH_UP_NS = 24 * HOUR_NS  # of stream time counted at once after a pause

_log = logging.getLogger(__name__)


@dataclass
class Loop:
    """One process that watches one store."""

    settings: EvaluationSettings
    store_dir: Path
    metrics: OnlineMetrics = field(default_factory=OnlineMetrics)
    stopping: threading.Event = field(default_factory=threading.Event)
    end_ns: int = 0  # newest event of the last round
    facts: dict[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        """Rounds until SIGTERM or SIGINT. Raises PortTaken if the metrics' port is not free."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        serve(self.metrics.registry, self.settings.evaluation_metrics_port, "EVALUATION_METRICS_PORT")
        beat(self.settings.run_dir, "evaluation", self.facts)
        while not self.stopping.is_set():
            self._try_round()
            self._wait(min(self.settings.evaluate_seconds, math.inf if self.facts.get("hit_rate") else EAGER_SECONDS))

    def round(self) -> Report | None:
        """Judge the last hours once; None as long as the store is empty."""
        started = time.perf_counter()
        ends = log_ends_ns(self.store_dir)
        if not ends:
            return None
        end_ns = ends[1]
        window_ns = round(self.settings.online_window_hours * HOUR_NS)
        last_ns = window_ns + round(self.settings.online_last_hours * HOUR_NS)
        seen = observe_stretch(self.store_dir, self.settings.term, window_ns, end_ns + 1, last_ns)
        report = report_of(seen, read_titles(self.store_dir / "catalog"), self.settings.term)
        totals = self._count(seen)
        self.end_ns = end_ns
        self.facts = _facts(report, totals)
        seconds = time.perf_counter() - started
        self.metrics.show(report, totals, end_ns, seconds)
        self._keep(report, totals, seconds)
        return report

    def _try_round(self) -> None:
        """A store that cannot be read this minute (a damaged file, a full disk) is no reason to end."""
        try:
            self.round()
        except (ValueError, OSError) as error:
            _log.warning("round left out: %s", error)
            self.metrics.rounds.labels("failed").inc()
            self.facts = {**self.facts, "error": str(error)}

    def _count(self, seen: Observed) -> Totals:
        path = self.store_dir / "metrics" / "online-totals.json"
        totals = read_totals(path)
        while totals.behind(seen) and not self.stopping.is_set():
            until_ns = min(totals.until_ns + CATCH_UP_NS, seen.from_ns) + seen.window_ns
            totals = totals.advanced(
                observe(self.store_dir, self.settings.term, totals.until_ns, until_ns, seen.window_ns)
            )
            beat(self.settings.run_dir, "evaluation", self.facts)
        totals = totals.advanced(seen)
        write_totals(path, totals)
        return totals

    def _keep(self, report: Report, totals: Totals, seconds: float) -> None:
        path = self.store_dir / "metrics" / "online.jsonl"
        record = {"real_ns": time.time_ns(), "stream_ns": self.end_ns, "seconds": seconds, "totals": totals.counts()}
        line = json.dumps({**plain(record), **report.as_json()}) + "\n"
        if path.exists() and path.stat().st_size + len(line) > KEPT_BYTES:
            path.replace(path.with_suffix(".jsonl.1"))
        with path.open("a", encoding="utf-8") as file:
            file.write(line)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.stopping.is_set():
            beat(self.settings.run_dir, "evaluation", self.facts)
            self.stopping.wait(min(left, BEAT_SECONDS * 0.8))


def _facts(report: Report, totals: Totals) -> dict[str, Any]:
    """What the status table shows."""
    facts, hit_rate = report.facts, report.metric("hit_rate")
    found = {
        "stream_time": facts["to"],
        "requests": facts["requests"],
        "ok": facts["ok"],
        "availability": facts["availability_by_time"],
        "p99_ms": facts["latency_ms"]["p99"],
        "personalised": facts["personalised"]["not_modal"],
        "hit_rate": hit_rate.value,
        "lists_judged": facts["lists_judged"],
        "totals": totals.counts(),
    }
    said: dict[str, Any] = plain(found)
    return said
