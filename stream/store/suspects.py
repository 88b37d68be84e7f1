"""Rows of one file that may deserve a verdict, found by looking at its columns once.

Files never change, so what was found is kept in memory for as long as the rules are the same: a process that asks
again and again looks at each file once. What a verdict needs beyond the file is decided in `verdicts.py`.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stream.store import schema
from stream.store.canonical import Ints, Mask
from stream.store.columns import numbers
from stream.store.rules import Rules

FAR_NS: Final = 3_600_000_000_000
UNORDERED_SHARE: Final = (
    0.2  # of a file's rows; in a file in no order of time two in three are far from both neighbours
)
_EDGE_NS: Final = np.iinfo(np.int64).max - 2 * FAR_NS
_FILES_KEPT: Final = 2_048

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file. movie: empty where it does not matter."""

    offset: Ints
    user_id: Ints
    at_ns: Ints
    movie: Texts

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(frozen=True, slots=True)
class Suspects:
    """What one file holds that may deserve a verdict."""

    off_scale: Rows
    far: Rows  # from both neighbours; the file's first and last row are not judged ...
    ends: Rows  # ... for that there are its first two and last two; of a file of one hour its earliest and latest time
    newcomers: Rows  # by users above the term's number of them, sign-ups left out
    accounts: Rows  # sign-ups above that number
    unknown: Rows  # of movies that the catalogue does not know
    beyond: Rows  # ticks beyond the catalogue's runtime
    numbers: npt.NDArray[np.int32]  # of the catalogue's movies that were watched ...
    ticks: Ints  # ... and how often


def far_from_neighbours(at_ns: Ints) -> Mask:
    """Which times, in order of arrival, lie more than FAR_NS after, or before, both neighbours.

    A pause or a jump of the whole stream separates a row from one neighbour only. The first row can only be too late
    and the last only too early: the other way round it may stand at such a pause.
    """
    at_ns = np.clip(at_ns, -_EDGE_NS, _EDGE_NS)
    before = np.concatenate(([-_EDGE_NS], at_ns[:-1]))
    after = np.concatenate((at_ns[1:], [_EDGE_NS]))
    late = (at_ns > before + FAR_NS) & (at_ns > after + FAR_NS)
    early = (at_ns < before - FAR_NS) & (at_ns < after - FAR_NS)
    return np.asarray(late | early)


def suspects_of(path: Path, rules: Rules) -> Suspects:
    """What to look at in a file of events. Raises FileNotFoundError, or ValueError naming a damaged file."""
    found = path.stat()
    key = (path, found.st_mtime_ns, found.st_size, rules.key)
    if key not in _known:
        if len(_known) >= _FILES_KEPT:
            _known.pop(next(iter(_known)), None)
        _known[key] = _look(path, rules)
    return _known[key]


_known: dict[Hashable, Suspects] = {}


def _look(path: Path, rules: Rules) -> Suspects:
    """Columns are read as they are needed: what a file says of itself rules out most verdicts."""
    facts, ends = schema.facts_of(path), schema.column_ends(path)
    movie = _movie_numbers(path, rules)
    minute = _column(path, "minute") if rules.movies else movie
    limit = np.append(rules.movies.minutes, [np.nan, np.nan])[movie] if rules.movies else np.zeros(0)
    watched = np.bincount(movie[movie >= 0])
    new = _above(path, "user_id", rules.n_users, ends)
    account = _accounts(path) if new.any() else new
    off_scale, (far, edges) = _off_scale(path, rules, ends), _far(path, facts)
    masks = {
        "off_scale": off_scale, "far": far, "ends": edges, "newcomers": new & ~account, "accounts": new & account,
        "unknown": movie == _UNKNOWN, "beyond": minute > limit,
    }  # fmt: skip
    rows = _rows(path, masks)
    if facts.min_ns is not None and facts.max_ns is not None and not len(edges):
        rows["ends"] = Rows(np.full(2, -1), np.full(2, -1), np.array([facts.min_ns, facts.max_ns]), _NO_TEXTS)
    return Suspects(numbers=np.flatnonzero(watched).astype(np.int32), ticks=watched[watched > 0], **rows)


