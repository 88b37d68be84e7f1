"""Models that link movies: the inverse, EASE and the fresh blend against arithmetic, histories newer than the model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interactions import HOUR_NS, START_NS, small_world

from training.data import Columns, interactions_of, split_by_time
from training.linked import Linked
from training.models import Recipe, default, ease
from training.models._inverse import invert
from training.models._validation import best_setting
from training.scoring import score
from training.servable import Histories, Servable

WORLD = small_world()
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))


@given(SHAPES)
@settings(deadline=None)
def test_the_blocked_inverse_is_the_inverse(shape):
    n, block, seed = shape
    taste = np.random.default_rng(seed).random((2 * n, n)).astype(np.float32)
    matrix = taste.T @ taste + np.eye(n, dtype=np.float32)
    found = invert(matrix.copy(), block)
    assert found == pytest.approx(np.linalg.inv(matrix.astype(np.float64)), abs=1e-3)
    assert found == pytest.approx(found.T, abs=1e-5)


def test_ease_is_the_closed_form_of_its_paper():
    model = Recipe.of("ease", {"regularisation": 5.0}).fit(WORLD)
    tastes = WORLD.tastes()
    seen = np.zeros((len(WORLD.users), len(WORLD.movies)))
    seen[tastes.user, tastes.movie] = tastes.weight
    inverse = np.linalg.inv(seen.T @ seen + 5.0 * np.eye(len(WORLD.movies)))
    links = -inverse / np.diag(inverse)
    np.fill_diagonal(links, 0)
    assert model.links == pytest.approx(links, abs=1e-4)
    assert model.scores(np.arange(5)) == pytest.approx(seen[:5] @ links + model.base, abs=1e-4)


def test_stated_memory_bounds_the_movies_linked_and_popularity_serves_the_others():
    model = Recipe.of("ease", {"memory_mb": 1}).fit(small_world(n_users=400, n_movies=1200, n=30_000))
    assert isinstance(model, Linked)
    assert 2 * model.links.nbytes <= 2**20
    many = small_world(n_users=400, n_movies=1200, n=30_000)
    capped = ease.linked_movies(many.tastes(), len(many.movies), memory_mb=0.0002)
    counts = np.bincount(many.tastes().movie, weights=many.tastes().weight)
    assert 0 < len(capped) < len(many.movies)
    assert counts[capped].min() >= np.delete(counts, capped).max()


@pytest.mark.parametrize("name", ["ease", "item_knn", "fresh"])
def test_a_history_newer_than_the_model_is_taken_in_without_a_fit(name):
    model = Recipe.of(name).fit(WORLD)
    even, odd = (np.flatnonzero([int(movie.split("+")[1]) % 2 == side for movie in WORLD.movies]) for side in (0, 1))
    stranger = np.array([-1])
    of_even, of_odd = (
        model.top(stranger, Histories.of(np.zeros(4, int), side[:4], 1), 5)[0].tolist() for side in (even, odd)
    )
    assert of_even != of_odd
    assert len(set(of_even) & set(even.tolist())) > len(set(of_odd) & set(even.tolist()))


def test_a_history_that_the_model_knows_already_changes_nothing():
    model, rows = Recipe.of("fresh").fit(WORLD), np.arange(len(WORLD.users))
    assert (model.scores(rows) == model.scores(rows, WORLD.histories())).all()


def test_the_fresh_blend_fades_histories_and_adds_the_logarithm_of_recent_popularity():
    parameters = {"regularisation": 5.0, "history_half_life": 0.5, "popular_half_life": 0.5, "mix": 2.0}
    model = Recipe.of("fresh", parameters).fit(WORLD)
    half_life_ns, tastes = 0.5 * WORLD.span_ns(), WORLD.tastes()
    mine = tastes.user == 3
    fading = np.exp2((tastes.at_ns[mine] - tastes.at_ns[mine].max()) / half_life_ns)
    raw = (tastes.weight[mine] * fading) @ model.links[tastes.movie[mine]]
    age_ns = np.maximum(WORLD.now_ns() - tastes.at_ns, 0)
    counts = np.bincount(tastes.movie, weights=tastes.weight * np.exp2(-age_ns / half_life_ns))
    expected = (raw - raw.mean()) / raw.std() + 2.0 * np.log(counts / counts.max() + 1e-3)
    assert model.scores(np.array([3]))[0] == pytest.approx(expected, abs=1e-3)


def test_arrays_without_links_are_read_as_before():
    plain = Recipe.of("popularity").fit(WORLD)
    assert type(Servable.from_arrays(plain.arrays())) is Servable
    assert type(Servable.from_arrays(Recipe.of("ease").fit(WORLD).arrays())) is Linked


def test_a_capture_in_which_nobody_comes_back_falls_back_to_recent_popularity(caplog):
    n = 300
    user, at_ns = np.arange(n), START_NS + np.arange(n) * HOUR_NS
    movie = np.array([f"movie+{index % 7}+2000" for index in range(n)], object)
    nothing = Columns(np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.int64), np.empty(0))
    short = interactions_of(nothing, Columns(user, movie, at_ns, np.full(n, 4)))
    assert default.pick(short, default.Config()).name == "recent"
    assert "a short capture" in caplog.text


@pytest.mark.parametrize(("gain", "chosen"), [(0.0, "usual"), (0.02, "usual"), (0.2, "other")])
def test_the_usual_setting_stays_unless_another_is_surely_better(gain, chosen):
    def trials(split):
        """Scores that put what is relevant first for a share of the users; of more of them under the other setting."""
        for place, (setting, share) in enumerate((("usual", 0.4), ("other", 0.4 + gain))):
            right = np.random.default_rng(place).random(len(split.test_users)) < share
            scores = np.zeros((len(right), len(WORLD.movies)), np.float32)
            row = np.repeat(np.arange(len(right)), split.relevant.counts)
            scores[row, split.relevant.items] = np.where(right[row], 1, -1)
            yield setting, scores

    assert best_setting(WORLD, "time", "usual", trials) == chosen


def test_popularity_by_the_week_is_found_where_there_is_no_taste():
    rng, n = np.random.default_rng(1), 6_000
    at_ns = START_NS + np.sort(rng.integers(0, 60 * 24, n)) * HOUR_NS
    week = (at_ns - START_NS) // (7 * 24 * HOUR_NS)
    movie = np.array([f"movie+{w * 10 + m:03}+2000" for w, m in zip(week, rng.geometric(0.3, n), strict=True)], object)
    sessions = Columns(rng.integers(0, 300, n), movie, at_ns, np.full(n, 60))
    nothing = Columns(np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.int64), np.empty(0))
    split = split_by_time(interactions_of(sessions, nothing))
    chosen, all_time = (score(Recipe.of(name), split).quality for name in ("default", "popularity"))
    assert chosen > 2 * all_time
