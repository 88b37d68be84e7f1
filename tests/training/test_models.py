"""What each shipped model learns, against arithmetic or the library itself."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from interactions import HOUR_NS, START_NS, small_world
from scipy.sparse import csr_matrix

import training.models
from training.data import Columns, Ratings, interactions_of, split_by_time
from training.models import Recipe, UnknownModel, names, recipes_of
from training.models.surprise_knn import _last_ratings
from training.scoring import score

NO_RATINGS = Columns(np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.int64), np.empty(0, np.int64))


def watched(*rows: tuple[int, str, float, int]):
    """From (user, movie, hours after the start, minutes)."""
    user, movie, hours, minutes = zip(*rows, strict=True)
    at_ns = START_NS + (np.array(hours) * HOUR_NS).astype(np.int64)
    return interactions_of(Columns(np.array(user), np.array(movie, object), at_ns, np.array(minutes)), NO_RATINGS, 1)


def test_popularity_adds_up_shares_watched():
    world = watched((1, "a", 0, 60), (2, "a", 1, 30), (1, "b", 2, 120))
    assert Recipe.of("popularity").fit(world).base.tolist() == [1.5, 1.0]


def test_recent_halves_a_session_every_half_life():
    world = watched((1, "a", 0, 60), (2, "a", 10, 60), (1, "b", 20, 30), (2, "c", 20, 60))
    model = Recipe.of("recent", {"half_life_hours": 10.0}).fit(world)
    assert model.base.tolist() == [0.25 + 0.5, 0.5, 1.0]


def test_one_mistyped_date_in_the_future_does_not_age_everything_else():
    rows = [(user, "a", user / 1000, 60) for user in range(2000)]
    recent = Recipe.of("recent", {"half_life_hours": 24.0})
    right = recent.fit(watched(*rows))
    wrong = recent.fit(watched(*rows, (1, "b", 50_000, 60)))
    assert wrong.base[0] == pytest.approx(right.base[0], rel=1e-3)


def test_a_half_life_must_be_a_time():
    with pytest.raises(ValueError, match="half_life_hours"):
        Recipe.of("recent", {"half_life_hours": 0.0})


def surprise_data(ratings: Ratings):
    """The library's own objects, made its own way."""
    import pandas as pd
    from surprise import Dataset, Reader

    order = np.lexsort((ratings.movie, ratings.user))
    frame = pd.DataFrame({"u": ratings.user[order], "m": ratings.movie[order], "r": ratings.score[order]})
    scale = (float(ratings.score.min()), float(ratings.score.max()))
    return Dataset.load_from_df(frame, Reader(rating_scale=scale)).build_full_trainset()


def test_svd_predicts_what_surprise_predicts():
    from surprise import SVD

    world = small_world()
    given = world.ratings
    ours = Recipe.of("svd", {"n_factors": 5, "n_epochs": 3}).fit(world)
    theirs = SVD(n_factors=5, n_epochs=3, random_state=1).fit(surprise_data(given))
    pairs = list(zip(given.user[:200].tolist(), given.movie[:200].tolist(), strict=True))
    expected = [theirs.predict(user, movie, clip=False).est for user, movie in pairs]
    found = ours.predict(world.users[given.user[:200]], given.movie[:200])
    assert np.abs(found - expected).mean() < 0.1, "another order of numbering draws other first factors"
    assert np.corrcoef(found, expected)[0, 1] > 0.95


def test_surprise_knn_predicts_what_surprise_predicts():
    from surprise import KNNBaseline

    world = small_world()
    pairs = _last_ratings(world)
    once = replace(world, ratings=Ratings(pairs.user, pairs.movie, pairs.at_ns, pairs.weight))
    ours = Recipe.of("surprise_knn", {"neighbours": 3}).fit(once)
    options = {"name": "pearson_baseline", "user_based": False}
    theirs = KNNBaseline(k=3, sim_options=options, verbose=False).fit(surprise_data(once.ratings))
    asked = [(user, movie) for user in range(0, 60, 7) for movie in range(len(world.movies))]
    expected = [theirs.predict(user, movie, clip=False).est for user, movie in asked]
    user, movie = np.array(asked).T
    assert ours.predict(world.users[user], movie) == pytest.approx(expected, abs=2e-3)


def test_the_same_library_ranks_better_on_what_was_seen_than_on_stars():
    world = small_world(n_users=300, n=6_000)
    split = split_by_time(world)
    assert score(Recipe.of("svd_seen"), split).quality > score(Recipe.of("svd"), split).quality


@pytest.mark.parametrize("weighting", ["cosine", "tfidf", "bm25"])
def test_item_knn_has_the_links_of_implicit(weighting):
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    world = small_world()
    tastes = world.tastes()
    kinds = {
        "cosine": CosineRecommender,
        "tfidf": TFIDFRecommender,
        "bm25": partial(BM25Recommender, K1=0.5, B=0.75),
    }
    theirs = kinds[weighting](K=5)
    shape = (len(world.users), len(world.movies))
    theirs.fit(csr_matrix((tastes.weight, (tastes.user, tastes.movie)), shape=shape), show_progress=False)
    ours = Recipe.of("item_knn", {"weighting": weighting, "neighbours": 5}).fit(world)
    ids, values = theirs.similar_items(4, N=6)
    links = {int(i): float(v) for i, v in zip(ids, values, strict=True) if i != 4 and v > 0}
    found = {int(i): float(ours.links[4, i]) for i in np.flatnonzero(ours.links[4])}
    assert found.keys() == links.keys()
    assert sorted(found.values()) == pytest.approx(sorted(links.values()), rel=1e-4)


def test_rating_predictors_say_that_they_are_none_of_lists():
    world = small_world()
    rating = {name for name in names() if Recipe.of(name).fit(world).rates[0]}
    assert rating == {"svd", "surprise_knn"}


def test_a_word_names_a_model_its_preset_its_parameters_a_file_or_a_folder(tmp_path):
    assert recipes_of("svd:tuned") == [Recipe.of("svd", {"n_factors": 50, "n_epochs": 60, "reg_all": 0.1})]
    assert recipes_of("item_knn:weighting=bm25:neighbours=7")[0].parameters["neighbours"] == 7
    assert recipes_of("training.models.ease")[0].fit(small_world()).personal
    source = Path(training.models.__file__).with_name("popularity.py").read_text()
    (tmp_path / "mine_a.py").write_text(source)
    (tmp_path / "mine_b.py").write_text(source)
    assert [recipe.label for recipe in recipes_of(str(tmp_path))] == [str(tmp_path / f"mine_{n}.py") for n in "ab"]
    assert not recipes_of(str(tmp_path / "mine_a.py"))[0].fit(small_world()).personal


@pytest.mark.parametrize(
    ("word", "said"),
    [("nope", "no model 'nope'"), ("svd:best", "no preset 'best'; it has tuned"), ("als:seed=x", "expected a int"),
     ("als:depth=3", "als has no depth"), ("math", "no Config")],
)  # fmt: skip
def test_a_word_that_names_no_model_says_what_there_is(word, said):
    with pytest.raises(UnknownModel, match=said):
        recipes_of(word)
