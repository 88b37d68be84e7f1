"""What a topic holds, read by a plain client of its own."""

import hashlib
from dataclasses import dataclass

import xxhash
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition


@dataclass(frozen=True)
class Topic:
    """Lines of a topic and the order-free digest of their bytes."""

    source: str
    lines: int
    digest: str


def topic_digest(bootstrap: str, topic: str, ends: dict[int, int] | None = None) -> Topic:
    """Read `topic` from its first to its last offset of this moment, or each partition up to before `ends`."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topic_id = str(admin.describe_topics([topic])[0]["topic_id"])
    admin.close()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    try:
        parts = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        held = consumer.end_offsets(parts)
        wanted = held if ends is None else {part: ends.get(part.partition, 0) for part in parts}
        if beyond := {part: end for part, end in wanted.items() if end > held[part]}:
            raise AssertionError(f"expected offsets that {topic} holds, got {beyond} beyond {held}")
        left = {part: end for part, end in wanted.items() if end > consumer.position(part)}
        lines, total = 0, 0
        while left:
            for part, records in consumer.poll(timeout_ms=500, max_records=5_000).items():
                for record in records:
                    if part in left and record.offset < left[part]:
                        lines += 1
                        total += xxhash.xxh3_128_intdigest(record.value)
                if part in left and consumer.position(part) >= left[part]:
                    del left[part]
    finally:
        consumer.close()
    source = hashlib.sha256(topic_id.encode()).hexdigest()[:16]
    return Topic(source, lines, f"{total % 2**128:032x}")
