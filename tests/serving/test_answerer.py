"""Whatever is live and whoever asks: a list of known movies, each once, at most 20, and the tier it came from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running_service import KNOWN_USERS, publish

from serving.answerer import Answerer, shipped_list
from serving.slots import Live, Slots
from stream.experiments import Arm, Experiment
from stream.published import Manifest, Tables, load_model, write_model

HALVES = (Arm("control", 0.5), Arm("new", 0.5, "new"))
TRIAL = Experiment("blend", "model", "all", HALVES, "blend")


class Quiet:
    def swapped(self, slot, version, previous):
        pass

    def refused(self, reason):
        pass


@pytest.fixture
def live(tmp_path):
    publish(tmp_path, "1")
    slots = Slots(tmp_path, Quiet())
    slots.look()
    return slots.live


def test_a_known_user_gets_the_list_published_for_them(live):
    offer = Answerer(lambda: live).answer(KNOWN_USERS[0])
    assert (offer.movies, offer.tier) == (live.models["default"].list_of(KNOWN_USERS[0])[0], "personal")
    assert (offer.model_version, len(offer.movies)) == ("1", 20)


@given(user=st.integers(-(10**18), 10**18).filter(lambda user: user not in KNOWN_USERS))
def test_anybody_else_gets_what_is_popular(user, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "popular"
    if not folder.exists():
        publish(folder, "1")
    model = load_model(folder / "1")
    offer = Answerer(lambda: Live({"default": model})).answer(user)
    assert (offer.movies, offer.tier, offer.model_version) == (model.popular[:20], "popular", "1")


def test_before_the_first_model_the_shipped_list_answers():
    offer = Answerer(Live).answer(7)
    assert (offer.movies, offer.tier, offer.model_version) == (shipped_list(), "static", "")
    assert len(set(offer.movies)) == 20


@given(
    lists=st.lists(st.lists(st.integers(-1, 9), min_size=25, max_size=25), min_size=1, max_size=4),
    popular=st.lists(st.integers(0, 9), min_size=1, max_size=30),
)
def test_a_list_never_has_more_than_20_nor_a_movie_twice_nor_one_of_no_catalogue(lists, popular, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    movies = np.array([f"film+{n}" for n in range(10)])
    tables = Tables(movies, np.arange(len(lists)), np.array(lists), np.zeros(len(lists)), np.array(popular))
    model = load_model(write_model(folder, tables, Manifest("1", "test"), {}))
    answerer = Answerer(lambda: Live({"default": model}))
    for user in range(-1, len(lists) + 1):
        offered = answerer.answer(user).movies
        assert 1 <= len(offered) <= 20
        assert len(set(offered)) == len(offered)
        assert set(offered) <= set(movies.tolist())


def test_an_error_inside_is_answered_with_the_shipped_list_and_counted(caplog):
    failures = []

    def broken() -> Live:
        raise RuntimeError("the store is gone")

    offer = Answerer(broken, on_failure=lambda: failures.append(1)).answer(7)
    assert (offer.tier, failures) == ("static", [1])
    assert "the store is gone" in caplog.text


def test_an_arm_with_a_slot_is_answered_by_that_slot_and_named(tmp_path):
    one, two = publish(tmp_path, "1", live=False), publish(tmp_path, "2", live=False)
    models = {"default": load_model(one), "new": load_model(two)}
    answerer = Answerer(lambda: Live(models), lambda: (TRIAL,))
    seen = {(offer.arms["blend"], offer.model_version) for offer in map(answerer.answer, KNOWN_USERS)}
    assert seen == {("control", "1"), ("new", "2")}


def test_an_experiment_waits_until_all_its_slots_are_live(live):
    assert Answerer(lambda: live, lambda: (TRIAL,)).answer(KNOWN_USERS[0]).arms == {}


def test_both_layers_together_are_answered_by_their_combined_table(tmp_path):
    folders = {slot: publish(tmp_path, str(n), live=False) for n, slot in enumerate(("default", "m", "l", "m+l"))}
    models = {slot: load_model(folder) for slot, folder in folders.items()}
    trials = [Experiment(layer, layer, "all", (Arm("x", 1.0, layer[0]),), layer) for layer in ("model", "list")]
    assert Answerer(lambda: Live(models), lambda: trials).answer(7).model_version == "3"
    assert Answerer(lambda: Live(models), lambda: trials[::-1]).answer(7).model_version == "3"


def test_newcomers_are_those_without_a_list_of_their_own(live):
    trial = Experiment("hello", "list", "newcomers", (Arm("x", 1.0),), "s")
    answerer = Answerer(lambda: live, lambda: (trial,))
    assert answerer.answer(KNOWN_USERS[0]).arms == {}
    assert answerer.answer(7).arms == {"hello": "x"}


def test_an_experiment_that_breaks_costs_its_arm_and_not_the_models_popular_list(live, caplog):
    def broken():
        raise RuntimeError("no such layer")

    offer = Answerer(lambda: live, broken).answer(KNOWN_USERS[0])
    assert (offer.tier, offer.model_version, offer.movies) == ("popular", "1", live.models["default"].popular[:20])
    assert "no such layer" in caplog.text


def test_a_pointer_without_the_default_slot_is_answered_by_what_is_live(tmp_path):
    model = load_model(publish(tmp_path, "1", live=False))
    offer = Answerer(lambda: Live({"new": model})).answer(7)
    assert (offer.tier, offer.movies) == ("popular", model.popular[:20])


CATALOGUE = [f"film+{n}" for n in range(30)]
ROWS = st.lists(st.lists(st.integers(-1, 29), min_size=25, max_size=25), min_size=1, max_size=3)


@st.composite
def models(draw):
    """Slots with a version each: some without the default one, lists with gaps, repeats and of every tier."""
    slots = draw(st.lists(st.sampled_from(["default", "m", "l", "m+l"]), unique=True, max_size=4))
    return {
        slot: (draw(ROWS), draw(st.integers(0, 4)), draw(st.lists(st.integers(0, 29), min_size=1))) for slot in slots
    }


@settings(max_examples=40)
@given(models=models(), failing=st.booleans(), users=st.lists(st.integers(-(10**18), 10**18), max_size=3))
def test_every_tier_gives_1_to_20_different_known_movies_and_the_shipped_list_only_without_a_model(
    models, failing, users, tmp_path_factory
):
    folder, loaded = tmp_path_factory.mktemp("tiers"), {}
    for number, (slot, (lists, tier, popular)) in enumerate(models.items()):
        tiers = np.full(len(lists), tier)
        tables = Tables(np.array(sorted(CATALOGUE)), np.arange(len(lists)), np.array(lists), tiers, np.array(popular))
        loaded[slot] = load_model(write_model(folder, tables, Manifest(str(number), "test"), {}))
    trials = [Experiment(layer, layer, "all", (Arm("x", 0.5, layer[0]),), layer) for layer in ("model", "list")]
    answerer = Answerer(lambda: Live(loaded), lambda: 1 / 0 if failing else trials)
    for user in [0, 1, 2, 3, *users]:
        offer = answerer.answer(user)
        assert 1 <= len(offer.movies) <= 20
        assert len(set(offer.movies)) == len(offer.movies)
        assert set(offer.movies) <= set(CATALOGUE if loaded else shipped_list())
        assert bool(offer.model_version) == bool(loaded)
