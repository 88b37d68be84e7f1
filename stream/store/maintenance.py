"""One caretaker at a time: compaction and retention take this lock, readers and writers need none."""

import contextlib
import fcntl
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from stream.evidence import alive
from stream.store import files
from stream.store.files import Segment

_HALF_WRITTEN = re.compile(r"\..*\.(?P<pid>\d+)\.tmp")


@contextlib.contextmanager
def caretaking(store_dir: Path) -> Iterator[bool]:
    """True if nobody else is at it; half-written files of dead processes are cleared away first."""
    store_dir.mkdir(parents=True, exist_ok=True)
    with (store_dir / "caretaker.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        _clear_half_written(store_dir)
        yield True


def remove(gone: Iterable[Segment]) -> int:
    """Delete files, and date folders that this leaves empty. Returns how many there were."""
    paths = {segment.path for segment in gone}
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        with contextlib.suppress(OSError):
            folder.rmdir()  # only succeeds when it is empty
    return len(paths)


def _clear_half_written(store_dir: Path) -> None:
    for kind in files.KINDS:
        for path in (store_dir / kind).glob("date=*/.*.tmp"):
            if (found := _HALF_WRITTEN.fullmatch(path.name)) and not alive(int(found["pid"])):
                path.unlink(missing_ok=True)
