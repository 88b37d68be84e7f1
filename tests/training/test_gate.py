"""The gate lets through what is better or as good, refuses what breaks a rule, and always says why."""

import numpy as np
import pytest

from training.gate import broken_rules, judge
from training.models import Recipe
from training.scoring import Scored
from training.servable import Servable

MOVIES = np.array([f"m{index:02}" for index in range(30)])
USERS = np.arange(200)


def scored(name: str = "svd", mean: float = 0.2, spread: float = 0.01, seed: int = 0, **parts: object) -> Scored:
    """A recipe that got NDCG@20 of `mean` on average over 200 users."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, spread, len(USERS))
    rows = mean + noise - noise.mean()
    factors = 2 if name == "svd" else 0
    servable = Servable.of_factors(USERS, MOVIES, rng.random(30), rng.random((200, factors)), rng.random((30, factors)))
    lists = np.array([rng.permutation(30)[:20] for _ in USERS], dtype=np.int32)
    metrics = {"ndcg@20": float(rows.mean())}
    return Scored(
        **{"recipe": Recipe.of(name), "servable": servable, "lists": lists, "ndcg": rows, "metrics": metrics} | parts
    )


POPULARITY = scored("popularity", 0.1)


def test_the_first_champion_needs_only_to_be_sane():
    assert judge(scored(mean=0.01), None, POPULARITY).passed


def test_a_better_model_passes_and_the_reason_gives_both_numbers():
    verdict = judge(scored("svd", 0.20), scored("recent", 0.15, seed=1), POPULARITY)
    assert verdict.passed
    assert "0.2000 against 0.1500" in verdict.reasons[1]
    assert verdict.record()["verdict"] == "pass"


def test_a_worse_model_is_refused():
    verdict = judge(scored("svd", 0.15), scored("recent", 0.20, seed=1), POPULARITY)
    assert not verdict.passed
    assert "the champion (recent)" in verdict.reasons[1]


@pytest.mark.parametrize(("ndcg", "passes"), [(0.1995, True), (0.1970, False)])
def test_a_model_may_be_one_percent_worse_than_the_champion_and_no_more(ndcg, passes):
    champion = scored("recent", 0.2, spread=0.0)
    assert judge(scored("svd", ndcg, spread=0.0), champion, POPULARITY).passed is passes


def test_doubt_counts_against_the_newcomer():
    champion = scored("recent", 0.2, spread=0.2, seed=1)
    assert not judge(scored("svd", 0.2, spread=0.2, seed=2), champion, POPULARITY).passed


def test_a_personal_model_must_beat_popularity_even_where_the_champion_does_not():
    champion = scored("recent", 0.05, seed=1)
    verdict = judge(scored("svd", 0.08), champion, POPULARITY)
    assert not verdict.passed
    assert "of popularity;" in verdict.reasons[2]
    assert judge(scored("recent", 0.08), scored("svd", 0.05), POPULARITY).passed, "popularity models are exempt"


def test_the_champions_own_recipe_on_newer_data_passes():
    assert judge(scored("recent", 0.1), scored("recent", 0.2), POPULARITY).passed


def test_with_nobody_to_compare_on_the_champion_stays():
    nobody = {"lists": np.empty((0, 20), np.int32), "ndcg": np.empty(0), "metrics": {"ndcg@20": None}}
    verdict = judge(scored("svd", **nobody), scored("recent", **nobody), scored("popularity", **nobody))
    assert not verdict.passed
    assert "nobody to compare on" in verdict.reasons[1]


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ({"servable": Servable.of_scores(USERS, MOVIES[:0], np.empty(0))}, "knows no movie"),
        ({"servable": Servable.of_scores(USERS, MOVIES, np.full(30, np.nan))}, "not finite"),
        ({"servable": Servable.of_scores(USERS, MOVIES, np.full(30, -np.inf))}, "short list"),
        ({"lists": np.full((200, 20), -1, np.int32)}, "empty list"),
        ({"lists": np.zeros((200, 20), np.int32)}, "show 1 movies"),
        ({"metrics": {"ndcg@20": 0.2, "recommend_per_second": 99.0}}, "99 lists a second"),
    ],
)
def test_each_broken_rule_is_named_and_refuses_even_the_first_champion(parts, rule):
    candidate = scored(**parts)
    assert any(rule in reason for reason in broken_rules(candidate))
    assert not judge(candidate, None, POPULARITY).passed


def test_sound_lists_break_no_rule():
    assert broken_rules(scored()) == []
