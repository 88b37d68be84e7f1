"""Answer records on disk, on their way to the broker: one file per worker at a time, one write per record.

A record is in the file before its response leaves, so a killed worker loses none of what it answered. A file that
reached its size gets a successor; the shipper deletes what it has delivered. Where the disk is full, or the bound is
reached because nothing is shipped, records are counted and not kept: an answer never waits and never fails for them.
Start reading at `Spool.write`.
"""

import contextlib
import os
import threading
from pathlib import Path

ROTATE_BYTES = 4_000_000


class Spool:
    """The spool file of one worker: `<pid>-<start_ns>-<n>.jsonl`."""

    def __init__(self, directory: Path, max_bytes: int, start_ns: int, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._directory, self._max_bytes, self._rotate_bytes = directory, max_bytes, rotate_bytes
        self._stem = f"{os.getpid()}-{start_ns}"
        self._lock = threading.Lock()  # requests write, housekeeping measures
        self._number = -1
        self._file: int | None = None
        self._path = directory / f"{self._stem}-0.jsonl"
        self._bytes = 0  # in the file that is written
        self._total = 0  # in the folder, as far as known
        self.measure()

    def write(self, line: str) -> str | None:
        """Keep one record; None when kept, else why not: `bound` or `disk`. Never raises."""
        data = line.encode() + b"\n"
        with self._lock:
            if self._total + len(data) > self._max_bytes:
                return "bound"
            try:
                self._append(data)
            except OSError:
                self._forget_half_a_line()
                return "disk"
            return None

    def measure(self) -> None:
        """Learn how much lies in the folder, and notice when our file was taken away. Never raises."""
        with self._lock:  # a record written meanwhile would not be counted; the folder holds few files
            try:
                with os.scandir(self._directory) as entries:
                    self._total = sum(_size(entry) for entry in entries)
            except OSError:
                self._total = 0
            if self._file is not None and not self._path.exists():
                self._give_up_file()

    def close(self) -> None:
        """Let go of the file; the shipper takes what is in it."""
        self._give_up_file()

    def _append(self, data: bytes) -> None:
        if self._file is None or self._bytes + len(data) > self._rotate_bytes:
            self._open_next()
        assert self._file is not None
        written = os.write(self._file, data)
        if written != len(data):
            raise OSError(f"disk took {written} of {len(data)} bytes")
        self._bytes += written
        self._total += written

    def _open_next(self) -> None:
        self._give_up_file()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._number += 1
        self._path = self._directory / f"{self._stem}-{self._number}.jsonl"
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._bytes = os.fstat(self._file).st_size

    def _forget_half_a_line(self) -> None:
        """Cut the file behind its last whole record, else the next one would be glued to half of this one."""
        try:
            if self._file is not None:
                os.ftruncate(self._file, self._bytes)
        except OSError:
            self._give_up_file()

    def _give_up_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                os.close(file)


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # shipped and deleted meanwhile
        return 0
