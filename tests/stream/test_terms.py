"""The terms as data: all there, and the figures that grading rests on."""

import string

import pytest
from click.testing import CliRunner

from stream.__main__ import cli
from stream.events import WallClock
from stream.terms import TERMS, readable, table

NAMES = "F2019 S2020 F2020 S2021 S2022 F2022 S2023 S2024 F2024 S2025 F2025 S2026 F2026 F2026-online"


def test_every_term_of_the_course_is_there_in_order():
    assert list(TERMS) == [*NAMES.split(), "McGill-F2020", "McGill-F2021", "McGill-F2022", "FAU-F2025"]


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


NOTHING, COMMON = (None,) * 7, (0.10, 2000, 72, 96, 0.70, 0.99, 2)
WEEK = (2000, 168, 72, 0.80, 0.98, 2)
# name: best score, movies, timeout, requests and accounts in the log, (personalised, OK requests, hours before and
# after, availability, bonus, updates), points: as the course's texts of each term state them.
STATED = {
    "F2019": (5, 27_000, None, False, False, NOTHING, None),
    "S2020": (5, 27_000, None, True, False, NOTHING, (100, 100, 100, 0, 30)),
    "F2020": (5, 27_000, 800, True, False, (0.40, *WEEK), (100, 100, 100, 60, 40)),
    "S2021": (5, 27_000, 800, True, False, (0.40, *WEEK), (100, 100, 100, 60, 40)),
    "S2022": (5, 27_000, 800, True, False, (0.10, *WEEK), (100, 100, 100, 60, 40)),
    "F2022": (5, 27_000, 800, True, False, (0.10, 2000, 96, 72, 0.70, 0.99, 2), (100, 100, 100, 70, 30)),
    "S2023": (5, 27_000, 800, True, False, COMMON, (100, 100, 100, 70, 30)),
    "S2024": (5, 27_000, 800, True, False, COMMON, (100, 100, 100, 70, 30)),
    "F2024": (5, 27_000, 800, True, False, COMMON, (100, 100, 100, 70, 30)),
    "S2025": (5, 27_000, 800, True, False, COMMON, (100, 100, 100, 70, 30)),
    "F2025": (5, 27_000, 600, True, False, COMMON, (100, 100, 100, 70, 30)),
    "S2026": (10, 20_000, 600, True, True, COMMON, (106, 103, 103, 83, 20)),
    "F2026": (10, 20_000, 600, True, True, COMMON, (106, 103, 103, 83, 20)),
    "F2026-online": (10, 2_569, 600, True, True, COMMON, (106, 103, 103, 83, 20)),
    "McGill-F2020": (5, 27_000, 800, True, False, NOTHING, (100, 100, 100, 100, 0)),
    "McGill-F2021": (5, 27_000, 800, True, False, NOTHING, (100, 100, 100, 100, 0)),
    "McGill-F2022": (5, 27_000, 800, True, False, NOTHING, (100, 100, 100, 100, 0)),
    "FAU-F2025": (5, 3_883, None, True, False, NOTHING, None),
}


@pytest.mark.parametrize("name", STATED)
def test_a_term_is_what_its_texts_state(name):
    term = TERMS[name]
    rules = (term.personalised_share, term.min_ok_requests, term.avail_before_h, term.avail_after_h, term.avail_pass,
             term.avail_bonus, term.min_updates)  # fmt: skip
    has = (term.has_requests, term.has_create_account)
    assert (term.rating_max, term.n_movies, term.timeout_ms, *has, rules, term.points) == STATED[name]
    assert (term.rating_min, term.max_items) == (1, 20)
    assert term.has_self_description == term.has_license_cost == term.has_create_account


@pytest.mark.parametrize(
    ("name", "watch_digits", "request_digits"),
    [("McGill-F2022", 0, 3), ("S2022", 0, 6), ("S2023", 0, 6), ("F2024", 0, 9), ("F2025", 0, 9), ("F2026", 3, 3)],
)
def test_times_have_the_digits_that_were_measured(name, watch_digits, request_digits):
    assert (TERMS[name].watch_digits, TERMS[name].request_digits) == (watch_digits, request_digits)


def test_only_the_drafts_of_2026_count_updates_in_a_window_of_their_own():
    assert {name for name, term in TERMS.items() if term.updates_before_h == 72} == {"F2026", "F2026-online"}


def test_hosts_are_those_of_the_log():
    assert TERMS["F2024"].host_pattern.format(team=2) == "17645-team02.isri.cmu.edu"
    assert TERMS["McGill-F2020"].host_pattern.format(team=1) == "fall2020-comp598-1.cs.mcgill.ca"
    assert TERMS["McGill-F2022"].host_pattern.format(team=3) == "fall2022-comp585-3.cs.mcgill.ca"
    assert TERMS["F2026-online"].host_pattern.format(team=4) == "CMU-ONLINE-MLIP-VM04.ANDREW.CMU.EDU"


def test_the_printed_tables_have_a_row_per_term_and_mark_the_chosen_one(monkeypatch):
    monkeypatch.setenv("COURSE_TERM", "F2025")
    printed = CliRunner().invoke(cli, ["terms"]).stdout
    assert printed.rstrip() == readable("F2025")
    row = next(line for line in printed.splitlines() if line.startswith("*"))
    assert "F2025" in row
    assert "600 ms" in row
    assert ">= 10%" in row
    assert all(printed.count(f" {name} ") == 2 for name in TERMS)
    assert max(map(len, printed.splitlines())) <= 155


def test_the_table_has_a_row_per_term():
    assert [row["name"] for row in table()] == list(TERMS)
