"""The ledger of language-model use: what is written is read, and nothing else."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream import evidence, ledger
from stream.ledger import Outcome, Use

AT = 1_788_000_000_000_000_000
counts = st.integers(0, 10**9)
some_uses = st.builds(
    Use, st.integers(0, 2**62), counts, st.text(max_size=20), counts, counts,
    st.floats(0, 1e6), st.sampled_from(get_args(Outcome)),
)  # fmt: skip


@given(st.lists(some_uses, max_size=5))
def test_the_ledger_gives_back_what_was_recorded_in_order(recorded):
    with tempfile.TemporaryDirectory() as folder:
        for use in recorded:
            ledger.record(Path(folder), use)
        assert list(ledger.uses(Path(folder))) == recorded


def test_records_of_others_and_later_keys_do_no_harm(tmp_path):
    good = Use(AT, 42, "stand-in", 100, 20, 0.0003, "ok")
    evidence.leave(tmp_path, "llm", {"at_ns": AT, "note": "no use"})
    evidence.leave(tmp_path, "llm", asdict(good) | {"later": 1})
    assert list(ledger.uses(tmp_path)) == [good]


@pytest.mark.parametrize(("tokens", "outcome"), [(-1, "ok"), (1, "fine")])
def test_a_wrong_use_is_refused_saying_what_was_expected(tokens, outcome):
    with pytest.raises(ValueError, match=r"at least 0|one of ok, cached"):
        Use(AT, 42, "stand-in", tokens, 0, 0.0, outcome)
