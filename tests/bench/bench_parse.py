"""How fast lines are read: one by one against a bare loop, and a file at once against polars. One core each.

Rates count seconds of processor time, so that what else runs on the machine does not count. Both sides of a ratio read
the same bytes and give time, user, movie or list of movies, and number of each line; ours also checks every part of it.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from course_lines import CLOCK, course_lines
from side_by_side import Figure, ratio
from stream.events import parse_line
from stream.store.parse_block import parse_lines
from stream.store.text_lines import TextLines

LINES = 400_000
ROUNDS = 9


def figures() -> list[Figure]:
    """Per-line parse with validation, and batch parse from a file."""
    os.environ["POLARS_MAX_THREADS"] = "1"  # read when polars is imported; ours has one thread anyway
    lines = list(course_lines(LINES))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mix.log"
        path.write_bytes(b"\n".join(lines) + b"\n")
        check_that_both_say_the_same(path, lines)
        per_line = ratio(lambda: _rate(_parse_each, lines), lambda: _rate(bare_loop, lines), ROUNDS)
        batch = ratio(lambda: _rate(_parse_file, path), lambda: _rate(polars_columns, path), ROUNDS)
        speed = _rate(_parse_file, path) / 1e6
    return [
        Figure("parse_line with validation / bare partition + fromisoformat loop", per_line, 0.7, True),
        Figure("file to typed columns / polars slice and split, one thread", batch, 0.6, True, note=f"{speed:.2f} M/s"),
    ]


def _rate(parse: Callable[[Any], object], given: Any) -> float:
    started = time.process_time()
    parse(given)
    return LINES / (time.process_time() - started)


def _parse_each(lines: Sequence[bytes]) -> None:
    for line in lines:
        parse_line(line, CLOCK)


def bare_loop(lines: Sequence[bytes]) -> list[object]:
    """What a quick script does: no check at all, and any damaged line ends it."""
    event: object = None
    for line in lines:
        at, _, rest = line.decode().partition(",")
        user, _, what = rest.partition(",")
        when = datetime.fromisoformat(at)
        if what.startswith("GET /data/m/"):
            movie, _, minute = what[12:].rpartition("/")
            event = (when, int(user), movie, int(minute[:-4]))
        elif what.startswith("GET /rate/"):
            movie, _, score = what[10:].rpartition("=")
            event = (when, int(user), movie, int(score))
        else:
            _, _, tail = what.partition(", result: ")
            result, _, ms = tail.rpartition(",")
            event = (when, int(user), result.split(", "), int(ms[1:-3]))
    return [event]


def _parse_file(path: Path) -> int:
    with path.open("rb") as file:
        rest, n = b"", 0
        while chunk := file.read(32_000_000):
            text = rest + chunk
            end = text.rindex(b"\n") + 1
            rest = text[end:]
            n += len(parse_lines(TextLines(text[:end]), CLOCK).kind)
    return n


def polars_columns(path: Path):
    """The quickest way found in polars: fixed slices and splits, no regular expression; rows grouped by kind."""
    import polars as pl

    at, what = pl.col("at"), pl.col("what")
    parts = pl.read_lines(path).to_series().str.splitn(",", 3).struct.rename_fields(["at", "user", "what"])
    split = parts.struct.unnest().select(
        at.str.slice(0, 16).str.to_datetime("%Y-%m-%dT%H:%M", time_unit="ns")
        + pl.duration(
            seconds=at.str.slice(17, 2).cast(pl.Int64, strict=False).fill_null(0),
            milliseconds=at.str.slice(20, 3).cast(pl.Int64, strict=False).fill_null(0),
            time_unit="ns",
        ),
        pl.col("user").cast(pl.Int64),
        what,
    )
    watches = split.filter(what.str.starts_with("GET /data/m/")).with_columns(
        what.str.slice(12).str.splitn("/", 2).struct.rename_fields(["movie", "minute"])
    ).unnest("what").with_columns(pl.col("minute").str.head(-4).cast(pl.Int32))  # fmt: skip
    ratings = split.filter(what.str.starts_with("GET /rate/")).with_columns(
        what.str.slice(10).str.splitn("=", 2).struct.rename_fields(["movie", "score"])
    ).unnest("what").with_columns(pl.col("score").cast(pl.Int32))  # fmt: skip
    tails = what.str.splitn(", result: ", 2).struct.field("field_1").str.split(", ")
    requests = split.filter(what.str.starts_with("recommendation")).with_columns(tails.alias("what")).with_columns(
        what.list.head(what.list.len() - 1).alias("movies"), what.list.get(-1).str.head(-3).cast(pl.Int32).alias("ms")
    )  # fmt: skip
    return watches, ratings, requests


def check_that_both_say_the_same(path: Path, lines: Sequence[bytes]) -> None:
    """Counts and sums of users and numbers, before anything is timed."""
    watches, ratings, requests = polars_columns(path)
    parsed = parse_lines(TextLines(path.read_bytes()), CLOCK)
    events = [parse_line(line, CLOCK) for line in lines]
    theirs = [
        len(watches),
        len(ratings),
        len(requests),
        sum(table["user"].sum() for table in (watches, ratings, requests)),
    ]
    ours = [parsed.counts()[kind] for kind in ("watch", "rate", "request")] + [int(parsed.user_id.sum())]
    assert theirs == ours, f"polars says {theirs}, we say {ours}"
    assert sum(event.user_id for event in events) == ours[-1]
    assert int(parsed.minute[parsed.kind == 0].sum()) == watches["minute"].sum()
    assert not parsed.rejected
