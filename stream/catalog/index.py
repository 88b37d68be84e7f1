"""What a file of records holds, as numbers and offsets: a million users take 24 MB of memory."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from stream.catalog.records import Numbers


@dataclass(frozen=True)
class Index:
    """Where the newest line of each id is; `numbers` ascend."""

    numbers: Numbers
    starts: npt.NDArray[np.int64]  # offset of the line in bytes
    fetched_ns: npt.NDArray[np.int64]  # 0 where the line does not say
    lines: int = 0  # of any age

    @classmethod
    def of(cls, numbers: Numbers, starts: npt.NDArray[np.int64], fetched: npt.NDArray[np.int64], lines: int) -> Self:
        """From lines in any order; of one id the line furthest down counts."""
        order = np.lexsort((starts, numbers))
        last = np.append(numbers[order][1:] != numbers[order][:-1], True)[: len(order)]
        return cls(numbers[order][last], starts[order][last], fetched[order][last], lines)

    def places(self, wanted: Numbers) -> npt.NDArray[np.int64]:
        """Index into this for each of `wanted`, -1 where it is not there."""
        if not len(self.numbers):
            return np.full(len(wanted), -1, np.int64)
        place = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        return np.where(self.numbers[place] == wanted, place, -1)

    def younger(self, wanted: Numbers, than_ns: int) -> npt.NDArray[np.bool_]:
        """Which of `wanted` are there and were fetched at `than_ns` or later."""
        place = self.places(wanted)
        if not len(self.numbers):
            return np.zeros(len(wanted), bool)
        there: npt.NDArray[np.bool_] = (place >= 0) & (self.fetched_ns[place] >= than_ns)
        return there


EMPTY = Index(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))
