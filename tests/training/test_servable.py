"""Lists computed in blocks from arrays equal lists found by sorting every score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.servable import Histories, Servable, best_of, find

MOVIES = np.array([f"m{index:02}" for index in range(12)])
USERS = np.array([2, 5, 9])


def taste(seed: int = 1) -> Servable:
    rng = np.random.default_rng(seed)
    return Servable.of_factors(
        USERS, MOVIES, rng.normal(size=12), rng.normal(size=(3, 4)), rng.normal(size=(12, 4)), rng.normal(size=3), True
    )


@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(0, 4), st.integers(1, 9)), elements=st.sampled_from([-np.inf, 0, 1, 2, 3])
    )
)
def test_the_best_are_those_of_a_full_sort(scores):
    k = 4
    for row, best in zip(scores, best_of(scores, k), strict=True):
        shown = best[best >= 0]
        assert row[shown].tolist() == sorted(row[row > -np.inf].tolist(), reverse=True)[:k]


def test_equal_scores_come_in_the_order_of_the_table():
    assert best_of(np.array([[1.0, 3.0, 1.0, 3.0]]), 4).tolist() == [[1, 3, 0, 2]]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 11)), max_size=30), st.integers(1, 15))
def test_lists_equal_a_sort_of_all_unseen_scores(seen, k):
    model, asked = taste(), np.array([9, 2, 404, 5])
    rows, movies = np.array(seen, dtype=np.int64).reshape(-1, 2).T
    scores = model.scores(model.rows(asked))
    for row, best in enumerate(model.top(asked, Histories.of(rows, movies, 4), k)):
        gone = {movie for user, movie in seen if user == row}
        wanted = [int(m) for m in np.argsort(-scores[row], kind="stable") if m not in gone][:k]
        assert best.tolist() == wanted + [-1] * (k - len(wanted))


def test_blocks_change_nothing():
    histories = Histories.of(np.array([0, 2]), np.array([3, 4]), 3)
    assert (taste().top(USERS, histories, 5, block_cells=1) == taste().top(USERS, histories, 5)).all()


def test_a_prediction_is_the_sum_of_its_parts_and_the_base_for_somebody_unknown():
    model = taste()
    seen = model.predict(np.array([5, 404]), np.array([3, 3]))
    known = model.base[3] + model.user_factors[1] @ model.movie_factors[3] + model.user_bias[1]
    assert seen == pytest.approx([known, model.base[3]], rel=1e-6)


def test_a_model_that_ranks_does_not_pretend_to_predict_ratings():
    with pytest.raises(TypeError, match="no ratings"):
        Servable.of_scores(USERS, MOVIES, np.ones(12)).predict(USERS, np.array([0, 1, 2]))


@given(st.lists(st.integers(-9, 9)), st.lists(st.integers(-9, 9)))
def test_find_gives_the_place_in_the_table_or_minus_one(table, values):
    table = sorted(set(table))
    assert find(np.array(table), np.array(values)).tolist() == [table.index(v) if v in table else -1 for v in values]


def test_histories_slice_by_rows():
    histories = Histories.of(np.array([2, 0, 2, 2]), np.array([7, 1, 3, 7]), 4)
    assert histories.counts.tolist() == [1, 0, 2, 0]
    part = histories.between(1, 3)
    assert (part.starts.tolist(), part.movies.tolist(), part.rows_of().tolist()) == ([0, 0, 2], [3, 7], [1, 1])
