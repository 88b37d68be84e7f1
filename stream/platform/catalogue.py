"""The movies of a world: some hundreds of well-known films at the head, an invented long tail behind them.

What users know of a movie (title, genres, runtime) is public through the API; how good it is, how much attention it
gets and what it tastes like are the world's secrets. All of it follows from the seed.
"""

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from stream.platform.draws import Floats, Ints
from stream.platform.titles import invented, movie_id
from stream.platform.world import DAY_MS, World

GENRES: dict[str, int] = {  # with the numbers of the public metadata that the course's API repeats
    "Drama": 18, "Comedy": 35, "Thriller": 53, "Romance": 10749, "Action": 28, "Horror": 27, "Crime": 80,
    "Documentary": 99, "Adventure": 12, "Science Fiction": 878, "Family": 10751, "Mystery": 9648, "Fantasy": 14,
    "Animation": 16, "Foreign": 10769, "Music": 10402, "History": 36, "War": 10752, "Western": 37,
}  # fmt: skip
_LOG_RUNTIME, _RUNTIME_SIGMA = 4.68, 0.32  # of the tail's minutes: starts end where the measured ones do
_SERIES_MINUTES = 300
_TAIL_SHARES = np.array([40, 26, 17, 15, 14, 10, 9, 8, 8, 7, 6, 5.5, 5, 4.5, 4, 3.5, 3, 3, 2.5])
STYLES = 6  # hidden dimensions of taste beyond genre
LEANINGS = ("age", "renown", "fame")  # what else a taste may turn on: new or old, praised or not, talked about or not
FEATURES = len(GENRES) + STYLES + len(LEANINGS)
_STYLE_WEIGHT = 0.6  # of style beside genre in a movie's taste vector
_LEANING_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Film:
    """The plain facts of a movie."""

    title: str
    year: int | None
    genres: tuple[str, ...]
    runtime_minutes: int


@dataclass(frozen=True)
class Catalogue:
    """Films by index, and what the world knows of each beyond the facts."""

    films: tuple[Film, ...]
    ids: tuple[str, ...]
    known: int  # the first so many films are well-known titles
    runtime_minutes: Ints
    appeal: Floats  # attention without swings and buzz, sums to 1
    quality: Floats  # mean 0, standard deviation 1
    features: NDArray[np.float32]  # (n, FEATURES): dot product with a user's taste is the personal utility
    swing_ms: Floats  # period of a movie's swings of attention
    swing_phase: Floats

    def __len__(self) -> int:
        return len(self.films)

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """Index of each movie id."""
        return {movie: number for number, movie in enumerate(self.ids)}

    def attention(self, at_ms: int, drift: float) -> Floats:
        """Share of attention that each movie gets by itself at an instant; sums to 1."""
        swing = np.sin(2 * np.pi * at_ms / self.swing_ms + self.swing_phase)
        share = self.appeal * np.exp(drift * swing)
        return np.asarray(share / share.sum())


@functools.cache
def head_films() -> tuple[Film, ...]:
    """Well-known films, from `data/head_movies.tsv`."""
    text = resources.files("stream.platform").joinpath("data/head_movies.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return tuple(Film(title, int(year), tuple(genres.split("|")), int(run)) for title, year, genres, run in rows)


def make_catalogue(world: World, seed: int) -> Catalogue:
    """The movies of a world; the same world and seed give the same movies."""
    known = head_films()[: max(10, world.n_movies // 2)]
    films, ids = _films(known, world.n_movies, random.Random(f"films {seed}"))
    draw = np.random.default_rng([seed, *b"movies"])
    rank = _ranks(films, len(known), draw)
    appeal = (rank + 1 + world.spread) ** -world.steepness
    quality = draw.standard_normal(len(films)) - 0.2 * np.log((rank + 10) / len(films))
    quality = (quality - quality.mean()) / quality.std()
    return Catalogue(
        films,
        ids,
        len(known),
        runtime_minutes=np.array([film.runtime_minutes for film in films], dtype=np.int64),
        appeal=appeal / appeal.sum(),
        quality=quality,
        features=_features(films, quality, rank, draw),
        swing_ms=draw.uniform(12, 45, len(films)) * DAY_MS,
        swing_phase=draw.uniform(0, 2 * np.pi, len(films)),
    )


def _films(known: Sequence[Film], count: int, draw: random.Random) -> tuple[tuple[Film, ...], tuple[str, ...]]:
    found = {movie_id(film.title, film.year): film for film in known}
    titles = invented(draw)
    while len(found) < count:
        film = _tail_film(next(titles), draw)
        found.setdefault(movie_id(film.title, film.year), film)
    return tuple(found.values()), tuple(found)


def _tail_film(title: str, draw: random.Random) -> Film:
    year = None if draw.random() < 0.001 else min(2020, int(2021 - draw.expovariate(1 / 22)))
    chosen = draw.choices(list(GENRES), weights=list(_TAIL_SHARES), k=draw.choice((1, 1, 2, 2, 2, 3, 3, 4)))
    runtime = draw.lognormvariate(_LOG_RUNTIME, _RUNTIME_SIGMA)
    if draw.random() < 0.002:
        runtime = draw.uniform(_SERIES_MINUTES, 1100)  # a few mini-series
    return Film(title, year and max(1915, year), tuple(dict.fromkeys(chosen)), min(1100, max(40, round(runtime))))


def _ranks(films: tuple[Film, ...], known: int, draw: np.random.Generator) -> Floats:
    """Rank of attention of each movie, 0 for the first: known films mostly lead, in an order of this world's own."""
    score = draw.standard_normal(len(films))
    score[:known] += [2.5 if film.runtime_minutes < _SERIES_MINUTES else 0 for film in films[:known]]
    rank = np.empty(len(films))
    rank[np.argsort(-score)] = np.arange(len(films))
    return rank


def _features(films: tuple[Film, ...], quality: Floats, rank: Floats, draw: np.random.Generator) -> NDArray[np.float32]:
    """Taste vectors: a movie's genres in equal parts, a style that leans to its genres and its age, and leanings."""
    names = {name: column for column, name in enumerate(GENRES)}
    genre = np.zeros((len(films), len(names)))
    for row, film in enumerate(films):
        genre[row, [names[name] for name in film.genres]] = 1 / np.sqrt(len(film.genres))
    age = np.array([[(film.year or 1990) - 1990] for film in films]) / 20
    lean, aging = draw.standard_normal((len(names), STYLES)), draw.standard_normal((1, STYLES))
    style = draw.standard_normal((len(films), STYLES)) + 0.6 * genre @ lean + 0.8 * age * aging
    style *= _STYLE_WEIGHT / np.linalg.norm(style, axis=1, keepdims=True)
    fame = 1.7 * (1 - 2 * rank / len(films))
    leanings = np.column_stack([np.clip(age[:, 0], -2, 2), np.clip(quality, -2, 2), fame])
    return np.hstack([genre, style, _LEANING_WEIGHT * leanings]).astype(np.float32)
