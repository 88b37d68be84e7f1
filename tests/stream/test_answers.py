"""The record of an answer survives the wire, and nothing else is taken for one."""

import contextlib
import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.answers import TIERS, Answer, MalformedAnswer

whole = st.integers(-(2**63), 2**63 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
chances = st.lists(st.floats(0, 1), max_size=20).map(tuple)
answers = st.builds(
    Answer,
    request_id=text,
    worker=text,
    worker_start_ns=whole,
    seq=whole,
    at_ns=whole,
    user_id=whole,
    movies=st.lists(text, max_size=20).map(tuple),
    tier=st.sampled_from(TIERS),
    arms=st.dictionaries(text, text, max_size=3),
    propensity=st.none() | chances,
    model_version=text,
    ms=st.floats(0, 1e6),
)
ONE = Answer("r-1", "417", 1, 0, 2, 42, ("heat+1995", "amélie+2001"), "personal", {"rank": "b"}, (0.5, 1.0), "3", 0.25)


@given(answers)
def test_an_answer_survives_the_wire(answer):
    assert Answer.parse(answer.format()) == answer
    assert Answer.parse(answer.format().encode()) == answer


@given(answers)
def test_a_record_is_one_line_of_ascii(answer):
    assert answer.format().isascii()
    assert len(answer.format().splitlines()) == 1


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_bytes_raise_anything_but_malformed_answer(line):
    with pytest.raises(MalformedAnswer):
        Answer.parse(line)


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)


@given(st.sampled_from([field.name for field in dataclasses.fields(Answer)]), json_values)
def test_a_field_of_any_other_value_is_refused_or_kept_exactly(name, value):
    line = json.dumps(json.loads(ONE.format()) | {name: value})
    with contextlib.suppress(MalformedAnswer):
        answer = Answer.parse(line)
        assert Answer.parse(answer.format()) == answer


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Answer)])
def test_a_missing_field_is_named(name):
    record = json.loads(ONE.format())
    del record[name]
    with pytest.raises(MalformedAnswer, match=f"^{name}: expected "):
        Answer.parse(json.dumps(record))


def test_a_key_that_a_later_version_added_is_passed_over():
    assert Answer.parse(json.dumps(json.loads(ONE.format()) | {"later": 1})) == ONE


HOSTILE = ["[" * 100_000, '{"seq": NaN}', "", "\r", "null", "{}" * 2, '{"request_id": "\ud800"}', '{"ms": 1e999}']


@pytest.mark.parametrize("line", HOSTILE)
def test_hostile_lines_are_refused(line):
    with pytest.raises(MalformedAnswer):
        Answer.parse(line)


def test_a_half_surrogate_is_refused_for_no_file_could_hold_it():
    with pytest.raises(MalformedAnswer, match="request_id"):
        Answer.parse(json.dumps(json.loads(ONE.format()) | {"request_id": "\ud800"}))
