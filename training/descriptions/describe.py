"""What a reader takes from a description, for a person to look at: `python -m training describe`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream.catalog.records import MOVIES, USERS, user_of, wrong_fields
from training.descriptions.lists import DescriptionLists, films_of
from training.descriptions.newcomers import extractor, record_file, usable
from training.descriptions.taste import TASTE_FIELDS, Description, Film, Reading
from training.settings import TrainingSettings


class NothingToRead(Exception):
    """There is no such user on disk, or no catalogue to find titles in; the text says what to do."""


@dataclass(frozen=True)
class Read:
    """A description, what was made of it, and the list that follows."""

    said: Description
    reading: Reading
    films: Sequence[str]  # ids, best first
    seconds: float

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        words = {"likes": self.said.likes, "dislikes": self.said.dislikes, "digest": self.said.digest()}
        read = {"reader": self.reading.reader, "taste": self.reading.taste.record()}
        return {**words, **read, "list": list(self.films), "seconds": round(self.seconds, 4)}

    def text(self) -> str:
        """As a person reads it."""
        taste = self.reading.taste
        lines = [f"likes:    {self.said.likes or '(nothing)'}", f"dislikes: {self.said.dislikes or '(nothing)'}"]
        lines.append(f"read by {self.reading.reader} in {self.seconds * 1e3:.1f} ms:")
        found = [(name, getattr(taste, name)) for name in TASTE_FIELDS]
        lines += [f"    {name.replace('_', ' ')}: {', '.join(map(str, values))}" for name, values in found if values]
        return "\n".join([*lines, *([] if taste else ["    nothing of use"]), "list: " + ", ".join(self.films)])


def describe(settings: TrainingSettings, said: Description, age: float | None = None, k: int = 20) -> Read:
    """Read a description as refresh would, with the catalogue on disk. Raises NothingToRead."""
    films = _films(settings)
    reader, started = extractor(settings, films), time.perf_counter()
    reading = reader.read(0, said)
    seconds = time.perf_counter() - started
    best = DescriptionLists(films).top(reading.taste, np.array([], int), k, age)
    shown = [films[at].movie_id for at in best if at >= 0] if reading.taste else []
    return Read(said, reading, shown, seconds)


def describe_user(settings: TrainingSettings, user_id: int) -> Read:
    """`describe` with the words and the age of a user whose record is on disk. Raises NothingToRead."""
    record = record_file(settings, USERS).get(str(user_id))
    if record is None or wrong_fields(USERS, record):
        raise NothingToRead(
            f"no record of user {user_id} in {settings.store_dir / 'catalog'}; fetch it: python -m stream catalog sync"
        )
    user = user_of(record)
    return describe(settings, Description.of(user.likes, user.dislikes), user.age)


def _films(settings: TrainingSettings) -> list[Film]:
    file = record_file(settings, MOVIES)
    ids = sorted(str(record["id"]) for record in file if not wrong_fields(MOVIES, record))
    if not ids:
        raise NothingToRead(f"no movies in {file.path}; fetch them: python -m stream catalog sync")
    return films_of(ids, np.zeros(len(ids)), usable(file, ids))
