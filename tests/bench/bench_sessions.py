"""Folding minute ticks to sessions: ticks per second of one core, and memory with a million users.

A day of a large stream is made up, 40 M ticks of 1 M users and the ratings that follow, and written as compaction would
leave it. What is timed is the store's own view, every column of it, in a process of its own that is held to one core.
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

FILES, MINUTES_PER_FILE, VIEWERS = 40, 16, 62_500
TICKS = FILES * MINUTES_PER_FILE * VIEWERS
USERS, MOVIES = 1_000_000, 27_000
STOP = (USERS / VIEWERS - 1) / (FILES * MINUTES_PER_FILE)  # chance in each minute; every user comes once
START_NS = 1_790_000_000 * 10**9
ROUNDS = 3

SQL = """
    SELECT count(*) AS sessions, sum(ticks)::BIGINT AS ticks, count(DISTINCT user_id) AS users, min(started_ns) AS first,
           max(last_ns) AS last, sum(minutes)::BIGINT AS minutes, sum(ticks_missing)::BIGINT AS missing,
           count(share) AS shares, count(*) FILTER (ended) AS ended, count(score) AS rated, max(rated_ns) AS newest
    FROM sessions"""


def figures() -> list[Figure]:
    """Ticks per second of processor time, median of the rounds; the highest peak of resident memory."""
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as folder:
        made = write_day(Path(folder))
        seen = [fold_apart(Path(folder)) for _ in range(ROUNDS)]
    if wrong := [found for found in seen if (found["sessions"], found["ticks"], found["missing"]) != (made, TICKS, 0)]:
        raise AssertionError(f"expected {made} sessions of {TICKS} ticks, none missing; got {wrong[0]}")
    rate, by_clock = (statistics.median(TICKS / f[key] / 1e6 for f in seen) for key in ("cpu_s", "wall_s"))
    peak_gb = max(found["peak_mb"] for found in seen) / 1_000
    day = f"{TICKS / 1e6:.0f} M ticks, {seen[0]['users']:,} users, {made:,} sessions"
    return [
        Figure("fold ticks to sessions, one core", rate, 4.0, True, "M ticks/s", f"{day}; {by_clock:.1f} by the clock"),
        Figure("peak memory of folding a day", peak_gb, 1.6, False, "GB", day),
    ]


def fold_apart(store_dir: Path) -> dict[str, Any]:
    """One fold in a process of its own: what the view says, cpu_s, wall_s and peak_mb (resident)."""
    run = subprocess.run([sys.executable, __file__, str(store_dir)], check=True, stdout=subprocess.PIPE)
    return dict(json.loads(run.stdout))


def fold_here(store_dir: Path) -> dict[str, Any]:
    """As `fold_apart`, in this process, which stays on one core."""
    from stream.store.query import query

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    found = {name: column[0].item() for name, column in query(store_dir, SQL).items()}
    spent = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - wall_s}
    return found | spent | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def write_day(store_dir: Path) -> int:
    """Store the ticks and ratings in order of arrival; returns how many sessions they are."""
    from stream.store import files, schema

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
            rows.append(np.stack([np.ones_like(over), at_ns[over], user[over], movie[over], np.full_like(over, 4)]))
            user[over], movie[over], minute[over] = users[come : come + len(over)], dice.zipf(1.3, len(over)) % MOVIES, 0
            come += len(over)
        found = np.concatenate(rows, axis=1)
        yield events(found[:, np.argsort(found[1])], ids), come - before


def events(found: np.ndarray, ids: pa.Array) -> pa.Table:
    """Rows (is a rating, at_ns, user, movie number, minute or score) as the store keeps them."""
    from stream.store.schema import EVENT_SCHEMA

    rated = found[0] == 1
    columns = {
        "kind": pa.DictionaryArray.from_arrays(found[0].astype(np.int32), pa.array(["watch", "rate"])),
        "at_ns": found[1],
        "user_id": found[2],
        "movie_id": pa.DictionaryArray.from_arrays(found[3].astype(np.int32), ids),
        "minute": pa.array(found[4].astype(np.int32), mask=rated),
        "score": pa.array(found[4].astype(np.int32), mask=~rated),
    }
    empty = {field.name: pa.nulls(len(rated), field.type) for field in EVENT_SCHEMA}
    return pa.table(empty | columns, schema=EVENT_SCHEMA)


if __name__ == "__main__":
    print(json.dumps(fold_here(Path(sys.argv[1]))))
