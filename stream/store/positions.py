"""Where the next line of each source belongs: small, replaced atomically, and outliving the files it speaks of.

A position says "every offset below has been stored". It is written after the data, so a crash in between leaves it
behind the files, never ahead; `EventLog.next_offset` takes the higher of both.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

FORMAT_VERSION = 1


def key(source: str, partition: int) -> str:
    """Name of one stream of offsets, ``<source>-<partition>``."""
    return f"{source}-{partition}"


def read(store_dir: Path) -> dict[str, int]:
    """Next offset by key; empty for a new store. Raises ValueError naming the file if it is damaged."""
    path = store_dir / "positions.json"
    try:
        found = json.loads(path.read_bytes())
        return {str(name): int(offset) for name, offset in found["positions"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: expected {{'positions': {{'<source>-<partition>': offset}}}} ({error}); "
            "delete it to go by the files"
        ) from error


def advance(store_dir: Path, reached: Mapping[str, int]) -> None:
    """Move positions forward to `reached`; one that is further already stays. Safe for several processes."""
    store_dir.mkdir(parents=True, exist_ok=True)
    with _locked(store_dir):
        known = read(store_dir)
        merged = known | {name: max(offset, known.get(name, 0)) for name, offset in reached.items()}
        if merged != known:
            write_json(store_dir / "positions.json", {"format_version": FORMAT_VERSION, "positions": merged})


@contextlib.contextmanager
def _locked(store_dir: Path) -> Iterator[None]:
    with (store_dir / "positions.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_json(path: Path, record: Mapping[str, object]) -> None:
    """Replace a small file, durably and all at once. Raises OSError with the old one in place."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with fresh.open("w") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename within `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
