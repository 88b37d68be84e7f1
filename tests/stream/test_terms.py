"""The terms as data: all there, and the figures that grading rests on."""

import string

import pytest

from stream.events import WallClock
from stream.terms import TERMS, table

NAMES = "F2019 S2020 F2020 S2021 S2022 F2022 S2023 S2024 F2024 S2025 F2025 S2026 F2026 F2026-online"


def test_every_term_of_the_course_is_there_in_order():
    assert list(TERMS) == [*NAMES.split(), "McGill-F2020", "McGill-F2021", "McGill-F2022"]


def test_what_differs_between_terms():
    assert [name for name, term in TERMS.items() if term.rating_max == 10] == ["S2026", "F2026", "F2026-online"]
    assert [name for name, term in TERMS.items() if term.timeout_ms == 600] == [
        "F2025", "S2026", "F2026", "F2026-online",
    ]  # fmt: skip
    assert [name for name, term in TERMS.items() if term.personalised_share == 0.40] == ["F2020", "S2021"]
    assert (TERMS["F2020"].avail_before_h, TERMS["F2020"].avail_after_h, TERMS["F2020"].avail_pass) == (168, 72, 0.80)
    assert (TERMS["F2022"].avail_before_h, TERMS["F2022"].avail_after_h, TERMS["F2022"].avail_bonus) == (96, 72, 0.99)
    assert (TERMS["F2025"].avail_before_h, TERMS["F2025"].avail_after_h, TERMS["F2025"].avail_pass) == (72, 96, 0.70)
    assert TERMS["F2026"].updates_before_h == 72
    assert TERMS["F2019"].has_requests is False


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_a_term_can_be_used(term):
    assert WallClock(term.zone).read("2026-03-01T10:15")
    assert [field for _, field, _, _ in string.Formatter().parse(term.host_pattern) if field] == ["team"]
    assert term.host_pattern.format(team=2)
    assert term.watch_digits in (0, 3, 6, 9)
    assert term.request_digits in (0, 3, 6, 9)
    assert term.rating_min < term.rating_max


def test_the_table_has_a_row_per_term():
    assert [row["name"] for row in table()] == list(TERMS)
