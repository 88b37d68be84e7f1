"""Effect sizes of drift: arithmetic that a reader can redo, and what must hold for any counts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.drift_sizes import (
    aligned,
    binned,
    day_to_day,
    jensen_shannon,
    psi,
    psi_by_chance,
    quantile_edges,
    standardised_mean_difference,
)

pairs = st.integers(2, 12).flatmap(
    lambda k: st.tuples(*(st.lists(st.integers(0, 10**6), min_size=k, max_size=k) for _ in range(2)))
)


def test_psi_by_hand():
    # each count is raised by a half: 100 and 100 of 200, then 50 and 150 of 200
    assert psi(np.array([99.5, 99.5]), np.array([49.5, 149.5])) == pytest.approx(
        (0.25 - 0.5) * math.log(0.25 / 0.5) + (0.75 - 0.5) * math.log(0.75 / 0.5)
    )


def test_an_empty_bin_is_a_large_size_but_no_infinity():
    assert 1 < psi(np.array([500, 500]), np.array([1000, 0])) < 10


def test_jensen_shannon_by_hand():
    assert jensen_shannon(np.array([5, 0]), np.array([0, 7])) == 1  # nothing in common
    # p = (1, 0), q = (1/2, 1/2), middle (3/4, 1/4): (log2(4/3) + (log2(2/3) + log2(2)) / 2) / 2
    expected = (math.log2(4 / 3) + (math.log2(2 / 3) + math.log2(2)) / 2) / 2
    assert jensen_shannon(np.array([3, 0]), np.array([4, 4])) == pytest.approx(expected)


def test_standardised_mean_difference_by_hand():
    # means 2 and 4, both variances 1: two standard deviations
    assert standardised_mean_difference(np.array([1, 2, 3]), np.array([3, 4, 5])) == 2
    assert standardised_mean_difference(np.array([3, 4, 5]), np.array([1, 2, 3])) == -2
    assert standardised_mean_difference(np.array([2, 2]), np.array([3, 3])) == math.inf
    assert standardised_mean_difference(np.array([2, 2]), np.array([2, 2])) == 0
    assert math.isnan(standardised_mean_difference(np.array([2]), np.array([3, 3])))


@given(pairs)
def test_sizes_are_symmetric_within_their_range_and_nothing_for_the_same_shares(pair):
    reference, now = map(np.array, pair)
    for size in (psi, jensen_shannon):
        found = size(reference, now)
        if not reference.sum() or not now.sum():
            assert math.isnan(found)
            continue
        assert found >= 0
        assert found == pytest.approx(size(now, reference), abs=1e-12)
        assert size(reference, reference) == pytest.approx(0, abs=1e-12)
        assert jensen_shannon(reference, 3 * reference) == pytest.approx(0, abs=1e-12)
        assert jensen_shannon(reference, now) <= 1


def test_psi_without_drift_is_as_large_as_chance_makes_it():
    dice, shares = np.random.default_rng(5), np.full(10, 0.1)
    found = [psi(dice.multinomial(2000, shares), dice.multinomial(500, shares)) for _ in range(2000)]
    mean, spread = psi_by_chance(10, 2000, 500)
    assert mean == pytest.approx(9 * (1 / 2000 + 1 / 500))
    assert np.mean(found) == pytest.approx(mean, rel=0.05)
    assert np.std(found) == pytest.approx(spread, rel=0.1)


def test_bins_of_the_reference_hold_about_as_much_each():
    values = np.arange(1000)
    edges = quantile_edges(values, 10)
    assert binned(values, edges).tolist() == [100] * 10
    assert binned(np.array([-5, 5000]), edges).tolist() == [1, *[0] * 8, 1]  # beyond the reference is the last bin
    assert quantile_edges(np.array([4, 4, 4, 5]), 4).tolist() == [4]  # equal edges are one


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.lists(st.integers(-10, 60), max_size=50))
def test_every_value_is_in_a_bin(reference, values):
    assert binned(np.array(values, int), quantile_edges(np.array(reference))).sum() == len(values)


def test_a_new_category_is_seen_and_rare_ones_are_one():
    reference, now, names = aligned({"M": 900, "F": 98, "x": 1, "y": 1}, {"M": 500, "new": 500}, min_share=0.01)
    assert names == ["F", "M", "new", "other"]
    assert reference.tolist() == [98, 900, 0, 2]
    assert now.tolist() == [0, 500, 500, 0]


def test_day_to_day_leaves_each_day_out_in_turn():
    days = [np.array([10, 10]), np.array([10, 10]), np.array([18, 2])]
    found = day_to_day(days, jensen_shannon)
    assert found[2] == jensen_shannon(np.array([20, 20]), np.array([18, 2]))
    assert found.argmax() == 2
    assert len(day_to_day(days[:1])) == 0


@pytest.mark.parametrize("wrong", [([1, 2], [1, 2, 3]), ([-1, 2], [1, 2]), ([[1]], [[1]])])
def test_counts_of_other_bins_are_refused(wrong):
    with pytest.raises(ValueError, match="expected counts"):
        psi(*map(np.array, wrong))
    with pytest.raises(ValueError, match="at least 2 bins"):
        psi_by_chance(1, 5, 5)
    with pytest.raises(ValueError, match="at least 2 bins"):
        quantile_edges(np.array([]))
