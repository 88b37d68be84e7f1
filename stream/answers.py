"""The record of one answer that the service gave: what was offered, to whom, why, and by which model.

The service writes one JSON line per answer, the shipper delivers it, the store keeps each once by
(worker, worker_start_ns, seq). Format and parse are each other's inverse; nothing here does I/O.
Later versions may add keys, and `parse` passes over keys it does not know. Start reading at `Answer.format`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

TIERS = ("personal", "description", "segment", "popular", "static")


class MalformedAnswer(ValueError):
    """A line that is no record of an answer."""

    def __init__(self, line: str, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}; got {line[:120]!r}")
        self.line, self.field = line, field


@dataclass(frozen=True, slots=True)
class Answer:
    """One list that left the service, and everything needed to trace and judge it."""

    request_id: str
    worker: str  # process id of the worker; with its start and seq it names the answer once for ever
    worker_start_ns: int  # UTC
    seq: int  # 0, 1, 2 … within the worker
    at_ns: int  # real UTC time of the answer; readers take the stream time from the log's request line
    user_id: int
    movies: tuple[str, ...]  # best first
    tier: str  # one of TIERS
    arms: dict[str, str]  # experiment: arm
    propensity: tuple[float, ...] | None  # chance of each position where the list was explored
    model_version: str  # "" where no model was live
    ms: float  # work inside the service, milliseconds

    @property
    def key(self) -> tuple[str, int, int]:
        """What the store keeps once."""
        return self.worker, self.worker_start_ns, self.seq

    def format(self) -> str:
        """One line of JSON without a newline; inverse of `parse`."""
        return _ENCODE({name: getattr(self, name) for name in _NAMES})

    @classmethod
    def parse(cls, line: str | bytes) -> "Answer":
        """Inverse of `format`. Raises MalformedAnswer and no other error."""
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        record = _json_object(text)
        for name, (holds, expected) in _SHAPES.items():
            if name not in record or not holds(record[name]):
                raise MalformedAnswer(text, name, expected)
        known = {name: record[name] for name in _NAMES}
        propensity = known["propensity"]
        known["propensity"] = None if propensity is None else tuple(float(p) for p in propensity)
        return cls(**known | {"movies": tuple(known["movies"]), "ms": float(known["ms"])})


_NAMES = tuple(field.name for field in fields(Answer))
_ENCODE = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")  # valid in JSON, not in any file


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _json_object(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MalformedAnswer(text, "line", "one JSON object") from None
    if not isinstance(record, dict):
        raise MalformedAnswer(text, "line", "one JSON object")
    return record


def _text(value: object) -> bool:
    return isinstance(value, str) and not _HALF_A_PAIR.search(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _number(value: object) -> bool:
    return (isinstance(value, float) and abs(value) < float("inf")) or _whole(value)


def _list_of(holds: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(map(holds, value))


def _arms(value: object) -> bool:
    return isinstance(value, dict) and all(_text(name) and _text(arm) for name, arm in value.items())


_WHOLE = (_whole, "a whole number of 64 bits")
_SHAPES: dict[str, tuple[Callable[[object], bool], str]] = {
    "request_id": (_text, "text"),
    "worker": (_text, "text"),
    "worker_start_ns": _WHOLE,
    "seq": _WHOLE,
    "at_ns": _WHOLE,
    "user_id": _WHOLE,
    "movies": (_list_of(_text), "a list of movie ids"),
    "tier": (lambda value: value in TIERS, f"one of {', '.join(TIERS)}"),
    "arms": (_arms, "an object of experiment: arm"),
    "propensity": (lambda value: value is None or _list_of(_number)(value), "null or a list of numbers"),
    "model_version": (_text, "text"),
    "ms": (_number, "a number of milliseconds"),
}
