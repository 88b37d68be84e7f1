"""A small log in the repository, graded by hand for two terms: golden/movielog.txt.

The team submits on Tuesday, 2026-10-20 at 23:59. Once an hour, at minute 59, there is one request, from 168 hours
before the submission to 95 hours after it: hour h is at submission + h hours, h = -168 … 95, that is 264 lines, hour h
on line h + 169. Line 265 is a tick at the end of the last hour. What differs from "status 200, list a,b in 50 ms":

    hours -168 to -129   40 refused after 700 ms                lines 1 to 40
    hours  -30 to  -21   10 refused                             lines 139 to 148
    hours    0 to    5    6 with a list of their own: m<h>, b   lines 169 to 174
    hour          40      1 with the same id twice              line 209
    hours   80 to   89   10 refused                             lines 249 to 258
"""

from pathlib import Path

import pytest

from evaluation.choices import Choices
from evaluation.graded_log import GradedLog
from evaluation.grading import grade
from evaluation.logs import as_store
from small_logs import HOUR_NS, SmallLog
from stream.events import WallClock
from stream.terms import TERMS

GOLDEN = Path(__file__).parent / "golden" / "movielog.txt"
F2026, F2020 = TERMS["F2026"], TERMS["F2020"]
CLOCK = WallClock(F2026.zone)
S = CLOCK.read("2026-10-20T23:59")
A, B = "heat+1995", "alien+1979"


def generated() -> str:
    log = SmallLog()
    for h in range(-168, 96):
        if -168 <= h <= -129 or -30 <= h <= -21 or 80 <= h <= 89:
            log.failed(S + h * HOUR_NS, 1000 + h, why="Connection refused: h/1.2.3.4:8082", ms=700)
        else:
            own = (f"m{h}+2000", B) if 0 <= h <= 5 else (A, A) if h == 40 else (A, B)
            log.asked(S + h * HOUR_NS, 1000 + h, own)
    log.played(S + 96 * HOUR_NS, 7, A)
    return b"\n".join(log.lines()).decode() + "\n"


@pytest.fixture(scope="module")
def read():
    """Grades of the log by criterion: (verdict, value, threshold, margin, count), and the report."""
    with as_store([GOLDEN], F2026, lambda _: None) as found:

        def graded(term=F2026, **choices):
            report = grade(GradedLog.read(found.store_dir, CLOCK, found.files, Choices.of(choices)), term, [S])
            return {c["id"]: c for c in report["criteria"]}, report

        yield graded


def said(found: dict, name: str) -> tuple:
    return tuple(found[name][key] for key in ("verdict", "value", "threshold", "margin", "count"))


def test_the_file_is_the_log_described():
    assert GOLDEN.read_text() == generated()


def test_the_grades_of_f2026_by_hand(read):
    found, report = read(F2026)
    assert (report["requests"], report["ok"]) == (264, 264 - 40 - 10 - 10)
    # Volume: hours -24 … -1 hold 24 requests, of which -24 … -21 were refused: 20. Hours 0 … 23 hold 24, all answered.
    assert said(found, "volume") == ("fail", 24, 2000, 24 - 2000, 24)
    assert found["volume"]["why"] == "answers that count: 20 in the 24 h before and 24 in the 24 h after"
    # Personalised: of the 24 after, 6 are not the most frequent list; of the 24 before none.
    assert said(found, "personalised") == ("pass", 6 / 24, 0.10, pytest.approx(0.15), 24)
    assert found["personalised"]["why"] == "0.0% in the 24 h before and 25.0% in the 24 h after"
    # Availability: hours -72 … 95 are 168; -30 … -21 and 80 … 89 were down, each hour as its one request says: 20.
    up = (168 - 20) / 168
    assert said(found, "availability") == (
        "pass", pytest.approx(up), 0.70, pytest.approx(up - 0.70), 168,
    )  # fmt: skip
    # 1,200 of 10,080 minutes down; 30 % of them, 3,024, are allowed, and 1 %, 100, for the bonus.
    assert "1200 minutes down, 8880 up" in found["availability"]["why"]
    assert "3024 minutes down are allowed" in found["availability"]["why"]
    assert said(found, "bonus") == ("fail", pytest.approx(up), 0.99, pytest.approx(up - 0.99), 168)
    assert "100 minutes down are allowed" in found["bonus"]["why"]
    assert said(found, "updates") == ("unknown", None, 2, None, 0)  # a log does not say
    # Well-formed: one of 204 answers has an id twice.
    assert said(found, "well_formed") == ("fail", pytest.approx(203 / 204), 1, pytest.approx(-1 / 204), 204)
    # Latency: 60 of 264 took 700 ms, so 99 % took at most 700; 600 are allowed.
    assert said(found, "latency") == ("fail", 700, 600, -100, 264)


