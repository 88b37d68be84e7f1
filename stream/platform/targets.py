"""The measured targets (`targets.toml`) and the verdict on what was seen of each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from stream.platform.observations import Window
from stream.platform.rehearsal import Hours
from stream.platform.world import HOUR_MS

CALIBRATED = ("demo", "course")  # the worlds that the targets speak of


@dataclass(frozen=True, slots=True)
class Run:
    """Which rehearsal shows a target; no term = the users' records."""

    term: str
    lists: str  # "none" or "popular"


@dataclass(frozen=True, slots=True)
class Target:
    """One number that a world should show."""

    quantity: str
    run: Run
    value: float
    tolerance: float  # in the value's unit
    reason: str  # why this world can not show it; empty = it should

    def verdict(self, seen: Mapping[str, float]) -> dict[str, Any]:
        """The check of this target as `calibrate` prints it; what was not seen does not hold."""
        found = seen.get(self.quantity)
        check: dict[str, Any] = {
            "quantity": self.quantity, "target": self.value, "tolerance": round(self.tolerance, 6),
            "seen": found if found is None else round(found, 4),
            "holds": found is not None and abs(found - self.value) <= self.tolerance + 1e-9,
            "term": self.run.term, "lists": self.run.lists,
        }  # fmt: skip
        return check | ({"cannot": self.reason} if self.reason else {})


def targets_of(world: str) -> list[Target]:
    """The targets of a world, in the file's order."""
    return [target for raw in _file()["target"] for target in _targets(raw, world)]


def hours_of(world: str, lists: str) -> Hours:
    """Which hours of a world a run rehearses."""
    return Hours(*_file()["hours"][world][lists])


def window(midnight_ms: int) -> Window:
    """The evening's window, counted from a local midnight."""
    raw = _file()["window"]
    return Window(midnight_ms + int(raw["begin"] * HOUR_MS), int(raw["hours"] * HOUR_MS))


def _file() -> dict[str, Any]:
    return tomllib.loads(resources.files("stream.platform").joinpath("targets.toml").read_text("utf-8"))


def _targets(raw: Mapping[str, Any], world: str) -> list[Target]:
    value = raw["value"].get(world) if isinstance(raw["value"], dict) else raw["value"]
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    labels = raw.get("labels") or ([str(n) for n in range(1, len(values) + 1)] if isinstance(value, list) else [""])
    run = Run(raw.get("term", ""), raw.get("lists", "none"))
    reason = raw.get("cannot", "")
    reason = reason.get(world, "") if isinstance(reason, dict) else reason
    return [
        Target(f"{raw['quantity']} {label}".strip(), run, float(number), _tolerance(raw["within"], number), reason)
        for label, number in zip(labels, values, strict=True)
    ]


def _tolerance(within: str | float, value: float) -> float:
    if isinstance(within, str):
        return value * float(within.removesuffix("%")) / 100
    return float(within)
