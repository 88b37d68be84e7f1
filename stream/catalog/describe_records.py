"""What the catalogue says of the users and movies that the store has seen: part of the description of the data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream.catalog.client import Catalog
from stream.catalog.distribution import Distribution, binned, counted
from stream.catalog.records import MOVIES, USERS, Kind, Movie, Record, User, movie_of, user_of
from stream.catalog.seen import seen_since

_AGES = (0, 18, 20, 25, 30, 35, 40, 50, 60)
_MINUTES = (1, 60, 80, 90, 100, 110, 120, 150, 180)
_USD = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3)

Sessions = Mapping[str, npt.NDArray[Any]]


def catalogue_part(store_dir: Path, sessions: Sessions) -> tuple[dict[str, Any], list[Distribution]]:
    """(facts, distributions) of those seen in the store; sessions: (n,) columns user_id, movie_id, minutes.

    Facts: of movies and users how many were seen, how many of these have a record, were refused, are unknown to the
    API; how many movies lack a running time or a licence cost; what a session costs on average (USD).
    """
    catalog = Catalog("", store_dir / "catalog")
    seen_movies, seen_users = seen_since(store_dir, MOVIES)[0], seen_since(store_dir, USERS)[0]
    movies = [movie_of(record) for record in _seen_records(catalog, MOVIES, seen_movies)]
    users = [user_of(record) for record in _seen_records(catalog, USERS, seen_users)]
    plays = _plays(sessions)
    facts = {
        "movies": _facts(catalog, MOVIES, seen_movies, len(movies)),
        "users": _facts(catalog, USERS, seen_users, len(users)),
        "movies_without_runtime": sum(movie.runtime_minutes is None for movie in movies),
        "movies_without_license_cost": sum(movie.license_cost is None for movie in movies),
        "license_cost_per_session_usd": _mean_cost(movies, plays),
        "price_changes": sum(change["field"] == "license_cost" for change in catalog.changes()),
    }
    return facts, [*_users(users), *_movies(movies, plays)] if movies or users else []


def _seen_records(catalog: Catalog, kind: Kind, seen: npt.NDArray[Any]) -> list[Record]:
    wanted = set(kind.numbers(seen).tolist())
    return [r for r in catalog.file(kind) if int(kind.numbers([r[kind.key]])[0]) in wanted]


def _facts(catalog: Catalog, kind: Kind, seen: npt.NDArray[Any], with_record: int) -> dict[str, int]:
    mine = set(map(str, seen.tolist()))
    refused = {key for record in catalog.refusals(kind) if (key := kind.id_of(record)) in mine}
    return {
        "seen": len(mine),
        "with_record": with_record,
        "unknown_to_the_api": len(mine & set(catalog.unknown(kind))),
        "refused": len(refused - set(catalog.file(kind).get_all([*map(str, refused)]))),
    }


def _plays(sessions: Sessions) -> dict[str, int]:
    """Watch sessions of each movie."""
    movies, counts = np.unique(sessions["movie_id"].astype(str), return_counts=True)
    return dict(zip(movies.tolist(), counts.tolist(), strict=True))


def _mean_cost(movies: list[Movie], plays: Mapping[str, int]) -> float | None:
    paid = [(movie.license_cost, plays.get(movie.movie_id, 0)) for movie in movies if movie.license_cost is not None]
    sessions = sum(count for _, count in paid)
    return sum(cost * count for cost, count in paid) / sessions if sessions else None


def _users(users: list[User]) -> list[Distribution]:
    described = sum(user.likes is not None or user.dislikes is not None for user in users)
    return [
        binned("ages", "Users by age", "users", np.array([user.age for user in users]), _AGES),
        counted("genders", "Users by gender", "users", (user.gender or "not said" for user in users)),
        counted("occupations", "Users by occupation", "users", (user.occupation or "not said" for user in users)),
        Distribution("described", "Users by self-description", "users",
                     [("describe themselves", described), ("do not", len(users) - described)], ordered=False),
    ]  # fmt: skip


def _movies(movies: list[Movie], plays: Mapping[str, int]) -> list[Distribution]:
    runtimes = np.array([movie.runtime_minutes or np.nan for movie in movies])
    costs = np.array([np.nan if movie.license_cost is None else movie.license_cost for movie in movies])
    years = [int(movie.released[:4]) for movie in movies if movie.released and movie.released[:4].isdigit()]
    watched: dict[str, int] = {}
    for movie in movies:
        for genre in movie.genres:
            watched[genre] = watched.get(genre, 0) + plays.get(movie.movie_id, 0)
    note = "a movie with several genres counts in each"
    return [
        counted("genres", "Movies by genre", "movies", (g for movie in movies for g in movie.genres), note),
        Distribution("genres_watched", "Watch sessions by genre", "sessions",
                     sorted(watched.items(), key=lambda item: -item[1]), ordered=False, note=note),
        binned("runtimes", "Movies by running time, minutes", "movies", runtimes, _MINUTES),
        binned("license_costs", "Movies by licence cost, USD a play", "movies", costs, _USD, digits=2),
        _decades(years),
    ]  # fmt: skip


def _decades(years: list[int]) -> Distribution:
    found = counted("decades", "Movies by decade", "movies", (f"{year // 10 * 10}s" for year in years))
    return Distribution(found.name, found.title, found.unit, sorted(found.bars))
