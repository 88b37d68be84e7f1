"""Films that people began in a stretch of the log, and the lists that had offered them.

A play belongs to a list if the same user was shown the title earlier, at most the attribution window before. People
start about an hour after a recommendation, so the window counts in hours. Start reading at `PLAYS_SQL`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from evaluation.requests import Instants, Mask, RequestLines

# One row per start and list that offered it (list_ns = -1: none did). A start is a user's first minute of a title; one
# already running before $from_ns is none. $since_ns lies at least one attribution window before $from_ns.
PLAYS_SQL = """
WITH starts AS (
  SELECT row_number() OVER (ORDER BY min(at_ns), user_id, movie_id) - 1 AS start_no, user_id, movie_id,
         min(at_ns) AS started_ns, max(at_ns) AS last_ns,
         max(minute) - min(minute) + 1 AS minutes, max(minute) AS top_minute
  FROM watches WHERE at_ns >= $since_ns AND at_ns < $until_ns
  GROUP BY user_id, movie_id HAVING min(at_ns) >= $from_ns
), offers AS (
  SELECT at_ns AS list_ns, user_id, unnest(movies) AS movie_id, generate_subscripts(movies, 1) AS rank
  FROM requests WHERE status = 200 AND at_ns >= $since_ns AND at_ns < $until_ns
)
SELECT starts.*, coalesce(list_ns, -1) AS list_ns, coalesce(rank, -1) AS rank
FROM starts LEFT JOIN offers
  ON starts.user_id = offers.user_id AND starts.movie_id = offers.movie_id
  AND list_ns < started_ns AND started_ns <= list_ns + $window_ns
ORDER BY start_no, list_ns, rank
"""

RATINGS_SQL = """
SELECT user_id, movie_id, at_ns, score FROM ratings
WHERE at_ns >= $from_ns AND at_ns < $until_ns AND score BETWEEN $rating_min AND $rating_max ORDER BY at_ns
"""


@dataclass(frozen=True, slots=True)
class Plays:
    """Starts, one entry each, in the order of their times; and the offers behind them, one entry per start and list."""

    user_id: npt.NDArray[np.int64]
    movie_id: npt.NDArray[Any]  # str
    started_ns: Instants
    last_ns: Instants
    minutes: npt.NDArray[np.int64]  # of the film, watched
    top_minute: npt.NDArray[np.int64]  # highest minute reached
    offer_start: npt.NDArray[np.int64]  # index of the start
    offer_list_ns: Instants  # when that list was shown to the same user
    offer_rank: npt.NDArray[np.int64]  # place of the title in that list, 1 = best

    @classmethod
    def of(cls, columns: Mapping[str, npt.NDArray[Any]]) -> Self:
        """From the columns of `PLAYS_SQL`."""
        start_no, list_ns = columns["start_no"].astype(np.int64), columns["list_ns"].astype(np.int64)
        _, first = np.unique(start_no, return_index=True)
        numbers = {name: columns[name].astype(np.int64)[first] for name in ("user_id", "started_ns", "last_ns")}
        film = {name: columns[name].astype(np.int64)[first] for name in ("minutes", "top_minute")}
        there = list_ns >= 0
        offers = start_no[there], list_ns[there], columns["rank"].astype(np.int64)[there]
        return cls(movie_id=columns["movie_id"][first], **numbers, **film,
                   offer_start=offers[0], offer_list_ns=offers[1], offer_rank=offers[2])  # fmt: skip

    def __len__(self) -> int:
        return len(self.user_id)

    def recommended(self, offers: Mask | None = None) -> Mask:
        """Which starts had been offered, by any of the marked offers (default: by any)."""
        found = np.zeros(len(self), bool)
        found[self.offer_start if offers is None else self.offer_start[offers]] = True
        return found

    def offers_of(self, lines: RequestLines) -> npt.NDArray[np.int64]:
        """Index into `lines` of the list behind each offer; -1 where it is not among them."""
        found, position = _keys(lines.user_id, lines.at_ns), np.full(len(self.offer_start), -1, np.int64)
        order = np.argsort(found, kind="stable")
        wanted = _keys(self.user_id[self.offer_start], self.offer_list_ns)
        place = np.minimum(np.searchsorted(found[order], wanted), max(len(found) - 1, 0))
        if len(found):
            same = found[order][place] == wanted
            position[same] = order[place[same]]
        return position

    def list_before(self, lines: RequestLines, window_ns: int) -> npt.NDArray[np.int64]:
        """Index into `lines` of the last list that each start's viewer had been shown; -1 if none in the window."""
        with_list = np.flatnonzero(lines.list_id >= 0)
        order = with_list[np.lexsort((lines.at_ns[with_list], lines.user_id[with_list]))]
        keys = _keys(lines.user_id[order], lines.at_ns[order])
        place = np.searchsorted(keys, _keys(self.user_id, self.started_ns)) - 1
        found = np.where(place >= 0, order[place], -1) if len(order) else np.full(len(self), -1, np.int64)
        mine = (found >= 0) & (lines.user_id[found] == self.user_id) if len(lines) else found >= 0
        recent = mine & (lines.at_ns[found] >= self.started_ns - window_ns) if len(lines) else mine
        return np.where(recent, found, -1)


def _keys(user_id: npt.NDArray[np.int64], at_ns: Instants) -> npt.NDArray[np.void]:
    """Pairs that sort by user, then time."""
    keys = np.empty(len(user_id), dtype=[("user", np.int64), ("at", np.int64)])
    keys["user"], keys["at"] = user_id, at_ns
    return keys
