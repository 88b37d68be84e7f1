"""Requests to the service that the course's requester never sends: hostile ids, scraping, a flood; loopback only.

One thread, one connection: a service that is slow is asked more slowly. What was asked and answered is counted.
"""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count, cycle
from urllib.parse import urlsplit

from stream.platform.injections import Injection
from stream.platform.scenarios import SCENARIOS

_TIMEOUT_S = 2.0
_IDLE_S = 0.2
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HOSTILE = (
    "/recommend/abc", "/recommend/-1", "/recommend/0", "/recommend/1e9", "/recommend/999999999999999999",
    "/recommend/9999999999999999999999", "/recommend/%00", "/recommend/..%2f..%2fetc%2fpasswd", "/recommend/1;drop",
    "/recommend/%27%20or%201%3D1", "/recommend/%3Cscript%3E", "/recommend/", "/recommend/1/2", "/recommend/%D9%A1",
    "/recommend/" + "9" * 3_000,
)  # fmt: skip


class Visitors:
    """Asks what the injections that are on want asked, until stopped."""

    def __init__(self, service: str, on: Callable[[], Sequence[Injection]], stop: threading.Event) -> None:
        """service: http://127.0.0.1:port. Raises ValueError for an address that is not loopback."""
        parts = urlsplit(service)
        if parts.hostname not in LOOPBACK:
            raise ValueError(f"expected a loopback address, such requests go nowhere else; got {service}")
        self._host, self._port, self._on, self._stop = parts.hostname, parts.port or 80, on, stop
        self._paths = {
            "hostile-requests": cycle(HOSTILE),
            "scraping": _users(),
            "request-flood": cycle(["/recommend/1"]),
        }
        self._connection: http.client.HTTPConnection | None = None
        self.answered: Counter[tuple[str, str]] = Counter()  # by scenario and status, "none" without an answer

    def start(self) -> threading.Thread:
        """Begin in a thread of its own."""
        thread = threading.Thread(target=self.run, name="visitors", daemon=True)
        thread.start()
        return thread

    def run(self) -> None:
        """Ask until stopped."""
        due: dict[str, float] = {}
        while not self._stop.is_set():
            on = [each for each in self._on() if SCENARIOS[each.scenario].family == "requests"]
            now = time.monotonic()
            for each in on:
                if due.setdefault(each.id, now) <= now:
                    due[each.id] = max(now, due[each.id] + 1 / each.rate)
                    self._ask(each.scenario, next(self._paths[each.scenario]))
            nearest = min((due[each.id] for each in on), default=now + _IDLE_S)
            self._stop.wait(min(_IDLE_S, max(0.0, nearest - time.monotonic())))

    def _ask(self, scenario: str, path: str) -> None:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            answer.read()
            self.answered[scenario, str(answer.status)] += 1
        except (OSError, http.client.HTTPException):
            self.answered[scenario, "none"] += 1
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def _users() -> Iterator[str]:
    return (f"/recommend/{user}" for user in count(1))
