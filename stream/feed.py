"""From topics to the store: poll, append, and only then move the offset at the broker.

The store is the authority: a partition is read from behind the highest offset stored of its source, whatever offset the
broker remembers, so a kill at any point loses nothing and stores nothing twice. Before lines are appended the broker is
asked whether the topic is still the one they were read from; a topic made anew is another source, read from its start.
Start reading at `Feed.step`.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError

from stream import sources
from stream.group_member import group_member
from stream.metrics import ConsumerMetrics
from stream.pending import Pending
from stream.store.log import Batch, Stored
from stream.topics import ANSWER_MS, Broker, BrokerAway, Range

POLL_MS = 100
JOIN_MS = 400, 3_000  # the client throws away a join that ends between two polls, so each next try waits longer
POLL_LINES = 5_000
CHECK_S = 5.0  # how often the topic's id is asked for when nothing is stored
RETRY_S = 1.0
CUT_SHORT_S = 10.0

log = logging.getLogger("stream.feed")


class Log(Protocol):
    """Where a feed's lines go: an EventLog or an AnswerLog."""

    dir: Path

    def append(self, batch: Batch) -> Stored:
        """Store the lines, durably."""

    def next_offset(self, source: str, partition: int) -> int:
        """The offset behind the highest ever stored."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a feed reads, and how often it writes."""

    name: str  # in logs and metrics
    bootstrap: str
    topic: str
    group: str
    create: bool  # make the topic if it is not there; never at a broker that is not ours
    flush_rows: int = 20_000
    flush_seconds: float = 2.0
    member: str | None = None  # one that comes back under its name after a kill takes its partitions over at once


