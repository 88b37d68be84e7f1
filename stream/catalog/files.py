"""Files of records, one JSON object a line, of which the last line of an id counts.

Appending is safe beside a kill (a torn last line is cut off by the next writer), beside readers and beside other
writers (a lock per folder). What is on disk is known by 64-bit numbers and offsets, not by the records themselves: a
million users take 24 MB of memory and a few seconds of reading.
"""

import contextlib
import fcntl
import json
import os
import re
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from stream.catalog.index import EMPTY, Index
from stream.catalog.records import LONGEST_NUMBER, Kind, Record

FETCHED = "fetched_ns"  # added to every record: when we asked, real UTC; last in its line
_FETCHED_AT_END = re.compile(rb', "fetched_ns": (\d+)\}\n$')
_MIN_COMPACT = 1_000  # superseded lines that are worth a new file


class RecordFile:
    """One file of one kind's records; lines of another kind may stand between them."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path, self._kind = path, kind
        value = rf"(\d{{1,{LONGEST_NUMBER}}})" if kind.digits else r'"([^"\\]*)"'
        self._head = re.compile(rf'\{{"{kind.key}": {value}[,}}]'.encode())
        self._index, self._read_to, self._inode = EMPTY, 0, 0

    def index(self) -> Index:
        """What is on disk now; only what was appended since the last call is read."""
        with self._open() as file:
            if file is None:
                return EMPTY
            self._catch_up(file)
        return self._index

    def get(self, key: str) -> Record | None:
        """The newest record of an id."""
        self.index()
        return self.get_all([key]).get(key)

    def get_all(self, keys: Iterable[str]) -> dict[str, Record]:
        """Records of those ids that were there when `index` was called last; it is quick for that."""
        wanted = list(keys)
        with self._open() as file:
            if file is None:
                return {}
            if os.fstat(file.fileno()).st_ino != self._inode:
                self._catch_up(file)
            places = self._index.places(self._kind.numbers(wanted))
            found = {key: self._at(file, at) for key, at in zip(wanted, places, strict=True) if at >= 0}
        return {key: record for key, record in found.items() if record is not None}

    def __iter__(self) -> Iterator[Record]:
        """Every id's newest record, in the order of the file."""
        with self._open() as file:
            if file is None:
                return
            self._catch_up(file)
            index = self._index
            for at in np.argsort(index.starts):
                if (record := self._at(file, at, index)) is not None:
                    yield record

    def append(self, records: Iterable[tuple[str, Record]]) -> None:
        """Write records with their ids, at once and for good. Raises OSError if there is no room."""
        append_lines(self.path, [self._line(key, record) for key, record in records])

    def compact(self, keep: int | None = None) -> None:
        """Rewrite the file without superseded lines if they are the larger part; of ids, keep the newest `keep`."""
        index = self.index()
        too_many = keep is not None and len(index.numbers) > 2 * keep
        if index.lines - len(index.numbers) < max(_MIN_COMPACT, len(index.numbers)) and not too_many:
            return
        with locked(self.path.parent), self.path.open("rb") as file:
            self._catch_up(file)
            starts = np.sort(self._index.starts)[-keep if keep is not None else 0 :]
            replace(self.path, self._kept(file, set(starts.tolist())))

    def _kept(self, file: BinaryIO, starts: set[int]) -> Iterator[bytes]:
        """Lines that begin there, and those of other kinds."""
        file.seek(0)
        at = 0
        for line in file:
            if at in starts or (line.endswith(b"\n") and self._number(line) is None and parsed(line) is not None):
                yield line
            at += len(line)

    @contextlib.contextmanager
    def _open(self) -> Iterator[BinaryIO | None]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            yield None
            return
        with file:
            yield file

    def _catch_up(self, file: BinaryIO) -> None:
        """Read on where the last reading ended; from the beginning if the file is another or shorter."""
        now = os.fstat(file.fileno())
        if now.st_ino != self._inode or now.st_size < self._read_to:
            self._index, self._read_to, self._inode = EMPTY, 0, now.st_ino
        if now.st_size == self._read_to:
            return
        numbers, starts, fetched = array("Q"), array("q"), array("q")
        file.seek(self._read_to)
        for line in file:
            if not line.endswith(b"\n"):
                break  # being written, or torn
            if (number := self._number(line)) is not None:
                said = _FETCHED_AT_END.search(line, max(0, len(line) - 60))
                numbers.append(number)
                starts.append(self._read_to)
                fetched.append(int(said[1]) if said else 0)
            self._read_to += len(line)
        old = self._index
        self._index = Index.of(
            np.concatenate([old.numbers, np.array(numbers, np.uint64)]),
            np.concatenate([old.starts, np.array(starts, np.int64)]),
            np.concatenate([old.fetched_ns, np.array(fetched, np.int64)]),
            old.lines + len(numbers),
        )

    def _number(self, line: bytes) -> int | None:
        """The id of a line as a number; quick for lines that we wrote, thorough for others."""
        if (found := self._head.match(line)) and line.endswith(b"}\n"):
            key: str | None = found[1].decode(errors="replace")
        else:
            record = parsed(line)
            key = None if record is None else self._kind.id_of(record)
        return None if key is None else int(self._kind.numbers([key])[0])

    def _at(self, file: BinaryIO, at: int, index: Index | None = None) -> Record | None:
        file.seek(int((index or self._index).starts[at]))
        return parsed(file.readline())

    def _line(self, key: str, record: Record) -> bytes:
        rest = {name: value for name, value in record.items() if name not in (self._kind.key, FETCHED)}
        whole = {self._kind.key: int(key) if self._kind.digits else key, **rest, FETCHED: time.time_ns()}
        return json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer at a time in a folder, whatever process it is in; the lock ends with its holder."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def append_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Write whole lines at once and for good, behind what is whole in the file. Raises OSError if there is no room."""
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent), path.open("ab+") as out:
        _cut_torn_line(out)
        out.write(b"".join(lines))
        out.flush()
        os.fsync(out.fileno())


def replace(path: Path, lines: Iterable[bytes]) -> None:
    """Put a file of `lines` in the place of `path`, so that readers see the old or the new one whole."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as out:
        out.writelines(lines)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)


def _cut_torn_line(out: BinaryIO) -> None:
    """Drop what a kill left of a last line; it was never counted."""
    size = out.seek(0, os.SEEK_END)
    end, step = size, 1 << 16
    while end > 0:
        begin = max(0, end - step)
        out.seek(begin)
        if (last := out.read(end - begin).rfind(b"\n")) >= 0:
            end = begin + last + 1
            break
        end = begin
    if end < size:
        out.truncate(end)


def parsed(line: bytes) -> Record | None:
    """The JSON object of a line, None if it is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
