"""Statistics of experiments against arithmetic, other implementations and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from evaluation import power
from evaluation.assignment import arm_numbers, id_texts, positions
from evaluation.effects import compare, cuped, holm, linearised
from evaluation.experiment import sample_ratio_p
from evaluation.sequential import anytime, half_width
from evaluation.statistics import mean
from stream.experiments import Arm, Experiment, arm_of, position

USERS = st.lists(st.integers(0, 2**63 - 1), max_size=50)
SHARES = st.lists(st.floats(0.01, 0.33), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60)
@given(USERS, SHARES, st.text(max_size=20))
def test_many_users_get_the_arms_that_the_service_gives_them_one_by_one(users, shares, salt):
    arms = tuple(Arm(f"a{number}", share) for number, share in enumerate(shares))
    trial = Experiment("e", "model", "all", arms, salt)
    one_by_one = [arm_of(trial, user) for user in users]
    together = arm_numbers(trial, id_texts(users))
    assert [arms[number] if number >= 0 else None for number in together] == one_by_one
    assert positions(salt, id_texts(users)).tolist() == [position(salt, user) for user in users]


def test_welch_is_that_of_scipy():
    rng = np.random.default_rng(1)
    control, treatment = rng.exponential(2, 60), rng.exponential(3, 90)
    ours, theirs = compare(control, treatment, 0.9), ttest_ind(treatment, control, equal_var=False)
    assert float(ours.p_value) == pytest.approx(theirs.pvalue)
    bounds = theirs.confidence_interval(0.9)
    assert (float(ours.low), float(ours.high)) == pytest.approx((bounds.low, bounds.high))


def test_several_days_at_once_are_as_each_day_alone():
    rng = np.random.default_rng(2)
    control, treatment = rng.poisson(2, (50, 3)).astype(float), rng.poisson(3, (70, 3)).astype(float)
    together = compare(control, treatment)
    for day in range(3):
        assert float(compare(control[:, day], treatment[:, day]).low) == pytest.approx(together.low[day])


def test_a_ratio_by_user_has_the_delta_methods_interval():
    rng = np.random.default_rng(3)
    counts = rng.poisson(4, 400)
    totals = rng.binomial(counts, 0.3)
    values, known = linearised(totals.astype(float), counts.astype(float)), mean(totals, counts)
    assert values.mean() == pytest.approx(known.value)
    assert 1.96 * values.std(ddof=1) / math.sqrt(400) == pytest.approx(known.high - known.value, rel=0.02)


def test_cuped_keeps_the_difference_and_takes_off_what_the_past_explains():
    rng = np.random.default_rng(4)
    habit = rng.normal(10, 5, 4_000)
    values = habit + rng.normal(0, 1, 4_000)
    values[2_000:] += 0.5
    plain = compare(values[:2_000], values[2_000:])
    adjusted = cuped((values[:2_000], values[2_000:]), (habit[:2_000], habit[2_000:]))
    sharper = compare(*adjusted)
    assert float(sharper.variance) < 0.06 * float(plain.variance)  # 1 of 26 parts of the variance is not habit
    assert float(sharper.difference) == pytest.approx(0.5, abs=0.1)


def test_a_past_that_does_not_vary_changes_nothing():
    values = (np.array([1.0, 2.0]), np.array([3.0, 5.0]))
    assert cuped(values, (np.zeros(2), np.zeros(2))) == values


def test_holm_by_hand():
    adjusted = holm({"a": 0.04, "b": 0.01, "c": 0.03, "d": math.nan})
    assert math.isnan(adjusted.pop("d"))  # and does not count
    # 0.01 * 3; then 0.03 * 2; 0.04 * 1 is less than what came before
    assert adjusted == pytest.approx({"a": 0.06, "b": 0.03, "c": 0.06})


def test_shares_as_planned_raise_no_suspicion_and_lost_users_do():
    assert sample_ratio_p([5_050, 4_950], [0.5, 0.5]) == pytest.approx(0.317, abs=0.001)  # z = 1
    assert sample_ratio_p([5_200, 4_800], [0.5, 0.5]) < 0.001
    assert sample_ratio_p([100, 900], [0.1, 0.9]) == 1
    assert math.isnan(sample_ratio_p([0, 0], [0.5, 0.5]))


def test_the_always_valid_interval_is_wider_than_the_fixed_one_but_not_out_of_sight():
    rng = np.random.default_rng(5)
    effect = compare(rng.normal(0, 1, 5_000), rng.normal(0, 1, 5_000))
    low, high = anytime(effect, 0.05)
    assert 1.2 < float((high - low) / (effect.high - effect.low)) < 2


def test_looking_after_every_batch_of_users_gives_few_false_alarms_with_it_and_many_without():
    rng, alarms, naive = np.random.default_rng(6), 0, 0
    steps = np.arange(100, 5_001, 50)
    for _ in range(300):
        a, b = (rng.normal(0, 1, 5_000).cumsum() for _ in range(2))
        difference, variance = (b - a)[steps - 1] / steps, 2 / steps
        alarms += bool((np.abs(difference) > half_width(variance, 0.1)).any())
        naive += bool((np.abs(difference) > 1.96 * np.sqrt(variance)).any())
    assert alarms <= 15
    assert naive > 60


def test_an_arm_of_a_few_users_has_no_always_valid_interval_yet():
    low, _ = anytime(compare(np.zeros(50), np.ones(500)), 0.1)
    assert np.isnan(low).all()


def test_power_users_and_smallest_effect_agree():
    needed = power.users_needed(0.1, 1.0, (0.5, 0.5), 0.8)
    assert needed == pytest.approx(4 * (1.959964 + 0.841621) ** 2 / 0.01, rel=1e-4)
    arms = (needed / 2, needed / 2)
    assert power.power(0.1, 1.0, arms) == pytest.approx(0.8, abs=1e-3)
    assert power.detectable(1.0, arms, 0.8) == pytest.approx(0.1)
    assert power.power(0.0, 1.0, arms) == pytest.approx(0.05)


def test_uneven_shares_need_more_users():
    assert power.users_needed(0.1, 1, (0.1, 0.9), 0.8) > 2 * power.users_needed(0.1, 1, (0.5, 0.5), 0.8)


def test_days_are_read_off_the_log_and_go_on_at_its_last_pace():
    assert power.days_needed(150, [100, 100]) == 1.5
    assert power.days_needed(300, [100, 50, 50, 50]) == 5
    assert power.days_needed(300, [100, 0, 0]) == math.inf
