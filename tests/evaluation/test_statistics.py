"""Intervals: expected values are arithmetic beside them; coverage is counted against a known truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.prediction import mae, rmse
from evaluation.statistics import NOTHING, bootstrap_mean, mean, paired_lower_bound, share, wilson

counts = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] <= p[1]), min_size=1)


def test_wilson_of_eight_out_of_ten():
    # z = 1.96: middle = (0.8 + 3.8416/20) / (1 + 0.38416); half = 1.96 / 1.38416 * sqrt(0.16/10 + 3.8416/400)
    middle, half = (0.8 + 3.8416 / 20) / 1.38416, 1.96 / 1.38416 * math.sqrt(0.016 + 3.8416 / 400)
    found = wilson(8, 10)
    assert (found.value, found.count) == (0.8, 10)
    assert (found.low, found.high) == (pytest.approx(middle - half, abs=1e-4), pytest.approx(middle + half, abs=1e-4))


def test_no_success_in_ten_does_not_mean_impossible():
    found = wilson(0, 10)
    assert found.low == 0
    assert found.high == pytest.approx(3.8416 / (10 + 3.8416), abs=1e-4)  # z² / (n + z²)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_keeps_the_share_inside_and_the_bounds_possible(successes, n):
    found = wilson(min(successes, n), n)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_nothing_counted_gives_nothing():
    assert wilson(0, 0) is NOTHING
    assert share(np.array([0]), np.array([0])) is NOTHING
    assert mean(np.array([]), np.array([])) is NOTHING
    assert bootstrap_mean(np.array([math.nan])) is NOTHING
    assert math.isnan(paired_lower_bound(np.array([math.nan]), np.array([1.0])))


def test_a_share_of_one_case_per_user_is_wilson_up_to_the_factor_n_minus_one():
    found, plain = share(np.array([1] * 80 + [0] * 20), np.ones(100)), wilson(0.8 * 99, 99)
    assert found.value == 0.8
    assert (found.low, found.high) == (pytest.approx(plain.low), pytest.approx(plain.high))


def test_ten_equal_events_of_each_user_are_worth_one():
    each, once = (
        share(np.array([10] * 30 + [0] * 70), np.full(100, 10)),
        share(np.array([1] * 30 + [0] * 70), np.ones(100)),
    )
    assert (each.low, each.high) == (pytest.approx(once.low), pytest.approx(once.high))


@given(counts)
def test_a_share_lies_within_its_bounds_and_they_within_zero_and_one(pairs):
    totals, out_of = np.array(pairs).T
    found = share(totals, out_of)
    if found.count:
        assert -1e-9 <= found.low <= found.value + 1e-9
        assert found.value - 1e-9 <= found.high <= 1 + 1e-9
        assert found.value == pytest.approx(totals.sum() / out_of.sum())


def test_mean_of_two_users_by_hand():
    # one user 3 stars once, the other 5 stars once: mean 4, variance of the mean = (1 + 1) / (2 - 1) / 2 = 1
    found = mean(np.array([3, 5]), np.array([1, 1]))
    assert (found.value, found.count) == (4, 2)
    assert found.high - found.low == pytest.approx(2 * 1.959964, abs=1e-5)


def test_of_a_single_user_no_interval_is_claimed():
    found = mean(np.array([9]), np.array([2]))
    assert found.value == 4.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_intervals_hold_the_truth_about_95_times_in_100_when_events_of_a_user_hang_together():
    rng, held = np.random.default_rng(5), {"share": 0, "mean": 0, "bootstrap": 0}
    for _ in range(300):
        taste, events = rng.beta(2, 6, 200), rng.integers(1, 12, 200)
        hits = rng.binomial(events, taste)
        for name, found in (("share", share(hits, events)), ("mean", mean(hits, events))):
            held[name] += found.low <= 0.25 <= found.high
        drawn = bootstrap_mean(rng.beta(2, 6, 200), draws=200)
        held["bootstrap"] += drawn.low <= 0.25 <= drawn.high
    assert all(275 <= n <= 297 for n in held.values()), held  # 285 expected, standard deviation 3.8


def test_the_bootstrap_repeats_itself_and_brackets_the_mean():
    values = np.array([0, 0, 1, 1, 1, math.nan])
    found = bootstrap_mean(values, seed=3)
    assert found == bootstrap_mean(values, seed=3)
    assert (found.value, found.count) == (3 / 5, 5)
    assert 0 <= found.low < found.value < found.high <= 1


def test_a_difference_that_is_the_same_for_every_user_is_its_own_lower_bound():
    old = np.array([0.1, 0.5, 0.9])
    assert paired_lower_bound(old + 0.2, old) == pytest.approx(0.2)
    assert paired_lower_bound(old, old) == 0


def test_a_better_model_is_told_from_a_lucky_one():
    rng = np.random.default_rng(1)
    old = rng.uniform(0, 1, 500)
    assert paired_lower_bound(old + rng.normal(0.05, 0.2, 500), old) > 0  # 5.6 standard errors
    assert paired_lower_bound(old + rng.normal(0, 0.2, 500), old) < 0.01


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        wilson(1, 2, level)


def test_errors_of_predicted_ratings_by_hand():
    predicted, given_stars = np.array([3.0, 4.0]), np.array([4, 1])
    assert rmse(predicted, given_stars) == math.sqrt((1 + 9) / 2)
    assert mae(predicted, given_stars) == (1 + 3) / 2
    assert math.isnan(rmse(np.array([]), np.array([])))
    with pytest.raises(ValueError, match="one prediction per rating"):
        mae(predicted, np.array([1]))
