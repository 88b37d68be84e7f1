"""The movies and users files of the course's online section, as records of the catalogue's cache.

The columns are those of the course's files; the records look as the user and movie API gives them. A row that makes no
record is kept apart in `refused.jsonl` with the reasons. Start at `keep_records`.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stream.catalog.files import RecordFile, append_lines
from stream.catalog.records import MOVIES, USERS, Kind, Record
from stream.events import MOVIE_ID

_WHOLE, _NUMBERS = {"tmdb_id", "vote_count"}, {"runtime", "popularity", "vote_average", "license_cost", "age"}
REFUSED: Final = "refused.jsonl"


@dataclass(frozen=True, slots=True)
class Table:
    """One of the two files: what its rows are, and which columns it has."""

    kind: Kind
    column: str  # the id's
    columns: tuple[str, ...]


TABLES: Final = (
    Table(MOVIES, "movie_id", (
        "movie_id", "title", "genres", "release_date", "runtime", "original_language", "overview", "popularity",
        "vote_average", "vote_count", "imdb_id", "tmdb_id", "license_cost",
    )),
    Table(USERS, "user_id", (
        "user_id", "age", "occupation", "gender", "self_description_likes", "self_description_dislikes",
    )),
)  # fmt: skip


def table_of(names: list[str]) -> Table | None:
    """Which of the two files has these columns, in any order, perhaps with more; None if neither."""
    return next((table for table in TABLES if set(table.columns) <= set(names)), None)


def keep_records(table: Table, lines: Iterable[str], folder: Path, file: str) -> tuple[int, list[str]]:
    """Put the rows of a CSV file, header first, into the cache in `folder`; records that are there are left.

    Returns how many rows made a record, and what is wrong with the others, by file and line number. Raises OSError.
    """
    known = {json.dumps(record, sort_keys=True) for record in _kept(folder / table.kind.file)}
    good, fresh, refused, told = 0, [], [], []
    for number, names, cells in _rows(lines):
        record, wrong = _record(table, names, cells)
        if wrong:
            told.append(f"{file}, line {number}: {'; '.join(wrong)}")
            refused.append(record | {"refused_because": wrong})
            continue
        good += 1
        if (text := json.dumps(record, sort_keys=True)) not in known:
            known.add(text)
            fresh.append(record)
    RecordFile(folder / table.kind.file, table.kind).append((str(record[table.kind.key]), record) for record in fresh)
    there = {json.dumps(record, sort_keys=True) for record in _kept(folder / REFUSED)}
    left = [record for record in refused if json.dumps(record, sort_keys=True) not in there]
    append_lines(folder / REFUSED, [json.dumps(record).encode() + b"\n" for record in left])
    return good, told


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str], list[str]]]:
    """Line number, the header's names and the cells of each row behind the header."""
    reader = csv.reader(lines)
    names = [name.strip().lower() for name in next(reader, [])]
    while True:
        try:
            cells = next(reader)
            yield reader.line_num, names, cells
        except StopIteration:
            return
        except csv.Error as error:  # a cell of more than 128 kB
            yield reader.line_num, names, [str(error)]


def _record(table: Table, names: list[str], cells: list[str]) -> tuple[Record, list[str]]:
    """The record of a row, and why it is none."""
    record: Record = {table.kind.key: None}
    wrong = [] if len(names) == len(cells) else [f"expected {len(names)} columns, got {len(cells)}"]
    for name, text in zip(names, cells, strict=False):
        try:
            record[table.kind.key if name == table.column else name] = _value(name, text.strip())
        except ValueError:
            record[name] = text
            wrong.append(f"{name}: expected a number of at least 0, got {text[:40]!r}")
    key = str(record[table.kind.key])
    if not (MOVIE_ID.fullmatch(key) if table.kind.key == "id" else key.isascii() and key.isdigit() and len(key) <= 18):
        wrong.append(f"{table.column}: got {key[:40]!r}")
    elif table.kind.key == "user_id":
        record[table.kind.key] = int(key)
    return record, wrong


def _value(name: str, text: str) -> Any:
    """A cell as the API would give it: numbers as such, genres as a list of names, nothing as null."""
    if name == "genres":
        return [{"name": genre.strip()} for genre in text.split("|") if genre.strip()]
    if name in _WHOLE | _NUMBERS:
        number = float(text or 0) if text or name == "runtime" else None  # a runtime of 0 is one that is not known
        if number is not None and not 0 <= number < 1e12:
            raise ValueError(text)
        return int(number) if number is not None and (name in _WHOLE or number == int(number)) else number
    return text if text or name == "title" else None


def _kept(path: Path) -> Iterator[Record]:
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue  # torn by a kill
            if isinstance(record, dict):
                yield {name: value for name, value in record.items() if name != "fetched_ns"}
