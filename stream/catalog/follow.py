"""The catalogue on demand: movies and users that occur in the stored events are looked up soon after, newest first.

One process beside the consumer, so that neither a request nor the storing of events ever waits for the API. It asks
for a bounded number of ids a round, waits longer while the API is away, and asks for movies again once they are old,
so that a changed price is seen. Start reading at `Follower.round`.
"""

import logging
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stream.catalog.api import ApiAway
from stream.catalog.client import Catalog, Done
from stream.catalog.pace import Stopped
from stream.catalog.records import KINDS, MOVIES, Kind
from stream.catalog.seen import seen_since
from stream.evidence import BEAT_SECONDS, beat
from stream.settings import StreamSettings

ROUND_S = 20.0  # between looks at the store
LONGEST_PAUSE_S = 300.0  # between attempts while the API is away
WHOLE_S = 3_600.0  # between looks at the whole store, for events that came late
LATE_NS = 15 * 60 * 1_000_000_000  # events are this much out of order in stream time, at most
MOST_IDS = 4_000  # of a kind in a round
_HOUR_NS = 3_600 * 1_000_000_000

_log = logging.getLogger(__name__)


@dataclass
class Follower:
    """Looks up what one store mentions, until told to stop."""

    catalog: Catalog
    store_dir: Path
    max_age_hours: float  # of a movie's record; 0 = for ever
    looked_ns: int = 0  # about the newest event seen, stream time
    whole_at: float = -WHOLE_S  # when the whole store was looked at, monotonic seconds
    waiting: dict[str, list[Any]] = field(default_factory=lambda: {kind.path: [] for kind in KINDS})
    facts: dict[str, Any] = field(default_factory=dict)

    def round(self) -> dict[str, Done]:
        """Look at the store once and fetch the newest ids that are missing. Raises ApiAway, Stopped, OSError."""
        self._look()
        done = {}
        for kind in KINDS:
            waiting, older = self.waiting[kind.path], self._too_old_ns() if kind is MOVIES else 0
            done[kind.path] = self.catalog.sync(kind, waiting[:MOST_IDS], older_than_ns=older)
            self.waiting[kind.path] = waiting[MOST_IDS:]
            self._tell(kind, done[kind.path])
        return done

    def _look(self) -> None:
        whole = time.monotonic() - self.whole_at >= WHOLE_S
        since_ns = 0 if whole else self.looked_ns - LATE_NS
        for kind in KINDS:
            ids, newest_ns = seen_since(self.store_dir, kind, since_ns)
            self.looked_ns = max(self.looked_ns, newest_ns)
            older = self._too_old_ns() if kind is MOVIES else 0
            fresh = self.catalog.missing(kind, ids, older)
            asked = set(fresh)
            self.waiting[kind.path] = fresh + [one for one in self.waiting[kind.path] if one not in asked]
        if whole:
            self.whole_at = time.monotonic()

    def _too_old_ns(self) -> int:
        return time.time_ns() - round(self.max_age_hours * _HOUR_NS) if self.max_age_hours else 0

    def _tell(self, kind: Kind, done: Done) -> None:
        kept = int(np.size(self.catalog.file(kind).index().numbers))
        self.facts |= {f"{kind.path}s": kept, f"{kind.path}s_waiting": len(self.waiting[kind.path])}
        if done.fetched + done.refused + done.failed:
            counts = {name: count for name, count in asdict(done).items() if count and isinstance(count, int)}
            _log.info("%ss: %s", kind.path, ", ".join(f"{count} {name}" for name, count in counts.items()))
        for name, count in done.changes.items():
            _log.warning("%s of %d %ss changed; see catalog show ID or changes.jsonl", name, count, kind.path)


def follow(catalog: Catalog, settings: StreamSettings, store_dir: Path, stop: threading.Event) -> None:
    """Look up what the store mentions until `stop`; an API that is away or a full disk is waited out."""
    follower, pause_s, news = Follower(catalog, store_dir, settings.catalog_max_age_hours), ROUND_S, threading.Event()
    heart = threading.Thread(target=_beats, args=(settings.run_dir, follower, news, stop), daemon=True)
    heart.start()
    while not stop.is_set():
        try:
            follower.round()
        except Stopped:
            break
        except (ApiAway, OSError, ValueError) as error:
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            follower.facts["trouble"] = str(error)
            _log.warning("%s; trying again in %.0f s", error, pause_s)
        else:
            pause_s = ROUND_S
            follower.facts.pop("trouble", None)
        news.set()
        stop.wait(0 if pause_s == ROUND_S and any(follower.waiting.values()) else pause_s)
    news.set()
    heart.join(BEAT_SECONDS)


def _beats(run_dir: Path, follower: Follower, news: threading.Event, stop: threading.Event) -> None:
    """Say that we are alive, also in a round that takes long."""
    while not stop.is_set():
        beat(run_dir, "catalog", dict(follower.facts))
        news.wait(BEAT_SECONDS * 0.8)
        news.clear()