class Feed:
    """One topic on its way into one log. One thread calls `step`; nothing is lost if that ends at any point."""

    def __init__(self, plan: Plan, into: Log, metrics: ConsumerMetrics) -> None:
        self.plan, self._log, self._metrics = plan, into, metrics
        self.state = ""
        self.stored = self.quarantined = self.bytes = self.lost = self.rebalances = 0
        self.last_ns: int | None = None  # stream time of the newest event stored
        self.lag: dict[int, int] = {}  # lines at the broker not received yet, by partition, where that is known
        self.busy_at = time.monotonic()  # when lines last came
        self.source: str | None = None
        self._broker = Broker(plan.bootstrap)
        self._consumer: Any = None
        self._lock = threading.RLock()  # rebalances come from the client's own thread
        self._pending = Pending()
        self._patience_ms = JOIN_MS[0]
        self._rest_until = self._waiting_since = self._checked = self._ahead_since = 0.0

    def step(self) -> bool:
        """One turn: open, or poll and store what is due. True if lines came. A broker that is away is waited for."""
        if time.monotonic() < self._rest_until:
            return False
        try:
            return self._turn() if self._consumer is not None else self._open()
        except BrokerAway as error:
            self._enter("broker away", f"{error}; trying again", logging.WARNING)
        except KafkaError as error:
            self._enter("broker error", f"{type(error).__name__}: {error}; joining again", logging.WARNING)
            self._leave()
        except OSError as error:  # a full disk: what waits is kept, and nothing is polled beyond it
            self._enter("cannot store", f"{error}; {self._pending.rows} lines wait", logging.ERROR)
        self._rest_until = time.monotonic() + RETRY_S
        return False

    def close(self) -> None:
        """Store what is there, leave the group, hang up."""
        with contextlib.suppress(BrokerAway, KafkaError, OSError):
            if self._consumer is not None and self.state != "broker away":
                self._store()
        self._leave()
        self._broker.close()

    def _open(self) -> bool:
        topic = self._broker.topic(self.plan.topic)
        if topic is None and self.plan.create:
            topic = self._broker.create(self.plan.topic)
        if topic is None:
            self._enter("no topic", f"no topic {self.plan.topic} at {self.plan.bootstrap} yet; waiting")
            self._rest_until = time.monotonic() + RETRY_S
            return False
        self.source = sources.current(self._log.dir, topic.source)
        self._consumer = group_member(self.plan.bootstrap, topic, self.plan.group, self.plan.member)
        self._consumer.subscribe([self.plan.topic], listener=_Rebalances(self))
        self._checked = time.monotonic()
        self._enter("joining", f"joining group {self.plan.group} for {self.plan.topic}, source {self.source}")
        return True

    def _turn(self) -> bool:
        try:
            came = self._poll() if self._pending.rows < self.plan.flush_rows else 0
        except (OffsetOutOfRangeError, LogTruncationError):
            self._realign()
            return True
        waited_s = time.monotonic() - self._waiting_since
        if self._pending.rows >= self.plan.flush_rows or (self._pending.rows and waited_s >= self.plan.flush_seconds):
            self._store()
        elif time.monotonic() - self._checked >= CHECK_S:
            self._same_topic()
        return came > 0

    def _poll(self) -> int:
        """Take in what the broker has now; returns how many lines."""
        joined = bool(self._pending.expected())
        self._patience_ms = JOIN_MS[0] if joined else min(2 * self._patience_ms, JOIN_MS[1])
        polled = self._consumer.poll(timeout_ms=POLL_MS if joined else self._patience_ms, max_records=POLL_LINES)
        came = 0
        with self._lock:
            if not self._pending.rows:
                self._waiting_since = time.monotonic()
            for key, records in polled.items():
                came += self._pending.add(key.partition, [r.offset for r in records], [r.value or b"" for r in records])
            self.lag = self._behind()
        self.busy_at = time.monotonic() if came else self.busy_at
        return came

    def _behind(self) -> dict[int, int]:
        behind = {}
        for partition, offset in self._pending.expected().items():
            with contextlib.suppress(KafkaError, KeyError):  # a partition that has just moved
                if (end := self._consumer.highwater(TopicPartition(self.plan.topic, partition))) is not None:
                    behind[partition] = max(0, end - offset)
        return behind

    def _store(self) -> None:
        """Data first, offset after; and neither if the lines may be another topic's."""
        if not self._same_topic():
            return
        with self._lock:
            assert self.source is not None
            while batch := self._pending.batch(self.source):
                self._count(self._log.append(batch))
                self._pending.stored(batch.partition)
            reached = self._pending.expected()
        self._read_on()
        offsets = {TopicPartition(self.plan.topic, p): OffsetAndMetadata(n, "", -1) for p, n in reached.items()}
        with contextlib.suppress(KafkaError):  # for whoever looks at the group; we never read it
            self._consumer.commit(offsets, timeout_ms=ANSWER_MS)

    def _same_topic(self) -> bool:
        """Whether the topic is still the one that was opened; if not, what is not stored is dropped and it is left.

        Ids never come back, so lines polled before a yes are the opened topic's. Raises BrokerAway.
        """
        topic = self._broker.topic(self.plan.topic)
        self._checked = time.monotonic()
        if topic is not None and sources.current(self._log.dir, topic.source) == self.source:
            if self.state != "cannot store":
                self._read_on()
            return True
        dropped = self._pending.rows
        log.warning("%s: topic %s is gone or another one; %d lines dropped", self.plan.name, self.plan.topic, dropped)
        self._metrics.remade.labels(self.plan.name).inc()
        self._leave()
        return False

    def _realign(self) -> None:
        """The broker does not hold the next offset: retention was faster, or it lost the end of its log."""
        if not self._same_topic():
            return
        held = self._broker.ranges(self.plan.topic)
        ahead = False
        with self._lock:
            for partition, offset in self._pending.expected().items():
                if offset < held[partition].first:
                    self._skip(partition, offset, held[partition].first)
                ahead |= offset > held[partition].end
                with contextlib.suppress(ValueError):  # the partition has just moved
                    key = TopicPartition(self.plan.topic, partition)
                    self._consumer.seek(key, self._pending.expected()[partition])
        if ahead:
            self._cut_short(held)

    def _skip(self, partition: int, offset: int, first: int) -> None:
        if offset:
            self.lost += first - offset
            self._metrics.lost.labels(self.plan.name).inc(first - offset)
            log.error("%s: partition %d: %d lines were dropped by the broker before they were read (offsets %d to %d)",
                      self.plan.name, partition, first - offset, offset, first - 1)  # fmt: skip
        else:
            log.info("%s: partition %d begins at offset %d", self.plan.name, partition, first)
        self._pending.skip(partition, first)

    def _cut_short(self, held: Mapping[int, Range]) -> None:
        """A broker that lost the end of its log gives the same offsets to other lines: those are another source's.

        Only after a while, for a broker that is just starting may show less than it has.
        """
        now = time.monotonic()
        self._ahead_since = self._ahead_since or now
        if now - self._ahead_since < CUT_SHORT_S:
            self._rest_until = now + RETRY_S
            return
        assert self.source is not None
        starts = {p: min(self._log.next_offset(self.source, p), held[p].end) for p in held}
        begun = sources.begin_next(self._log.dir, self.source, starts)
        log.error(
            "%s: the broker lost the end of %s; its lines go on as source %s", self.plan.name, self.plan.topic, begun
        )
        self._ahead_since = 0.0
        self._leave()

    def _leave(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaError, OSError):
                consumer.close(autocommit=False, timeout_ms=1_000)
        with self._lock:
            self._pending, self.lag = Pending(), {}

    def _count(self, stored: Stored) -> None:
        self.stored += stored.lines
        self.bytes += stored.bytes
        self.quarantined += sum(stored.quarantined.values())
        self.last_ns = max(self.last_ns or 0, stored.last_ns or 0) or None
        for kind, lines in stored.kinds.items():
            self._metrics.stored.labels(self.plan.name, kind).inc(lines)
        for reason, lines in stored.quarantined.items():
            self._metrics.quarantined.labels(self.plan.name, reason).inc(lines)
        self._metrics.written.labels(self.plan.name).inc(stored.bytes)
        self._metrics.quarantine_share.labels(self.plan.name).set(self.quarantined / max(self.stored, 1))

    def _read_on(self) -> None:
        if partitions := len(self._pending.expected()):
            self._enter("reading", f"reading {self.plan.topic}, {partitions} partitions")

    def _enter(self, state: str, words: str, level: int = logging.INFO) -> None:
        """Each state is worth one line in the log, however long it lasts."""
        if state != self.state:
            log.log(level, "%s: %s", self.plan.name, words)
        self.state = state
        self._metrics.connected.labels(self.plan.name).set(state in ("joining", "reading"))

    def _assigned(self, partitions: Iterable[int]) -> None:
        """Read from behind what is stored; called from the client's thread before anything is fetched."""
        with self._lock:
            for partition in partitions:
                assert self.source is not None
                offset = self._log.next_offset(self.source, partition)
                self._pending.expect(partition, offset)
                self._consumer.seek(TopicPartition(self.plan.topic, partition), offset)
        self.rebalances += 1
        self._metrics.rebalances.labels(self.plan.name).inc()

    def _revoked(self, partitions: Iterable[int]) -> None:
        with self._lock:  # waits for an append that is under way, so the next owner starts behind it
            self._pending.forget(partitions)


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hands the client's news of partitions on."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Partitions came."""
        self._feed._assigned(key.partition for key in assigned)

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Partitions go; what is not stored is read again by their next owner."""
        self._feed._revoked(key.partition for key in revoked)
