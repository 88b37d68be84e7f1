"""What a broker knows about a topic: whether it is there, which one it is, and the lines that it holds.

A topic that was deleted and made anew has the same name but another id, so the id, hashed, names the source of stored
lines (`Topic.source`). Every question is answered within a few seconds or raises `BrokerAway`; nothing here creates a
topic unless asked to. Start reading at `Broker`.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, OffsetSpec, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, KafkaTimeoutError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

PARTITIONS = 2  # as the course's topics have
ANSWER_MS = 3_000  # how long a question to a broker may take
SILENCE_S = 10.0  # how long lines that are there may take to come

T = TypeVar("T")


class BrokerAway(ConnectionError):
    """A broker did not answer, or answered with an error, in time."""

    def __init__(self, bootstrap: str, error: Exception) -> None:
        super().__init__(f"no answer from the broker at {bootstrap} ({type(error).__name__}: {str(error)[:200]})")
        self.bootstrap = bootstrap


class Topic(NamedTuple):
    """A topic as it is now; the same name made anew is another topic."""

    name: str
    source: str  # 16 hex digits that name this topic, and none that ever was or will be, in the store
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets that a partition holds: `first` up to, not including, `end`."""

    first: int
    end: int


class Received(NamedTuple):
    """A line as a broker holds it."""

    partition: int
    offset: int
    at_ms: int  # when the broker got it, UTC
    line: bytes


def source_id(topic_id: str | None, cluster_id: str, topic: str) -> str:
    """Name in the store of a topic: 16 hex digits of the sha256 of its id (of cluster and name if it has no id)."""
    return hashlib.sha256((topic_id or f"{cluster_id}/{topic}").encode()).hexdigest()[:16]


class Broker:
    """Questions to one broker. Connects when first asked, and anew after each failure."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._client: KafkaAdminClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next question connects again."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def topic(self, name: str) -> Topic | None:
        """The topic of that name, or None if there is none now. Raises BrokerAway."""
        return self._ask(lambda client: self._describe(client, name))

    def create(self, name: str, partitions: int = PARTITIONS, configs: Mapping[str, str] | None = None) -> Topic:
        """The topic of that name, made first if it is not there. Raises BrokerAway."""
        if not (found := self.topic(name)):
            wanted = {name: {"num_partitions": partitions, "replication_factor": 1, "configs": dict(configs or {})}}
            self._ask(lambda client: _create(client, wanted))
            found = self.topic(name)
        if not found:
            raise BrokerAway(self.bootstrap, UnknownTopicOrPartitionError(f"{name} vanished while it was made"))
        return found

    def ranges(self, name: str) -> dict[int, Range]:
        """First and end offset of each partition; empty if the topic is not there. Raises BrokerAway."""
        return self._ask(lambda client: self._ranges(client, name))

    def settings(self, name: str) -> dict[str, str]:
        """What a topic is set to, defaults included, under the broker's names. Raises BrokerAway."""
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name)]
        found = self._ask(lambda client: client.describe_configs(wanted, config_filter="all"))
        return {key: str(entry["value"]) for key, entry in found["topic"][name].items()}

    def delete(self, name: str) -> None:
        """Delete a topic and wait until the broker no longer shows it. Raises BrokerAway."""
        self._ask(lambda client: client.delete_topics([name]))
        deadline = time.monotonic() + ANSWER_MS / 1000
        while self.topic(name) and time.monotonic() < deadline:
            time.sleep(0.05)

    def cluster(self) -> str:
        """The broker's cluster id. Raises BrokerAway."""
        return self._ask(lambda client: str(client.describe_cluster()["cluster_id"]))

    def _describe(self, client: KafkaAdminClient, name: str) -> Topic | None:
        found = client.describe_topics([name])[0]  # never creates: the client forbids it in this request
        if found["error_code"] or not found["partitions"]:
            return None
        topic_id = found["topic_id"]
        cluster = "" if topic_id else str(client.describe_cluster()["cluster_id"])
        partitions = sorted(int(partition["partition_index"]) for partition in found["partitions"])
        return Topic(name, source_id(topic_id and str(topic_id), cluster, name), tuple(partitions))

    def _ranges(self, client: KafkaAdminClient, name: str) -> dict[int, Range]:
        if not (topic := self._describe(client, name)):
            return {}
        keys = [TopicPartition(name, partition) for partition in topic.partitions]
        first = client.list_partition_offsets(dict.fromkeys(keys, OffsetSpec.EARLIEST))
        end = client.list_partition_offsets(dict.fromkeys(keys, OffsetSpec.LATEST))
        return {key.partition: Range(int(first[key].offset), int(end[key].offset)) for key in keys}

    def _ask(self, question: Callable[[KafkaAdminClient], T]) -> T:
        try:
            if self._client is None:
                self._client = KafkaAdminClient(
                    bootstrap_servers=self.bootstrap, bootstrap_timeout_ms=ANSWER_MS, request_timeout_ms=ANSWER_MS
                )
            return question(self._client)
        except (KafkaError, OSError) as error:
            with contextlib.suppress(KafkaError, OSError):
                self.close()
            raise BrokerAway(self.bootstrap, error) from error


