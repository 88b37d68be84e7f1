"""How good the shipped lists are on MovieLens 100K, and what training costs beside the libraries alone.

Quality is deterministic. Fetches the data with pip if they are not in var/cache, and fails if it cannot.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from made_up_ratings import pairs, write_movielens
from threadpoolctl import threadpool_limits

from movielens import ml_100k
from side_by_side import Figure, ratio
from stream.arrays import write_folder
from stream.store.ingest import ingest
from stream.terms import TERMS
from training.compare import Comparison, compare
from training.data import Interactions, Ratings, read_interactions
from training.models import Recipe, recipes_of
from training.models._surprise import Columns, trainset
from training.servable import BLOCK_CELLS, Histories, Servable

TERM = TERMS["S2026"]
SCALE = (1, 5)
BEST_KNOWN = 0.4386  # NDCG@20 on random 80/20 of the best of tuned SLIM, EASE and iALS
PUBLISHED_RMSE = 0.934  # Surprise's own table: SVD, MovieLens 100K, five folds
FOLDS = 5
LISTS = "recent,svd_seen,item_knn:weighting=cosine,item_knn,item_knn:weighting=bm25,als,ease,fresh,default"
PERSONAL = ("svd_seen", "item_knn", "als", "ease", "default")
USERS, MOVIES, EVENTS = 250_000, 27_000, 1_000_000
ALS = {"n_factors": 64, "iterations": 15}


def figures() -> list[Figure]:
    """Quality, then cost."""
    ratings = ml_100k()
    return [*_random(ratings), *_in_time(ratings), *_stars(ratings), *_costs(), _ranking()]


def _random(ratings: Interactions) -> list[Figure]:
    found = compare(ratings, [r for word in f"popularity,svd,{LISTS}".split(",") for r in recipes_of(word)], "random")
    ndcg = _ndcg(found)
    default = next(one for one in found.contenders if one.recipe.name == "default")
    mine, popularity = ndcg["default"], ndcg["popularity"]
    worst = min((value, label) for label, value in ndcg.items() if label.partition(":")[0] in PERSONAL)
    return [
        Figure("random 80/20: default / best known", mine / BEST_KNOWN, 0.97, True, "ratio", f"NDCG@20 {mine:.4f}"),
        Figure("random 80/20: default / Surprise SVD by rating", mine / ndcg["svd"], 4.5, True),
        Figure(
            "random 80/20: weakest personal model / popularity", worst[0] / popularity, 1.0, True, "ratio", worst[1]
        ),
        Figure("random 80/20: coverage of the default", default.coverage, 0.26, True, "share"),
    ]


def _in_time(ratings: Interactions) -> list[Figure]:
    found = compare(ratings, [Recipe.of(name) for name in ("recent", "ease", "als", "default")])
    ndcg = _ndcg(found)
    best = max((ndcg[name], name) for name in ("recent", "ease", "als"))
    note = f"NDCG@20 {ndcg['default']:.4f}, {best[1]} {best[0]:.4f}; cuts at 80, 85, 90, 95 %"
    return [
        Figure("split in time: default / best of recent, ease, als", ndcg["default"] / best[0], 1.05, True, note=note)
    ]


def _ndcg(found: Comparison) -> dict[str, float]:
    return {one.recipe.label.replace(":validation=random", ""): one.mean(one.ndcg).value for one in found.contenders}


def _stars(ratings: Interactions) -> list[Figure]:
    usual, tuned = (_rmse(ratings, recipes_of(word)[0]) for word in ("svd", "svd:tuned"))
    off = abs(usual - PUBLISHED_RMSE)
    return [
        Figure("RMSE of SVD, off Surprise's published table", off, 0.005, False, "stars", f"{usual:.4f}"),
        Figure("RMSE of the tuned preset / the defaults", tuned / usual, 0.98, False, "ratio", f"{tuned:.4f}"),
    ]


def _rmse(ratings: Interactions, recipe: Recipe) -> float:
    """Mean over five folds, predictions held within 1 to 5 as the library does."""
    given, errors = ratings.ratings, []
    fold = np.random.default_rng(0).permutation(len(given.score)) % FOLDS
    for each in range(FOLDS):
        train, test = fold != each, fold == each
        model = recipe.fit(ratings.where(train))
        predicted = np.clip(model.predict(ratings.users[given.user[test]], given.movie[test]), 1, 5)
        errors.append(float(np.sqrt(((predicted - given.score[test]) ** 2).mean())))
    return float(np.mean(errors))


def _costs() -> list[Figure]:
    with TemporaryDirectory(prefix="matinee-bench-") as name:
        folder = Path(name)
        write_movielens(folder / "ratings", pairs(USERS, MOVIES, EVENTS))
        ingest([folder / "ratings"], folder / "store", TERM, format_="movielens")
        interactions = read_interactions(folder / "store", SCALE, min_viewers=1)
        whole = ratio(lambda: 1 / _bare_als(interactions), lambda: 1 / _end_to_end(folder), rounds=3)
        built = ratio(
            lambda: 1 / _their_trainset(interactions.ratings), lambda: 1 / _our_trainset(interactions.ratings), rounds=3
        )
    note = f"{EVENTS:,} events, {USERS:,} users, {MOVIES:,} movies"
    return [
        Figure("read, fit and write / bare fit of implicit ALS 64 x 15", whole, 1.25, False, "ratio", note),
        Figure("Surprise trainset / load_from_df + build_full_trainset", built, 0.5, False, "ratio", note),
    ]


def _end_to_end(folder: Path) -> float:
    started = time.perf_counter()
    interactions = read_interactions(folder / "store", SCALE, min_viewers=1)
    arrays = Recipe.of("als", ALS).fit(interactions).arrays()
    write_folder(folder / "model", {f"{key}.npy": array for key, array in arrays.items()}, {})
    return time.perf_counter() - started


def _bare_als(interactions: Interactions) -> float:
    """Seconds of the library's fit alone, its matrix ready and its BLAS held to one thread as it asks."""
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    given = interactions.ratings
    shape = (len(interactions.users), len(interactions.movies))
    matrix = csr_matrix((np.ones(len(given.user), np.float32), (given.user, given.movie)), shape=shape)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=64, regularization=10.0, iterations=15, random_state=1)
        started = time.perf_counter()
        model.fit(matrix, show_progress=False)
    return time.perf_counter() - started