def test_the_grades_of_f2020_by_hand(read):
    found, _ = read(F2020)
    assert said(found, "volume") == ("fail", 24, 2000, 24 - 2000, 24)
    # Personalised: the same 25 %, but 40 % are asked for.
    assert said(found, "personalised") == ("fail", 6 / 24, 0.40, pytest.approx(-0.15), 24)
    # Availability: hours -168 … 71 are 240; -168 … -129 and -30 … -21 were down: 50; 48 are allowed.
    assert said(found, "availability") == (
        "fail", pytest.approx(190 / 240), 0.80, pytest.approx(190 / 240 - 0.80), 240,
    )  # fmt: skip
    assert "3000 minutes down, 11400 up" in found["availability"]["why"]
    assert said(found, "bonus")[0] == "fail"
    assert said(found, "latency") == ("pass", 700, 800, 100, 264)  # 800 ms were allowed


def test_the_evidence_is_the_raw_line_with_its_number(read):
    found, _ = read(F2026)
    lines = GOLDEN.read_text().splitlines()
    rows = {
        "volume": [169, 192],  # first and last of the better day
        "personalised": [175, 169],  # the most frequent list in that day, then the first of the others
        "availability": [139, 258],  # first and last request that failed in the window
        "well_formed": [209],
    }
    for name, expected in rows.items():
        seen = [each for each in found[name]["evidence"] if "line" in each]
        assert [each["line"] for each in seen] == expected
        assert [each["text"] for each in seen] == [lines[number - 1] for number in expected]
        assert all(each["file"] == str(GOLDEN) for each in seen)


@pytest.mark.parametrize(("choices", "name", "expected"), [
    # Hours -24 … -1 only: 20 answers; none of them a list of its own.
    ({"day": "before"}, "volume", ("fail", 20)),
    ({"day": "before"}, "personalised", ("fail", 0)),
    # After: 6 own lists and a,b are 7 different lists of 24.
    ({"personalised_by": "distinct"}, "personalised", ("pass", 7 / 24)),
    # 276 pairs of lists; b is common to all of them, a to 18*17/2 = 153: (276 + 153) / 276 titles, of 2 a list.
    ({"personalised_by": "overlap"}, "personalised", ("pass", 1 - (276 + 153) / 276 / 2)),
    ({"availability_by": "request"}, "availability", ("pass", 148 / 168)),
    # Each hour but the minute of its request had none. Taken for up only 20 minutes are down, for down 148 are up.
    ({"quiet_minutes": "up"}, "bonus", ("pass", 1 - 20 / 10080)),
    ({"quiet_minutes": "down"}, "availability", ("fail", 148 / 10080)),
    # Left out, 168 minutes are known; the others decide nothing as long as they are taken for missing: 148 of 168.
    ({"quiet_minutes": "skip"}, "availability", ("pass", 148 / 168)),
    ({"latency_of": "answers"}, "latency", ("pass", 50)),
    ({"latency_share": 0.5}, "latency", ("pass", 50)),  # 204 of 264 took 50 ms
    ({"well_formed_share": 0.99}, "well_formed", ("pass", 203 / 204)),
])  # fmt: skip
def test_each_choice_counts_as_it_says(read, choices, name, expected):
    found, _ = read(F2026, **choices)
    assert (found[name]["verdict"], found[name]["value"]) == (expected[0], pytest.approx(expected[1], rel=1e-6))


def test_counting_only_good_lists_leaves_the_repeated_id_out(read):
    def counted(how):
        with as_store([GOLDEN], F2026, lambda _: None) as found:
            log = GradedLog.read(found.store_dir, CLOCK, found.files, Choices(counted=how))
            report = grade(log, F2026, [S + 20 * HOUR_NS])  # the day after, hours 20 to 43, has hour 40
        return {c["id"]: c for c in report["criteria"]}["volume"]["why"]

    assert counted("status").endswith("24 in the 24 h after")
    assert counted("list").endswith("23 in the 24 h after")


def test_a_stretch_without_any_line_is_missing_not_quiet(read):
    found, report = read(F2026, hole_ns=HOUR_NS - 1)  # an hour between two lines is too long: nothing is covered
    assert len(report["holes"]) == 264
    assert {found[name]["verdict"] for name in ("personalised", "availability", "bonus")} == {"unknown"}
    assert not any(window["covered"] for window in found["volume"]["windows"])
