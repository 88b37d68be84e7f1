"""The description of the collected data: how much there is, of whom and of what, and how it is distributed.

What milestone 1 asks for. Its counts are the store's own (`store info`): the lines that are flagged on reading are in
them too. Start reading at `describe`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from stream.catalog.describe_records import catalogue_part
from stream.catalog.distribution import Distribution, binned
from stream.catalog.seen import ALL_EVENTS
from stream.store.info import info
from stream.store.query import query
from stream.terms import Term

TOPS = (1, 3, 10, 20, 100, 500, 2_000)  # movies, for the concentration of what is watched
_TRIES = 5  # to read everything while nobody appends

_HOURS = f"""
    SELECT at_ns // 3600000000000 AS hour, kind, count(*) AS lines FROM {ALL_EVENTS} GROUP BY ALL
    UNION ALL SELECT started_ns // 3600000000000, 'watch', sum(ticks)::BIGINT FROM pruned_sessions GROUP BY ALL"""
_WHO = f"""
    WITH seen AS (SELECT user_id, movie_id FROM {ALL_EVENTS} UNION ALL SELECT user_id, movie_id FROM pruned_sessions)
    SELECT count(DISTINCT user_id) AS users, count(DISTINCT movie_id) AS movies FROM seen"""
_SCORES = f"""
    SELECT score, count(*) AS ratings FROM {ALL_EVENTS} WHERE kind = 'rate' GROUP BY score ORDER BY score"""
_SESSIONS = "SELECT user_id, movie_id, last_minute - first_minute + 1 AS minutes FROM sessions"
_OUTCOMES = f"""
    SELECT CASE WHEN status = 200 THEN 'status 200' WHEN status = 0 THEN 'no answer (status 0)'
                ELSE 'status ' || status END AS outcome, count(*) AS requests
    FROM {ALL_EVENTS} WHERE kind = 'request' GROUP BY ALL ORDER BY requests DESC"""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Description:
    """Counts by name, and distributions in the order to read them in."""

    counts: dict[str, Any]
    distributions: list[Distribution] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The counts, and `distributions`: {name: {title, unit, bars: [[label, number]], note}}."""
        return {**self.counts, "distributions": {each.name: each.as_json() for each in self.distributions}}


def describe(store_dir: Path, term: Term) -> Description:
    """Describe what a store and its catalogue hold; times are the term's local ones.

    A store that grows meanwhile is read again; `settled` says whether it stood still for once. Raises ValueError for a
    store without any event.
    """
    for _ in range(_TRIES):
        before = info(store_dir)
        if not before["events"]:
            raise ValueError(f"expected events in {store_dir}; there are none yet: `stream consume` or `stream ingest`")
        found = _described(store_dir, term, before)
        if found.counts["settled"]:
            break
    return found


def _described(store_dir: Path, term: Term, before: Mapping[str, Any]) -> Description:
    sessions = query(store_dir, _SESSIONS)
    hours = query(store_dir, _HOURS)
    who = query(store_dir, _WHO)
    scores = query(store_dir, _SCORES)
    outcomes = query(store_dir, _OUTCOMES)
    settled = info(store_dir)["digest"] == before["digest"]
    zone = ZoneInfo(term.zone)
    facts, records = catalogue_part(store_dir, sessions)
    counts = {
        "events": before["events"], "kinds": before["kinds"], "quarantined": before["quarantined"],
        "users": int(who["users"][0]), "movies": int(who["movies"][0]),
        "ratings": before["kinds"]["rate"], "sessions": len(sessions["user_id"]),
        "first": _local(before["first_ns"], zone), "last": _local(before["last_ns"], zone),
        "pruned": before["pruned"], "bytes": before["bytes"], "digest": before["digest"],
        "term": term.name, "time_zone": term.zone, "settled": settled, "catalogue": facts,
    }  # fmt: skip
    return Description(counts, [
        *_by_time(hours, zone),
        Distribution("ratings", "Ratings by score", "ratings", _pairs(scores["score"], scores["ratings"])),
        Distribution("outcomes", "Recommendation requests by outcome", "requests",
                     _pairs(outcomes["outcome"], outcomes["requests"]), ordered=False),
        binned("minutes", "Watch sessions by minutes of the film", "sessions", sessions["minutes"],
               (1, 2, 6, 16, 31, 61, 91, 121, 181)),
        binned("sessions_per_user", "Users by watch sessions", "users", _sizes(sessions["user_id"]),
               (1, 2, 3, 4, 6, 11, 21, 51, 101)),
        _concentration(_sizes(sessions["movie_id"])),
        *records,
    ])  # fmt: skip


def _by_time(hours: Mapping[str, npt.NDArray[Any]], zone: ZoneInfo) -> list[Distribution]:
    """Lines by local day and kind, and by local hour of the day."""
    names = {"watch": "Minutes watched", "rate": "Ratings", "request": "Recommendation requests", "account": "Sign-ups"}
    times = [datetime.fromtimestamp(int(hour) * 3600, zone) for hour in hours["hour"]]
    found = []
    for kind, title in names.items():
        mine = [(at, int(n)) for at, k, n in zip(times, hours["kind"], hours["lines"], strict=True) if k == kind]
        days = _summed((at.date().isoformat(), n) for at, n in mine)
        found.append(Distribution(f"{kind}_by_day", f"{title} by day", "lines", days))
    of_day = _summed((f"{at.hour:02d}", int(n)) for at, n in zip(times, hours["lines"], strict=True))
    return [*found, Distribution("lines_by_hour", "Lines by hour of the day", "lines", of_day)]


def _concentration(plays: Ints) -> Distribution:
    """Share of all sessions that the most watched movies have."""
    ordered = np.sort(plays)[::-1]
    total = max(1, int(ordered.sum()))
    shares = [(f"top {top}", float(ordered[:top].sum()) / total) for top in TOPS if top <= len(ordered)]
    return Distribution("popularity", "Share of watch sessions of the most watched movies", "share", shares)


def _sizes(keys: npt.NDArray[Any]) -> Ints:
    """How often each key occurs."""
    return np.unique(keys.astype(str) if keys.dtype == object else keys, return_counts=True)[1].astype(np.int64)


def _summed(parts: Iterable[tuple[str, int]]) -> list[tuple[str, float]]:
    total: dict[str, float] = {}
    for label, count in parts:
        total[label] = total.get(label, 0) + count
    return sorted(total.items())


def _pairs(labels: Sequence[Any] | npt.NDArray[Any], numbers: npt.NDArray[Any]) -> list[tuple[str, float]]:
    return [(str(label), int(number)) for label, number in zip(labels, numbers, strict=True)]


def _local(at_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, zone).replace(tzinfo=None).isoformat()
