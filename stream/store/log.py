"""Durable record of everything received from the stream.

A folder of Parquet files is what every other package reads; the broker may forget, the store may not.
A line is kept once however often it is delivered: a file's name says source, partition and offset range.
Lines that do not parse are kept too, with the reason. Start reading at `EventLog.append`.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from stream.answers import Answer, MalformedAnswer
from stream.events import Reason, WallClock
from stream.store import files, positions, schema
from stream.store.canonical import Ints
from stream.store.digest import digest
from stream.store.parse_block import parse_lines
from stream.store.repeated_hour import resolved
from stream.store.rows import span
from stream.store.tables import Rejected, answer_table, event_table, quarantine_table

_NO_DATE = "1970-01-01"  # of a batch in which no line could be read


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lines of one source and partition, in order of offset; offsets may have gaps."""

    source: str  # 16 hex digits, see docs/architecture.md
    partition: int
    offsets: Sequence[int] | Ints
    lines: Sequence[bytes]  # without newlines

    def __post_init__(self) -> None:
        if len(self.offsets) != len(self.lines):
            raise ValueError(f"expected an offset for each line, got {len(self.offsets)} for {len(self.lines)} lines")
        if len(self.source) != 16 or not set(self.source) <= set("0123456789abcdef"):
            raise ValueError(f"expected a source of 16 hex digits, got {self.source!r}")
        numbers = np.asarray(self.offsets, np.int64)
        if len(numbers) and (numbers[0] < 0 or (np.diff(numbers) <= 0).any()):
            raise ValueError("expected offsets that rise from line to line, the first at least 0")


@dataclass(frozen=True, slots=True)
class Stored:
    """What an append put on disk."""

    lines: int = 0
    kinds: dict[str, int] = field(default_factory=dict)  # events by kind
    quarantined: dict[str, int] = field(default_factory=dict)  # lines by reason
    bytes: int = 0
    first_ns: int | None = None  # earliest and latest event
    last_ns: int | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """A batch after parsing."""

    table: pa.Table
    counts: dict[str, int]
    rejected: Rejected


class _Log:
    """What both logs do: data first, then the position."""

    kind: str

    def __init__(self, store_dir: Path, zone: str) -> None:
        self.dir, self.zone = store_dir, zone

    def append(self, batch: Batch) -> Stored:
        """Store every line of `batch`, durably, and only then move the position.

        Appending the same or an overlapping range again is harmless. Raises OSError (disk full, no permission) with
        the position unmoved; what was stored before stays as it was.
        """
        if not len(batch.lines):
            return Stored()
        offsets = np.asarray(batch.offsets, np.int64)
        read = self._read(batch, offsets)
        size = self._write(batch, offsets, read)
        positions.advance(self.dir, {positions.key(batch.source, batch.partition): int(offsets[-1]) + 1})
        first_ns, last_ns = span(read.table)
        reasons = Counter(reason for reason, _ in read.rejected.values())
        return Stored(len(batch.lines), read.counts, dict(reasons), size, first_ns, last_ns)

    def next_offset(self, source: str, partition: int) -> int:
        """The offset behind the highest ever stored of this source and partition; 0 if there is none."""
        known = positions.read(self.dir).get(positions.key(source, partition), 0)
        stored = (s.last + 1 for s in files.listed(self.dir, self.kind) if s.stream == (source, partition))
        return max(known, max(stored, default=0))

    def _read(self, batch: Batch, offsets: Ints) -> _Read:
        raise NotImplementedError

    def _date(self, at_ns: int) -> str:
        raise NotImplementedError

    def _write(self, batch: Batch, offsets: Ints, read: _Read) -> int:
        """The quarantine first, so that a range whose file exists is complete."""
        name = files.name(batch.source, batch.partition, int(offsets[0]), int(offsets[-1]))
        first_ns, last_ns = span(read.table)
        date = self._date(read.table["at_ns"][0].as_py()) if len(read.table) else _NO_DATE
        refused = [line for _, line in read.rejected.values()]
        refused_digest, size = digest(refused), 0
        if refused:
            reasons = dict(Counter(reason for reason, _ in read.rejected.values()))
            facts = schema.Facts(len(refused), refused_digest, self.zone, reasons, first_ns, last_ns)
            table = quarantine_table(read.rejected, offsets)
            size = schema.write(self.dir, files.QUARANTINE, date, name, table, facts)
        good = (digest(batch.lines) - refused_digest) % (1 << 128)
        facts = schema.Facts(len(read.table), good, self.zone, read.counts, first_ns, last_ns)
        return size + schema.write(self.dir, self.kind, date, name, read.table, facts)


class EventLog(_Log):
    """The movielog's lines, from any number of sources."""

    kind = files.EVENTS

    def __init__(self, store_dir: Path, clock: WallClock) -> None:
        """clock: reads the lines' local times; its zone is written into each file."""
        super().__init__(store_dir, clock.zone)
        self._clock = clock
        self._last_ns: dict[tuple[str, int], int] = {}

    def _read(self, batch: Batch, offsets: Ints) -> _Read:
        parsed = parse_lines(batch.lines, self._clock)
        rows = parsed.rows
        if len(rows):
            parsed.at_ns[rows] = resolved(parsed.at_ns[rows], self._clock, self._before(batch))
            self._last_ns[batch.source, batch.partition] = int(parsed.at_ns[rows[-1]])
        table = event_table(parsed, offsets)
        return _Read(table, parsed.counts(), parsed.rejected)

    def _before(self, batch: Batch) -> int | None:
        """Instant of the stream's last line so far."""
        stream = (batch.source, batch.partition)
        if stream not in self._last_ns:
            stored = [s for s in files.listed(self.dir, self.kind) if s.stream == stream]
            return schema.facts_of(max(stored, key=lambda s: s.last).path).max_ns if stored else None
        return self._last_ns[stream]

    def _date(self, at_ns: int) -> str:
        return self._clock.date(at_ns)


class AnswerLog(_Log):
    """Records of the answers topic; a record delivered twice is told apart on reading, by its worker and sequence."""

    kind = files.ANSWERS

    def __init__(self, store_dir: Path) -> None:
        super().__init__(store_dir, "UTC")

    def _read(self, batch: Batch, offsets: Ints) -> _Read:
        answers: dict[int, Answer] = {}
        raw: dict[int, bytes] = {}
        rejected: Rejected = {}
        for row, line in enumerate(batch.lines):
            try:
                answers[row] = answer = Answer.parse(line)
            except MalformedAnswer:
                rejected[row] = (Reason.ANSWER.value, line)
                continue
            if answer.format().encode() != line:
                raw[row] = line
        arms = {row: json.dumps(answer.arms) for row, answer in answers.items()}
        table = answer_table(answers, raw, arms, offsets)
        return _Read(table, {"answer": len(answers)} if answers else {}, rejected)

    def _date(self, at_ns: int) -> str:
        return str(np.datetime64(at_ns, "ns").astype("datetime64[D]"))
