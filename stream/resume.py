"""Where a replay that was cut short goes on: behind what its topics hold, if they hold nothing else.

A partition's end offset says how many lines it ever got, so it must have got the first so many lines of the replay that
belong there; its last lines, read and compared, say whether it did. A line of anybody else, at any place, shifts them.
Start reading at `unsent`.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stream.dated_lines import Line, own_ns
from stream.player import Item
from stream.topics import Broker, Range, Topic, read_lines
from stream.wall_clock import WallClock

TAIL_LINES = 200  # of each partition that are compared
STILL_S = 0.3  # that ends must stand still: what a killed process had under way may still arrive
STILL_TRIES = 10
AHEAD_LINES = 200_000  # more lines that one partition has beyond another's were not sent by one replay


class NotOurs(ValueError):
    """A topic does not hold the beginning of this replay and nothing else; nothing was sent."""

    def __init__(self, topic: str, found: str) -> None:
        super().__init__(
            f"cannot resume: expected {topic} to hold the beginning of this replay and nothing else; {found}. "
            f"Use the same files, --from, --to and --shift as before, or a topic of its own without --resume"
        )


@dataclass(slots=True)
class Tail:
    """What one partition got: how many lines ever, and the last of them."""

    end: int
    lines: list[bytes]
    matched: int = 0  # lines of the replay that belong there and were found, from its start

    def has(self, text: bytes, topic: str, partition: int) -> bool:
        """Whether the next line for this partition is there. Raises NotOurs if another is in its place."""
        if self.matched >= self.end:
            return False
        place = self.matched - (self.end - len(self.lines))
        self.matched += 1
        if place >= 0 and self.lines[place] != text:
            raise NotOurs(
                topic, f"partition {partition}, offset {self.matched - 1} holds {_shown(self.lines[place])} "
                f"in the place of {_shown(text)}"
            )  # fmt: skip
        return True


def tails(bootstrap: str, topic: Topic, stop: threading.Event) -> dict[int, Tail]:
    """The end of each partition, once nothing arrives any more. Raises BrokerAway, NotOurs if lines keep coming."""
    held = _still(bootstrap, topic, stop)
    wanted = {partition: Range(max(span.first, span.end - TAIL_LINES), span.end) for partition, span in held.items()}
    found = {partition: Tail(span.end, []) for partition, span in held.items()}
    for received in read_lines(bootstrap, topic.name, wanted):
        found[received.partition].lines.append(received.line)
    return found


def unsent(lines: Iterator[Line], topics: Sequence[Topic], held: dict[str, dict[int, Tail]]) -> Iterator[Item]:
    """Lines with the topics that lack them. Before the first comes, every tail has been compared.

    held: tails by topic and partition. Raises NotOurs.
    """
    ahead: list[Item] = []
    while waiting := [topic for topic in topics if not _complete(held[topic.name])]:
        line = next(lines, None)
        if line is None or len(ahead) > AHEAD_LINES:
            raise NotOurs(waiting[0].name, "it holds more lines than that")
        if lacking := [topic for topic in topics if not _has(line, topic, held[topic.name])]:
            ahead.append((line, lacking))
    yield from ahead
    for line in lines:
        yield line, topics


def shift_of(lines: Iterator[Line], topic: Topic, bootstrap: str, clock: WallClock) -> int | None:
    """By how much the times in a topic are later than the recording's, by the first that can be read in both; ns.

    None if the topic holds none. Raises BrokerAway.
    """
    first = next((line for line in lines if own_ns(line.text, clock) is not None), None)
    if first is None:
        return None
    partition = topic.partitions[first.user_id % len(topic.partitions)]
    with Broker(bootstrap) as broker:
        held = broker.ranges(topic.name).get(partition, Range(0, 0))
    start = Range(held.first, min(held.end, held.first + TAIL_LINES))
    for received in read_lines(bootstrap, topic.name, {partition: start}):
        if (at_ns := own_ns(received.line, clock)) is not None:
            return at_ns - (own_ns(first.text, clock) or 0)
    return None


def _complete(held: dict[int, Tail]) -> bool:
    return all(tail.matched >= tail.end for tail in held.values())


def _has(line: Line, topic: Topic, held: dict[int, Tail]) -> bool:
    partition = topic.partitions[line.user_id % len(topic.partitions)]
    return held[partition].has(line.text, topic.name, partition)


def _still(bootstrap: str, topic: Topic, stop: threading.Event) -> dict[int, Range]:
    with Broker(bootstrap) as broker:
        held = broker.ranges(topic.name)
        for _ in range(STILL_TRIES):
            if stop.wait(STILL_S):
                break
            before, held = held, broker.ranges(topic.name)
            if held == before:
                return held
    raise NotOurs(topic.name, "lines are still coming: another replay or producer runs")


def _shown(line: bytes) -> str:
    return line[:100].decode(errors="backslashreplace")
