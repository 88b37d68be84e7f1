"""Lists anew for users who did something since the live version was published; the model itself stays as it is.

Who signed up and said something of themselves gets a list by their words, until they have seen a handful of movies.

Every few seconds: rows stored since the last look; whose history gained a movie (a further minute of the same one is
nothing new); their lists from the live model's arrays; all rows changed since publication as one overlay; the pointer.
Nothing new, nothing done. What was read is kept in memory only: after a restart one query finds everything since the
publication again. Start at `Refresher.step`.
"""

import logging
import shutil
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stream import evidence
from stream.published import (
    DEFAULT_SLOT,
    DamagedModel,
    PublishedModel,
    Slot,
    Tier,
    attach_overlay,
    load_model,
    load_servable,
    read_pointer,
    write_overlay,
)
from training.descriptions.newcomers import Newcomers
from training.histories import LiveHistories
from training.scoring import K
from training.servable import Array, Servable, find
from training.settings import TrainingSettings
from training.suitability import Suitability

OVERLAYS_KEPT = 3  # a reader may still be opening the one before
SLACK_NS = 3_600 * 10**9  # sources may lag behind each other; pairs known already change nothing
SINCE = """
    SELECT user_id, movie_id, max(at_ns) AS at_ns FROM events
    WHERE kind IN ('watch', 'rate') AND at_ns >= $since_ns GROUP BY user_id, movie_id
"""
SIGNED_UP = "SELECT DISTINCT user_id FROM accounts"
log = logging.getLogger(__name__)


@dataclass
class Live:
    """The version that is live, and what was done to it."""

    model: PublishedModel
    servable: Servable
    histories: LiveHistories
    suitability: Suitability
    newcomers: Newcomers
    positions: dict[str, int]
    stream_ns: int
    refreshed_ns: int  # stream time of the last overlay ...
    refreshed_at: float = field(default_factory=time.monotonic)  # ... and real time: the stream is never slower
    overlay: str | None = None
    waiting: set[int] = field(default_factory=set)  # users whose list is out of date
    rows: dict[int, tuple[Array, int]] = field(default_factory=dict)  # user to list and tier, since publication


class Refresher:
    """Keeps the live version's lists up to date with the store."""

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self.live: Live | None = None

    def step(self) -> int:
        """Look once; returns how many lists were written anew. Raises DamagedModel if what is live is damaged."""
        slot = self._slot()
        if slot is None:
            return 0
        if self.live is None or self.live.model.version != slot.version or not self.live.model.folder.exists():
            self.close()
            self.live = load_live(self.settings, slot)
        else:
            take_new(self.settings.store_dir, self.live)
        self.live.waiting |= self.live.newcomers.step()
        return self._write(self.live) if self._due(self.live) or slot.overlay != self.live.overlay else 0

    def facts(self) -> dict[str, Any]:
        """What to say in the heartbeat."""
        live = self.live
        if live is None:
            return {"version": None}
        facts = {"version": live.model.version, "overlay": live.overlay, "users_changed": len(live.rows)}
        facts |= {"users_waiting": len(live.waiting), "stream_ns": live.stream_ns}
        return facts | live.newcomers.facts()

    def close(self) -> None:
        """Let go of what is live; a next step begins with its folder."""
        if self.live is not None:
            self.live.newcomers.close()
        self.live = None

    def _slot(self) -> Slot | None:
        pointer = read_pointer(self.settings.models_dir)
        return pointer.slots.get(DEFAULT_SLOT) if pointer else None

    def _due(self, live: Live) -> bool:
        waited_s = max((live.stream_ns - live.refreshed_ns) / 1e9, time.monotonic() - live.refreshed_at)
        return bool(live.waiting) and waited_s >= self.settings.refresh_stream_seconds

    def _write(self, live: Live) -> int:
        changed = recompute(live)
        if live.rows:
            live.overlay = write_rows(live)
            attach_overlay(self.settings.models_dir, DEFAULT_SLOT, live.model.version, live.overlay)
            prune_overlays(live.model.folder)
        live.refreshed_ns, live.refreshed_at = live.stream_ns, time.monotonic()
        return changed


