"""One verdict of a grade report: what was counted, what was needed, and the lines that it rests on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.graded_log import GradedLog, Span
from evaluation.report import plain

PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One verdict and what it rests on."""

    id: str
    verdict: str
    value: float
    threshold: float | None  # None: the term does not ask for it
    why: str
    count: int = 0  # request lines (updates: model versions) that were looked at
    rows: tuple[int, ...] = ()  # request lines to look at
    notes: tuple[Mapping[str, Any], ...] = ()  # further evidence
    windows: tuple[Span, ...] = ()

    @property
    def margin(self) -> float | None:
        """How far the value lies on the passing side, in the value's unit; negative = what is missing."""
        if self.threshold is None:
            return None
        return self.threshold - self.value if self.id == "latency" else self.value - self.threshold

    def as_json(self, log: GradedLog) -> dict[str, Any]:
        """Plain values."""
        found = {"id": self.id, "verdict": self.verdict, "value": self.value, "threshold": self.threshold}
        more = {"margin": self.margin, "count": self.count, "why": self.why}
        evidence = [log.show(row) for row in self.rows] + list(self.notes)
        show = log.clock.show
        windows = [{"from": show(s.from_ns), "to": show(s.to_ns), "covered": log.covers(s)} for s in self.windows]
        shown: dict[str, Any] = plain({**found, **more, "windows": windows, "evidence": evidence})
        return shown


def decide(value: float, threshold: float | None, complete: bool) -> str:
    """More can only come to a count: enough is a pass at once, too little a fail only once everything is in.

    NaN, or no threshold, is unknown.
    """
    if threshold is None or math.isnan(value):
        return UNKNOWN
    return PASS if value >= threshold else FAIL if complete else UNKNOWN


def ends(rows: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """The first and the last of the rows."""
    return tuple(dict.fromkeys(int(row) for row in (*rows[:1], *rows[-1:])))
