"""Which source a topic's lines belong to, if its broker once lost the end of its log.

After a power cut a broker may come back with fewer lines than were read from it, and give their offsets to other lines.
From then on the topic counts as another source, its name derived from the one before, so that those lines are stored.
The positions file remembers which of them have begun.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from stream.store import positions


def following(source: str) -> str:
    """Name of the source that a topic has after its broker lost lines of `source`."""
    return hashlib.sha256(f"{source}/cut".encode()).hexdigest()[:16]


def current(store_dir: Path, source: str) -> str:
    """The source under which lines of the topic of `source` are stored now; nearly always itself."""
    begun = {name.rpartition("-")[0] for name in positions.read(store_dir)}
    while following(source) in begun:
        source = following(source)
    return source


def begin_next(store_dir: Path, source: str, starts: Mapping[int, int]) -> str:
    """From now on lines of `source` belong to the source that follows, from offset `starts[partition]` on; its name."""
    begun = following(source)
    positions.advance(store_dir, {positions.key(begun, partition): offset for partition, offset in starts.items()})
    return begun
