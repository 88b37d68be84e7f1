"""A member of a consumer group that is given its partitions anew each time it joins.

A static member that comes back under its name (`instance`) is handed what it had before, at once, as a follower: nobody
looks at the topic again (KIP-345). That is a trap. An assignment made while a new broker did not have the topic yet is
empty, and who comes back to it waits for ever, heartbeats and all. But the broker divides anew if the group's protocol
changes, so a member offers three that do the same under different names: its own, which nobody offered before; one of
the topic as it is now, for all who read it; and the plain one, beside members that have not seen yet that the topic is
another.
"""

import uuid
from typing import Any

from kafka import KafkaConsumer
from kafka.coordinator.assignors.range import RangePartitionAssignor

from stream.topics import ANSWER_MS, Topic


class _Named(RangePartitionAssignor):  # type: ignore[misc]
    """The usual way to divide partitions, under a name of its own."""

    def __init__(self, name: str) -> None:
        self.name = name


def group_member(bootstrap: str, topic: Topic, group: str, instance: str | None) -> Any:
    """A consumer that is about to join `group` for `topic`; it is told where to read from and commits only when asked.

    Raises KafkaError if the broker does not answer.
    """
    names = uuid.uuid4().hex[:16], f"{topic.source}-{len(topic.partitions)}"
    return KafkaConsumer(
        bootstrap_servers=bootstrap,
        bootstrap_timeout_ms=ANSWER_MS,
        group_id=group,
        group_instance_id=instance,
        partition_assignment_strategy=[*map(_Named, names), RangePartitionAssignor],
        enable_auto_commit=False,
        auto_offset_reset="none",  # the store says where to start; the broker is never let to choose
        allow_auto_create_topics=False,
        reconnect_backoff_max_ms=1_000,
        request_timeout_ms=10_000,
        session_timeout_ms=10_000,
        metadata_max_age_ms=10_000,
    )