def _our_trainset(given: Ratings) -> float:
    started = time.perf_counter()
    (_, user), (_, movie) = (np.unique(index, return_inverse=True) for index in (given.user, given.movie))
    found = trainset(Columns(user, movie, given.score, (1.0, 5.0)))
    assert found.n_ratings == len(given.score)
    return time.perf_counter() - started


def _their_trainset(given: Ratings) -> float:
    import pandas as pd
    from surprise import Dataset, Reader

    frame = pd.DataFrame({"user": given.user, "movie": given.movie, "score": given.score})
    started = time.perf_counter()
    Dataset.load_from_df(frame, Reader(rating_scale=(1, 5))).build_full_trainset()
    return time.perf_counter() - started


def _ranking(n_users: int = 8_192, n_movies: int = 27_000, factors: int = 64) -> Figure:
    """Top 20 of each user with seen movies masked, against the product of the factors alone in blocks of one size."""
    rng = np.random.default_rng(1)
    users, movies = np.arange(n_users), np.array([f"{number:05}" for number in range(n_movies)])
    of_users, of_movies = (rng.normal(size=(n, factors)).astype(np.float32) for n in (n_users, n_movies))
    model = Servable.of_factors(users, movies, np.zeros(n_movies), of_users, of_movies)
    seen = Histories.of(np.repeat(users, 20), rng.integers(0, n_movies, 20 * n_users), n_users)

    def lists() -> float:
        started = time.perf_counter()
        model.top(users, seen, 20)
        return n_users / (time.perf_counter() - started)

    def product() -> float:
        started, block = time.perf_counter(), BLOCK_CELLS // n_movies
        held: Any = np.empty((block, n_movies), np.float32)
        for first in range(0, n_users, block):
            part = of_users[first : first + block]
            np.matmul(part, of_movies.T, out=held[: len(part)])
        return n_users / (time.perf_counter() - started)

    with threadpool_limits(1, "blas"):  # as publish runs beside the service
        note = f"{n_movies:,} movies x {factors} factors, one thread; {lists():,.0f} lists/s"
        return Figure("top 20 of unseen / product of factors alone", ratio(lists, product), 0.5, True, "ratio", note)
