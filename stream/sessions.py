"""Minute ticks folded into watch sessions: who watched what, from when to when, how far, and what they gave it.

A *session* is a set of ticks of one user and one movie in which no two neighbours in time are more than GAP_NS apart.
Time alone cuts: a minute that goes backwards does not, since two people may watch under one name. Folding any pieces
and merging the parts gives the same as folding all at once, because a session is just what the gap rule connects.

- `minutes`: minutes of the movie from the first tick to the last. Not more than the time between them allows, so that
  a damaged minute (`154` that became `1540`) makes no session long.
- `ticks_missing`: minutes that sent no tick. A tick that was sent twice can hide one.
- `runtime_minutes`: the catalogue's; NULL where that says nothing or 0, or where viewers go on beyond it, as with a
  mini-series whose entry gives the length of an episode (see `runtimes_sql`).
- `share`: minutes / runtime_minutes, at most 1; NULL without a runtime.
- `ended`: the last tick is older than GAP_NS in stream time, or it was the movie's last minute, or a rating followed.
- `score`, `rated_ns`: the user's rating of the movie, given from the first tick to GAP_NS after the last; the last one
  counts. People rate one tick after their last minute, so the rating of a longer gap belongs to no session.

SQL for DuckDB, so that ticks are folded where they lie. Ticks within one bin of GAP_NS are always connected: a cheap
group-by makes partial sessions of them, and only those, one for 15 ticks, are put in order. Start at `fold_sql`.
"""

from typing import Final

import duckdb
import pyarrow as pa

MINUTE_NS: Final = 60 * 1_000_000_000
# Of stream time. Ticks come 46 to 83 s apart: a short outage of broker or consumer must not cut a session in two, and
# whoever comes back to a movie later begins a new one.
GAP_NS: Final = 15 * MINUTE_NS
COLUMNS: Final = ("user_id", "movie_id", "started_ns", "last_ns", "first_minute", "last_minute", "ticks")

_PACE_NS = 57 * 1_000_000_000  # a tick takes 59.5 s on average; over any stretch, viewers are never this quick


def fold_sql(ticks: str) -> str:
    """Query for the sessions (COLUMNS) of relation `ticks` (user_id, movie_id, at_ns, minute)."""
    return f"SELECT {_COLUMNS} FROM ({_merged(_partials(ticks))}) JOIN ({_names(ticks)}) USING (movie)"


def merge_sql(partials: str) -> str:
    """Query for whole sessions of relation `partials` (COLUMNS); merging what is whole already changes nothing."""
    return f"SELECT {_COLUMNS} FROM ({_merged(_keyed(partials))}) JOIN ({_names(partials)}) USING (movie)"


def sessions_sql() -> str:
    """Query for the view `sessions`, with every column that this module describes.

    Reads the relations `watches`, `ratings`, `events`, `pruned_sessions` (COLUMNS) and `runtimes`.
    """
    pace = f"(last_ns - started_ns) // {_PACE_NS} + 2"
    return f"""
        WITH folded AS (
            SELECT *, least(last_minute - first_minute, {pace}) + 1 AS minutes
            FROM ({_merged(f"({_partials('watches')} UNION ALL BY NAME {_keyed('pruned_sessions')})")})
        ), rated AS (
            SELECT folded.*, if(at_ns >= started_ns, score, NULL) AS score,
                   if(at_ns >= started_ns, at_ns, NULL) AS rated_ns
            FROM folded ASOF LEFT JOIN ({_RATINGS}) AS given
              ON folded.user_id = given.user_id AND folded.movie = given.movie AND last_ns + {GAP_NS} >= at_ns
        ), names AS (
            {_names("(SELECT movie_id FROM watches UNION ALL SELECT movie_id FROM pruned_sessions)")}
        )
        SELECT {_COLUMNS}, minutes, greatest(minutes - ticks, 0) AS ticks_missing,
               runtime_minutes, least(minutes, runtime_minutes) / runtime_minutes AS share,
               coalesce(last_ns + {GAP_NS} < ({_NOW}), false) OR coalesce(rated_ns > last_ns, false)
                   OR coalesce(first_minute + minutes >= runtime_minutes, false) AS ended,
               score, rated_ns
        FROM rated JOIN names USING (movie) LEFT JOIN runtimes USING (movie_id)"""


