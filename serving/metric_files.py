"""The workers' metric files: emptied by the server at its start, made with their disk space by each worker at its.

prometheus_client maps sparse files into memory; on a full disk the first touch of such a page would kill the worker
(SIGBUS). So a worker reserves its files' space first, and counts in memory alone where there is none.
Standard library only, since it must run before prometheus_client is imported. Start reading at `reserve`.
"""

import contextlib
import os
import shutil
from pathlib import Path

_KINDS = ("counter", "histogram", "gauge_livemostrecent", "gauge_livesum")
_BYTES = 256 * 1024  # some hundred times what the service's metrics take


def empty(directory: Path) -> None:
    """Begin anew: counts of an earlier server must not be added to those of this one."""
    shutil.rmtree(directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)


def reserve(directory: Path) -> bool:
    """Make this process's files with their space; False where the disk does not give it."""
    made = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for kind in _KINDS:
            path = directory / f"{kind}_{os.getpid()}.db"
            made.append(path)
            _grow(path)
    except OSError:
        for path in made:
            path.unlink(missing_ok=True)
        return False
    return True


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        missing = _BYTES - file.tell()
        if missing > 0:
            file.write(bytes(missing))  # written, not allocated: works on every file system
            file.flush()
            os.fsync(file.fileno())
