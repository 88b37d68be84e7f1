"""From a taste to a list: films scored by what was said of their genres, their times and films like them.

Score of a film = what many watch + liked genres - disliked ones + likeness to named films + decades and wishes; each
part is of about unit size and has one weight. Disliked titles never appear, films of a disliked genre only where
nothing else is left, and a known minor is offered nothing that is certified for adults.
Start at `DescriptionLists.top`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream.catalog.records import Record, movie_of
from training.descriptions.taste import Film, Taste
from training.servable import best_of
from training.suitability import OF_AGE, adults_only

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Weights:
    """What each part counts; chosen on simulated worlds of other seeds than those it is judged on."""

    watched: float = 0.2
    genres: float = 1.6
    alike: float = 1.5
    named: float = 2.0
    decades: float = 0.8
    wishes: float = 0.3


def films_of(movie_ids: Sequence[str], watched: Array, records: dict[str, Record]) -> list[Film]:
    """Films in the order of `movie_ids`; one without a record is called as its id says, its genres are unknown."""
    return [_film(one, float(count), records.get(one)) for one, count in zip(movie_ids, watched, strict=True)]


def _film(movie_id: str, watched: float, record: Record | None) -> Film:
    words, _, tail = movie_id.rpartition("+")
    known = int(tail) if tail.isdigit() and len(tail) == 4 else None
    if record is None:
        return Film(movie_id, words.replace("+", " "), known, (), watched)
    movie = movie_of(record)
    year = known or _year_of(movie.released)
    return Film(movie_id, movie.title, year, movie.genres, watched, adults_only(record) is True)


def _year_of(released: str | None) -> int | None:
    return int(released[:4]) if released and released[:4].isdigit() else None


class DescriptionLists:
    """Lists over one table of films; index i is film i."""

    def __init__(self, films: Sequence[Film], weights: Weights | None = None) -> None:
        self._weights = weights or Weights()
        self._place = {film.movie_id: at for at, film in enumerate(films)}
        names = sorted({genre for film in films for genre in film.genres})
        self._column = {name.lower(): at for at, name in enumerate(names)}
        self._has = np.zeros((len(films), len(names)), np.float32)
        for at, film in enumerate(films):
            self._has[at, [self._column[genre.lower()] for genre in film.genres]] = 1
        per_film = np.sqrt(np.maximum(self._has.sum(axis=1, keepdims=True), 1))
        self._share = self._has / per_film  # unit length, so that films of many genres win nothing by it
        common = self._share.mean(axis=0)
        special = self._share - common  # what makes a film different from the others
        self._special = special / np.maximum(np.linalg.norm(special, axis=1, keepdims=True), 1e-9)
        self._years = np.array([film.year or 0 for film in films])
        self._fame = _standard(np.log1p([film.watched for film in films]))
        self._age = _standard(np.where(self._years > 0, self._years, _middle(self._years)))
        self._unsuitable = np.array([film.unsuitable for film in films], bool)

    def top(self, taste: Taste, seen: Array, k: int, age: float | None = None) -> Array:
        """(k,) int32 film indices, best first, -1 where nothing is left. seen: indices never offered; age: in years."""
        score = self.scores(taste)
        score[seen] = -np.inf
        score[self._places(taste.disliked_titles)] = -np.inf
        if age is not None and age < OF_AGE:
            score[self._unsuitable] = -np.inf
        unwanted = self._has @ self._row(taste.disliked_genres) > 0
        unwanted[self._places(taste.liked_titles)] = False
        score = np.where(unwanted, score - 1_000, score)  # behind everything else
        best = best_of(score[None, :], k)[0]
        return np.pad(best, (0, k - len(best)), constant_values=-1)

    def scores(self, taste: Taste) -> Array:
        """(n_films,) how well each film fits what was said."""
        w, liked = self._weights, self._places(taste.liked_titles)
        score = w.watched * self._fame
        score = score + w.genres * (self._share @ (self._row(taste.liked_genres) - self._row(taste.disliked_genres)))
        score += w.alike * (self._likeness(liked) - 0.5 * self._likeness(self._places(taste.disliked_titles)))
        score += w.decades * (self._of_decades(taste.liked_decades) - self._of_decades(taste.disliked_decades))
        score += w.wishes * self._wished(taste.wishes)
        score[liked] += w.named
        return np.asarray(score, np.float32)

    def _row(self, genres: Sequence[str]) -> Array:
        """(n_genres,) 1 where a genre is among those named."""
        row = np.zeros(len(self._column), np.float32)
        row[[self._column[genre.lower()] for genre in genres if genre.lower() in self._column]] = 1
        return row

    def _likeness(self, places: Sequence[int]) -> Array | float:
        """Mean cosine with some films, by what makes them special."""
        return np.asarray(self._special @ self._special[places].mean(axis=0)) if places else 0.0

    def _of_decades(self, decades: Sequence[int]) -> Array | float:
        return np.isin(self._years // 10 * 10, decades).astype(float) if decades else 0.0

    def _wished(self, wishes: Sequence[str]) -> Array | float:
        parts = {"old": -self._age, "new": self._age, "popular": self._fame, "obscure": -self._fame}
        return sum((parts[wish] for wish in wishes if wish in parts), np.zeros(1))

    def _places(self, titles: Sequence[str]) -> list[int]:
        return [self._place[title] for title in titles if title in self._place]


def _middle(years: Array) -> float:
    known = years[years > 0]
    return float(np.median(known)) if len(known) else 0.0


def _standard(values: Any) -> Array:
    """Mean 0 and deviation 1, within 2.5 of them."""
    values = np.asarray(values, float)
    return np.asarray(np.clip((values - values.mean()) / (values.std() or 1.0), -2.5, 2.5))
