"""Minute ticks folded into watch sessions: who watched what, from when to when, and how far.

Two ticks of the same user and movie belong to one session while no gap between neighbours exceeds GAP_NS. A partial
session is any part of one; folding in pieces and merging the parts gives the same as folding all at once, whatever
the pieces, because a session is just a set of ticks that the gap rule connects.

SQL for DuckDB, so that ticks are folded where they lie. Ticks within one bin of GAP_NS are always connected: a cheap
group-by makes partial sessions of them, and only those, one for 15 ticks, are put in order.
"""

from typing import Final

import duckdb
import pyarrow as pa

GAP_NS: Final = 15 * 60 * 1_000_000_000  # of stream time
COLUMNS: Final = ("user_id", "movie_id", "started_ns", "last_ns", "first_minute", "last_minute", "ticks")

SUMMARY: Final = """
    SELECT count(*) AS sessions, count(DISTINCT user_id) AS users, count(DISTINCT movie_id) AS movies,
           coalesce(sum(ticks), 0)::BIGINT AS ticks, coalesce(avg(ticks), 0) AS minutes_per_session
    FROM sessions"""  # asked of the store's view


def fold_sql(ticks: str) -> str:
    """Query for the sessions of relation `ticks` (user_id, movie_id, at_ns, minute): partials, then `merge_sql`."""
    return merge_sql(f"({partials_sql(ticks)})")


def partials_sql(ticks: str) -> str:
    """Query for partial sessions of relation `ticks`, at most one per user, movie and bin of GAP_NS."""
    return f"""
        SELECT user_id, movie_id, min(at_ns) AS started_ns, max(at_ns) AS last_ns,
               min(minute) AS first_minute, max(minute) AS last_minute, count(*) AS ticks
        FROM {ticks} GROUP BY user_id, movie_id, at_ns // {GAP_NS}"""


def merge_sql(partials: str) -> str:
    """Query for whole sessions of relation `partials`; merging what is whole already changes nothing."""
    return f"""
        WITH behind AS (
            SELECT *, max(last_ns) OVER (PARTITION BY user_id, movie_id ORDER BY started_ns
                                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns
            FROM {partials}
        ), numbered AS (
            SELECT *, count(*) FILTER (before_ns IS NULL OR started_ns - before_ns > {GAP_NS})
                      OVER (PARTITION BY user_id, movie_id ORDER BY started_ns ROWS UNBOUNDED PRECEDING) AS session
            FROM behind
        )
        SELECT user_id, movie_id, min(started_ns) AS started_ns, max(last_ns) AS last_ns,
               min(first_minute) AS first_minute, max(last_minute) AS last_minute, sum(ticks)::BIGINT AS ticks
        FROM numbered GROUP BY user_id, movie_id, session"""


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
