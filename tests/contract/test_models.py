"""What every model promises, whatever it learns: add a file to training/models and it is checked here."""

import numpy as np
import pytest
from interactions import small_world

from stream.arrays import map_array, write_folder
from training import models
from training.models import Recipe
from training.servable import Histories, Servable

K = 20
WORLD = small_world()
STRANGER = np.array([-5, 10**17])


@pytest.fixture(scope="module", params=models.names())
def recipe(request) -> Recipe:
    return Recipe.of(request.param)


@pytest.fixture(scope="module")
def fitted(recipe) -> Servable:
    return recipe.fit(WORLD)


@pytest.fixture(scope="module")
def lists(fitted):
    return fitted.top(WORLD.users, WORLD.histories(), K)


def test_a_list_holds_at_most_k_known_movies_and_none_twice(lists):
    assert lists.shape == (len(WORLD.users), K)
    assert lists.dtype == np.int32
    for row in lists:
        kept = row[row >= 0]
        assert len(set(kept.tolist())) == len(kept)
        assert kept.max(initial=0) < len(WORLD.movies)
        assert (row[len(kept) :] == -1).all(), "empty places stand at the end"


def test_nobody_is_left_without_a_list_while_there_is_something_unseen(lists):
    unseen = len(WORLD.movies) - WORLD.histories().counts
    assert ((lists >= 0).sum(axis=1) == np.minimum(unseen, K)).all()


def test_what_somebody_has_seen_is_not_offered(lists):
    histories = WORLD.histories()
    for row in range(len(histories)):
        assert not set(lists[row].tolist()) & set(histories.between(row, row + 1).movies.tolist())


def test_the_same_data_gives_the_same_lists(recipe, lists):
    again = recipe.fit(small_world()).top(WORLD.users, WORLD.histories(), K)
    assert (again == lists).all()


def test_lists_do_not_depend_on_who_else_is_asked_for(fitted, lists):
    some = slice(5, 9)
    assert (fitted.top(WORLD.users[some], WORLD.histories().between(5, 9), K) == lists[some]).all()


def test_somebody_unknown_gets_a_list_too(fitted):
    lists = fitted.top(STRANGER, Histories.none(len(STRANGER)), K)
    assert (lists >= 0).all()
    assert (lists[0] == lists[1]).all()


def test_the_arrays_are_all_there_is_to_a_model(fitted, lists, tmp_path):
    write_folder(tmp_path / "servable", {f"{name}.npy": array for name, array in fitted.arrays().items()}, {})
    read = {name: map_array(tmp_path / "servable", f"{name}.npy", None) for name in fitted.arrays()}
    again = Servable.from_arrays(read)
    assert (again.top(WORLD.users, WORLD.histories(), K) == lists).all()


def test_the_tables_are_those_of_the_data(fitted):
    assert fitted.users.tolist() == WORLD.users.tolist()
    assert fitted.movies.tolist() == WORLD.movies.tolist()


def test_scores_are_finite(fitted):
    assert np.isfinite(fitted.scores(np.arange(len(WORLD.users)))).all()


def test_a_single_session_is_enough_to_fit(recipe):
    tiny = WORLD.between(0, int(np.sort(WORLD.watches.at_ns)[0]) + 1)
    lists = recipe.fit(tiny).top(WORLD.users[:2], Histories.none(2), 5)
    assert (lists >= 0).all()


def test_a_recipe_knows_its_parameters(recipe):
    with pytest.raises(models.UnknownModel, match="has no surely_not_a_parameter"):
        Recipe.of(recipe.name, {"surely_not_a_parameter": 1})


def test_an_unknown_model_is_named_with_those_():
    with pytest.raises(models.UnknownModel, match=r"no model 'nope'.*there are .*svd"):
        models.load("nope")
