"""Folding minute ticks to sessions: ticks per second of one core, and memory with a million users.

A day of a large stream is made up, 40 M ticks of 1 M users and the ratings that follow, and written as compaction would
leave it. It is folded by the store's own query in a process of its own that is held to one core; what counts is
processor time, so that a busy machine does not look slow.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from side_by_side import Figure
from stream.sessions import fold_sql
from stream.store import files, schema
from stream.store.query import query

FILES, MINUTES_PER_FILE, VIEWERS = 40, 16, 62_500
TICKS = FILES * MINUTES_PER_FILE * VIEWERS
USERS, MOVIES = 1_000_000, 27_000
STOP = (USERS / VIEWERS - 1) / (FILES * MINUTES_PER_FILE)  # chance in each minute; every user comes once
START_NS = 1_790_000_000 * 10**9
ROUNDS = 3

FOLD = f"""
    SELECT count(*) AS sessions, sum(ticks)::BIGINT AS ticks, count(DISTINCT user_id) AS users, max(movie_id) AS movie,
           min(started_ns) AS first, max(last_ns) AS last, max(first_minute) AS low, max(last_minute) AS high
    FROM ({fold_sql("watches")})"""
VIEW = """
    SELECT sum(ticks_missing)::BIGINT AS missing, count(share) AS shares, count(*) FILTER (ended) AS ended,
           count(score) AS rated, max(rated_ns) AS newest
    FROM sessions"""


def figures() -> list[Figure]:
    """Ticks per second of processor time, median of the rounds; the highest peak of resident memory."""
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as folder:
        made = write_day(Path(folder))
        seen = [fold_apart(Path(folder)) for _ in range(ROUNDS)]
    if wrong := [found for found in seen if (found["sessions"], found["ticks"], found["missing"]) != (made, TICKS, 0)]:
        raise AssertionError(f"expected {made} sessions of {TICKS} ticks, none missing; got {wrong[0]}")
    fold, view = (statistics.median(TICKS / found[name] / 1e6 for found in seen) for name in ("fold_s", "view_s"))
    peak_gb = max(found["peak_mb"] for found in seen) / 1_000
    day = f"{TICKS / 1e6:.0f} M ticks, {seen[0]['users']:,} users, {made:,} sessions"
    return [
        Figure("fold ticks to sessions, one core", fold, 4.0, True, "M ticks/s", f"{day}; whole view {view:.1f}"),
        Figure("peak memory of folding a day", peak_gb, 1.6, False, "GB", day),
    ]


def fold_apart(store_dir: Path) -> dict[str, Any]:
    """A fold and the whole view in a process of its own: what they say, fold_s, view_s (cpu) and peak_mb (resident)."""
    run = subprocess.run([sys.executable, __file__, str(store_dir)], check=True, stdout=subprocess.PIPE)
    return dict(json.loads(run.stdout))


def fold_here(store_dir: Path) -> dict[str, Any]:
    """As `fold_apart`, in this process, which stays on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    _timed(store_dir, "SELECT count(*) AS n FROM watches")  # verdicts on the lines are made once and kept
    fold, fold_s = _timed(store_dir, FOLD)
    view, view_s = _timed(store_dir, VIEW)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return fold | view | {"fold_s": fold_s, "view_s": view_s, "peak_mb": peak_mb}


def _timed(store_dir: Path, sql: str) -> tuple[dict[str, Any], float]:
    began_s = time.process_time()
    found = {name: column.tolist()[0] for name, column in query(store_dir, sql).items()}
    return found, time.process_time() - began_s


def write_day(store_dir: Path) -> int:
    """Store the ticks and ratings in order of arrival; returns how many sessions they are."""
    ids = pa.array([f"some+movie+with+a+title+{n}+1999" for n in range(MOVIES)])
    (store_dir / "catalog").mkdir()
    records = (json.dumps({"id": movie, "runtime": 2_000}) + "\n" for movie in ids.to_pylist())
    (store_dir / "catalog" / "movies.jsonl").write_text("".join(records))
    row, sessions = 0, VIEWERS
    for table, ended in day(ids):
        name = files.name("00000000000000be", 0, row, row + len(table) - 1)
        table = table.set_column(0, "offset", pa.array(np.arange(row, row + len(table))))
        facts = schema.Facts(len(table), 0, "UTC", {}, START_NS, int(table["at_ns"][-1].as_py()))
        schema.write(store_dir, files.EVENTS, "2026-09-21", name, table, facts)
        row, sessions = row + len(table), sessions + ended
    return sessions


def day(ids: pa.Array) -> Iterator[tuple[pa.Table, int]]:
    """Files of events, and how many sessions ended in each and made room for another."""
    dice, come = np.random.default_rng(1), VIEWERS
    users = dice.permutation(2 * USERS).astype(np.int64)
    user, movie, minute = users[:VIEWERS].copy(), dice.zipf(1.3, VIEWERS) % MOVIES, np.zeros(VIEWERS, np.int64)
    at_ns = START_NS + dice.integers(0, 60 * 10**9, VIEWERS)
    for number in range(FILES):
        rows, before = [], come
        for tick in range(MINUTES_PER_FILE):
            rows.append(np.stack([np.zeros_like(user), at_ns, user, movie, minute]))
            at_ns, minute = at_ns + (59.5e9 + 3e9 * dice.normal(size=VIEWERS).clip(-4, 6)).astype(np.int64), minute + 1
            last = (number, tick) == (FILES - 1, MINUTES_PER_FILE - 1)
            over = np.flatnonzero(dice.random(VIEWERS) < (0 if last else STOP))
            rates = over[::3]
            rows.append(
                np.stack([np.ones_like(rates), at_ns[rates], user[rates], movie[rates], np.full_like(rates, 4)])
            )
            user[over], movie[over], minute[over] = (
                users[come : come + len(over)],
                dice.zipf(1.3, len(over)) % MOVIES,
                0,
            )
            come += len(over)
        found = np.concatenate(rows, axis=1)
        yield events(found[:, np.argsort(found[1])], ids), come - before


def events(found: np.ndarray, ids: pa.Array) -> pa.Table:
    """Rows (is a rating, at_ns, user, movie number, minute or score) as the store keeps them."""
    rated = found[0] == 1
    columns = {
        "kind": pa.DictionaryArray.from_arrays(found[0].astype(np.int32), pa.array(["watch", "rate"])),
        "at_ns": found[1],
        "user_id": found[2],
        "movie_id": pa.DictionaryArray.from_arrays(found[3].astype(np.int32), ids),
        "minute": pa.array(found[4].astype(np.int32), mask=rated),
        "score": pa.array(found[4].astype(np.int32), mask=~rated),
    }
    empty = {field.name: pa.nulls(len(rated), field.type) for field in schema.EVENT_SCHEMA}
    return pa.table(empty | columns, schema=schema.EVENT_SCHEMA)


if __name__ == "__main__":
    print(json.dumps(fold_here(Path(sys.argv[1]))))
