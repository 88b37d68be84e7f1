"""What a term and a catalogue say of events: the rules behind the verdicts of `verdicts.py`.

A store remembers the term that its events came under, so that whoever reads it need not say so. The catalogue is the
folder `catalog` in the store, as `stream.catalog` fills it. What is not known makes no verdict: where ids that the API
does not know are written down, a movie that is only not looked up yet is no unknown one.
"""

import json
import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stream.store.columns import texts
from stream.store.positions import write_json
from stream.terms import TERMS, Term

FORMAT_VERSION = 1
_MOVIES, _REFUSED = "movies.jsonl", "refused.jsonl"  # a refused record is wrong in a field, but the movie is there
_UNKNOWN = "unknown.jsonl"  # ids that the API does not know; there once the catalogue is filled from an API


@dataclass(frozen=True, eq=False, slots=True)
class Movies:
    """The catalogue's movies: a number for each, and their ids and minutes by that number."""

    number: dict[str, int]
    ids: pa.Array  # of strings
    minutes: npt.NDArray[np.float64]  # NaN = not known
    unknown: pa.Array | None = None  # ids that are known to be none; None = every other id is


@dataclass(frozen=True, eq=False, slots=True)
class Rules:
    """What events are held against."""

    term: Term | None = None  # None = not known: neither a scale nor a bound of users
    movies: Movies | None = None  # None = no catalogue: nothing is unknown
    key: Hashable = None  # the same for the same rules

    @property
    def n_users(self) -> float:
        """Highest user there was before anybody signed up."""
        return self.term.n_users if self.term else math.inf


def rules_of(store_dir: Path, term: Term | None = None, catalog_dir: Path | None = None) -> Rules:
    """The rules for a store: those of `term` or else of the term it remembers, and of its catalogue if there is one."""
    term = term or remembered_term(store_dir)
    paths = [(catalog_dir or store_dir / "catalog") / name for name in (_MOVIES, _REFUSED, _UNKNOWN)]
    stamps = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths if path.is_file())
    return Rules(term, _movies(stamps) if stamps else None, (term, stamps))


def remember_term(store_dir: Path, term: Term) -> None:
    """Write down under which term's rules the events of a store are to be read."""
    store_dir.mkdir(parents=True, exist_ok=True)
    if remembered_term(store_dir) != term:
        write_json(store_dir / "store.json", {"format_version": FORMAT_VERSION, "term": term.name})


def remembered_term(store_dir: Path) -> Term | None:
    """The term of a store; None if it was never written down, or is none that this version knows."""
    try:
        return TERMS.get(json.loads((store_dir / "store.json").read_bytes())["term"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


@lru_cache(maxsize=2)
def _movies(stamps: tuple[tuple[str, int, int], ...]) -> Movies | None:
    paths = {Path(path).name: Path(path) for path, *_ in stamps}
    known = dict(movie for name in (_REFUSED, _MOVIES) if name in paths for movie in _runtimes(paths[name]))
    if not known:
        return None
    number = {movie: index for index, movie in enumerate(known)}
    none = [movie for movie, _ in _runtimes(paths[_UNKNOWN]) if movie not in known] if _UNKNOWN in paths else None
    unknown = None if none is None else texts(none, pa.string())
    return Movies(number, texts(list(known), pa.string()), np.array(list(known.values())), unknown)


def _runtimes(path: Path) -> Iterator[tuple[str, float]]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # cut short by a kill
            if isinstance(record, dict) and isinstance(record.get("id"), str):
                yield record["id"], _minutes(record.get("runtime"))


def _minutes(runtime: object) -> float:
    """The catalogue writes 0 where it does not know."""
    try:
        minutes = math.nan if isinstance(runtime, bool) else float(str(runtime))
    except ValueError:
        return math.nan
    return minutes if 0 < minutes < math.inf else math.nan
