"""What every question answers with: named numbers, each with its interval, its count and what it rests on.

A `Report` knows no statistics and no layout; commands print it as JSON or text, `html` draws it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluation.statistics import NOTHING, Estimate


@dataclass(frozen=True, slots=True)
class Measure:
    """One named number. NaN = cannot be known from what there is; `note` then says why."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    count: int = 0  # cases behind the value (lists, plays, ratings …)
    users: int = 0  # independent units behind the interval
    note: str = ""

    @classmethod
    def of(cls, name: str, estimate: Estimate, count: int | None = None, note: str = "") -> "Measure":
        """From an estimate over users; `count` is the number of cases where that differs from the users."""
        cases = estimate.count if count is None else count
        return cls(name, estimate.value, estimate.low, estimate.high, cases, estimate.count, note)

    @classmethod
    def unknown(cls, name: str, note: str) -> "Measure":
        """A number that cannot be known, and why."""
        return cls.of(name, NOTHING, note=note)

    def as_json(self) -> dict[str, Any]:
        """Plain values, NaN as null; `note` only where there is one."""
        found = {name: plain(getattr(self, name)) for name in ("name", "value", "low", "high", "count", "users")}
        return found | ({"note": self.note} if self.note else {})


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to one question over stored events."""

    title: str
    facts: Mapping[str, Any]
    metrics: tuple[Measure, ...] = ()
    groups: tuple["Report", ...] = ()  # the same numbers for parts; `facts` then hold `by` and `value`
    evidence: tuple[str, ...] = field(default=())  # what the numbers rest on, and what could not be known

    def as_json(self) -> dict[str, Any]:
        """One object of plain values; keys are fixed, later versions only add."""
        found = {**plain(self.facts), "metrics": [metric.as_json() for metric in self.metrics]}
        if "by" not in self.facts:
            found |= {"groups": [group.as_json() for group in self.groups], "evidence": list(self.evidence)}
        return found

    def metric(self, name: str) -> Measure:
        """The measure of that name; KeyError if the report has none."""
        return {metric.name: metric for metric in self.metrics}[name]


def plain(value: Any) -> Any:
    """`value` as JSON can say it: numpy numbers as Python's, NaN and infinities as null."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
