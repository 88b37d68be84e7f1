"""The consumer process: movielog and answers, each from its topic into the store, and the store kept in shape.

Each feed has a thread of its own, so that a broker that is away or slow holds up nothing but its own topic; the main
thread beats and keeps the store in shape. See `stream/feed.py` for how a line gets into the store exactly once. With
SOURCE=course nothing is created at the course's broker and nothing written but the group's offsets.
"""

import contextlib
import logging
import threading
import time
import uuid
from concurrent import futures

from stream import evidence
from stream.events import WallClock
from stream.feed import Feed, Plan
from stream.metrics import ConsumerMetrics, serve
from stream.settings import StreamSettings
from stream.store import compact, retention
from stream.store.log import AnswerLog, EventLog
from stream.store.rules import remember_term

BEAT_S = 2.0
WAIT_S = 0.05
TIDY_S, FIRST_TIDY_S = 60.0, 10.0

log = logging.getLogger("stream.consumer")


def consume(settings: StreamSettings, stop: threading.Event, until_idle_s: float | None = None) -> int:
    """Consume until `stop` is set, or until no line came for `until_idle_s` seconds; returns how many were stored.

    Raises PortTaken if the metrics' port is taken. A broker that is away, or a topic that is not there, is waited for;
    TimeoutError if that is why no line came.
    """
    metrics = ConsumerMetrics()
    serve(metrics.registry, settings.consumer_metrics_port, "CONSUMER_METRICS_PORT")
    feeds = feeds_of(settings, metrics)
    stored = run(feeds, Keeper(settings, metrics), stop, until_idle_s)
    plan, state = feeds[0].plan, feeds[0].state
    if not stop.is_set() and state not in ("reading", "joining"):
        raise TimeoutError(
            f"expected lines of {plan.topic} at {plan.bootstrap}, could not read it for {until_idle_s:g} s"
            f" ({state or 'no answer'}); python -m stream doctor looks what is wrong"
        )
    return stored


def feeds_of(settings: StreamSettings, metrics: ConsumerMetrics) -> list[Feed]:
    """The feeds of a deployment: events from the movielog's broker, answers from our own."""
    ours = settings.source != "course"
    group, rows, seconds = settings.group, settings.flush_rows, settings.flush_seconds
    how = rows, seconds, member_name(settings)
    events = Plan("events", settings.log_bootstrap, settings.log_topic, group, ours, *how)
    answers = Plan("answers", settings.own_bootstrap, settings.answers_topic, f"{group}-answers", True, *how)
    clock = WallClock(settings.term.zone)
    store = settings.store_dir
    remember_term(store, settings.term)
    return [Feed(events, EventLog(store, clock), metrics), Feed(answers, AnswerLog(store), metrics)]


def member_name(settings: StreamSettings) -> str:
    """This consumer's name in its groups, the same after a restart and no other's anywhere."""
    file = settings.run_dir / f"consumer-{settings.consumer_metrics_port}.member"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"matinee-{uuid.uuid4().hex}")
    return file.read_text()


class Keeper:
    """What the consumer does beside consuming: heartbeats, compaction, and keeping the store within its bounds."""

    def __init__(self, settings: StreamSettings, metrics: ConsumerMetrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._beat_at = 0.0
        self._tidy_at = time.monotonic() + FIRST_TIDY_S

    def beat(self, feeds: list[Feed]) -> None:
        """Say what the feeds are doing, every few seconds."""
        if time.monotonic() - self._beat_at < BEAT_S:
            return
        self._beat_at = time.monotonic()
        self._metrics.lag.clear()  # of a partition that has moved to another member, or a broker that is away
        for feed in feeds:
            for partition, lines in feed.lag.items():
                self._metrics.lag.labels(feed.plan.name, str(partition)).set(lines)
            if feed.plan.name == "events" and feed.last_ns:
                self._metrics.last_event.set(feed.last_ns / 1e9)
        with contextlib.suppress(OSError):  # a full disk: the feeds say so
            evidence.beat(self._settings.run_dir, "consumer", {feed.plan.name: _facts(feed) for feed in feeds})

    def tidy(self) -> None:
        """Once a minute: merge small files, fold the oldest events into sessions where the store grew too big."""
        if time.monotonic() < self._tidy_at:
            return
        self._tidy_at = time.monotonic() + TIDY_S
        store, max_bytes = self._settings.store_dir, self._settings.store_max_mb * 1_000_000
        try:
            done = compact.compact(store) | retention.enforce(store, max_bytes, self._settings.store_max_days)
        except (OSError, ValueError) as error:  # a damaged file or a full disk must not stop what comes in
            log.error("cannot tidy the store: %s", error)
            return
        self._metrics.store_bytes.set(done.pop("bytes"))
        if any(done.values()):
            log.info("tidied the store: %s", ", ".join(f"{what} {count}" for what, count in done.items() if count))


def run(feeds: list[Feed], keeper: Keeper, stop: threading.Event, until_idle_s: float | None = None) -> int:
    """Poll each feed until told to stop; each stores what it has before it ends. Raises what ended a feed."""
    over = threading.Event()
    with futures.ThreadPoolExecutor(len(feeds), "feed") as pool:
        ends = [pool.submit(_drive, feed, over) for feed in feeds]
        try:
            while not (stop.wait(WAIT_S) or any(end.done() for end in ends)):
                keeper.beat(feeds)
                keeper.tidy()
                if until_idle_s is not None and time.monotonic() - max(feed.busy_at for feed in feeds) > until_idle_s:
                    break
        finally:
            over.set()
    for end in ends:
        end.result()
    return sum(feed.stored for feed in feeds)


def _drive(feed: Feed, over: threading.Event) -> None:
    while not over.is_set():
        if not feed.step():
            over.wait(WAIT_S)
    feed.close()


def _facts(feed: Feed) -> dict[str, object]:
    lag = feed.lag
    return {
        "state": feed.state, "topic": feed.plan.topic, "source": feed.source, "stored": feed.stored, "lost": feed.lost,
        "lag": sum(lag.values()) if lag else None, "last_ns": feed.last_ns, "quarantined": feed.quarantined,
        "bytes": feed.bytes, "rebalances": feed.rebalances,
    }  # fmt: skip
