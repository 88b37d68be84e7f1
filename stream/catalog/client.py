"""Movies and users as the user and movie API describes them, fetched in bulk and kept on disk.

A folder with `movies.jsonl` and `users.jsonl`, one record a line as the API gave it, the last line of an id being
the one that counts. Beside them: `refused.jsonl` (records with wrong fields, and the reasons), `unknown.jsonl` (ids
that the API does not know) and `changes.jsonl` (fields that another fetch found changed). Any number of processes may
read and write. Start reading at `Catalog.sync`.
"""

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from stream.catalog.api import PAUSES_S, THREADS, Answer, Api
from stream.catalog.files import RecordFile, append_lines, parsed
from stream.catalog.pace import BULK
from stream.catalog.records import Kind, Record, changed_fields, wrong_fields

AGAIN_NS = 3_600 * 1_000_000_000  # before an id that was refused or unknown is asked for again
_MOST_NOTES = {"refused.jsonl": 5_000, "unknown.jsonl": 100_000}  # ids of a kind; the oldest go first
_MOST_CHANGES_BYTES = 10_000_000  # before a new file is begun; the one before it is kept too

_LEAST = 20  # ids that are fetched and written together, where lists are shorter
LONGEST_ID = 300  # characters; the longest of the course has about 100

Ids = Sequence[Any] | np.ndarray[Any, Any]


@dataclass
class Done:
    """What a sync did, in ids."""

    fetched: int = 0  # stored, changed ones included
    changed: int = 0  # of those that had been fetched before
    refused: int = 0  # wrong fields
    kept: int = 0  # of those, with a good copy from before, which stays
    unknown: int = 0  # to the API
    failed: int = 0  # no answer; the next sync asks again
    changes: dict[str, int] = field(default_factory=dict)  # by field
    reasons: dict[str, int] = field(default_factory=dict)  # of refusals, by field
    trouble: str = ""  # why the last one failed


