"""Files into the store, plain or compressed, each line once however often it is run.

A file's source is the hash of its uncompressed bytes, its offsets are line numbers from 0; a run that was interrupted
goes on behind the last line stored. Files of other formats than the log's own become lines of the log on the way in.
Start at `ingest`; `follow` takes files as another process finishes them.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stream.escaping import MARK, unescape
from stream.events import MalformedLine, WallClock
from stream.store import m0_catalog
from stream.store.formats import Converter, converter_of, has_half_stars, names_of
from stream.store.log import Batch, EventLog, Stored
from stream.store.opened import Progress, chunks, source_of
from stream.store.query import query
from stream.store.rules import remember_term
from stream.store.text_lines import ConvertedLines, TextLines
from stream.store.verdicts import flagged
from stream.terms import Term

BATCH_BYTES = 40_000_000  # some 500,000 lines
EXAMPLES = 5
_KINDS = ("watch", "rate", "request", "account")
_EXAMPLES = """SELECT source, "offset", reason, raw FROM quarantine
               WHERE list_contains($sources, source) ORDER BY source, "offset" LIMIT $n"""


@dataclass(slots=True)
class _Tally:
    """What a run read and stored."""

    lines: int = 0
    stored: int = 0
    kinds: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_KINDS, 0)))
    quarantined: Counter[str] = field(default_factory=Counter)
    first_ns: list[int] = field(default_factory=list)
    last_ns: list[int] = field(default_factory=list)
    sources: dict[str, Path] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)  # of the catalogue, by file; and refused
    told: list[str] = field(default_factory=list)  # what is wrong with those refused

    def add(self, stored: Stored) -> None:
        self.stored += stored.lines
        self.kinds.update(stored.kinds)
        self.quarantined.update(stored.quarantined)
        self.first_ns += [] if stored.first_ns is None else [stored.first_ns]
        self.last_ns += [] if stored.last_ns is None else [stored.last_ns]

    def examples(self, store_dir: Path) -> list[str]:
        """The first lines of these files that are no events, by file and line number."""
        if not self.quarantined:
            return self.told[:EXAMPLES]
        found = query(store_dir, _EXAMPLES, sources=list(self.sources), n=EXAMPLES)
        rows = zip(found["source"], found["offset"], found["reason"], found["raw"], strict=True)
        lines = [f"{self.sources[s]}, line {at + 1}: {why}: {bytes(raw)[:120]!r}" for s, at, why, raw in rows]
        return (self.told + lines)[:EXAMPLES]


def ingest(
    paths: Iterable[Path], store_dir: Path, term: Term, progress: Progress | None = None, delete: bool = False,
    *, format_: str = "log", catalog_dir: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Store every line of `paths`, in order.

    progress: called with the number of bytes of the files, as they are read. delete: remove each file once it is stored
    as a whole. format_: one of `formats.FORMATS`. catalog_dir: the catalogue for verdicts; default: the store's own.

    Returns: lines (of the files), and of those stored by this run: stored, kinds, quarantined, flagged, first and last
    (local times), seconds; damaged (file: reason) names files that broke off, whose good part is stored, or that are of
    another format; examples: the first lines quarantined, with file and line number; catalog: records of movies and
    users taken over, and refused. Raises OSError if a file cannot be read or the store cannot be written.
    """
    started, clock = time.perf_counter(), WallClock(term.zone)
    remember_term(store_dir, term)
    log, tally = EventLog(store_dir, clock), _Tally()
    for path in paths:
        try:
            _File(path, format_, term, log, tally, progress or (lambda _: None)).ingest(clock)
        except ValueError as error:  # not of this format
            tally.damaged[str(path)] = str(error)
        if delete and str(path) not in tally.damaged:
            path.unlink()
    of_catalog = {"catalog_dir": catalog_dir} if catalog_dir else {}
    return {
        "lines": tally.lines,
        "stored": tally.stored,
        "kinds": dict(tally.kinds),
        "quarantined": dict(tally.quarantined),
        "flagged": flagged(store_dir, term, list(tally.sources), **of_catalog),
        "first": clock.show(min(tally.first_ns)) if tally.first_ns else None,
        "last": clock.show(max(tally.last_ns)) if tally.last_ns else None,
        "seconds": round(time.perf_counter() - started, 3),
        "damaged": tally.damaged,
        "examples": tally.examples(store_dir),
        "catalog": dict(tally.records),
    }


