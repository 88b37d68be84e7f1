"""The topic of a replay: made so that the whole recording stays in it, or looked at if it was there before."""

import logging
from collections.abc import Sequence
from pathlib import Path

from stream.producer import LINE_BYTES
from stream.topics import PARTITIONS, Broker, Topic

LOOP_BYTES = 256_000_000  # that a looped replay's topic keeps at least, of each partition
SEGMENT_BYTES = 64_000_000
_PACKED = 30  # gzip makes a log at most so much smaller; 8 is usual
_OVERHEAD = 1.5  # of short lines in a topic

log = logging.getLogger("stream.replay")


class WrongPartitions(ValueError):
    """A topic that was there before has another number of partitions than was asked for."""


def topic_for(bootstrap: str, name: str, files: Sequence[Path], partitions: int | None, loop: bool) -> Topic:
    """The topic of that name, made if it is not there.

    A new one keeps everything, for ever; with `loop` the newest part, at least one whole recording. One that was there
    before keeps its settings; if they may drop lines of this recording, that is logged.
    Raises WrongPartitions, BrokerAway.
    """
    with Broker(bootstrap) as broker:
        if not (topic := broker.topic(name)):
            return broker.create(name, partitions or PARTITIONS, _settings(files, loop))
        if partitions not in (None, len(topic.partitions)):
            raise WrongPartitions(
                f"expected topic {name} to have {partitions} partitions as asked, it has {len(topic.partitions)}; "
                f"leave --partitions out, or name a new topic"
            )
        kept = broker.settings(name)
    _warn(name, kept, _room(files))
    return topic


def _settings(files: Sequence[Path], loop: bool) -> dict[str, str]:
    """Of each partition. A line's time at the broker is when it is sent, however old the recording is."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": str(max(LOOP_BYTES, 2 * _room(files))) if loop else "-1",
        "segment.bytes": str(SEGMENT_BYTES),
        "max.message.bytes": str(LINE_BYTES + 1_000),
        "message.timestamp.type": "CreateTime",
    }


def _room(files: Sequence[Path]) -> int:
    """Bytes that hold the whole recording, even if all its lines went to one partition."""
    return sum(int(path.stat().st_size * (_PACKED if path.suffix == ".gz" else _OVERHEAD)) for path in files)


def _warn(name: str, kept: dict[str, str], room: int) -> None:
    limit = int(kept.get("retention.bytes", "-1"))
    hours = int(kept.get("retention.ms", "-1")) / 3_600_000
    if 0 <= limit < room or 0 <= hours < 24:
        log.warning(
            "topic %s was there before and keeps %s bytes a partition for %s; lines that no consumer has read by then "
            "are lost. A topic that this command makes keeps them all",
            name, "all" if limit < 0 else f"{limit:,}", "ever" if hours < 0 else f"{hours:.0f} h",
        )  # fmt: skip
