"""A bare log as a store: the same questions, asked the same way, give the same numbers."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stream.store import files
from stream.store.ingest import ingest
from stream.terms import Term


@contextlib.contextmanager
def as_store(
    logs: Sequence[Path], term: Term, progress: Callable[[int], object]
) -> Iterator[tuple[Path, dict[str, str]]]:
    """A temporary store with every line of `logs` (plain or .gz), and the name of the file behind each source.

    progress: called with the bytes read. Raises OSError if a log cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="matinee-log-") as folder:
        store_dir, names = Path(folder), dict[str, str]()
        for log in logs:
            ingest([log], store_dir, term, progress)
            for segment in files.listed(store_dir, files.EVENTS):
                names.setdefault(segment.source, str(log))
        yield store_dir, names
