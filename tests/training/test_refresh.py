"""After a refresh, lists are what publishing everything anew would give, and nothing is done where nothing is new."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainings import MINUTE_NS, append

from stream.events import Rated, Watched
from stream.published import (
    DamagedModel,
    Manifest,
    PublishedModel,
    Slot,
    Tables,
    Tier,
    load_model,
    move_pointer,
    read_pointer,
    write_model,
)
from training.data import read_stored
from training.histories import LiveHistories
from training.models import Recipe
from training.publish import publish
from training.refresh import Refresher
from training.registry import Version
from training.servable import Histories, Servable
from training.settings import TrainingSettings
from training.suitability import Suitability

NOTHING: dict[str, object] = {}
FACTS = {
    "name": "svd", "git": NOTHING, "lock_digest": None, "data": NOTHING, "parameters": NOTHING, "metrics": NOTHING,
    "gate": NOTHING, "created_ns": 0,
}  # fmt: skip


def publish_now(settings: TrainingSettings, number: str = "1", model: str = "svd") -> int:
    """Fit on all that is stored, publish, make it live; returns the time of the newest event."""
    stored = read_stored(settings.store_dir, (1, 10))
    version = Version(number, Recipe.of(model), "run", 0, (), {}, "pass", False)
    servable = version.recipe.fit(stored.interactions)
    publish(settings.models_dir, version, FACTS, servable, stored.interactions, stored.positions,
            Suitability(settings.store_dir / "catalog"))  # fmt: skip
    move_pointer(settings.models_dir, {"default": Slot(number)})
    return int(stored.fingerprint["last_ns"])


def live(settings: TrainingSettings) -> PublishedModel:
    slot = read_pointer(settings.models_dir).slots["default"]
    return load_model(settings.models_dir / slot.version, slot.overlay)


@pytest.fixture
def house(fresh) -> tuple[TrainingSettings, int]:
    settings = fresh()
    return settings, publish_now(settings)


def test_a_session_begun_is_no_longer_offered_and_further_minutes_of_it_change_nothing(house):
    settings, now = house
    refresher, user = Refresher(settings), 7
    first = live(settings).list_of(user)[0][0]
    assert refresher.step() == 0, "nothing happened since the publication"
    append(settings.store_dir, [Watched(now + 2 * MINUTE_NS, user, first, 0)])
    assert refresher.step() == 1
    assert first not in live(settings).list_of(user)[0]
    append(settings.store_dir, [Watched(now + (4 + i) * MINUTE_NS, user, first, 1 + i) for i in range(5)])
    assert refresher.step() == 0
    assert read_pointer(settings.models_dir).slots["default"].overlay == "overlay-1"


def test_refreshed_lists_equal_lists_published_from_everything(house):
    settings, now = house
    refresher = Refresher(settings)
    rng = np.random.default_rng(3)
    for minute in range(0, 30, 10):
        movies = [f"movie+{m}+2000" for m in rng.integers(0, 40, 8)]
        users = rng.integers(1, 61, 8).tolist()
        append(
            settings.store_dir,
            [Watched(now + (minute + 2) * MINUTE_NS, u, m, 0) for u, m in zip(users, movies, strict=True)]
            + [Rated(now + (minute + 2) * MINUTE_NS, users[0], movies[1], 9)],
        )
        refresher.step()
    seen = read_stored(settings.store_dir, (1, 10)).interactions
    refreshed, servable = live(settings), refresher.live.servable
    lists = servable.top(seen.users, _in_model(seen, servable), 20)
    for user, row in zip(seen.users.tolist(), lists, strict=True):
        assert refreshed.list_of(user)[0] == tuple(servable.movies[row[row >= 0]].tolist())


def _in_model(seen, servable) -> Histories:
    user, movie = seen.pairs()
    place = np.searchsorted(servable.movies, seen.movies)
    assert (servable.movies[place] == seen.movies).all()
    return Histories.of(user, place[movie], len(seen.users))


def test_somebody_new_gets_a_list_of_their_own(house):
    settings, now = house
    append(settings.store_dir, [Watched(now + 2 * MINUTE_NS, 5_000, "movie+0+2000", 0)])
    refresher = Refresher(settings)
    assert refresher.step() == 1
    movies, tier = live(settings).list_of(5_000)
    assert (len(movies), tier) == (20, Tier.PERSONAL)
    assert "movie+0+2000" not in movies


def test_a_movie_the_model_does_not_know_is_passed_over(house):
    settings, now = house
    append(settings.store_dir, [Watched(now + 2 * MINUTE_NS, user, "brand+new+2026", 0) for user in (7, 5_001)])
    assert Refresher(settings).step() == 1
    assert live(settings).list_of(5_001) is not None
    assert live(settings).list_of(7) == load_model(settings.models_dir / "1").list_of(7)


def test_lists_wait_for_the_next_stream_minute(house):
    settings, now = house
    refresher = Refresher(settings)
    refresher.step()
    append(settings.store_dir, [Watched(now + 30 * 10**9, 5_002, "movie+0+2000", 0)])
    assert refresher.step() == 0
    assert refresher.facts()["users_waiting"] == 1
    append(settings.store_dir, [Watched(now + 61 * 10**9, 5_002, "movie+0+2000", 1)])
    assert refresher.step() == 1


def test_a_restart_finds_everything_since_the_publication_again(house):
    settings, now = house
    unseen = live(settings).list_of(7)[0][0]
    append(settings.store_dir, [Watched(now + 2 * MINUTE_NS, 7, unseen, 0)])
    Refresher(settings).step()
    before = live(settings).list_of(7)
    append(settings.store_dir, [Watched(now + 4 * MINUTE_NS, 5_003, "movie+0+2000", 0)])
    assert Refresher(settings).step() == 2
    assert live(settings).list_of(7) == before
    assert live(settings).list_of(5_003) is not None


def test_a_new_version_is_taken_up_with_overlays_of_its_own(house):
    settings, now = house
    refresher = Refresher(settings)
    append(settings.store_dir, [Watched(now + 2 * MINUTE_NS, 5_004, "movie+0+2000", 0)])
    refresher.step()
    publish_now(settings, "2", "recent")
    assert refresher.step() == 0, "the new version knows it all"
    append(settings.store_dir, [Watched(now + 5 * MINUTE_NS, 5_005, "movie+0+2000", 0)])
    assert refresher.step() == 1
    assert (live(settings).version, live(settings).overlay) == ("2", "overlay-1")


def test_an_overlay_taken_off_is_put_back(house):
    settings, now = house
    refresher = Refresher(settings)
    append(settings.store_dir, [Watched(now + 2 * MINUTE_NS, 5_006, "movie+0+2000", 0)])
    refresher.step()
    move_pointer(settings.models_dir, {"default": Slot("1")})
    assert live(settings).list_of(5_006) is None
    refresher.step()
    assert live(settings).list_of(5_006) is not None


def test_old_overlays_go(house):
    settings, now = house
    refresher = Refresher(settings)
    for i in range(6):
        append(settings.store_dir, [Watched(now + 2 * (i + 1) * MINUTE_NS, 6_000 + i, "movie+0+2000", 0)])
        assert refresher.step() == 1
    kept = sorted(path.name for path in (settings.models_dir / "1").glob("overlay-*"))
    assert kept == ["overlay-4", "overlay-5", "overlay-6"]
    assert all(live(settings).list_of(6_000 + i) for i in range(6))


def test_nothing_live_means_nothing_to_do(fresh):
    refresher = Refresher(fresh())
    assert refresher.step() == 0
    assert refresher.facts() == {"version": None}


def test_a_damaged_live_version_is_said_to_be_damaged(house):
    settings, _ = house
    (settings.models_dir / "1" / "lists.npy").write_bytes(b"")
    with pytest.raises(DamagedModel, match=r"lists\.npy"):
        Refresher(settings).step()


def test_a_version_published_without_histories_is_damaged(house):
    settings, _ = house
    manifest = Manifest("9", "recent", histories={"until_ns": 0})
    tables = Tables(np.array(["a"]), np.array([7]), np.array([[0]]), np.array([0]), np.array([0]))
    servable = Servable.of_scores(np.array([7]), np.array(["a"]), np.ones(1))
    write_model(settings.models_dir, tables, manifest, servable.arrays())
    move_pointer(settings.models_dir, {"default": Slot("9")})
    with pytest.raises(DamagedModel, match="without seen_movies"):
        Refresher(settings).step()


pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 4)), max_size=25)


@given(pairs, pairs)
def test_histories_kept_in_pieces_equal_histories_made_at_once(published, later):
    users = np.array(sorted({user for user, _ in published}), dtype=np.int64)
    known = [(user, movie) for user, movie in published if movie >= 0]
    rows = np.searchsorted(users, [user for user, _ in known])
    kept = LiveHistories(users, Histories.of(rows, np.array([m for _, m in known], np.int64), len(users)), 5)
    told = set()
    for user, movie in later:
        told |= kept.add(np.array([user]), np.array([movie]))
    everybody = sorted({user for user, _ in published + later})
    whole = {user: {m for u, m in published + later if u == user and m >= 0} for user in everybody}
    found = kept.of(everybody)
    assert [set(found.between(i, i + 1).movies.tolist()) for i in range(len(everybody))] == list(whole.values())
    before = {user: {m for u, m in published if u == user and m >= 0} for user in everybody}
    assert told == {user for user in everybody if whole[user] != before[user] or user not in users}
