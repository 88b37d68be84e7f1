"""Measures of lists: every expected value is arithmetic that can be redone beside it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import ranking
from evaluation.ranking import (
    Relevant,
    coverage,
    gini,
    hit_rate_at,
    mrr_at,
    ndcg_at,
    novelty,
    precision_at,
    recall_at,
    top_share,
)

movies = st.integers(0, 12)
users = st.lists(st.tuples(st.lists(movies, max_size=8), st.sets(movies, max_size=8)), min_size=1, max_size=6)
NAMES = ("ndcg", "recall", "precision", "hit_rate", "mrr")


def test_ndcg_of_hits_in_second_and_third_place_of_three_relevant():
    got = 1 / math.log2(3) + 1 / math.log2(4)
    best = 1 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg_at(3, ["a", "b", "c"], {"b", "c", "d"}) == pytest.approx(got / best)


def test_ndcg_is_one_when_the_only_relevant_movie_is_on_top():
    assert ndcg_at(20, ["a", "b", "c"], {"a"}) == 1.0


def test_a_movie_repeated_in_a_list_counts_once_at_its_first_place():
    assert ndcg_at(3, ["a", "a", "a"], {"a"}) == 1.0
    assert recall_at(3, ["a", "a", "b"], {"a", "b", "c", "d"}) == 2 / 4


def test_recall_precision_hit_and_reciprocal_rank_by_hand():
    shown, watched = ["a", "b", "c", "d"], {"b", "d", "z"}
    assert recall_at(4, shown, watched) == 2 / 3
    assert recall_at(1, shown, watched) == 0
    assert precision_at(4, shown, watched) == 2 / 4
    assert precision_at(10, shown, watched) == 2 / 10
    assert hit_rate_at(4, shown, watched) == 1
    assert hit_rate_at(1, shown, watched) == 0
    assert mrr_at(4, shown, watched) == 1 / 2
    assert mrr_at(1, shown, watched) == 0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_of_a_user_without_relevant_movies(name):
    assert math.isnan(getattr(ranking, f"{name}_at")(20, ["a"], set()))


@pytest.mark.parametrize("name", NAMES)
@given(users, st.integers(1, 10))
def test_the_form_for_all_users_gives_the_numbers_of_the_form_for_one(name, people, k):
    lists = np.full((len(people), 8), -1, np.int32)
    for row, (shown, _) in enumerate(people):
        lists[row, : len(shown)] = shown
    pairs = [(row, movie) for row, (_, wanted) in enumerate(people) for movie in wanted]
    rows, items = np.array(pairs, np.int64).reshape(-1, 2).T
    relevant = Relevant.of(rows, items, len(people))
    one_by_one = [
        getattr(ranking, f"{name}_at")(k, [str(m) for m in shown], {str(m) for m in wanted}) for shown, wanted in people
    ]
    np.testing.assert_allclose(getattr(ranking, f"{name}_rows")(k, lists, relevant), one_by_one)


@given(st.lists(movies, max_size=30), st.sets(movies, min_size=1), st.integers(1, 20))
def test_every_measure_lies_between_zero_and_one(shown, wanted, k):
    for name in NAMES:
        assert 0 <= getattr(ranking, f"{name}_at")(k, shown, wanted) <= 1 + 1e-12


@given(st.permutations(range(8)), st.sets(st.integers(0, 7), min_size=1), st.integers(1, 7))
def test_moving_a_relevant_movie_up_never_lowers_ndcg(shown, wanted, place):
    better = list(shown)
    if shown[place] in wanted and shown[place - 1] not in wanted:
        better[place - 1], better[place] = better[place], better[place - 1]
    assert ndcg_at(8, better, wanted) >= ndcg_at(8, shown, wanted)


def test_coverage_counts_each_movie_once_and_no_empty_place():
    assert coverage(np.array([[0, 1, -1], [1, 2, -1]]), n_movies=10) == 3 / 10
    assert math.isnan(coverage(np.array([[0]]), n_movies=0))


def test_gini_is_zero_for_equal_counts_and_close_to_one_for_a_single_hit():
    assert gini(np.array([3, 3, 3, 3])) == 0
    assert gini(np.array([0, 0, 0, 7])) == 3 / 4  # (n - 1) / n
    assert gini(np.array([1, 3])) == pytest.approx((-1 * 1 + 1 * 3) / (2 * 4))
    assert math.isnan(gini(np.array([0, 0])))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20).filter(any), st.integers(2, 9))
def test_gini_does_not_depend_on_order_or_unit(counts, factor):
    assert gini(np.array(counts[::-1]) * factor) == pytest.approx(gini(np.array(counts)))
    assert 0 <= gini(np.array(counts)) < 1


def test_share_of_the_top_movies():
    assert top_share(np.array([1, 6, 3]), 2) == 9 / 10
    assert math.isnan(top_share(np.array([0]), 1))


def test_novelty_of_a_movie_with_a_quarter_of_the_plays_is_two_bits():
    watched = np.array([0, 2])  # with one play added: 1/4 and 3/4
    assert novelty(np.array([5, 0]), watched) == pytest.approx(2)
    assert novelty(np.array([1, 1]), watched) == pytest.approx((2 + math.log2(4 / 3)) / 2)
    assert math.isnan(novelty(np.array([0, 0]), watched))
