"""The course's user and movie records: their fields, and the habits that make them awkward.

Numbers that are text, "False" for false, runtimes of 0, taglines that are missing: as the real API has them. What a
record says is public; of hidden taste it tells no more than the users' own words do.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stream.platform.catalogue import GENRES, LEANINGS, Catalogue, Film
from stream.platform.descriptions import Facts, describe
from stream.platform.population import FIRST_ID, OCCUPATIONS, Population
from stream.terms import Term

Record = dict[str, Any]
_CERTIFICATIONS = ("G", "PG", "PG-13", "R", "NC-17")
_NAMES, _OCCUPATIONS = tuple(GENRES), tuple(OCCUPATIONS)
_STRONG = 1.0  # deviations from which on a leaning is worth a word
_MISSING = {"tagline": 0.15, "license_cost": 0.004, "overview": 0.003, "poster_path": 0.01}  # shares of records


class Records(Protocol):
    """Where the API finds what it answers."""

    def movie(self, key: str) -> Record | None:
        """A movie by its id, or by its number."""

    def user(self, key: str) -> Record | None:
        """A user by id."""


class WorldRecords:
    """Records of a simulated world, made when asked for: the same each time."""

    def __init__(self, term: Term, seed: int, catalogue: Catalogue, users: Callable[[], Population]) -> None:
        """users: gives the population as it is now, newcomers included."""
        self._term, self._seed, self._catalogue, self._users = term, seed, catalogue, users

    def movie(self, key: str) -> Record | None:
        """A movie by its id, or by its number in the catalogue."""
        row = self._catalogue.index.get(key)
        if row is None and key.isascii() and key.isdigit() and len(key) < 9:
            row = int(key) if int(key) < len(self._catalogue) else None
        return None if row is None else self._movie(row)

    def user(self, key: str) -> Record | None:
        """A user by id; None if nobody has that id yet."""
        population = self._users()
        row = int(key) - FIRST_ID if key.isascii() and key.isdigit() and len(key) < 12 else -1
        return self._user(population, row) if 0 <= row < len(population) else None

    def _user(self, population: Population, row: int) -> Record:
        occupation = _OCCUPATIONS[population.occupation[row]]
        gender = "M" if population.male[row] else "F"
        record: Record = {
            "user_id": row + FIRST_ID, "age": int(population.age[row]), "occupation": occupation, "gender": gender,
        }  # fmt: skip
        if self._term.has_self_description:
            record["self_description_likes"], record["self_description_dislikes"] = describe(
                row + FIRST_ID, self._seed, self.facts(population, row)
            )
        return record

    def facts(self, population: Population, row: int) -> Facts:
        """What is true of a user's taste and may be said."""
        taste, known = population.taste[row], self._catalogue
        genres = [_NAMES[column] for column in np.argsort(-taste[: len(GENRES)], kind="stable")]
        suits = known.features[: known.known] @ taste + 0.3 * known.quality[: known.known]
        order = np.argsort(-suits, kind="stable").tolist()
        liked, disliked = ([known.films[movie].title for movie in few] for few in (order[:6], order[:-7:-1]))
        leanings = zip(LEANINGS, taste[-len(LEANINGS) :].tolist(), strict=True)
        wishes = [f"{name}{'+' if side > 0 else '-'}" for name, side in leanings if abs(side) > _STRONG]
        return Facts(genres[:4], genres[:-5:-1], liked, disliked, wishes)

    def _movie(self, row: int) -> Record:
        film, movie_id = self._catalogue.films[row], self._catalogue.ids[row]
        draw = random.Random(f"record {self._seed} {row}")
        record = _facts(row, movie_id, film, draw) | _business(draw)
        if self._term.has_license_cost:
            dear = 0.25 * float(np.clip(self._catalogue.quality[row], -2, 2)) + 0.01 * ((film.year or 1990) - 1990)
            record["license_cost"] = round(draw.lognormvariate(-0.8 + dear, 0.5), 2)
        record["certification"] = _certification(film, draw)
        return {name: value for name, value in record.items() if draw.random() >= _MISSING.get(name, 0)}


def _facts(row: int, movie_id: str, film: Film, draw: random.Random) -> Record:
    genres = [{"id": GENRES[name], "name": name} for name in film.genres]
    date = f"{film.year}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}" if film.year else ""
    return {
        "id": movie_id, "tmdb_id": 100_000 + row, "imdb_id": f"tt{1_000_000 + row:07d}", "title": film.title,
        "original_title": film.title, "adult": "True" if draw.random() < 0.0005 else "False",
        "belongs_to_collection": _collection(film, draw), "genres": genres,
        "original_language": "en", "overview": _overview(film, draw),
        "release_date": date, "runtime": 0 if draw.random() < 0.01 else film.runtime_minutes, "status": "Released",
        "spoken_languages": [{"iso_639_1": "en", "name": "English"}], "tagline": f"{film.genres[0]} like never before.",
    }  # fmt: skip


def _collection(film: Film, draw: random.Random) -> Record:
    return {"id": draw.randint(1, 99_999), "name": f"{film.title} Collection"} if draw.random() < 0.08 else {}


def _business(draw: random.Random) -> Record:
    return {
        "budget": str(draw.choice((0, 0, 1_000_000 * draw.randint(1, 120)))), "homepage": _homepage(draw),
        "popularity": f"{draw.lognormvariate(1, 1):.6f}", "poster_path": f"/{draw.getrandbits(64):016x}.jpg",
        "production_companies": [{"name": "Example Pictures", "id": draw.randint(1, 9_999)}],
        "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
        "revenue": str(draw.choice((0, 1_000_000 * draw.randint(1, 400)))),
        "vote_average": f"{draw.gauss(6.3, 0.9):.1f}", "vote_count": str(int(draw.lognormvariate(4, 1.5))),
    }  # fmt: skip


def _homepage(draw: random.Random) -> str:
    return "null" if draw.random() < 0.8 else f"http://www.example.com/{draw.getrandbits(32):x}"


def _overview(film: Film, draw: random.Random) -> str:
    who = draw.choice(("A stranger", "Two old friends", "A young teacher", "A retired detective", "A family"))
    what = draw.choice(("faces the past", "risks everything", "finds an unlikely ally", "gets one last chance"))
    kind = " and ".join(name.lower() for name in film.genres[:2])
    return f"{who} {what} in this {kind} story: {film.title}."


def _certification(film: Film, draw: random.Random) -> str:
    if "Family" in film.genres or "Animation" in film.genres:
        return draw.choices(_CERTIFICATIONS[:3], (5, 4, 1))[0]
    return draw.choices(_CERTIFICATIONS[1:], (2, 4, 4, 0.2))[0]


class FileRecords:
    """Records of a catalogue folder: `movies.jsonl` and `users.jsonl`, one record a line."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError if either file is missing, ValueError naming a line that is no record."""
        self._movies = _read(folder / "movies.jsonl", "id")
        self._users = _read(folder / "users.jsonl", "user_id")

    def movie(self, key: str) -> Record | None:
        """A movie by its id."""
        return self._movies.get(key)

    def user(self, key: str) -> Record | None:
        """A user by id."""
        return self._users.get(key)


def _read(path: Path, key: str) -> dict[str, Record]:
    records: dict[str, Record] = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
                records[str(record[key])] = record
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path}, line {number}: expected an object with {key!r}; got {line[:80]!r}"
                ) from error
    return records
