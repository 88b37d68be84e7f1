"""Asks a service as the course's requester does and writes what the course's log would say of it.

The lines are genuine ones of the movielog, so that `python -m evaluation grade --log FILE` judges them like a team's
own topic. Requests leave at their times whether or not earlier ones were answered. Start reading at `ask_for_lists`.
"""

import math
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from stream.events import Requested, WallClock
from stream.requester import DEFAULT_TIMEOUT_MS, Outcome, Requester
from stream.terms import Term

MAX_THREADS = 256


@dataclass
class Summary:
    """What came of all requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    lists: Counter[tuple[str, ...]] = field(default_factory=Counter)
    latencies_ms: list[int] = field(default_factory=list)

    def add(self, event: Requested) -> None:
        """Count one request."""
        self.statuses[event.status] += 1
        self.latencies_ms.append(event.latency_ms)
        if event.status == 200 and event.failure is None:
            self.lists[event.movies] += 1

    def record(self) -> dict[str, Any]:
        """As JSON shows it; lists: how many were answered; personalised: share that are not the most frequent list."""
        asked, lists = sum(self.statuses.values()), sum(self.lists.values())
        personal = lists - max(self.lists.values(), default=0)
        latency = {name: self._quantile(q) for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}
        return {"requests": asked, "lists": lists, "statuses": dict(self.statuses),
                "personalised": personal / asked if asked else 0.0, "latency_ms": latency}  # fmt: skip

    def _quantile(self, share: float) -> int | None:
        ordered = sorted(self.latencies_ms)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def ask_for_lists(
    url: str, users: int, rate: float, term: Term, write: Callable[[str], object], *, team: int = 1,
    known: int | None = None, seed: int | None = None,
) -> Summary:  # fmt: skip
    """Ask for `users` lists, `rate` a second, each for a user drawn from 1 to `known` (default: the term's number).

    write: takes each line of the log, without a line end, in the order of asking. seed: the same users again.
    """
    clock, summary, draw = WallClock(term.zone), Summary(), random.Random(seed)
    limit_s = (term.timeout_ms or DEFAULT_TIMEOUT_MS) / 1_000
    threads = min(MAX_THREADS, math.ceil(rate * limit_s) + 2)
    waiting: deque[tuple[int, int, Future[Outcome]]] = deque()
    with Requester(url, term.timeout_ms, term.host_pattern.format(team=team), threads=threads) as requester:
        for _ in _on_time(users, rate):
            user = draw.randint(1, known or term.n_users)
            waiting.append((time.time_ns(), user, requester.submit(user)))
            while waiting and (waiting[0][2].done() or len(waiting) > threads):
                _settle(waiting.popleft(), requester.host, clock, term, write, summary)
        while waiting:
            _settle(waiting.popleft(), requester.host, clock, term, write, summary)
    return summary


def _settle(
    asked: tuple[int, int, "Future[Outcome]"], host: str, clock: WallClock, term: Term,
    write: Callable[[str], object], summary: Summary,
) -> None:  # fmt: skip
    at_ns, user, coming = asked
    event = coming.result().event(at_ns, user, host)
    write(event.format(clock, term.request_digits))
    summary.add(event)


def _on_time(count: int, rate: float) -> Iterator[int]:
    """0, 1, 2 …, `rate` a second of real time."""
    started = time.monotonic()
    for number in range(count):
        if (left := started + number / rate - time.monotonic()) > 0:
            time.sleep(left)
        yield number
