"""Lines that were received and are not stored yet, by partition, each once and in order of their offsets.

A partition is taken in only between `expect` and `forget`, and a line only if its offset is the expected one or a later
one: whatever is delivered again is dropped here.
"""

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stream.store.log import Batch


@dataclass(slots=True)
class _Held:
    next: int
    offsets: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)


class Pending:
    """The lines in memory of one topic."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}

    @property
    def rows(self) -> int:
        """Lines waiting to be stored."""
        return sum(len(held.lines) for held in self._held.values())

    def expected(self) -> dict[int, int]:
        """Offset of the next line of each partition that is taken in."""
        return {partition: held.next for partition, held in self._held.items()}

    def expect(self, partition: int, offset: int) -> None:
        """Take in a partition from `offset` on, with nothing waiting."""
        self._held[partition] = _Held(offset)

    def skip(self, partition: int, offset: int) -> None:
        """Go on at a later `offset`; what waits stays."""
        self._held[partition].next = offset

    def forget(self, partitions: Iterable[int]) -> int:
        """Drop partitions and their waiting lines, which the next owner reads again; returns how many lines."""
        return sum(len(self._held.pop(partition, _Held(0)).lines) for partition in partitions)

    def add(self, partition: int, offsets: Sequence[int], lines: Sequence[bytes]) -> int:
        """Take in lines, their offsets rising; returns how many.

        Those that were there already are passed over, and all of them if nobody asked for their partition.
        """
        held = self._held.get(partition)
        if held is None or not offsets:
            return 0
        new = bisect.bisect_left(offsets, held.next)
        held.offsets += offsets[new:]
        held.lines += lines[new:]
        held.next = max(held.next, offsets[-1] + 1)
        return len(offsets) - new

    def batch(self, source: str) -> Batch | None:
        """Waiting lines of one partition, or None; they wait until `stored` says otherwise."""
        for partition, held in self._held.items():
            if held.lines:
                return Batch(source, partition, held.offsets, held.lines)
        return None

    def stored(self, partition: int) -> None:
        """The lines that `batch` gave are safe."""
        self._held[partition] = _Held(self._held[partition].next)
