"""Sessions and ratings become numbered columns, and a split in time lets nothing of the future through."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interactions import HOUR_NS, START_NS, small_world

from training.data import Columns, interactions_of, read_interactions, split_by_time

events = st.lists(st.tuples(st.integers(-3, 6), st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 50)), max_size=30)


def as_columns(rows: list[tuple[int, str, int]]) -> Columns:
    user, movie, at = zip(*rows, strict=True) if rows else ((), (), ())
    at_ns = START_NS + np.array(at, dtype=np.int64) * HOUR_NS
    return Columns(np.array(user, np.int64), np.array(movie, object), at_ns, np.full(len(rows), 30))


@given(events, events)
def test_numbering_keeps_every_session_and_rating(sessions, ratings):
    world = interactions_of(as_columns(sessions), as_columns(ratings), min_viewers=1)
    assert [
        (int(world.users[u]), str(world.movies[m]))
        for u, m in zip(world.watches.user, world.watches.movie, strict=True)
    ] == [row[:2] for row in sessions]
    assert world.ratings.at_ns.tolist() == as_columns(ratings).at_ns.tolist()
    assert world.users.tolist() == sorted({row[0] for row in sessions + ratings})


def test_a_movie_that_only_one_user_ever_touched_is_left_out_with_its_rows():
    sessions = as_columns([(1, "heat", 0), (2, "heat", 1), (1, "hxeat", 2), (1, "hxeat", 3), (3, "hzat", 4)])
    world = interactions_of(sessions, as_columns([]))
    assert (world.movies.tolist(), world.users.tolist()) == (["heat"], [1, 2])
    assert len(world.watches.user) == 2


def test_an_hour_watched_counts_whole_and_half_an_hour_half():
    rows = as_columns([(1, "heat", 0), (2, "heat", 1), (3, "heat", 2)])
    world = interactions_of(rows._replace(value=np.array([30, 60, 200])), as_columns([]))
    assert world.watches.weight.tolist() == [0.5, 1.0, 1.0]


def test_a_history_is_what_was_watched_or_rated_each_once():
    world = interactions_of(as_columns([(1, "a", 0), (1, "a", 1), (2, "b", 2)]), as_columns([(1, "b", 3), (2, "a", 4)]))
    histories = world.histories()
    assert (histories.starts.tolist(), histories.movies.tolist()) == ([0, 2, 4], [0, 1, 0, 1])


@given(st.floats(0.05, 0.95), st.integers(1, 5))
def test_no_test_event_lies_before_a_training_event(fraction, seed):
    split = split_by_time(small_world(n=200, seed=seed), fraction)
    assert split.train.at_ns().max(initial=0) < split.cut_ns <= split.test.at_ns().min()


def test_the_split_loses_nothing_and_cuts_where_it_was_asked_to():
    world = small_world()
    split = split_by_time(world, 0.8)
    assert len(split.train.at_ns()) + len(split.test.at_ns()) == len(world.at_ns())
    assert len(split.train.at_ns()) / len(world.at_ns()) == pytest.approx(0.8, abs=0.01)


def test_only_what_is_new_to_somebody_after_the_cut_is_relevant():
    rows = [(1, "a", 0), (2, "a", 1), (2, "b", 2), (3, "c", 3), (1, "c", 4)]
    later = [(1, "a", 50), (1, "b", 50), (9, "c", 51), (9, "c", 52)]
    split = split_by_time(interactions_of(as_columns(rows + later), as_columns([])), 0.55)
    assert split.train.users[split.test_users].tolist() == [1, 9]
    assert (split.relevant.starts.tolist(), split.relevant.items.tolist()) == ([0, 1, 2], [1, 2])


def test_nothing_cannot_be_split():
    with pytest.raises(ValueError, match="no session and no rating"):
        split_by_time(interactions_of(as_columns([]), as_columns([])))
    with pytest.raises(ValueError, match="fraction"):
        split_by_time(small_world(), 1.0)


def test_a_taste_is_a_pair_once_with_all_that_was_watched_of_it_and_its_latest_time():
    movies, minutes = np.array(["a", "a", "a", "a"], object), np.array([15, 30, 60, 45])
    sessions = Columns(np.array([1, 1, 2, 2]), movies, np.array([10, 30, 20, 15]), minutes)
    ratings = Columns(np.array([2, 1]), np.array(["b", "b"], object), np.array([50, 40]), np.array([1, 5]))
    tastes = interactions_of(sessions, ratings, min_viewers=1).tastes()
    assert list(zip(tastes.user.tolist(), tastes.movie.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert tastes.at_ns.tolist() == [30, 40, 20, 50]
    assert tastes.weight.tolist() == [0.75, 1.0, 1.0, 1.0]


def test_half_a_movie_counts_half_where_the_catalogue_knows_how_long_it_is(first_store, tmp_path):
    shutil.copytree(first_store, tmp_path / "store")
    before = read_interactions(tmp_path / "store", (1, 10))
    (tmp_path / "store" / "catalog").mkdir(exist_ok=True)
    movie = str(before.movies[before.watches.movie[0]])
    records = [{"id": each, "runtime": 100_000 if each == movie else 0} for each in before.movies.tolist()]
    (tmp_path / "store" / "catalog" / "movies.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    after = read_interactions(tmp_path / "store", (1, 10))
    of_movie = after.movies[after.watches.movie] == movie
    assert before.watches.weight[of_movie].min() > 1 / 60
    assert after.watches.weight[of_movie].max() == 1 / 60, "minutes of 100,000 count as little as can be"
    assert (after.watches.weight[~of_movie] == before.watches.weight[~of_movie]).all()
