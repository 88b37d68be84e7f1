"""Files of raw lines into the store: plain or .gz, with LF or CRLF, each line once however often it is run.

A file's source is the hash of its uncompressed bytes, its offsets are line numbers from 0; a run that was interrupted
goes on behind the last line stored. Start at `ingest`; `follow` takes files as another process finishes them.
"""

import gzip
import hashlib
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stream.events import WallClock
from stream.store.log import Batch, EventLog, Stored
from stream.store.verdicts import flagged
from stream.terms import Term

BATCH_LINES = 500_000
_CHUNK_BYTES = 8_000_000
_KINDS = ("watch", "rate", "request", "account")

Progress = Callable[[int], object]


@dataclass(slots=True)
class _Tally:
    """What a run read and stored."""

    lines: int = 0
    stored: int = 0
    kinds: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_KINDS, 0)))
    quarantined: Counter[str] = field(default_factory=Counter)
    first_ns: list[int] = field(default_factory=list)
    last_ns: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)

    def add(self, stored: Stored) -> None:
        self.stored += stored.lines
        self.kinds.update(stored.kinds)
        self.quarantined.update(stored.quarantined)
        self.first_ns += [] if stored.first_ns is None else [stored.first_ns]
        self.last_ns += [] if stored.last_ns is None else [stored.last_ns]


def ingest(
    paths: Iterable[Path], store_dir: Path, term: Term, progress: Progress | None = None, delete: bool = False
) -> dict[str, Any]:
    """Store every line of `paths`, in order.

    progress: called with the number of bytes read, as they are read (uncompressed). delete: remove each file once it is
    stored as a whole. Returns: lines (of the files), and of those stored by this run: stored, kinds, quarantined,
    flagged, first and last (local times), seconds; damaged (file: reason) names files that broke off, whose good part
    is stored. Raises OSError if a file cannot be read or the store cannot be written.
    """
    started, clock = time.perf_counter(), WallClock(term.zone)
    log, tally = EventLog(store_dir, clock), _Tally()
    for path in paths:
        _ingest_file(path, log, tally, progress or (lambda _: None))
        if delete and str(path) not in tally.damaged:
            path.unlink()
    return {
        "lines": tally.lines,
        "stored": tally.stored,
        "kinds": dict(tally.kinds),
        "quarantined": dict(tally.quarantined),
        "flagged": flagged(store_dir, term, tally.sources),
        "first": clock.show(min(tally.first_ns)) if tally.first_ns else None,
        "last": clock.show(max(tally.last_ns)) if tally.last_ns else None,
        "seconds": round(time.perf_counter() - started, 3),
        "damaged": tally.damaged,
    }


def follow(folder: Path, poll_seconds: float = 0.2) -> Iterator[Path]:
    """Files `*.log` and `*.log.gz` of `folder` in order of name, as they appear, until a file DONE is there.

    Whoever writes them gives a file this name only when it is finished, and creates DONE after the last.
    """
    seen: set[Path] = set()
    while True:
        done = (folder / "DONE").exists()
        fresh = sorted(path for path in folder.glob("*.log*") if path.name.endswith((".log", ".log.gz")))
        fresh = [path for path in fresh if path not in seen]
        if fresh:
            seen.add(fresh[0])
            yield fresh[0]
        elif done:
            return
        else:
            time.sleep(poll_seconds)


def _ingest_file(path: Path, log: EventLog, tally: _Tally, progress: Progress) -> None:
    source = _source(path)
    tally.sources.append(source)
    known, at = log.next_offset(source, 0), 0
    for lines in _batches(_noted(_chunks(path), path, tally.damaged), progress):
        skip = min(max(known - at, 0), len(lines))
        tally.add(log.append(Batch(source, 0, range(at + skip, at + len(lines)), lines[skip:] if skip else lines)))
        at += len(lines)
    tally.lines += at


def _source(path: Path) -> str:
    hashed = hashlib.sha256()
    for chunk in _noted(_chunks(path), path, {}):
        hashed.update(chunk)
    return hashed.hexdigest()[:16]


def _chunks(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while chunk := file.read1(_CHUNK_BYTES):  # what is there, so that a torn end costs nothing before it
            yield chunk


def _noted(chunks: Iterator[bytes], path: Path, damaged: dict[str, str]) -> Iterator[bytes]:
    """The chunks up to where a compressed file breaks off, which is noted."""
    try:
        yield from chunks
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        damaged[str(path)] = f"expected a whole gzip file: {error}"


def _batches(chunks: Iterable[bytes], progress: Progress) -> Iterator[Sequence[bytes]]:
    """Lines without their newlines, BATCH_LINES at a time; the last may lack its newline."""
    lines: list[bytes] = []
    rest = b""
    for chunk in chunks:
        progress(len(chunk))
        text = rest + chunk
        *found, rest = text.split(b"\n")
        lines += _without_cr(found) if b"\r" in text else found
        while len(lines) >= BATCH_LINES:
            yield lines[:BATCH_LINES]
            lines = lines[BATCH_LINES:]
    lines += _without_cr([rest]) if rest else []
    if lines:
        yield lines


def _without_cr(lines: list[bytes]) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in lines]