@dataclass(frozen=True, slots=True)
class _File:
    """One file on its way into the store."""

    path: Path
    format: str
    term: Term
    log: EventLog
    tally: _Tally
    progress: Progress

    def ingest(self, clock: WallClock) -> None:
        """Store its lines, or put its records into the catalogue. Raises ValueError if it is of another format."""
        first = self._first_line() if self.format != "log" else b""
        if self.format == "m0" and (table := m0_catalog.table_of(names_of(first.decode("utf-8-sig", "replace")))):
            self._keep_records(table)
            return
        halves, stars = [False], self.format == "movielens" and self.term.rating_max >= 10
        look = (lambda chunk: halves.append(has_half_stars(chunk))) if stars else (lambda _: None)
        source = source_of(self.path, self.format, look)
        self.tally.sources[source] = self.path
        converter = None if self.format == "log" else converter_of(self.format, first, clock, any(halves))
        stored, events = self.tally.stored, self.tally.kinds.total()
        self._store(source, converter)
        if self.tally.stored > stored and self.tally.kinds.total() == events:
            self.tally.told.append(f"{self.path}: no line of it is an event; is it of another --format?")

    def _store(self, source: str, converter: Converter | None) -> None:
        known, at = self.log.next_offset(source, 0), 0
        begin = 1 if converter and converter.header else 0  # a header is no line of the log
        for lines in _batches(chunks(self.path, self.tally.damaged, self.progress), whole=self._whole):
            skip = min(max(known - at, begin - at, 0), len(lines))
            fresh = lines[skip:] if skip else lines
            fresh = _converted(fresh, converter, at + skip + 1) if converter else _as_sent(fresh)
            self.tally.add(self.log.append(Batch(source, 0, range(at + skip, at + len(lines)), fresh)))
            at += len(lines)
        self.tally.lines += max(0, at - begin)

    def _whole(self) -> bool:
        return str(self.path) not in self.tally.damaged

    def _first_line(self) -> bytes:
        return next(chunks(self.path, {}), b"").partition(b"\n")[0]

    def _keep_records(self, table: m0_catalog.Table) -> None:
        text = (line.decode("utf-8", "replace") + "\n" for lines in _batches(self._chunks()) for line in lines)
        good, told = m0_catalog.keep_records(table, text, self.log.dir / "catalog", str(self.path))
        self.tally.records.update({table.kind.file.removesuffix(".jsonl"): good, "refused": len(told)})
        self.tally.told += told

    def _chunks(self) -> Iterator[bytes]:
        """The file's bytes without the mark that some editors put before UTF-8."""
        found = chunks(self.path, self.tally.damaged, self.progress)
        yield next(found, b"").removeprefix(b"\xef\xbb\xbf")
        yield from found


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


def _batches(
    chunks: Iterable[bytes], size_bytes: int = BATCH_BYTES, whole: Callable[[], bool] = lambda: True
) -> Iterator[TextLines]:
    """Lines some `size_bytes` at a time, LF or CRLF; the last may lack its newline, if the file is whole."""
    parts, size = [b""], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= size_bytes:
            text = b"".join(parts)
            end = text.rfind(b"\n") + 1
            if end:
                yield _lines(text[:end])
            parts, size = [text[end:]], len(text) - end
    text = b"".join(parts)
    if text := text if whole() else text[: text.rfind(b"\n") + 1]:
        yield _lines(text if text.endswith(b"\n") else text.removesuffix(b"\r") + b"\n")


def _lines(text: bytes) -> TextLines:
    return TextLines(text.replace(b"\r\n", b"\n") if b"\r" in text else text)


def _as_sent(lines: Sequence[bytes]) -> Sequence[bytes]:
    """Lines of a recording as they were in their topic."""
    text = lines.text if isinstance(lines, TextLines) else b"\n".join(lines)
    odd = text.startswith(MARK) or b"\n" + MARK in text
    return [unescape(line) for line in lines] if odd else lines


def _converted(rows: Iterable[bytes], converter: Converter, number: int) -> ConvertedLines:
    """Lines of the log of rows; `number` is the first row's line number in its file."""
    lines: list[bytes] = []
    refused: dict[int, str] = {}
    for at, row in enumerate(rows):
        try:
            lines.append(converter.line(number + at, row))
        except MalformedLine as error:
            refused[at] = error.reason.value
            lines.append(row)
    return ConvertedLines(lines, refused)
