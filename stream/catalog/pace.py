"""How fast the API is asked, and for how many ids at once."""

import threading
import time
from typing import Final

BULK: Final = 200  # ids that the API takes at once (from S2026 on)
_WELL: Final = 64  # requests in a row, before longer lists are tried again


class Stopped(Exception):
    """We were asked to end while waiting for the API."""


class Pace:
    """At most so many requests a second, whoever makes them; all wait when the API says so."""

    def __init__(self, max_per_s: float, stop: threading.Event) -> None:
        self._gap_s, self._stop = 1 / max_per_s, stop
        self._next, self._lock = 0.0, threading.Lock()

    def turn(self) -> None:
        """Wait for a turn. Raises Stopped."""
        with self._lock:
            at = max(self._next, time.monotonic())
            self._next = at + self._gap_s
        self.wait(at - time.monotonic())

    def hold(self, seconds: float) -> None:
        """Let nobody have a turn for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped."""
        if self._stop.wait(max(0.0, seconds)) or self._stop.is_set():
            raise Stopped


class Lists:
    """How many ids go into one request: fewer once longer lists were refused, slowly more again when all goes well."""

    def __init__(self) -> None:
        self.size, self._taken = BULK, 0

    def refused(self, length: int) -> None:
        """A list of that length was not taken."""
        self.size, self._taken = max(1, min(self.size, length // 2)), 0

    def taken(self) -> None:
        """A request went well."""
        self._taken += 1
        if self._taken >= _WELL and self.size < BULK:
            self.size, self._taken = min(BULK, self.size * 2), 0
