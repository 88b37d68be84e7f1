"""The consumer process: the movielog and our own answers, each from its topic into the store, and the store kept in shape.

Two feeds are polled in turn by one thread; see `stream/feed.py` for how a line gets from a topic into the store exactly
once. With SOURCE=course nothing is created at the course's broker and nothing written but the group's offsets.
"""

import logging
import threading
import time

from stream import evidence
from stream.events import WallClock
from stream.feed import Feed, Plan
from stream.metrics import ConsumerMetrics, serve
from stream.settings import StreamSettings
from stream.store.log import AnswerLog, EventLog

BEAT_S = 2.0

log = logging.getLogger("stream.consumer")


def consume(settings: StreamSettings, stop: threading.Event, until_idle_s: float | None = None) -> int:
    """Consume until `stop` is set, or until no line came for `until_idle_s` seconds; returns how many were stored.

    Raises PortTaken if the metrics' port is taken. A broker that is away, or a topic that is not there, is waited for.
    """
    metrics = ConsumerMetrics()
    serve(metrics.registry, settings.consumer_metrics_port, "CONSUMER_METRICS_PORT")
    return run(feeds_of(settings, metrics), Keeper(settings, metrics), stop, until_idle_s)


def feeds_of(settings: StreamSettings, metrics: ConsumerMetrics) -> list[Feed]:
    """The feeds of a deployment: events from the movielog's broker, answers from our own."""
    every = {"flush_rows": settings.flush_rows, "flush_seconds": settings.flush_seconds}
    ours = settings.source != "course"
    events = Plan("events", settings.log_bootstrap, settings.log_topic, settings.group, ours, **every)
    answers = Plan(
        "answers", settings.own_bootstrap, settings.answers_topic, f"{settings.group}-answers", True, **every
    )
    clock = WallClock(settings.term.zone)
    store = settings.store_dir
    return [Feed(events, EventLog(store, clock), metrics), Feed(answers, AnswerLog(store), metrics)]


class Keeper:
    """What the consumer does beside consuming: heartbeats, compaction, and keeping the store within its bounds."""

    def __init__(self, settings: StreamSettings, metrics: ConsumerMetrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._beat_at = 0.0

    def beat(self, feeds: list[Feed]) -> None:
        """Say what the feeds are doing, every few seconds."""
        if time.monotonic() - self._beat_at < BEAT_S:
            return
        self._beat_at = time.monotonic()
        for feed in feeds:
            for partition, lines in feed.lag().items():
                self._metrics.lag.labels(feed.plan.name, str(partition)).set(lines)
            if feed.plan.name == "events" and feed.last_ns:
                self._metrics.last_event.set(feed.last_ns / 1e9)
        evidence.beat(self._settings.run_dir, "consumer", {feed.plan.name: _facts(feed) for feed in feeds})


def run(feeds: list[Feed], keeper: Keeper, stop: threading.Event, until_idle_s: float | None = None) -> int:
    """Poll the feeds in turn until told to stop; each stores what it has before it ends."""
    busy_at = time.monotonic()
    while not stop.is_set():
        busy = False
        for feed in feeds:
            busy |= feed.step()
            keeper.beat(feeds)
        now = time.monotonic()
        busy_at = now if busy else busy_at
        if until_idle_s is not None and now - busy_at > until_idle_s:
            break
        if not busy:
            stop.wait(0.05)
    for feed in feeds:
        feed.close()
    return sum(feed.stored for feed in feeds)


def _facts(feed: Feed) -> dict[str, object]:
    lag = feed.lag()
    return {
        "state": feed.state, "topic": feed.plan.topic, "source": feed.source, "stored": feed.stored, "lost": feed.lost,
        "lag": sum(lag.values()) if lag else None, "last_ns": feed.last_ns,
    }  # fmt: skip
