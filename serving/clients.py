"""How often each client asks: a flood is seen, counted and named in the log, and answered like anybody else.

Nobody is refused for asking often: the course's requester counts a refusal as a failure. Clients share a fixed table,
so that a million addresses take no more memory than one; its places follow Python's salted hash, so that nobody can
choose whose place to share. Start reading at `Clients.count`.
"""

import logging
import time
from collections.abc import Callable
from typing import Protocol

PLACES = 4_096
WINDOW_S = 2.0
FLOOD_PER_S = 200.0  # of one client at one worker; the course's requester asks a few times a second

log = logging.getLogger(__name__)


class FloodListener(Protocol):
    """Who shows how busy clients are."""

    def clients(self, busiest_per_s: float, flood: int) -> None:
        """The last window: requests a second of the busiest client; requests of all clients that flooded."""


class Clients:
    """Requests of each client in the window that runs; `count` by requests, `look` by the housekeeping."""

    def __init__(self, listener: FloodListener, now: Callable[[], float] = time.monotonic) -> None:
        self._listener, self._now = listener, now
        self._counts, self._addresses = [0] * PLACES, [""] * PLACES
        self._began, self._flooding = now(), ""

    def count(self, address: str) -> None:
        """One request of the client at `address`."""
        place = hash(address) % PLACES
        self._counts[place] += 1
        self._addresses[place] = address

    def look(self) -> None:
        """End the window if it is over: tell the busiest client's rate and how many requests were a flood."""
        if (seconds := self._now() - self._began) < WINDOW_S:
            return
        counts, self._counts, self._began = self._counts, [0] * PLACES, self._now()
        busiest = max(range(PLACES), key=counts.__getitem__)
        flood = sum(count for count in counts if count > FLOOD_PER_S * seconds)
        self._listener.clients(counts[busiest] / seconds, flood)
        flooding = self._addresses[busiest] if flood else ""
        if flooding not in ("", self._flooding):  # once for each client, not in every window
            log.warning("flood: client %s asks %.0f times a second", flooding, counts[busiest] / seconds)
        self._flooding = flooding
