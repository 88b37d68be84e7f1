"""Titles that the API calls adult are kept from known minors: published, refreshed and popular lists alike."""

import shutil

import numpy as np
import pytest
from trainings import MINUTE_NS, append

from stream.catalog.files import RecordFile
from stream.catalog.records import MOVIES, USERS
from stream.events import Watched
from stream.published import Tier, load_model, read_pointer
from training.refresh import Refresher
from training.run import train_and_register
from training.servable import Histories
from training.settings import TrainingSettings
from training.suitability import Suitability, adults_only

ADULT = [f"movie+{n}+2000" for n in range(0, 8)]  # the most watched
MINORS = range(1, 21)


def catalogue(folder, adult="True"):
    movies = [f"movie+{n}+2000" for n in range(40)]
    RecordFile(folder / MOVIES.file, MOVIES).append(
        (m, {"id": m, "title": m, "genres": [], "runtime": 90, "adult": adult if m in ADULT else "False"})
        for m in movies
    )
    ages = {user: 12 if user in MINORS else 40 for user in range(1, 61)} | {5_000: 17, 5_001: 18}
    RecordFile(folder / USERS.file, USERS).append((str(u), {"user_id": u, "age": age}) for u, age in ages.items())
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory, first_store):
    settings = TrainingSettings(var_dir=tmp_path_factory.mktemp("minors") / "var")
    shutil.copytree(first_store, settings.store_dir)
    catalogue(settings.store_dir / "catalog")
    return settings, train_and_register(["recent"], settings)


def live(settings):
    slot = read_pointer(settings.models_dir).slots["default"]
    return load_model(settings.models_dir / slot.version, slot.overlay)


def test_known_minors_and_strangers_are_offered_no_adult_title_and_others_are(house):
    model = live(house[0])
    offered = {user: set(model.list_of(user)[0]) for user in model.users.tolist()}
    assert not any(set(ADULT) & offered[user] for user in MINORS if user in offered)
    assert any(set(ADULT) & offered[user] for user in offered if user not in MINORS)
    assert len(model.popular) >= 20
    assert not set(ADULT) & set(model.popular)


def test_the_gate_says_how_many_minors_lists_needed_it(house):
    [(_, verdict)] = house[1].versions
    assert "known minors' lists held an unsuitable title; publishing withholds them" in verdict.reasons[-1]
    assert not verdict.reasons[-1].startswith("0 of")


def test_somebody_new_is_told_from_a_minor_at_the_next_refresh(house):
    settings, _ = house
    now = Refresher(settings)
    now.step()
    at_ns = now.live.stream_ns + 2 * MINUTE_NS
    append(settings.store_dir, [Watched(at_ns, user, "movie+20+2000", 3) for user in (5_000, 5_001)])
    assert now.step() == 2
    offered = [set(live(settings).list_of(user)[0]) for user in (5_000, 5_001)]
    assert not set(ADULT) & offered[0]
    assert set(ADULT) & offered[1]


def test_a_known_minor_who_has_watched_nothing_gets_what_is_popular_and_suits_them(house):
    settings, _ = house
    RecordFile(settings.store_dir / "catalog" / USERS.file, USERS).append([("6000", {"user_id": 6_000, "age": 13})])
    certified = {"id": "movie+9+2000", "title": "9", "genres": [], "runtime": 90, "certification": "R"}
    RecordFile(settings.store_dir / "catalog" / MOVIES.file, MOVIES).append([(certified["id"], certified)])
    Refresher(settings).step()
    model = live(settings)
    offered, tier = model.list_of(6_000)
    assert tier is Tier.POPULAR
    assert offered == tuple(movie for movie in model.popular if movie != "movie+9+2000")[:20]
    assert "movie+9+2000" in model.popular[:20]
    assert model.list_of(6_001) is None


@pytest.mark.parametrize(
    ("said", "unfit"),
    [({}, None), ({"adult": "False"}, False), ({"adult": True}, True), ({"certification": "PG-13"}, False),
     ({"certification": " nc-17 ", "adult": "False"}, True)],
)  # fmt: skip
def test_adults_only_is_what_is_called_adult_or_certified_for_adults(said, unfit):
    assert adults_only({"id": "a", "title": "a", "genres": [], "runtime": 90} | said) is unfit


def test_without_a_catalogue_or_the_flag_suitability_is_unknown_and_nothing_is_withheld(tmp_path):
    movies, histories = np.array(sorted(ADULT)), Histories.none(2)
    for folder in (tmp_path / "none", catalogue(tmp_path / "silent", adult=None)):
        suitable = Suitability(folder)
        kept = suitable.withheld(np.array([1, -1]), histories, movies)
        assert kept.counts.tolist() == [0, 0]
    assert "unknown" in Suitability(tmp_path / "none").judged(np.array([1]), np.array([[0]]), movies)


def test_ids_that_the_api_cannot_have_are_no_minors(tmp_path):
    suitable = Suitability(catalogue(tmp_path))
    assert suitable.minors(np.array([-5, 0, 1, 40, 2**62])).tolist() == [False, False, True, False, False]
    assert suitable.minors(np.array([], dtype=np.int64)).tolist() == []
