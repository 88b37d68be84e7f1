"""Files to read, plain or compressed (.gz, .bz2, .xz, .zip with one file inside), as chunks of uncompressed bytes."""

import bz2
import gzip
import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

CHUNK_BYTES = 8_000_000
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, OSError)

Progress = Callable[[int], object]


def chunks(path: Path, damaged: dict[str, str], progress: Progress = lambda _: None) -> Iterator[bytes]:
    """The uncompressed bytes, up to where a compressed file breaks off, which is noted in `damaged` by its name.

    progress: called with the bytes of the file itself as they are used. Raises OSError if a file cannot be read, and
    ValueError for a .zip that does not hold exactly one file.
    """
    with path.open("rb") as raw:
        used = 0
        try:
            with _unpacked(raw, path) as file:
                while chunk := file.read1(CHUNK_BYTES):  # what is there, so that a torn end costs nothing before it
                    progress(raw.tell() - used)
                    used = raw.tell()
                    yield chunk
        except BROKEN as error:
            if path.suffix not in _UNPACK:
                raise
            damaged[str(path)] = f"expected a whole {path.suffix} file: {error or type(error).__name__}"


def source_of(path: Path, format_: str = "log", look: Callable[[bytes], object] = lambda _: None) -> str:
    """What names the file in the store: 16 hex digits of the sha256 of its uncompressed bytes.

    format_: another than the log's own is hashed too, so that a file that was first taken for a log can be read again.
    look: called with each chunk, for whoever has something to find out about the whole file first.
    """
    hashed = hashlib.sha256()
    for chunk in chunks(path, {}):
        hashed.update(chunk)
        look(chunk)
    hashed.update(b"" if format_ == "log" else format_.encode())
    return hashed.hexdigest()[:16]


def _unpacked(raw: IO[bytes], path: Path) -> Any:
    return _UNPACK[path.suffix](raw) if path.suffix in _UNPACK else raw


def _only_member(raw: IO[bytes]) -> IO[bytes]:
    archive = zipfile.ZipFile(raw)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise ValueError(f"expected a .zip with one file inside, got {len(names)} files: unpack it first")
    return archive.open(names[0])


_UNPACK: dict[str, Callable[[Any], Any]] = {
    ".gz": lambda raw: gzip.GzipFile(fileobj=raw),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zip": _only_member,
}
