"""A bare log, or a topic, as a store: the same questions, asked the same way, give the same numbers."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from stream.events import WallClock
from stream.store import files
from stream.store.ingest import ingest
from stream.store.log import AnswerLog, Batch, EventLog
from stream.store.opened import chunks, source_of
from stream.store.rules import remember_term
from stream.terms import Term

BATCH_LINES = 100_000  # of a topic

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Opened:
    """Events to look at, and where they came from."""

    store_dir: Path
    files: Mapping[str, str] = field(default_factory=dict)  # source: name of the file it was read from
    warnings: Sequence[str] = ()  # what could not be read


@contextlib.contextmanager
def as_store(logs: Sequence[Path], term: Term, progress: Progress, answers: Sequence[Path] = ()) -> Iterator[Opened]:
    """A temporary store with every line of `logs` (plain or packed).

    progress: called with the bytes read. answers: files of our answer records, one a line, for what a log cannot say.
    Raises OSError if a log cannot be read. What is good of a damaged file is kept, and a warning says so.
    """
    with tempfile.TemporaryDirectory(prefix="matinee-log-") as folder:
        store_dir, names, said = Path(folder), dict[str, str](), list[str]()
        for log in logs:
            found = ingest([log], store_dir, term, progress)
            for segment in (*files.listed(store_dir, files.EVENTS), *files.listed(store_dir, files.QUARANTINE)):
                names.setdefault(segment.source, str(log))
            if str(log) not in names.values():  # an empty one, or one that is there twice
                names.setdefault(source_of(log), str(log))
            said += [f"{name} is damaged, its good part is graded: {why}" for name, why in found["damaged"].items()]
        for path in answers:
            lines = b"".join(chunks(path, {})).splitlines()
            AnswerLog(store_dir).append(Batch(source_of(path), 0, range(len(lines)), lines))
        yield Opened(store_dir, names, said)


@contextlib.contextmanager
def topic_as_store(bootstrap: str, topic: str, term: Term, progress: Progress) -> Iterator[Opened]:
    """A temporary store with what the topic holds at this moment; nothing at the broker changes.

    progress: called with the number of lines read. Raises BrokerAway, and LookupError if there is no such topic.
    """
    from stream.topics import Broker, read_lines

    with Broker(bootstrap) as broker:
        found, ranges = broker.topic(topic), broker.ranges(topic)
    if found is None:
        raise LookupError(f"no topic {topic!r} at {bootstrap}; name one that is there with --topic")
    with tempfile.TemporaryDirectory(prefix="matinee-topic-") as folder:
        store_dir, log = Path(folder), EventLog(Path(folder), WallClock(term.zone))
        remember_term(store_dir, term)
        for partition, held in ranges.items():
            received = read_lines(bootstrap, topic, {partition: held})
            while part := list(islice(received, BATCH_LINES)):
                offsets, lines = [line.offset for line in part], [line.line for line in part]
                log.append(Batch(found.source, partition, offsets, lines))
                progress(len(part))
        yield Opened(store_dir)
