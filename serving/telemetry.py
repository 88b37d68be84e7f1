"""What the service says of itself: a record of each answer, and Prometheus metrics that are exact over all workers.

Each worker counts in files of its own (prometheus_client's multiprocess mode); a scrape of any worker adds up all of
them, dead workers' included. `request_count` and `request_latency_seconds` are the names the course's labs use.
Start reading at `Telemetry.record` and `Telemetry.metered`.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.answerer import Offer
from serving.clients import Clients
from serving.spool import Spool
from stream.answers import TIERS, Answer
from stream.evidence import alive

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METERED = "recommend"  # requests for lists; probes and scrapes would hide what users see
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2)


def latency_buckets(limit_s: float) -> tuple[float, ...]:
    """Upper bounds in seconds: fine where answers should be, and close around what the requester waits."""
    near = (limit_s * share for share in (0.5, 0.75, 0.9, 1.0, 1.25, 2.0))
    return tuple(sorted({*_BUCKETS, *(round(bound, 6) for bound in near)}))


class Telemetry:
    """Counts and keeps what one worker answers.

    metrics_dir: where the workers' metric files lie; None: metrics of this process alone. limit_s: the term's deadline.
    """

    def __init__(self, spool: Spool, *, limit_s: float, metrics_dir: Path | None, start_ns: int) -> None:
        self._spool, self._metrics_dir, self.start_ns = spool, metrics_dir, start_ns
        self._worker, self._seq = str(os.getpid()), 0
        self._prefix = f"{os.getpid():x}-{start_ns:x}"
        self._registry = CollectorRegistry()
        self._define(limit_s)
        self.asking = Clients(self)

    def _define(self, limit_s: float) -> None:
        where: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("request_count", "Requests for a list, by HTTP status.", ["http_status"], **where)
        buckets = latency_buckets(limit_s)
        self._latency = Histogram("request_latency_seconds", "Work inside the service.", buckets=buckets, **where)
        answers = Counter("matinee_answers", "Lists given, by what they were made from.", ["tier"], **where)
        self._answers = {tier: answers.labels(tier) for tier in TIERS}
        lost = Counter("matinee_answer_records_lost", "Answers whose record was not kept.", ["reason"], **where)
        self._lost = {reason: lost.labels(reason) for reason in ("disk", "bound")}
        self._failures = Counter("matinee_answer_failures", "Answers by the fallback after an error.", **where)
        self._swaps = Counter("matinee_model_swaps", "Swaps of a model or its overlay, workers added.", **where)
        self._refused = Counter("matinee_model_swap_failures", "Pointers that were not followed.", **where)
        help_text = "1 for the version that a slot answers from."
        self._live = Gauge(
            "matinee_model_live", help_text, ["slot", "version"], multiprocess_mode="livemostrecent", **where
        )
        self._busiest = Gauge(
            "matinee_busiest_client_requests_per_second", "Of each worker's busiest client, workers added.",
            multiprocess_mode="livesum", **where,
        )  # fmt: skip
        self._flood = Counter("matinee_flood_requests", "Requests of clients that ask far too often.", **where)
        self._by_status = {status: self._requests.labels(status) for status in ("200", "400")}

    def record(self, user_id: int, offer: Offer, *, seconds: float) -> str:
        """Keep the record of an answer, before the answer leaves; returns its request id. Never raises."""
        seq, self._seq = self._seq, self._seq + 1
        answer = Answer(
            request_id=f"{self._prefix}-{seq:x}",
            worker=self._worker,
            worker_start_ns=self.start_ns,
            seq=seq,
            at_ns=time.time_ns(),
            user_id=user_id,
            movies=offer.movies,
            tier=offer.tier,
            arms=dict(offer.arms),
            propensity=offer.propensity,
            model_version=offer.model_version,
            ms=round(seconds * 1_000, 3),
        )
        if reason := self._spool.write(answer.format()):
            self._lost[reason].inc()
        self._answers[offer.tier].inc()
        return answer.request_id

    def metered(self, app: "WSGIApplication") -> "WSGIApplication":
        """`app` with each request for a list counted by status and timed, whatever answered it."""

        def metered(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            if not environ["PATH_INFO"].lstrip("/").startswith(METERED):
                return app(environ, start_response)
            started = time.perf_counter()
            self.asking.count(environ.get("REMOTE_ADDR", ""))

            def counted(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                self._count(status[:3], time.perf_counter() - started)
                return start_response(status, headers, exc_info)

            return app(environ, counted)

        return metered

    def _count(self, status: str, seconds: float) -> None:
        (self._by_status.get(status) or self._requests.labels(status)).inc()
        self._latency.observe(seconds)

    def clients(self, busiest_per_s: float, flood: int) -> None:
        """How often the busiest client asked in the last window, and how many requests were a flood."""
        self._busiest.set(busiest_per_s)
        self._flood.inc(flood)

    def swapped(self, slot: str, version: str, previous: str | None) -> None:
        """A slot answers from `version` from now on."""
        self._swaps.inc()
        if previous not in (None, version):
            self._live.labels(slot, previous).set(0)
        self._live.labels(slot, version).set(1)

    def refused(self, reason: str) -> None:
        """The pointer was not followed, for `reason`."""
        self._refused.inc()

    def failed(self) -> None:
        """The fallback answered after an error."""
        self._failures.inc()

    def exposition(self) -> bytes:
        """All metrics of all workers, in Prometheus' text format."""
        if self._metrics_dir is None:
            return generate_latest(self._registry)
        _forget_gauges_of_the_dead(self._metrics_dir)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._metrics_dir))  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _forget_gauges_of_the_dead(directory: Path) -> None:
    """Drop what dead workers said is live now; their counts stay."""
    for path in directory.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdecimal() and not alive(int(pid)):
            mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
