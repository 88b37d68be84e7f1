"""What a user says of themselves, and what a reader made of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

TASTE_FIELDS = (
    "liked_titles", "disliked_titles", "liked_genres", "disliked_genres", "liked_decades", "disliked_decades", "wishes",
)  # fmt: skip
LONGEST = 2_000  # characters of either text that are read; the rest of a longer one is noise or an attack


@dataclass(frozen=True, slots=True)
class Description:
    """A user's own words, as the API gave them; empty where they said nothing. Untrusted text."""

    likes: str = ""
    dislikes: str = ""

    @classmethod
    def of(cls, likes: str | None, dislikes: str | None) -> "Description":
        """Null is nothing said; only the first `LONGEST` characters count."""
        return cls((likes or "").strip()[:LONGEST], (dislikes or "").strip()[:LONGEST])

    @property
    def said(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.likes or self.dislikes)

    def digest(self) -> str:
        """32 hex digits that stand for these two texts and nothing else."""
        whole = f"{len(self.likes)}\n{self.likes}{self.dislikes}"
        return hashlib.sha256(whole.encode(errors="replace")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Taste:
    """What was read. Titles are ids of the catalogue, decades years (1980), wishes keys of `words.WISHES`."""

    liked_titles: tuple[str, ...] = ()
    disliked_titles: tuple[str, ...] = ()
    liked_genres: tuple[str, ...] = ()
    disliked_genres: tuple[str, ...] = ()
    liked_decades: tuple[int, ...] = ()
    disliked_decades: tuple[int, ...] = ()
    wishes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in TASTE_FIELDS)

    def record(self) -> dict[str, list[Any]]:
        """As JSON keeps it."""
        return {name: list(getattr(self, name)) for name in TASTE_FIELDS}

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Taste":
        """Inverse of `record`; unknown keys are left aside."""
        return cls(**{name: tuple(record.get(name) or ()) for name in TASTE_FIELDS})


@dataclass(frozen=True, slots=True)
class Film:
    """A movie as readers and lists need it. year None = unknown."""

    movie_id: str
    title: str
    year: int | None
    genres: tuple[str, ...] = ()
    watched: float = 0.0  # by how many; decides between films of one title
    unsuitable: bool = False  # known to be for adults only


@dataclass(frozen=True, slots=True)
class Reading:
    """A taste, and which reader it comes from."""

    taste: Taste
    reader: str


class Extractor(Protocol):
    """Reads a description."""

    def read(self, user_id: int, said: Description) -> Reading:
        """The taste that a user's words tell of, an empty one if there is none. Raises OSError if the disk is full."""
        ...


def without_repeats(values: Sequence[Any]) -> tuple[Any, ...]:
    """Values in their order, each once."""
    return tuple(dict.fromkeys(values))