_NONE, _UNKNOWN = -2, -1  # numbers of "no movie" and of a movie that the catalogue does not know
_NO_ROWS = np.zeros(0, np.bool_)


def _off_scale(path: Path, rules: Rules, ends: schema.ColumnEnds) -> Mask:
    lowest, highest = ends.get("score", (0, 0))
    if rules.term is None or (lowest >= rules.term.rating_min and highest <= rules.term.rating_max):
        return _NO_ROWS
    score = _column(path, "score")
    return np.asarray((score >= 0) & ((score < rules.term.rating_min) | (score > rules.term.rating_max)))


def _above(path: Path, name: str, bound: float, ends: schema.ColumnEnds) -> Mask:
    return _column(path, name) > bound if ends.get(name, (0, 0))[1] > bound else _NO_ROWS


def _accounts(path: Path) -> Mask:
    kind = schema.read(path, ["kind"])["kind"].combine_chunks()
    names = kind.dictionary.to_pylist()
    return np.asarray(_integers(kind.indices) == (names.index("account") if "account" in names else _NONE))


def _far(path: Path, facts: schema.Facts) -> tuple[Mask, Mask]:
    """Rows far from their neighbours in the file, and the rows at its ends; none of either in a file of one hour."""
    span_ns = (facts.max_ns or 0) - (facts.min_ns or 0)
    if facts.lines > 4 and span_ns <= FAR_NS:
        return _NO_ROWS, _NO_ROWS
    far = far_from_neighbours(_column(path, "at_ns"))
    if far.sum() > max(2, UNORDERED_SHARE * len(far)):
        return _NO_ROWS, _NO_ROWS
    edges = np.zeros(len(far), np.bool_)
    edges[:2] = edges[-2:] = True
    far[:1] = far[-1:] = False
    return far, edges


def _movie_numbers(path: Path, rules: Rules) -> Ints:
    """The catalogue's number of each row's movie; nothing without a catalogue."""
    if rules.movies is None:
        return np.zeros(0, np.int64)
    coded = schema.read(path, ["movie_id"])["movie_id"].combine_chunks()
    known = _integers(pc.index_in(coded.dictionary, value_set=rules.movies.ids))  # -1 = _UNKNOWN
    if rules.movies.unknown is not None:
        not_asked = ~np.asarray(pc.is_in(coded.dictionary, value_set=rules.movies.unknown))
        known = np.where((known == _UNKNOWN) & not_asked, _NONE, known)
    return np.append(known, _NONE)[_integers(coded.indices)]


def _column(path: Path, name: str) -> Ints:
    return _integers(schema.read(path, [name])[name])


def _integers(column: Any) -> Ints:
    """A column of integers, -1 for NULL."""
    return np.asarray(pc.fill_null(column, -1))


def _rows(path: Path, masks: Mapping[str, Mask]) -> dict[str, Rows]:
    """The marked rows, by name of the mask; the columns are read only if there are any."""
    places = {name: np.flatnonzero(mask) for name, mask in masks.items()}
    if not any(map(len, places.values())):
        return dict.fromkeys(places, _NOTHING)
    table = schema.read(path, ["offset", "user_id", "at_ns", "movie_id"])
    return {name: _taken(table, at) for name, at in places.items()}


def _taken(table: pa.Table, places: Ints) -> Rows:
    found = table.take(numbers(places, pa.int64()))
    offset, user_id, at_ns = (_integers(found[name]) for name in ("offset", "user_id", "at_ns"))
    return Rows(offset, user_id, at_ns, np.array(found["movie_id"].to_pylist(), object))


_NO_TEXTS: Texts = np.zeros(0, object)
_NOTHING = Rows(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), _NO_TEXTS)
