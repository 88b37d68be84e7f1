"""The truth as files: what commands and benches exchange with `python -m stream.platform truth`, one object a line."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from stream.platform.catalogue import Catalogue
from stream.platform.columns import LIST_LENGTH
from stream.platform.descriptions import named
from stream.platform.draws import Ints
from stream.platform.history import empty_world, new_world, span
from stream.platform.population import FIRST_ID
from stream.platform.records import WorldRecords
from stream.platform.settings import PlatformSettings
from stream.platform.simulation import Simulation
from stream.platform.state import StateFolder
from stream.platform.truth import Expected, Truth
from stream.platform.world import world_of

Row = dict[str, Any]
Lists = tuple[Ints, NDArray[np.int32]]


def world_now(settings: PlatformSettings) -> Simulation:
    """The platform's world as last saved; where nothing was saved, a fresh one at the beginning. Raises WrongState."""
    shape = world_of(settings.world, settings.term, settings.demographic_taste)
    if not (settings.home / "state.npz").exists():
        return new_world(settings, shape, span(settings, shape).begin_ms)
    world = empty_world(settings, shape, 0)
    StateFolder(settings.home).load(world)
    return world


def read_lists(file: TextIO, world: Simulation) -> Lists:
    """Rows and lists of lines `{"user": 417, "movies": ["heat+1995", …]}` or `417,heat+1995,…`.

    Raises ValueError naming file, line and what is wrong: no such user, no such movie, more than 20 movies.
    """
    users, lists = [], []
    for number, line in enumerate(file, 1):
        if line.strip():
            user, movies = _one(line, f"{getattr(file, 'name', 'lists')}, line {number}", world)
            users.append(user - FIRST_ID)
            lists.append(movies + [-1] * (LIST_LENGTH - len(movies)))
    return np.array(users, np.int64), np.array(lists, np.int32).reshape(-1, LIST_LENGTH)


def _one(line: str, where: str, world: Simulation) -> tuple[int, list[int]]:
    try:
        if line.lstrip().startswith("{"):
            raw = json.loads(line)
            user, names = int(raw["user"]), list(raw["movies"])
        else:
            first, *names = [part.strip() for part in line.strip().split(",")]
            user = int(first)
    except (ValueError, KeyError, TypeError) as error:
        wanted = '{"user": 417, "movies": [...]} or 417,movie,movie'
        raise ValueError(f"{where}: expected {wanted}; got {line.strip()[:80]!r}") from error
    if not FIRST_ID <= user < FIRST_ID + len(world.population):
        last = len(world.population) + FIRST_ID - 1
        raise ValueError(f"{where}: expected a user from {FIRST_ID} to {last}; got {user}")
    if unknown := [name for name in names if name not in world.catalogue.index]:
        raise ValueError(f"{where}: expected movies of this world's catalogue; got {unknown[0]!r}")
    if len(names) > LIST_LENGTH or len(set(names)) < len(names):
        raise ValueError(f"{where}: expected at most {LIST_LENGTH} movies, each once; got {len(names)}")
    return user, [world.catalogue.index[name] for name in names]


def plain_list(world: Simulation, name: str, users: Ints, truth: Truth) -> NDArray[np.int32]:
    """Lists of a recommender that needs no file: `best`, `popular` (the same for all), `random` (the same for all)."""
    if name == "best":
        return truth.best(users)
    if name == "popular":
        top = np.argsort(-np.diff(world.attention(world.now_ms), prepend=0.0), kind="stable")[:LIST_LENGTH]
    else:
        top = np.random.default_rng([world.seed, *b"any"]).choice(len(world.catalogue), LIST_LENGTH, replace=False)
    return np.tile(top.astype(np.int32), (len(users), 1))


def rows(expected: Expected, catalogue: Catalogue) -> Iterator[Row]:
    """One object per list, as the help of `truth lists` documents it."""
    names = ("watch", "led", "without", "rating", "finish", "rated")
    columns = [getattr(expected, name) for name in names]
    sums = zip(expected.user.tolist(), expected.any_watch.tolist(), expected.watch_error.tolist(), strict=True)
    for row, (user, total, error) in enumerate(sums):
        count = int((expected.movies[row] >= 0).sum())
        values = {name: column[row, :count].round(5).tolist() for name, column in zip(names, columns, strict=True)}
        movies = [catalogue.ids[movie] for movie in expected.movies[row, :count]]
        yield {"user": user + FIRST_ID, "movies": movies, **values, "any": round(total, 5), "error": round(error, 5)}


def tastes(world: Simulation, users: Iterable[int]) -> Iterator[Row]:
    """What is true behind each user's self-description, and which of it the words name."""
    records = WorldRecords(world.term, world.seed, world.catalogue, lambda: world.population)
    for user in users:
        facts = records.facts(world.population, user - FIRST_ID)
        said = named(user, world.seed, facts)
        yield {
            "user": user, "likes": said.likes, "dislikes": said.dislikes,
            "liked_genres": list(facts.loved), "disliked_genres": list(facts.avoided),
            "liked_titles": list(facts.liked_titles), "disliked_titles": list(facts.disliked_titles),
            "leanings": list(facts.wishes),
            "named": {
                "liked_genres": said.genres(facts.loved), "disliked_genres": said.genres(facts.avoided),
                "liked_titles": said.titles(facts.liked_titles), "disliked_titles": said.titles(facts.disliked_titles),
            },
        }  # fmt: skip
