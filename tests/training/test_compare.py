"""`training compare` and `curve`: the table, what the split is checked for, captures too short, pages."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from interactions import HOUR_NS, START_NS, columns, small_world

from training.__main__ import cli
from training.compare import compare, leakage
from training.data import Columns, interactions_of, split_at_random, split_by_time
from training.models import Recipe
from training.slices import groups_of, slices_of

RECIPES = [Recipe.of(name) for name in ("popularity", "ease", "svd")]


@pytest.fixture(scope="module")
def world():
    return small_world(n_users=200, n=6_000)


@pytest.fixture(scope="module")
def comparison(world):
    return compare(world, RECIPES, "time", [0.8, 0.9])


@pytest.fixture(scope="module")
def ratings_file(tmp_path_factory):
    _, given = columns(n_users=80, n=3_000)
    path = tmp_path_factory.mktemp("ratings") / "u.data"
    rows = zip(given.user_id, given.movie_id, given.value, given.at_ns // 10**9, strict=True)
    path.write_text("".join(f"{u}\t{m.split('+')[1]}\t{1 + s % 5}\t{t}\n" for u, m, s, t in rows))
    return path


def run(*words: str, var_dir) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, list(words), env={"VAR_DIR": str(var_dir), "COURSE_TERM": "S2026"})
    return done.exit_code, done.stdout, done.stderr


def test_taste_beats_popularity_where_there_is_taste_and_stars_are_marked_as_no_lists(comparison):
    best = comparison.best
    assert best.recipe.name == "ease"
    assert [one.recipe.name for one in comparison.contenders if one.rates] == ["svd"]
    assert next(one for one in comparison.contenders if one.rates).rmse > 0
    popularity = next(one for one in comparison.contenders if one.recipe.name == "popularity")
    gain = best.mean(best.ndcg - popularity.ndcg)
    assert gain.low > 0
    assert gain.low < gain.value < gain.high


def test_the_mean_of_all_cuts_is_that_of_their_users_with_a_history(world, comparison):
    pooled = []
    for cut in (0.8, 0.9):
        alone = compare(world, [RECIPES[1]], "time", [cut]).best
        pooled.append(alone.ndcg[alone.seen > 0])
    assert comparison.best.mean(comparison.best.ndcg).value == pytest.approx(np.concatenate(pooled).mean())


def test_parts_of_the_users_add_up_to_all_of_them(comparison):
    best = comparison.best
    found = slices_of(best, {"side": np.where(comparison.users % 2 == 0, "even", "odd")})
    by_side = [each.estimate for each in found if each.by == "side"]
    assert sum(each.count for each in by_side) == best.mean(best.ndcg).count
    assert {each.value for each in found if each.by == "popularity of movies"} <= {"head", "middle", "tail"}


def test_a_split_in_time_leaks_nothing_and_a_random_one_says_that_it_does(world):
    assert set(leakage([split_by_time(world)]).values()) == {0}
    found = leakage([split_at_random(world)])
    assert found["users_with_a_test_event_before_a_training_event"] > 0
    assert found["test_pairs_seen_in_training"] == 0


def test_a_test_event_moved_into_training_is_found(world):
    split = split_by_time(world)
    leaky = replace(split, train=world)
    assert leakage([leaky])["test_pairs_seen_in_training"] > 0
    assert leakage([leaky])["users_with_a_test_event_before_a_training_event"] > 0


@pytest.mark.parametrize("kind", ["time", "random"])
def test_what_is_in_the_test_part_changes_no_list(world, kind):
    split = split_by_time(world) if kind == "time" else split_at_random(world)
    other = replace(split, test=split.test.where(np.arange(len(split.test.at_ns())) % 2 == 0))
    recipe = Recipe.of("default")
    lists = [
        recipe.fit(each.train).top(world.users, each.train.histories(), 20).tolist() for each in (split, other)
    ]  # fmt: skip
    assert lists[0] == lists[1]


def test_a_random_split_gives_each_user_a_fifth_and_loses_no_event(world):
    split = split_at_random(world)
    before, train = (np.bincount(part.pairs()[0], minlength=len(world.users)) for part in (world, split.train))
    assert (train == np.ceil(0.8 * before)).all()
    assert len(split.train.at_ns()) + len(split.test.at_ns()) == len(world.at_ns())
    assert (split_at_random(world).train.pairs()[1] == split.train.pairs()[1]).all()


def test_one_rating_a_user_says_so_and_is_still_compared():
    n = 400
    nothing = Columns(np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.int64), np.empty(0))
    movie = np.array([f"movie+{index % 23}+2000" for index in range(n)], object)
    given = Columns(np.arange(n), movie, START_NS + np.arange(n) * HOUR_NS, np.full(n, 4))
    short = interactions_of(nothing, given)
    found = compare(short, [Recipe.of(name) for name in ("popularity", "als", "ease", "default", "svd")])
    assert "a short capture" in found.short
    assert all(0 <= one.mean(one.ndcg).value <= 1 for one in found.contenders)


def test_the_command_compares_a_file_of_ratings(ratings_file, tmp_path):
    page = tmp_path / "compare.html"
    words = ("compare", "--ratings", str(ratings_file), "--models", "popularity,ease,svd:tuned", "--json", "--no-log")
    code, out, err = run(*words, "--html", str(page), var_dir=tmp_path)
    assert code == 0, err
    found = json.loads(out)
    assert found["split"] == "time"
    keys = {"name", "ndcg@20", "recall@20", "hit_rate@20", "coverage", "rmse", "fit_seconds", "recommend_per_second",
            "bytes"}  # fmt: skip
    assert all(keys <= model.keys() for model in found["models"])
    rmse = {model["name"].partition(":")[0]: model["rmse"] for model in found["models"]}
    assert rmse["svd"] > 0
    assert rmse["ease"] is None
    assert all(set(said) == {"metric", "data", "operationalisation"} for said in found["meanings"].values())
    assert "NDCG@20 against seconds to fit" in page.read_text()
    assert "http" not in page.read_text()


def test_the_curve_says_from_when_on_taste_pays(ratings_file, tmp_path):
    page = tmp_path / "curve.html"
    words = ("curve", "--ratings", str(ratings_file), "--models", "ease")
    code, out, err = run(*words, "--html", str(page), var_dir=tmp_path)
    assert code == 0, err
    assert "ease beats popularity from" in out
    assert page.read_text().count("<polyline") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--models", "nope"), "no model 'nope'"),
        (("--cuts", "120"), "--cuts takes percents"),
        (("--format", "xml"), "--format is one of"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_was_expected(ratings_file, tmp_path, words, said):
    code, _, err = run("compare", "--ratings", str(ratings_file), *words, var_dir=tmp_path)
    assert code == 2
    assert said in err


def test_users_are_grouped_by_what_the_catalogue_says_of_them(comparison, tmp_path):
    users = comparison.users[:3].tolist()
    records = [
        {"user_id": users[0], "age": 17, "occupation": "student", "gender": "F"},
        {"user_id": users[1], "age": 42, "occupation": "lawyer", "gender": "M"},
    ]
    (tmp_path / "users.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    groups = groups_of(comparison, tmp_path)
    assert groups["gender"][:3].tolist() == ["F", "M", ""]
    assert groups["age"][:3].tolist() == ["under 18", "35-49", ""]
    assert groups_of(comparison, tmp_path / "nothing") == {}
