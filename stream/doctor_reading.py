"""The doctor's looks at how far a topic has been read: lag, the hours until unread lines are dropped, the clocks.

The store says what was read, not the group's offset, so the answers are right while the consumer is dead, too.
"""

import contextlib
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

from stream import sources
from stream.events import WallClock
from stream.findings import Finding
from stream.settings import StreamSettings
from stream.store.log import EventLog
from stream.topics import Range, Received, Topic, read_lines

LAG_LINES = 50_000  # some minutes of a course's stream
LEFT_HOURS = 6.0  # unread lines that go sooner than this are a finding
SKEW_S = 5.0
SILENT_S = 600.0
_NEWEST = 20  # lines of a partition whose times are compared: one of them may be malformed on purpose
_ZONE_STEP_S = 1_800.0  # zones differ by multiples of half an hour


@dataclass(frozen=True, slots=True)
class Reading:
    """A topic and how far the store has read it, by partition."""

    held: Mapping[int, Range]
    position: Mapping[int, int]  # next offset that the store wants
    oldest: Mapping[int, Received]  # first line still held
    unread: Mapping[int, Received]  # first line held that the store does not have
    newest: tuple[Received, ...]  # some of each partition

    @classmethod
    def of(cls, settings: StreamSettings, topic: Topic, held: Mapping[int, Range]) -> "Reading":
        """Ask the store for positions and the broker for some lines of each partition. Raises BrokerAway."""
        log = EventLog(settings.store_dir, WallClock(settings.term.zone))
        source = sources.current(settings.store_dir, topic.source)
        position = {partition: log.next_offset(source, partition) for partition in held}

        def lines(ranges: Mapping[int, Range]) -> list[Received]:
            return list(read_lines(settings.log_bootstrap, settings.log_topic, ranges))

        def at(offsets: Mapping[int, int]) -> dict[int, Received]:
            there = {p: Range(o, o + 1) for p, o in offsets.items() if held[p].first <= o < held[p].end}
            return {received.partition: received for received in lines(there)}

        oldest = at({p: part.first for p, part in held.items()})
        unread = at({p: max(position[p], part.first) for p, part in held.items()})
        newest = lines({p: Range(max(part.first, part.end - _NEWEST), part.end) for p, part in held.items()})
        return cls(held, position, oldest, unread, tuple(newest))


def lag(reading: Reading) -> Finding:
    """Lines at the broker that are not in the store."""
    behind = {p: max(0, part.end - max(reading.position[p], part.first)) for p, part in reading.held.items()}
    total = sum(behind.values())
    by_partition = ", ".join(f"partition {p}: {lines}" for p, lines in sorted(behind.items()))
    seen = f"{total} lines are not stored yet ({by_partition})"
    if total <= LAG_LINES:
        return Finding("lag", True, seen)
    return Finding("lag", False, seen, "wait while make status shows the consumer healthy, else make deploy")


def retention(reading: Reading) -> Finding:
    """How long until the broker drops lines that the store does not have.

    The oldest go first. At a steady pace the first unread line is the oldest after as much time as lies between the
    two, whether the broker goes by age or by size.
    """
    known = any(reading.position.values())  # who never read begins with the oldest line and misses nothing yet
    lost = sum(max(0, part.first - reading.position[p]) for p, part in reading.held.items()) if known else 0
    if lost:
        seen = f"{lost} lines were dropped by the broker before they were stored"
        return Finding("retention", False, seen, "they are gone; make deploy stores what is left")
    dropping = [p for p in reading.unread if reading.held[p].first > 0 and p in reading.oldest]
    if not dropping or not known:
        return Finding("retention", True, "nothing that is not stored is about to be dropped")
    hours = min((reading.unread[p].at_ms - reading.oldest[p].at_ms) / 3.6e6 for p in dropping)
    seen = f"lines that are not stored yet are dropped in about {hours:.1f} hours"
    if hours >= LEFT_HOURS:
        return Finding("retention", True, seen)
    return Finding("retention", False, seen, "start the consumer now: make deploy")


def clock(settings: StreamSettings, reading: Reading) -> list[Finding]:
    """In a world in real time a line's own time, the broker's and this machine's are the same."""
    off = _offsets_s(reading.newest, WallClock(settings.term.zone))
    if settings.source != "course" or not off:
        return []
    off_s, ago_s = statistics.median(off), time.time() - max(one.at_ms for one in reading.newest) / 1e3
    if _other_zone(off_s):
        seen = f"the lines' times are {off_s / 3600:+.1f} hours off in {settings.term.zone}: they are of another zone"
        return [Finding("clock", False, seen, f"set COURSE_TERM (now {settings.course_term}) to your term")]
    if ago_s < -SKEW_S:
        seen = f"the newest line came {-ago_s:.0f} s in this machine's future: its clock is slow"
        return [Finding("clock", False, seen, "sudo timedatectl set-ntp true")]
    if ago_s > SILENT_S:
        seen = f"the newest line came {ago_s / 60:.0f} min ago: the stream stands still, or this clock is fast"
        return [Finding("clock", False, seen, "compare `date -u` with the time; ask whoever runs the stream")]
    seen = f"the lines' times are {off_s:+.1f} s off the broker's; the newest came {max(0.0, ago_s):.0f} s ago"
    return [Finding("clock", True, seen)]


def _offsets_s(newest: tuple[Received, ...], clock: WallClock) -> list[float]:
    """Seconds between what a line says and when the broker got it, of each line that says a time."""
    off = []
    for received in newest:
        with contextlib.suppress(ValueError):  # UnicodeDecodeError is one
            off.append(clock.read(received.line.partition(b",")[0].decode()) / 1e9 - received.at_ms / 1e3)
    return off


def _other_zone(off_s: float) -> bool:
    return abs(off_s) > _ZONE_STEP_S / 2 and abs(off_s - _ZONE_STEP_S * round(off_s / _ZONE_STEP_S)) < 60