def load_live(settings: TrainingSettings, slot: Slot) -> Live:
    """The live version with everything that happened since it was published. Raises DamagedModel."""
    from stream.store.query import query
    from stream.store.tail import ends

    model = load_model(settings.models_dir / slot.version)
    servable = Servable.from_arrays(load_servable(model.folder))
    histories = LiveHistories.of_folder(model.folder, model.users, len(servable.movies))
    until_ns = int(model.manifest.histories["until_ns"])
    positions = ends(settings.store_dir)  # before the query, so that nothing falls between the two
    since = query(settings.store_dir, SINCE, since_ns=until_ns - SLACK_NS)
    suitability = Suitability(settings.store_dir / "catalog")
    newcomers = Newcomers(settings, servable.movies, histories.watched)
    newcomers.signed_up(query(settings.store_dir, SIGNED_UP)["user_id"].tolist())
    live = Live(model, servable, histories, suitability, newcomers, positions, until_ns, until_ns)
    live.waiting |= suitability.strangers(model.users)
    _note(live, since["user_id"], since["movie_id"], since["at_ns"])
    log.info("version %s is live; %d users did something since it was published", slot.version, len(live.waiting))
    return live


def take_new(store_dir: Path, live: Live) -> None:
    """Note what was stored since the last look."""
    from stream.store.tail import ends, tail

    if ends(store_dir) == live.positions:
        return  # names of files say so, without opening one
    rows, live.positions = tail(store_dir, live.positions)
    if len(rows["at_ns"]):
        live.stream_ns = max(live.stream_ns, int(rows["at_ns"].max()))
        seen = np.isin(rows["kind"], ("watch", "rate"))
        _note(live, rows["user_id"][seen], rows["movie_id"][seen], rows["at_ns"][seen])
        live.newcomers.signed_up(rows["user_id"][rows["kind"] == "account"].tolist())


def _note(live: Live, user_ids: Array, movie_ids: Array, at_ns: Array) -> None:
    if not len(user_ids):
        return
    live.stream_ns = max(live.stream_ns, int(at_ns.max()))
    movies = find(live.servable.movies, movie_ids.astype(np.str_))
    pairs = np.unique(np.stack([user_ids.astype(np.int64), movies]), axis=1)
    live.waiting |= live.histories.add(pairs[0], pairs[1])


def recompute(live: Live) -> int:
    """Lists of the waiting users; returns how many."""
    users = sorted(live.waiting)
    if users:
        histories = live.histories.of(users)
        ids = np.array(users)
        lists = live.servable.top(ids, live.suitability.withheld(ids, histories, live.servable.movies), K)
        for row, (user, best) in enumerate(zip(users, lists, strict=True)):
            seen = histories.between(row, row + 1).movies
            tier = Tier.PERSONAL if best[0] >= 0 and len(seen) else Tier.POPULAR  # a minor may have watched nothing yet
            if live.newcomers.described(user, len(seen)):
                best, tier = live.newcomers.top(user, seen, K), Tier.DESCRIPTION
            live.rows[user] = best, int(tier)
    live.waiting.clear()
    return len(users)


def write_rows(live: Live) -> str:
    """All changed rows as the next overlay of the live version; returns its name."""
    users = sorted(live.rows)
    lists = np.stack([live.rows[user][0] for user in users])
    tiers = np.array([live.rows[user][1] for user in users])
    numbers = [number for number, _ in _overlays(live.model.folder)]
    return write_overlay(
        live.model.folder, max(numbers, default=0) + 1, np.array(users), lists, tiers, stream_ns=live.stream_ns
    )


def prune_overlays(folder: Path) -> None:
    """Delete all but the newest overlays of a version."""
    for _, path in sorted(_overlays(folder))[:-OVERLAYS_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _overlays(folder: Path) -> list[tuple[int, Path]]:
    found = ((path.name.removeprefix("overlay-"), path) for path in folder.glob("overlay-*"))
    return [(int(number), path) for number, path in found if number.isdigit()]


def follow(settings: TrainingSettings) -> None:
    """Step every few real seconds until SIGTERM or SIGINT, with a heartbeat each time."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    refresher, problem = Refresher(settings), ""
    while not stop.wait(min(settings.refresh_seconds, evidence.BEAT_SECONDS)):
        before, problem = problem, _step_and_tell(refresher)
        if problem and problem != before:
            log.error("lists stay as they are: %s", problem)
        evidence.beat(settings.run_dir, "refresh", refresher.facts() | {"problem": problem or None})
    refresher.close()


def _step_and_tell(refresher: Refresher) -> str:
    """What went wrong, empty if nothing did; the next step then begins with the version's folder again."""
    try:
        if changed := refresher.step():
            log.info("lists of %d users written as %s", changed, refresher.live and refresher.live.overlay)
    except (DamagedModel, OSError) as error:  # OSError: disk full, or the folder was replaced meanwhile
        refresher.close()
        return str(error)
    return ""
