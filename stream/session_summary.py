"""All watch sessions in a few numbers and sentences: `python -m stream sessions`."""

from pathlib import Path
from typing import Any, Final

from stream.store.query import query

FINISHED: Final = 0.97  # of the runtime; most people leave during the credits

_SQL = """
    SELECT count(*) AS sessions, count(DISTINCT user_id) AS users, count(DISTINCT movie_id) AS movies,
           coalesce(sum(ticks), 0)::BIGINT AS ticks, coalesce(sum(ticks_missing), 0)::BIGINT AS ticks_missing,
           coalesce(avg(minutes), 0) AS minutes_per_session, median(minutes) AS median_minutes,
           count(*) FILTER (ended) AS ended, count(share) AS with_runtime, avg(share) FILTER (ended) AS mean_share,
           count(*) FILTER (ended AND share IS NOT NULL) AS ended_with_runtime,
           count(*) FILTER (ended AND first_minute + minutes >= $finished * runtime_minutes) AS finished,
           count(score) AS rated, avg(score) AS mean_score
    FROM sessions"""


def summary(store_dir: Path) -> dict[str, Any]:
    """Counts and means over all sessions of the store; None where there is nothing to take a mean of.

    Keys: sessions, users, movies, ticks, ticks_missing, minutes_per_session, median_minutes, ended, with_runtime (the
    catalogue says how long the movie is), mean_share (of the runtime, over ended ones), ended_with_runtime, finished
    (of those, the ones that reached FINISHED of the runtime), rated, mean_score. Raises as `query` does.
    """
    columns = query(store_dir, _SQL, finished=FINISHED)
    found = {name: column[0].item() for name, column in columns.items()}
    return {name: None if value != value else value for name, value in found.items()}


def told(found: dict[str, Any]) -> str:
    """The summary in sentences."""
    if not found["sessions"]:
        return "No watch session is stored: no minute tick has come yet."
    sessions, on = found["sessions"], found["sessions"] - found["ended"]
    lines = [
        f"{sessions:,} watch sessions of {found['users']:,} users and {found['movies']:,} movies,"
        f" folded from {found['ticks']:,} minute ticks",
        f"length: {found['minutes_per_session']:.1f} minutes on average, median {found['median_minutes']:.0f}",
        f"{found['ended']:,} have ended, {on:,} are still on",
        _watched(found),
        f"{found['rated']:,} were rated ({found['rated'] / sessions:.1%})"
        + (f", {found['mean_score']:.2f} on average" if found["rated"] else ""),
        f"{found['ticks_missing']:,} ticks never came, {_share_missing(found):.2%} of those expected",
    ]
    return "\n".join(lines)


def _watched(found: dict[str, Any]) -> str:
    """How much of the movies was watched, where their length is known."""
    if not (known := found["ended_with_runtime"]):
        return "share watched: unknown, no running times; `python -m stream catalog sync` fetches them"
    return (
        f"share watched: {found['mean_share']:.1%} on average of {known:,} ended sessions of movies of known length;"
        f" {found['finished'] / known:.1%} reached the last {1 - FINISHED:.0%} of the movie"
    )


def _share_missing(found: dict[str, Any]) -> float:
    return float(found["ticks_missing"] / (found["ticks"] + found["ticks_missing"]))
