"""How the user and movie API behaves: its habits, and what is wrong with it today.

The course announces a rate limit and faults but not their form, so each form is a setting. `Trouble` is what a drill
switches on while the platform runs: damaged records, refusals, errors, pages instead of records, slowness, silence.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_type_hints

Record = dict[str, Any]
Fault = Literal["", "too_many", "error", "page"]


@dataclass(frozen=True, slots=True)
class Manners:
    """The API's habits on a good day."""

    unknown_status: int = 404  # of an id that nobody has; some terms answer 200 with the message
    max_bulk: int = 200  # ids in one request; 1 = none but single ids, as before S2026
    requests_per_second: float = 0.0  # sustained, over all clients; 0 = no limit
    burst: int = 50  # requests at once that the limit lets through
    retry_after: bool = True  # whether a refusal says when to come back


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong today: shares of records or of requests, in [0, 1]."""

    nulls: float = 0.0  # records with a field that is null
    missing: float = 0.0  # records that lack a field
    wrong_types: float = 0.0  # records with a field of another type
    too_many: float = 0.0  # requests refused with 429
    errors: float = 0.0  # requests answered 500
    pages: float = 0.0  # requests answered 200 with an HTML page
    slow_s: float = 0.0  # seconds before each answer
    down: bool = False  # connections are cut without an answer

    def __post_init__(self) -> None:
        kinds = get_type_hints(Trouble)
        for name, value in asdict(self).items():
            right = isinstance(value, bool) if kinds[name] is bool else isinstance(value, int | float) and value >= 0
            if not right or (kinds[name] is not bool and name != "slow_s" and value > 1):
                raise ValueError(
                    f"{name}: expected {'true or false' if kinds[name] is bool else '0 to 1'}, got {value!r}"
                )

    def changed(self, wishes: Record) -> "Trouble":
        """The same with some things changed. Raises ValueError naming a wrong name or value."""
        names = [each.name for each in fields(self)]
        if unknown := sorted(set(wishes) - set(names)):
            raise ValueError(f"expected some of {', '.join(names)}; got {', '.join(unknown)}")
        return replace(self, **wishes)

    def fault(self, draw: random.Random) -> Fault:
        """What befalls one request; "" = nothing."""
        chance = draw.random()
        for fault, share in (("too_many", self.too_many), ("error", self.errors), ("page", self.pages)):
            if chance < share:
                return fault  # type: ignore[return-value]
            chance -= share
        return ""

    def damaged(self, record: Record, draw: random.Random) -> Record:
        """The record, or a damaged copy. The id always stays, so that a victim can be named."""
        names = [name for name in record if name not in ("id", "user_id")]
        for share, damage in ((self.nulls, _null), (self.wrong_types, _retyped), (self.missing, _without)):
            if names and draw.random() < share:
                record = damage(record, draw.choice(names))
        return record


def _null(record: Record, name: str) -> Record:
    return record | {name: None}


def _retyped(record: Record, name: str) -> Record:
    value = record.get(name)
    return record | {name: {"value": value} if isinstance(value, str) else str(value) if value else [value]}


def _without(record: Record, name: str) -> Record:
    return {key: value for key, value in record.items() if key != name}


@dataclass
class Limiter:
    """A token bucket shared by all clients of one process."""

    manners: Manners
    clock: Callable[[], float] = time.monotonic
    _tokens: float = 0.0
    _at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self) -> float:
        """0 if a request may pass now, else seconds until one may."""
        rate = self.manners.requests_per_second
        if rate <= 0:
            return 0.0
        with self._lock:
            now = self.clock()
            passed = self.manners.burst if self._at is None else (now - self._at) * rate
            self._tokens, self._at = min(self.manners.burst, self._tokens + passed), now
            if self._tokens < 1:
                return (1 - self._tokens) / rate
            self._tokens -= 1
            return 0.0
