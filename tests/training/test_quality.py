"""The lists on real data, MovieLens 100K: one cut of each protocol; `make bench ONLY=models` takes them all."""

import pytest

from movielens import ml_100k
from training.compare import Comparison, compare
from training.models import Recipe

RANDOM = ("popularity", "ease", "als", "item_knn", "svd")
TIME = ("recent", "ease", "als", "default")
BEST_KNOWN = 0.4386  # NDCG@20 of the best of tuned SLIM, EASE and iALS on such a split


@pytest.fixture(scope="module")
def ratings():
    return ml_100k()


def of_all(comparison: Comparison) -> dict[str, float]:
    return {one.recipe.name: one.mean(one.ndcg).value for one in comparison.contenders}


def test_on_a_random_split_links_are_close_to_the_best_known_and_stars_are_far_below_popularity(ratings):
    found = compare(ratings, [Recipe.of(name) for name in RANDOM], "random")
    ndcg = of_all(found)
    assert ndcg["ease"] >= 0.97 * BEST_KNOWN
    assert ndcg["ease"] >= 4.5 * ndcg["svd"]
    assert min(ndcg[name] for name in ("ease", "als", "item_knn")) > ndcg["popularity"] > ndcg["svd"]
    assert found.best.recipe.name == "ease"
    assert found.best.coverage >= 0.26


def test_on_a_split_in_time_the_default_beats_the_best_of_its_parts(ratings):
    ndcg = of_all(compare(ratings, [Recipe.of(name) for name in TIME], "time", [0.9]))
    assert ndcg["default"] >= 1.05 * max(ndcg[name] for name in ("recent", "ease", "als"))