def ensure_topic(bootstrap: str, name: str, partitions: int = PARTITIONS, **configs: str) -> Topic:
    """The topic of that name, made first if it is not there; `configs` with `_` for `.`. Raises BrokerAway."""
    with Broker(bootstrap) as broker:
        return broker.create(name, partitions, {key.replace("_", "."): value for key, value in configs.items()})


def end_offsets(bootstrap: str, name: str) -> dict[int, int]:
    """Offset that each partition's next line will get; empty if the topic is not there. Raises BrokerAway."""
    with Broker(bootstrap) as broker:
        return {partition: held.end for partition, held in broker.ranges(name).items()}


def last_lines(bootstrap: str, name: str, partition: int, count: int) -> list[bytes]:
    """The newest lines of a partition, oldest first; at most `count`. Raises BrokerAway."""
    with Broker(bootstrap) as broker:
        held = broker.ranges(name).get(partition, Range(0, 0))
    start = max(held.first, held.end - count)
    return [received.line for received in read_lines(bootstrap, name, {partition: Range(start, held.end)})]


def read_lines(bootstrap: str, name: str, ranges: Mapping[int, Range]) -> Iterator[Received]:
    """What the given ranges hold, in order within each partition. Raises BrokerAway.

    Belongs to no group and commits nothing. Ends when each range has been read.
    """
    with contextlib.closing(LineReader(bootstrap, name)) as reader:
        yield from reader.read(ranges)


class LineReader:
    """Reads ranges of one topic by a connection that it keeps. Belongs to no group and commits nothing."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.bootstrap, self._name = bootstrap, name
        self._client: KafkaConsumer | None = None

    def read(self, ranges: Mapping[int, Range]) -> Iterator[Received]:
        """What the given ranges hold, in order within each partition; one call at a time. Raises BrokerAway."""
        left = {TopicPartition(self._name, partition): held for partition, held in ranges.items()}
        left = {key: held for key, held in left.items() if held.first < held.end}
        try:
            yield from self._read(left) if left else ()
        except KafkaError as error:
            raise BrokerAway(self.bootstrap, error) from error

    def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _read(self, left: dict[TopicPartition, Range]) -> Iterator[Received]:
        consumer = self._connected()
        consumer.assign(list(left))
        for key, held in left.items():
            consumer.seek(key, held.first)
        came = time.monotonic()
        while left:
            found = consumer.poll(timeout_ms=200, max_records=5_000)
            for key, records in found.items():
                for record in records:
                    if key in left and record.offset < left[key].end:
                        yield Received(key.partition, record.offset, record.timestamp, record.value or b"")
            left = {key: held for key, held in left.items() if (consumer.position(key) or 0) < held.end}
            came = time.monotonic() if found else came
            if time.monotonic() - came > SILENCE_S:
                raise BrokerAway(self.bootstrap, KafkaTimeoutError(f"{self._name} gave no line for {SILENCE_S:.0f} s"))

    def _connected(self) -> Any:
        if self._client is None:
            self._client = KafkaConsumer(
                bootstrap_servers=self.bootstrap,
                bootstrap_timeout_ms=ANSWER_MS,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
            )
        return self._client


def _create(client: KafkaAdminClient, wanted: Mapping[str, Any]) -> None:
    with contextlib.suppress(TopicAlreadyExistsError):  # someone else was faster
        client.create_topics(dict(wanted))
    client.wait_for_topics(list(wanted), timeout_ms=ANSWER_MS)
