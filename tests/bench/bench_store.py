"""What a stored event costs: bytes on disk, as the consumer writes and after compaction, and verdicts while reading."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from viewers import course_lines, movie_ids

from side_by_side import Figure, ratio
from stream.events import WallClock
from stream.store import files
from stream.store.compact import compact
from stream.store.info import info
from stream.store.log import Batch, EventLog
from stream.store.query import query
from stream.store.rules import remember_term
from stream.store.verdicts import flagged
from stream.terms import TERMS

TERM = TERMS["F2026"]
MINUTES, ROWS, TYPO_EVERY = 17, 20_000, 2_000  # a mistyped line in 2,000, as seen on real logs
FOREVER_NS = 2**63 - 1
WATCHED = """
    SELECT user_id, movie_id, min(at_ns), count(*) FROM watches WHERE at_ns < $until_ns GROUP BY user_id, movie_id
"""


def figures() -> list[Figure]:
    """Bytes per event before and after compaction, and what verdicts add to a query over all watches."""
    lines = [line for minute in course_lines(MINUTES) for line in minute][:1_000_000]
    with tempfile.TemporaryDirectory() as folder:
        judged, bare = Path(folder) / "judged", Path(folder) / "bare"
        _fill(judged, _mistyped(lines))
        small, n_small = _bytes_per_event(judged), len(files.listed(judged, files.EVENTS))
        compact(judged, full=True)
        large = _bytes_per_event(judged)
        shutil.copytree(judged, bare)
        remember_term(judged, TERM)
        _catalogue(judged / "catalog")
        assert sum(flagged(judged).values()) > len(lines) / TYPO_EVERY * 0.9
        slower = ratio(_seconds(judged), _seconds(bare), rounds=9)
    note = f"{len(lines):,} lines of {sum(map(len, lines)) / len(lines):.0f} bytes"
    return [
        Figure("files of 20,000 rows", small, 11, False, "bytes/event", f"{note}, {n_small} files"),
        Figure("after compaction", large, 7, False, "bytes/event", note),
        Figure(
            "who watched what, with verdicts / without",
            slower,
            1.3,
            False,
            "ratio",
            "a process that asks again and again",
        ),
    ]


def _mistyped(lines: Sequence[bytes]) -> list[bytes]:
    """Every so many lines, one of a movie that does not exist."""
    found = list(lines)
    for row in range(TYPO_EVERY // 2, len(found), TYPO_EVERY):
        found[row] = found[row].split(b",")[0] + b",417,GET /data/m/NzPliAB5Fa%d/3.mpg" % row
    return found


def _fill(store: Path, lines: Sequence[bytes]) -> None:
    log = EventLog(store, WallClock(TERM.zone))
    for first in range(0, len(lines), ROWS):
        part = lines[first : first + ROWS]
        log.append(Batch("0" * 16, 0, range(first, first + len(part)), part))


def _catalogue(folder: Path) -> None:
    folder.mkdir()
    records = (json.dumps({"id": movie, "runtime": 300}) + "\n" for movie in movie_ids())
    (folder / "movies.jsonl").write_text("".join(records))


def _bytes_per_event(store: Path) -> float:
    held = info(store)
    return float(held["bytes"] / held["events"])


def _seconds(store: Path) -> Callable[[], float]:
    """Processor seconds of one question; the first has looked at every file."""

    def ask() -> float:
        started = time.process_time()
        query(store, WATCHED, until_ns=FOREVER_NS)
        return time.process_time() - started

    ask()
    return ask
