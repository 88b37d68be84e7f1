"""What is wrong with a record, and its values made plain, whatever the API sends."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.catalog.records import KINDS, MOVIES, USERS, changed_fields, movie_of, user_of, wrong_fields

HEAT = {"id": "heat+1995", "title": "Heat", "genres": [{"id": 80, "name": "Crime"}], "runtime": 170}
ANN = {"user_id": 12, "age": 27, "occupation": "writer", "gender": "F"}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "x"]), inner, max_size=2)
    ),
)
records = st.dictionaries(
    st.sampled_from(["id", "user_id", *MOVIES.needed, *MOVIES.optional, *USERS.needed, *USERS.optional, "new"]), values
)
good_movies = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1),
        "title": st.text(),
        "genres": st.lists(st.fixed_dictionaries({"name": st.text()})),
        "runtime": st.integers(0, 2_000) | st.integers(0, 2_000).map(str),
    },
    optional={
        "license_cost": st.none() | st.floats(0, 100) | st.floats(0, 100).map(str),
        "adult": st.sampled_from(["False", "True", False, True, None, "null"]),
        "release_date": st.sampled_from(["1995-12-15", "", None]),
    },
)


@settings(max_examples=60)
@given(records, st.none() | records)
def test_judging_a_record_never_raises_and_what_is_fine_can_be_read(record, last):
    for kind, read in zip(KINDS, (movie_of, user_of), strict=True):
        reasons = wrong_fields(kind, record, last)
        assert all(reason.split(":")[0] in {**kind.needed, **kind.optional} for reason in reasons)
        if not reasons and kind.id_of(record) is not None:
            assert read(record)
        if last is not None:
            changed_fields(kind, last, record)


@given(good_movies)
def test_a_movie_has_one_type_a_field_whatever_types_came(record):
    assert wrong_fields(MOVIES, record) == []
    movie = movie_of(record)
    assert movie.runtime_minutes == (float(record["runtime"]) or None)
    cost = record.get("license_cost")
    assert movie.license_cost == (None if cost is None else float(cost))
    assert movie.adult in (True, False, None)
    assert movie.adult is {"False": False, "True": True}.get(str(record.get("adult")))
    assert changed_fields(MOVIES, record, json.loads(json.dumps(record))) == {}


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"cost": 0.5}, 0.5),
        ({"license_cost": "0.5"}, 0.5),
        ({"license_cost": 0, "cost": 3}, 0.0),
        ({"license_cost": None, "cost": "2"}, 2.0),
        ({"license_cost": None}, None),
        ({}, None),
    ],
)
def test_the_cost_has_two_names(fields, cost):
    assert wrong_fields(MOVIES, HEAT | fields) == []
    assert movie_of(HEAT | fields).license_cost == cost


@pytest.mark.parametrize(
    ("kind", "record", "reasons"),
    [
        (MOVIES, HEAT | {"runtime": "long"}, ["runtime: got 'long'"]),
        (MOVIES, HEAT | {"runtime": -1, "genres": "Crime"}, ["genres: got 'Crime'", "runtime: got -1"]),
        (MOVIES, HEAT | {"license_cost": True}, ["license_cost: got True"]),
        (MOVIES, HEAT | {"license_cost": "NaN", "cost": 1e400}, ["license_cost: got 'NaN'", "cost: got inf"]),
        (MOVIES, {"id": "heat+1995", "genres": None}, ["title: missing", "genres: null", "runtime: missing"]),
        (USERS, ANN | {"age": 412}, ["age: got 412"]),
        (USERS, ANN | {"gender": 1, "occupation": None}, ["gender: got 1"]),
    ],
)
def test_a_record_is_refused_with_a_reason_for_each_field(kind, record, reasons):
    assert wrong_fields(kind, record) == reasons


def test_what_the_last_good_copy_had_must_be_there_again():
    assert wrong_fields(USERS, ANN | {"gender": None}, ANN) == ["gender: null, was 'F'"]
    assert wrong_fields(USERS, ANN, ANN | {"gender": None}) == []
    assert wrong_fields(MOVIES, HEAT, HEAT | {"license_cost": 0.5}) == ["license_cost: missing, was 0.5"]


def test_a_cost_under_its_other_name_is_neither_missing_nor_changed():
    assert wrong_fields(MOVIES, HEAT | {"license_cost": "0.5"}, HEAT | {"cost": 0.5}) == []
    assert wrong_fields(MOVIES, HEAT | {"cost": 0.5}, HEAT | {"license_cost": 0.5}) == []
    assert changed_fields(MOVIES, HEAT | {"cost": 0.5}, HEAT | {"license_cost": "0.5"}) == {}
    assert changed_fields(MOVIES, HEAT | {"cost": 0.5}, HEAT | {"license_cost": 2}) == {"license_cost": (0.5, 2)}


def test_a_gender_is_the_same_in_any_case_and_blank_words_are_none():
    assert {user_of(ANN | {"gender": gender}).gender for gender in ("f", "F", " Female ")} == {"F"}
    user = user_of(ANN | {"gender": None, "self_description_likes": " ", "self_description_dislikes": "gore"})
    assert (user.gender, user.likes, user.dislikes) == (None, None, "gore")


@pytest.mark.parametrize(
    ("value", "key"),
    [(12, "12"), ("12", "12"), (" 012 ", "12"), (True, None), ("x", None), ("٣", None), (None, None), ("9" * 20, None)],
)
def test_a_users_id_is_a_number_of_at_most_19_digits(value, key):
    assert USERS.id_of({"user_id": value}) == key
