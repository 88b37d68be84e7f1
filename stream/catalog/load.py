"""Movies and users from the supplied CSV files of the course's online section, as records like the API's."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from stream.catalog.records import MOVIES, USERS, Kind, Record

Rows = Iterator[tuple[int, list[str]]]

_KEYS = {"movie_id": MOVIES, "user_id": USERS}  # the column that says what a file holds


class WrongFile(ValueError):
    """A file that is no such CSV; the text names file, line, and what was expected."""


def read_csv(path: Path) -> tuple[Kind, Iterator[tuple[str, Record]]]:
    """(what a CSV file holds, its records with their ids); it may be gzipped. Both raise WrongFile."""
    rows = _rows(path)
    names = [name.strip() for name in next(rows, (0, []))[1]]
    kind = next((_KEYS[name] for name in names[:1] if name in _KEYS), None)
    if kind is None or "event_type" in names:
        hint = "; events go to `stream ingest`" if "event_type" in names else ""
        raise WrongFile(f"{path}, line 1: expected a header that begins with movie_id or user_id; got {names}{hint}")
    return kind, _records(path, kind, names, rows)


def _records(
    path: Path, kind: Kind, names: list[str], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[str, Record]]:
    for number, cells in rows:
        if len(cells) != len(names):
            raise WrongFile(f"{path}, line {number}: expected {len(names)} columns; got {len(cells)}: {cells}")
        record: Record = {name: cell or None for name, cell in zip(names, cells, strict=True)}
        record = {kind.key: record.pop(names[0]), **record}
        if (key := kind.id_of(record)) is None:
            raise WrongFile(f"{path}, line {number}: expected the {names[0]} of a {kind.path}; got {cells[0]!r}")
        if kind is MOVIES:
            record["genres"] = [{"name": name} for name in (record.get("genres") or "").split("|") if name]
        yield key, record


def _rows(path: Path) -> Rows:
    """Line number and cells of each row that is not empty."""
    try:
        with _opened(path) as file:
            reader = csv.reader(file)
            yield from ((reader.line_num, cells) for cells in reader if cells)
    except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise WrongFile(f"{path}: expected CSV in UTF-8, plain or .gz; {error}") from error


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
