"""Where the assignment's text leaves open how to count: what we do, and what else a grader may mean by it.

Each field is one option of `grade`; the default is what the project takes the text to say, and docs/grading.md why.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Choices:
    """How to count. Shares lie in [0, 1], durations are ns of stream time."""

    day: Literal["either", "before", "after"] = "either"  # which 24 h count for volume and personalised lists
    counted: Literal["status", "list", "known"] = "status"  # answers that count: 200; with 1-20 ids; all of them known
    personalised_by: Literal["not_modal", "distinct", "overlap"] = "not_modal"
    personalised_of: Literal["requests", "answers"] = "requests"  # what the share is a share of
    availability_by: Literal["time", "request"] = "time"
    minute_up: float = 0.5  # a minute is up if at least this share of its requests was answered with 200
    quiet_minutes: Literal["carry", "up", "down", "skip"] = "carry"  # minutes without a request
    updates_by: Literal["began", "answered"] = "began"  # versions whose first answer / any answer lies in the window
    latency_of: Literal["requests", "answers"] = "requests"
    latency_share: float = 0.99  # of these, that must be in time
    well_formed_share: float = 1.0  # of the answers, that must be well-formed
    hole_ns: int = HOUR_NS  # a longer stretch without any line is missing from the log
    slack_ns: int = 10 * MINUTE_NS  # a window may lack this much and still counts as covered

    def __post_init__(self) -> None:
        for name in ("minute_up", "latency_share", "well_formed_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share and must be above 0 and at most 1, got {getattr(self, name)}")
        for name, allowed in self.words().items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}; got {getattr(self, name)!r}")

    @classmethod
    def words(cls) -> dict[str, tuple[str, ...]]:
        """The fields that are a word, with the words allowed."""
        return {each.name: get_args(each.type) for each in fields(cls) if get_args(each.type)}

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """From options of a command; None = the default. Raises ValueError for a wrong one."""
        return cls(**{name: value for name, value in given.items() if value is not None})

    def said(self) -> dict[str, Any]:
        """Plain values, durations in hours and minutes; a report says by which choices it came about."""
        found: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        hole, slack = found.pop("hole_ns"), found.pop("slack_ns")
        return found | {"hole_hours": hole / HOUR_NS, "slack_minutes": slack / MINUTE_NS}