def _partials(ticks: str) -> str:
    """Partial sessions, at most one per user, movie and bin of GAP_NS.

    Movies go by a 64-bit hash of their id, which is twice as quick as the text; that any two of 100,000 ids share one
    has a chance of 1 in 4 billion.
    """
    return f"""
        (SELECT user_id, hash(movie_id) AS movie, min(at_ns) AS started_ns, max(at_ns) AS last_ns,
                min(minute) AS first_minute, max(minute) AS last_minute, count(*) AS ticks
         FROM {ticks} GROUP BY user_id, movie, at_ns // {GAP_NS})"""


def _keyed(partials: str) -> str:
    return f"(SELECT hash(movie_id) AS movie, * EXCLUDE (movie_id) FROM {partials})"


def _names(relation: str) -> str:
    return f"SELECT hash(movie_id) AS movie, any_value(movie_id) AS movie_id FROM {relation} GROUP BY movie"


def _merged(partials: str) -> str:
    """Partials in order, numbered where the gap to all before is too wide, and added up by that number."""
    order = "PARTITION BY user_id, movie ORDER BY started_ns"
    return f"""
        WITH behind AS (
            SELECT *, max(last_ns) OVER ({order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns
            FROM {partials}
        ), numbered AS (
            SELECT *, count(*) FILTER (before_ns IS NULL OR started_ns - before_ns > {GAP_NS})
                      OVER ({order} ROWS UNBOUNDED PRECEDING) AS session
            FROM behind
        )
        SELECT user_id, movie, min(started_ns) AS started_ns, max(last_ns) AS last_ns,
               min(first_minute) AS first_minute, max(last_minute) AS last_minute, sum(ticks)::BIGINT AS ticks
        FROM numbered GROUP BY user_id, movie, session"""


_COLUMNS = ", ".join(COLUMNS)
_RATINGS = "SELECT user_id, hash(movie_id) AS movie, at_ns, max(score) AS score FROM ratings GROUP BY ALL"
# Stream time. The newest time may be a mistyped one, so it needs company: another event within the same GAP_NS.
_NOW = f"""
    SELECT max(newest) FROM (
        SELECT max(at_ns) AS newest FROM (SELECT at_ns FROM events UNION ALL SELECT last_ns FROM pruned_sessions)
        GROUP BY at_ns // {GAP_NS} HAVING count(*) > 1)"""


def runtimes_sql(catalog: str) -> str:
    """Query for movie_id and runtime_minutes (> 0) of movies watched, from relation `catalog` (movie_id, runtime).

    A runtime is not believed if more than one tick, and more than one in a thousand, lies clearly beyond it: then it is
    not the length of what people watch. Damaged minutes are far rarer than that. Every tenth minute is evidence enough.
    """
    return f"""
        SELECT movie_id, any_value(runtime) AS runtime_minutes
        FROM (SELECT movie_id, minute FROM watches WHERE minute % 10 = 0
              UNION ALL SELECT movie_id, last_minute FROM pruned_sessions)
        JOIN {catalog} USING (movie_id)
        GROUP BY movie_id HAVING count(*) FILTER (minute > runtime * 1.1 + 2) <= 1 + count(*) / 1000"""


def fold(ticks: pa.Table) -> pa.Table:
    """Sessions of a table of ticks (user_id, movie_id, at_ns, minute), in order of start."""
    return _run(fold_sql("given"), ticks)


def merge(partials: pa.Table) -> pa.Table:
    """Sessions of a table of partial sessions (COLUMNS), in order of start."""
    return _run(merge_sql("given"), partials)


def _run(sql: str, given: pa.Table) -> pa.Table:
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.register("given", given)
        return connection.sql(f"{sql} ORDER BY started_ns, user_id, movie_id").to_arrow_table()
