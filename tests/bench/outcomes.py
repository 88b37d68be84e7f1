"""What 20,000 simulated people did in three weeks, as one number per user and day: the ground that statistics stand on.

The platform generates the history, the ordinary ingest and parser read it, one SQL question adds it up. Nothing here is
drawn from a textbook distribution: idle users, heavy users, busy evenings are the platform's.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream.store.query import query

Floats = npt.NDArray[np.float64]
USERS, DAYS, PRE_DAYS, DAY_NS = 20_000, 14, 7, 86_400_000_000_000
POPULAR = 20  # titles counted as popular

SQL = """
WITH begun AS (SELECT min(at_ns) AS first_ns FROM watches), plays AS (
  SELECT user_id, movie_id, min(at_ns) AS at_ns, count(*) AS minutes FROM watches GROUP BY user_id, movie_id
), top AS (SELECT movie_id FROM plays GROUP BY movie_id ORDER BY count(*) DESC, movie_id LIMIT $popular), cases AS (
  SELECT user_id, at_ns, 1 AS plays, minutes, (movie_id IN (FROM top))::INT AS hits,
         minutes * (movie_id IN (FROM top))::INT AS hit_minutes, 0 AS score, 0 AS rated FROM plays
  UNION ALL SELECT user_id, at_ns, 0, 0, 0, 0, score, 1 FROM ratings
)
SELECT user_id, (at_ns - first_ns) // $day_ns AS day, sum(plays)::BIGINT AS plays, sum(minutes)::BIGINT AS minutes,
       sum(hits)::BIGINT AS hits, sum(hit_minutes)::BIGINT AS hit_minutes, sum(score)::BIGINT AS score,
       sum(rated)::BIGINT AS rated
FROM cases, begun GROUP BY ALL ORDER BY user_id, day
"""


@dataclass(frozen=True)
class Outcomes:
    """Of each user: each column (users, days); `before` the same of the days ahead."""

    columns: dict[str, Floats]
    before: dict[str, Floats]  # (users,)

    def running(self, name: str) -> Floats:
        """Totals up to the end of each day."""
        return self.columns[name].cumsum(axis=1)


def read(folder: Path, seed: int) -> Outcomes:
    """Generates the history in `folder`, stores it and adds it up."""
    days = folder / "days"
    facts = {"VAR_DIR": str(folder), "HISTORY_DAYS": str(PRE_DAYS + DAYS), "COURSE_TERM": "F2026"}
    _command(facts, "stream.platform", "generate", "--world", "demo", "--seed", str(seed), "--out", str(days))
    _command(facts, "stream", "ingest", *map(str, sorted(days.glob("*.log"))), "--store", str(folder / "store"))
    found = query(folder / "store", SQL, day_ns=DAY_NS, popular=POPULAR)
    users = np.unique(found["user_id"])[:USERS]
    if len(users) < USERS:
        raise SystemExit(f"expected at least {USERS} users in the history; got {len(users)}")
    return _by_user_and_day({name: np.asarray(column) for name, column in found.items()}, users)


def _by_user_and_day(found: dict[str, npt.NDArray[np.int64]], users: npt.NDArray[np.int64]) -> Outcomes:
    mine = np.isin(found["user_id"], users) & (found["day"] < PRE_DAYS + DAYS)
    place, day = np.searchsorted(users, found["user_id"][mine]), found["day"][mine].astype(np.int64)
    columns, before = {}, {}
    for name in ("plays", "minutes", "hits", "hit_minutes", "score", "rated"):
        whole = np.zeros((len(users), PRE_DAYS + DAYS))
        whole[place, day] = found[name][mine]
        columns[name], before[name] = whole[:, PRE_DAYS:], whole[:, :PRE_DAYS].sum(axis=1)
    return Outcomes(columns, before)


def _command(facts: dict[str, str], *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], env=os.environ | facts, capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:3])} failed: {done.stderr[-800:]}")