class Catalog:
    """A client of the API with its cache on disk."""

    def __init__(
        self,
        api_url: str,
        folder: Path,
        *,
        max_per_s: float = math.inf,
        pauses_s: Iterable[float] = PAUSES_S,
        stop: threading.Event | None = None,
    ) -> None:
        """max_per_s: requests a second at most. stop: ends every wait, and `sync` with Stopped."""
        self._api, self._folder = Api(api_url, max_per_s=max_per_s, pauses_s=pauses_s, stop=stop), folder
        self._files: dict[tuple[str, str], RecordFile] = {}

    def file(self, kind: Kind) -> RecordFile:
        """The good records of a kind on disk."""
        return self._file(kind.file, kind)

    def known(self, kind: Kind) -> dict[str, Record]:
        """Good records on disk by id; of a million users this takes a gigabyte, so rather iterate over `file`."""
        return {key: record for record in self.file(kind) if (key := kind.id_of(record)) is not None}

    def missing(self, kind: Kind, ids: Ids, older_than_ns: int = 0) -> list[str]:
        """Those of `ids` that a sync would ask for, in their order, each once.

        older_than_ns: what was fetched before that moment (real UTC) is asked for again.
        """
        ids = ids if isinstance(ids, np.ndarray) else np.array(list(ids), object)
        numbers = kind.numbers(ids)
        _, first = np.unique(numbers, return_index=True)
        ids, numbers = ids[np.sort(first)], numbers[np.sort(first)]
        have = self.file(kind).index().younger(numbers, older_than_ns)
        for name in _MOST_NOTES:
            have |= self._file(name, kind).index().younger(numbers, max(older_than_ns, time.time_ns() - AGAIN_NS))
        return [str(one) for one in ids[~have]]

    def sync(
        self, kind: Kind, ids: Ids, progress: Callable[[int], Any] | None = None, *, older_than_ns: int = 0
    ) -> Done:
        """Fetch the records of `ids` that are not on disk, or were fetched before `older_than_ns`, in their order.

        progress is told of every few ids done. Raises ApiAway, Stopped or OSError (disk full); what came until then
        is kept, and the next call goes on from there.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "unknown.jsonl").touch()  # says that what has no record here may only not be fetched yet
        done, wanted = Done(), self.missing(kind, ids, older_than_ns)
        if progress:
            progress(len(ids) - len(wanted))
        try:
            self._keep(kind, Answer(unknown=[key for key in wanted if not _can_be_asked(key)]), done)
            wanted = [key for key in wanted if _can_be_asked(key)]
            for answer, asked in self._answers(kind, wanted):
                self._keep(kind, answer, done)
                if progress:
                    progress(asked)
        finally:
            self._tidy(kind)
        return done

    def take(self, kind: Kind, records: Iterable[tuple[str, Record]]) -> Done:
        """Keep records that came from elsewhere, checked as if the API had sent them; what is there already stays."""
        done, batch = Done(), dict[str, Record]()
        known = set(self.file(kind).index().numbers.tolist())
        try:
            for key, record in records:
                if int(kind.numbers([key])[0]) not in known:
                    batch[key] = record
                if len(batch) == BULK:
                    self._keep(kind, Answer(found=batch), done)
                    batch = {}
        finally:
            self._keep(kind, Answer(found=batch), done)
        return done

    def show(self, kind: Kind, key: str) -> Record | None:
        """One record, from disk or else from the API; None if it is unknown or refused. Raises ApiAway."""
        record = self.file(kind).get(key)
        if record is None and _can_be_asked(key):
            self._keep(kind, self._api.fetch(kind, [key]), Done())
            record = self.file(kind).get(key)
        return record

    def refusals(self, kind: Kind) -> Iterator[Record]:
        """Records that were refused, each with `refused_because`."""
        return iter(self._file("refused.jsonl", kind))

    def unknown(self, kind: Kind) -> list[str]:
        """Ids that the API said it does not know, and that it did not tell us of later."""
        found = [key for record in self._file("unknown.jsonl", kind) if (key := kind.id_of(record)) is not None]
        known = self.file(kind).index().places(kind.numbers(found)) >= 0
        return [key for key, there in zip(found, known, strict=True) if not there]

    def changes(self) -> list[dict[str, Any]]:
        """Fields that another fetch found changed: kind, id, at_ns (real UTC), field, old, new; oldest first."""
        path = self._folder / "changes.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [change for line in lines if (change := parsed(line)) is not None]

    def _answers(self, kind: Kind, wanted: Sequence[str]) -> Iterator[tuple[Answer, int]]:
        """Answers in the order of `wanted`, a few requests ahead."""
        ahead: deque[tuple[Future[Answer], int]] = deque()
        at = 0
        with ThreadPoolExecutor(THREADS, thread_name_prefix="catalog") as pool:
            try:
                while ahead or at < len(wanted):
                    while len(ahead) < 2 * THREADS and at < len(wanted):
                        batch = wanted[at : at + max(_LEAST, self._api.longest)]
                        ahead.append((pool.submit(self._api.fetch, kind, batch), len(batch)))
                        at += len(batch)
                    future, asked = ahead.popleft()
                    yield future.result(), asked
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, kind: Kind, answer: Answer, done: Done) -> None:
        last = self.file(kind).get_all(answer.found)
        wrong = {key: self._judged(kind, key, record, last.get(key)) for key, record in answer.found.items()}
        good = {key: record for key, record in answer.found.items() if not wrong[key]}
        refused = {key: answer.found[key] | {"refused_because": why} for key, why in wrong.items() if why}
        self._note_changes(kind, {key: changed_fields(kind, last[key], good[key]) for key in good if key in last}, done)
        self.file(kind).append(good.items())
        self._file("refused.jsonl", kind).append(refused.items())
        self._file("unknown.jsonl", kind).append((key, {}) for key in answer.unknown)
        done.fetched += len(good)
        done.refused += len(refused)
        done.kept += sum(key in last for key in refused)
        done.unknown += len(answer.unknown)
        done.failed += len(answer.failed)
        for why in (reason for reasons in wrong.values() for reason in reasons):
            name = why.partition(":")[0]
            done.reasons[name] = done.reasons.get(name, 0) + 1
        done.trouble = next(iter(answer.failed.values()), done.trouble)

    def _judged(self, kind: Kind, key: str, record: Record, last: Record | None) -> list[str]:
        named = kind.id_of(record)
        fits = named is not None and key in (named, unquote(named))
        return wrong_fields(kind, record, last) + ([] if fits else [f"{kind.key}: asked for {key}, got {named}"])

    def _note_changes(self, kind: Kind, changed: dict[str, dict[str, tuple[Any, Any]]], done: Done) -> None:
        notes = [
            {"kind": kind.path, "id": key, "at_ns": time.time_ns(), "field": name, "old": old, "new": new}
            for key, fields in changed.items()
            for name, (old, new) in fields.items()
        ]
        if not notes:
            return
        done.changed += sum(bool(fields) for fields in changed.values())
        for note in notes:
            done.changes[note["field"]] = done.changes.get(note["field"], 0) + 1
        path = self._folder / "changes.jsonl"
        if path.exists() and path.stat().st_size > _MOST_CHANGES_BYTES:
            path.replace(path.with_suffix(".jsonl.1"))
        append_lines(path, [json.dumps(note).encode() + b"\n" for note in notes])

    def _tidy(self, kind: Kind) -> None:
        self.file(kind).compact()
        for name, most in _MOST_NOTES.items():
            self._file(name, kind).compact(keep=most)

    def _file(self, name: str, kind: Kind) -> RecordFile:
        return self._files.setdefault((name, kind.path), RecordFile(self._folder / name, kind))


def _can_be_asked(key: str) -> bool:
    """Whether an id fits into a list in a path; damaged lines give ids that do not, and nobody has those."""
    return 0 < len(key) <= LONGEST_ID and "," not in key
