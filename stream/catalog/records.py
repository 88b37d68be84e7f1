"""What a movie and a user are: the fields of the API's records, what is wrong with one, and its values made plain.

The API mixes types (numbers as text, "False", two names for the cost) and, where faults are injected, leaves fields
out. Records lie on disk as they came; `movie_of` and `user_of` give the values with one type each.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xxhash

Record = dict[str, Any]
Numbers = npt.NDArray[np.uint64]

_OTHER_COST: Final = "cost"  # what the course's prose calls the data's license_cost
LONGEST_NUMBER: Final = 19  # digits of a user's id; fits into 64 bits
_MOST: Final = 1e12  # no age, running time or price is larger


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: where the API has it, what identifies it, what its fields must be."""

    path: str
    file: str
    key: str
    digits: bool  # ids are numbers
    needed: Mapping[str, Callable[[Any], bool]]  # fields without which a record is of no use
    optional: Mapping[str, Callable[[Any], bool]]  # fields that may be absent or null, i.e. unknown

    def id_of(self, record: Record) -> str | None:
        """The record's id as text, whatever type it came in; None if it has none."""
        value = record.get(self.key)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        if not self.digits:
            return str(value)
        text = str(value).strip()
        return str(int(text)) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None

    def numbers(self, ids: Iterable[Any]) -> Numbers:
        """Ids as 64-bit numbers, so that a million of them take 8 MB: users' own, movies' by hash (xxh3)."""
        if self.digits:
            return np.fromiter((int(one) for one in ids), np.uint64)
        return np.fromiter((xxhash.xxh3_64_intdigest(str(one).encode(errors="replace")) for one in ids), np.uint64)


def number_of(value: Any) -> float:
    """A number or its text, NaN where it is neither, not finite, negative or absurdly large."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if 0 <= number <= _MOST else math.nan


def _numeric(value: Any) -> bool:
    return number_of(value) == number_of(value)


def _age(value: Any) -> bool:
    return number_of(value) <= 150


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in value)


MOVIES: Final = Kind(
    "movie", "movies.jsonl", "id", False,
    {"title": _text, "genres": _names, "runtime": _numeric},
    {"license_cost": _numeric, _OTHER_COST: _numeric},
)  # fmt: skip
USERS: Final = Kind(
    "user", "users.jsonl", "user_id", True,
    {"age": _age},
    {"gender": _text, "occupation": _text, "self_description_likes": _text, "self_description_dislikes": _text},
)  # fmt: skip
KINDS: Final = (MOVIES, USERS)


def wrong_fields(kind: Kind, record: Record, last: Record | None = None) -> list[str]:
    """Why a record is refused, one reason a field; empty if it is fine.

    last: the good copy that is at hand; a field that it has and the record has not is a reason too.
    """
    reasons = []
    for name, holds in {**kind.needed, **kind.optional}.items():
        value, had = record.get(name), None if last is None else _value(last, name)
        if _value(record, name) is None and (had is not None or name in kind.needed) and name != _OTHER_COST:
            was = "" if had is None else f", was {_short(had)}"
            reasons.append(f"{name}: {'null' if name in record else 'missing'}{was}")
        elif value is not None and not holds(value):
            reasons.append(f"{name}: got {_short(value)}")
    return reasons


def changed_fields(kind: Kind, last: Record, record: Record) -> dict[str, tuple[Any, Any]]:
    """(old, new) of the judged fields whose values differ once their types and names are made plain."""
    names = [name for name in (*kind.needed, *kind.optional) if name != _OTHER_COST]
    both = {name: (_value(last, name), _value(record, name)) for name in names}
    return {name: (old, new) for name, (old, new) in both.items() if _plain(old) != _plain(new)}


@dataclass(frozen=True, slots=True)
class Movie:
    """One movie, every field of one type; None where the API does not say."""

    movie_id: str
    title: str
    genres: tuple[str, ...]
    runtime_minutes: float | None  # the API's 0 is unknown; of a series it may be one episode's
    license_cost: float | None  # USD per play
    adult: bool | None
    released: str | None  # ISO date


@dataclass(frozen=True, slots=True)
class User:
    """One user, every field of one type; None where the API does not say."""

    user_id: int
    age: float
    gender: str | None  # "M", "F" or what else the API says, in capitals
    occupation: str | None
    likes: str | None  # in the user's own words
    dislikes: str | None


def movie_of(record: Record) -> Movie:
    """The values of a movie's record that `wrong_fields` finds nothing wrong with."""
    return Movie(
        movie_id=str(record["id"]),
        title=record["title"],
        genres=tuple(genre["name"] for genre in record["genres"]),
        runtime_minutes=_known(record["runtime"]) or None,
        license_cost=_known(_value(record, "license_cost")),
        adult={"true": True, "false": False}.get(str(record.get("adult")).lower()),
        released=_said(record.get("release_date")),
    )


def user_of(record: Record) -> User:
    """The values of a user's record that `wrong_fields` finds nothing wrong with."""
    gender = _said(record.get("gender"))
    return User(
        user_id=int(record["user_id"]),
        age=number_of(record["age"]),
        gender=gender and {"MALE": "M", "FEMALE": "F"}.get(gender.upper(), gender.upper()),
        occupation=_said(record.get("occupation")),
        likes=_said(record.get("self_description_likes")),
        dislikes=_said(record.get("self_description_dislikes")),
    )


def _value(record: Record, name: str) -> Any:
    """A field's value; the cost has two names."""
    value = record.get(name)
    return record.get(_OTHER_COST) if value is None and name == "license_cost" else value


def _known(value: Any) -> float | None:
    number = number_of(value)
    return None if math.isnan(number) else number


def _said(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _plain(value: Any) -> Any:
    return number_of(value) if _numeric(value) else value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
