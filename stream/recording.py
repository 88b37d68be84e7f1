"""Recordings: text files of the log's lines, one a line, plain or gzipped; how odd lines are kept: stream/escaping.py.

A compressed file that breaks off (its writer was killed, a disk was full) is read up to there: what was good in it
counts, the half line at the end does not.
"""

import contextlib
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import IO, Any

from stream.escaping import as_sent

CHUNK_BYTES = 1_000_000
MAX_LINE_BYTES = 16_000_000  # a topic that a replay makes takes lines as long as this
_GZIP = b"\x1f\x8b"

Progress = Callable[[int], object]  # called with bytes of the file, as they are read


class NotARecording(ValueError):
    """A file that cannot be what it is said to be; the text names it and what it begins with."""


def recorded_lines(
    path: Path, progress: Progress | None = None, damaged: MutableMapping[Path, str] | None = None
) -> Iterator[bytes]:
    """Lines of a recording without their ends (LF or CRLF), as they were in the topic.

    damaged: gets a reason for a compressed file that breaks off, whose lines up to there are given.
    Raises NotARecording (a .gz that is no gzip file, no lines), OSError.
    """
    rest = b""
    with _chunks(path, progress or (lambda _: None)) as chunks:
        try:
            for chunk in chunks:
                text = rest + chunk
                *lines, rest = text.split(b"\n")
                if len(rest) > MAX_LINE_BYTES:
                    raise NotARecording(f"{path}: expected lines of text, got {len(rest)} bytes without a line's end")
                yield from as_sent(lines, text)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            if damaged is not None:
                damaged[path] = f"expected a whole gzip file: {error}"
            return
    yield from as_sent([rest] if rest else [], rest)


def fingerprint(path: Path) -> str:
    """Tells recordings apart without reading them whole: size and first bytes, hashed."""
    with path.open("rb") as file:
        return hashlib.sha256(b"%d:" % path.stat().st_size + file.read(65_536)).hexdigest()[:16]


@contextlib.contextmanager
def _chunks(path: Path, progress: Progress) -> Iterator[Iterator[bytes]]:
    with path.open("rb") as raw, _unpacked(path, raw) as file:
        yield _read(file, raw, progress)


def _read(file: Any, raw: IO[bytes], progress: Progress) -> Iterator[bytes]:
    read = 0
    while chunk := file.read1(CHUNK_BYTES):  # what is there, so that a torn end costs nothing before it
        progress(raw.tell() - read)
        read = raw.tell()
        yield chunk


def _unpacked(path: Path, raw: IO[bytes]) -> Any:
    start = raw.read(2)
    raw.seek(0)
    if start == _GZIP:
        return gzip.GzipFile(fileobj=raw)
    if path.suffix == ".gz" and start:
        raise NotARecording(
            f"{path}: expected a gzip file, as its name ends in .gz; it begins with {start!r}. "
            f"If it is plain text, rename it; else fetch it again"
        )
    return raw
