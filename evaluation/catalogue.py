"""What is known of movies beside the log: running time and licence cost, from the catalogue that the stream keeps.

Without a catalogue the running time is taken from the log: the highest minute that anybody reached.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.plays import Plays
from stream.catalog.files import RecordFile
from stream.catalog.records import MOVIES, Record, number_of

MIN_VIEWERS = 5  # of a title, before the highest minute reached is taken for its end


@dataclass(frozen=True, slots=True)
class Title:
    """One movie of the catalogue; NaN where the catalogue does not say."""

    runtime_minutes: float
    license_cost: float  # USD per play


def read_titles(catalog_dir: Path) -> dict[str, Title]:
    """Movies that the stream's catalogue keeps, by id; empty if it keeps none."""
    path = catalog_dir / MOVIES.file
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache(maxsize=2)
def _read(path: Path, _mtime_ns: int) -> dict[str, Title]:
    return {str(MOVIES.id_of(record)): _title(record) for record in RecordFile(path, MOVIES)}


def _title(record: Record) -> Title:
    cost = record.get("license_cost", record.get("cost"))  # prose says cost, data says license_cost
    return Title(number_of(record.get("runtime")) or math.nan, number_of(cost))


def running_minutes(plays: Plays, titles: Mapping[str, Title]) -> npt.NDArray[np.float64]:
    """Running time of each start's movie in minutes: the catalogue's, else seen in the log, else NaN."""
    if titles:
        return np.array([titles[m].runtime_minutes if m in titles else math.nan for m in plays.movie_id], np.float64)
    movies, which, viewers = np.unique(plays.movie_id.astype(str), return_inverse=True, return_counts=True)
    longest = np.zeros(len(movies))
    np.maximum.at(longest, which, plays.top_minute + 1.0)
    return np.where(viewers >= MIN_VIEWERS, longest, np.nan)[which]


def license_costs(plays: Plays, titles: Mapping[str, Title]) -> npt.NDArray[np.float64]:
    """Licence cost of each start in USD; NaN where unknown."""
    return np.array([titles[m].license_cost if m in titles else math.nan for m in plays.movie_id], np.float64)
