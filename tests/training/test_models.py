"""What each shipped model learns, against arithmetic or the library itself."""

import numpy as np
import pytest
from interactions import HOUR_NS, START_NS, small_world

from training.data import Columns, interactions_of
from training.models import Recipe

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


def test_svd_predicts_what_surprise_predicts():
    import pandas as pd
    from surprise import SVD, Dataset, Reader

    world = small_world()
    given = world.ratings
    frame = pd.DataFrame({"u": given.user, "m": given.movie, "r": given.score})
    scale = (float(given.score.min()), float(given.score.max()))
    data = Dataset.load_from_df(frame, Reader(rating_scale=scale)).build_full_trainset()
    ours = Recipe.of("svd", {"n_factors": 5, "n_epochs": 3}).fit(world)
    theirs = SVD(n_factors=5, n_epochs=3, random_state=1).fit(data)
    pairs = list(zip(given.user[:200].tolist(), given.movie[:200].tolist(), strict=True))
    expected = [theirs.predict(user, movie, clip=False).est for user, movie in pairs]
    found = ours.predict(world.users[given.user[:200]], given.movie[:200])
    assert np.abs(found - expected).mean() < 0.1, "another order of numbering draws other first factors"
    assert np.corrcoef(found, expected)[0, 1] > 0.95
