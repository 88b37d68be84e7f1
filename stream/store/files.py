"""Names of the store's files, what each says, and which rows of which file count at one moment.

A name is ``<source>-<partition>-<first>-<last>.parquet``: the file holds every line of that range of offsets that was
ever delivered. Ranges may overlap (two consumers by mistake, a crash in the middle of a compaction); a reader takes
each offset once: a range inside another is passed over, a partial overlap is cut by row, the larger range wins.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

EVENTS, QUARANTINE, ANSWERS, SESSIONS, KEPT = "events", "quarantine", "answers", "sessions", "kept"
KINDS = (EVENTS, QUARANTINE, ANSWERS, SESSIONS, KEPT)

_NAME = re.compile(r"(?P<source>[0-9a-f]{16})-(?P<partition>\d+)-(?P<first>\d+)-(?P<last>\d+)\.parquet", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """One file and the rows of it that count: those with low <= offset <= high."""

    path: Path
    source: str
    partition: int
    first: int  # the file's own range, inclusive
    last: int
    low: int
    high: int

    @property
    def stream(self) -> tuple[str, int]:
        """What its offsets count in."""
        return self.source, self.partition

    @property
    def whole(self) -> bool:
        """Whether all rows of the file count."""
        return (self.low, self.high) == (self.first, self.last)

    @property
    def size(self) -> int:
        """Offsets of the file's range."""
        return self.last - self.first + 1


def is_store(folder: Path) -> bool:
    """Whether files were ever stored in `folder`, or it is empty, ready for them."""
    if any((folder / part).exists() for part in (*KINDS, "positions.json")):
        return True
    return folder.is_dir() and all(path.suffix == ".lock" for path in folder.iterdir())


def name(source: str, partition: int, first: int, last: int) -> str:
    """File name of a range of offsets, both ends inclusive."""
    return f"{source}-{partition}-{first}-{last}.parquet"


def listed(store_dir: Path, kind: str) -> list[Segment]:
    """Every file of `kind` as it lies there, in order of stream and offset; other files are passed over.

    Folders are read one after the other, so a file merged from one into another in between could be missed in both.
    They are read until two readings agree: whatever was there before is then seen, in one form or the other.
    """
    before, found = None, set((store_dir / kind).glob("date=*/*.parquet"))
    while found != before:
        before, found = found, set((store_dir / kind).glob("date=*/*.parquet"))
    return sorted(filter(None, map(_named, found)), key=lambda s: (s.stream, s.first, -s.last, str(s.path)))


def segments(store_dir: Path, kind: str) -> list[Segment]:
    """The rows that count: each offset of each source once."""
    return resolve(listed(store_dir, kind))


def resolve(found: Iterable[Segment]) -> list[Segment]:
    """Drop ranges inside others and cut partial overlaps; the larger range wins. Sorted by stream and offset."""
    streams: dict[tuple[str, int], list[Segment]] = defaultdict(list)
    for segment in found:
        streams[segment.stream].append(segment)
    return [segment for stream in sorted(streams) for segment in _resolve_stream(streams[stream])]


def without(found: Iterable[Segment], ranges: Sequence[Segment]) -> list[Segment]:
    """Segments cut to the offsets that none of `ranges` covers; a file cut in the middle gives two segments."""
    return [piece for segment in found for piece in _cut(segment, [r for r in ranges if r.stream == segment.stream])]


def within(found: Iterable[Segment], ranges: Sequence[Segment]) -> list[Segment]:
    """Segments cut to the offsets that `ranges` cover."""
    pieces = []
    for segment in found:
        for other in ranges:
            low, high = max(segment.low, other.low), min(segment.high, other.high)
            if other.stream == segment.stream and low <= high:
                pieces.append(replace(segment, low=low, high=high))
    return pieces


def covers(found: Iterable[Segment], wanted: Segment) -> bool:
    """Whether the segments together hold the whole range of `wanted`."""
    return not list(_cut(wanted, [s for s in found if s.stream == wanted.stream]))


def _named(path: Path) -> Segment | None:
    if not (found := _NAME.fullmatch(path.name)):
        return None
    first, last = int(found["first"]), int(found["last"])
    return Segment(path, found["source"], int(found["partition"]), first, last, first, last)


def _resolve_stream(found: list[Segment]) -> list[Segment]:
    found = sorted(found, key=lambda s: s.first)
    if all(before.high < after.low for before, after in pairwise(found)):
        return found  # as nearly always
    taken: list[Segment] = []
    for segment in sorted(found, key=lambda s: (-s.size, s.first, str(s.path))):
        taken += _cut(segment, taken)
    return sorted(taken, key=lambda s: s.low)


def _cut(segment: Segment, taken: Iterable[Segment]) -> Iterator[Segment]:
    low = segment.low
    for other in sorted(taken, key=lambda s: s.low):
        if other.high < low or other.low > segment.high:
            continue
        if low < other.low:
            yield replace(segment, low=low, high=other.low - 1)
        low = other.high + 1
    if low <= segment.high:
        yield replace(segment, low=low)
