"""Keeps a stream in step with real time, at a speed that may change."""

import threading
import time


class Pace:
    """Knows when an instant of the stream is due; waits for it; does not hurry after a long stop."""

    def __init__(self, stop: threading.Event, at_ms: int, late_seconds: float = 2.0) -> None:
        """at_ms: the stream's instant that is due now. late_seconds: a stream later than this goes on from now."""
        self._stop, self._late_s = stop, late_seconds
        self._at_ms, self._due = at_ms, time.monotonic()
        self.late_seconds = 0.0  # when last waited

    def wait(self, until_ms: int, speed: float) -> None:
        """Return when instant `until_ms` is due, `speed` stream seconds a second behind the last, or when stopped."""
        self._due += (until_ms - self._at_ms) / 1000 / speed
        self._at_ms = until_ms
        now = time.monotonic()
        self.late_seconds = max(0.0, now - self._due)
        if self.late_seconds > self._late_s:
            self._due = now
        elif self._due > now:
            self._stop.wait(self._due - now)
