"""A generated log graded by hand, for two terms.

One request a minute for nine days, 12,960 in all, from four days before the submission to five days after it, each
answered with the list a,b but for what a test says. In the 24 hours before the submission lie 1,440 of them: one short
of the volume asked for is brought about by asking more often there.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.catalogue import Title
from evaluation.choices import Choices
from evaluation.graded_log import GradedLog
from evaluation.grading import grade
from small_logs import HOUR_NS, MINUTE_NS, SmallLog, answer, store_answers
from stream.events import WallClock
from stream.terms import TERMS, Term

F2026, F2020 = TERMS["F2026"], TERMS["F2020"]
SUBMITTED = "2026-10-20T23:59"
CLOCK = WallClock(F2026.zone)
S = CLOCK.read(SUBMITTED)
DAY = 24 * HOUR_NS

Lists = Callable[[int], tuple[str, ...] | None]


def generated(
    lists: Lists = lambda at: ("a", "b"), before: int = 4 * DAY, after: int = 5 * DAY, step: int = MINUTE_NS
) -> SmallLog:
    """A request every `step`, answered with `lists(at)`, or refused where that is None."""
    log = SmallLog()
    for number, at in enumerate(range(S - before, S + after, step)):
        movies = lists(at)
        log.failed(at, number) if movies is None else log.asked(at, number, movies)
    return log


def graded(folder: Path, log: SmallLog, term: Term = F2026, titles: dict[str, Title] | None = None) -> dict[str, dict]:
    report = grade(GradedLog.read(log.store(folder), CLOCK), term, [S], titles=titles)
    json.dumps(report, allow_nan=False)
    return {criterion["id"]: criterion for criterion in report["criteria"]}


def verdict(found: dict[str, dict], name: str) -> tuple[str, float | None]:
    return found[name]["verdict"], found[name]["value"]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Path:
    """The log in which nothing happens."""
    return generated().store(tmp_path_factory.mktemp("quiet"))


def test_the_quiet_log_criterion_by_criterion(quiet):
    report = grade(GradedLog.read(quiet, CLOCK), F2026, [S])
    found = {criterion["id"]: criterion for criterion in report["criteria"]}
    assert (report["requests"], report["ok"]) == (9 * 1440, 9 * 1440)
    assert verdict(found, "volume") == ("fail", 1440)  # one a minute is 1,440 a day, 2,000 are asked for
    assert verdict(found, "personalised") == ("fail", 0)  # everybody gets a,b
    assert verdict(found, "availability") == ("pass", 1)
    assert verdict(found, "bonus") == ("pass", 1)
    assert verdict(found, "updates") == ("unknown", None)  # a log does not say which model answered
    assert verdict(found, "well_formed") == ("pass", 1)
    assert verdict(found, "latency") == ("pass", 50)
    assert [c["id"] for c in report["criteria"]] == [
        "volume", "personalised", "availability", "bonus", "updates", "well_formed", "latency",
    ]  # fmt: skip
    assert found["volume"]["threshold"] == 2000
    assert found["volume"]["margin"] == 1440 - 2000


@pytest.mark.parametrize(("answered", "expected"), [(1999, "fail"), (2000, "pass")])
def test_the_two_thousandth_answer_of_the_day_before_passes(tmp_path, answered, expected):
    log = generated(lambda at: None if S - DAY <= at < S else ("a",), before=5 * DAY)  # 1,440 refused that day
    for number in range(answered):
        log.asked(S - DAY + number * 1_000_000_000, 10**6 + number, ["a"])
    log.asked(S + 7 * DAY, 1, ["a"])
    assert verdict(graded(tmp_path, log), "volume") == (expected, answered)


@pytest.mark.parametrize(("own", "term", "expected"), [
    (143, F2026, "fail"),  # 10 % of 1,440 requests are 144
    (144, F2026, "pass"),
    (144, F2020, "fail"),  # F2020 asks for 40 %, which are 576
    (576, F2020, "pass"),
])  # fmt: skip
def test_the_share_of_lists_of_their_own_in_the_day_after(tmp_path, own, term, expected):
    log = generated(lambda at: ("own", str(at)) if S <= at < S + own * MINUTE_NS else ("a", "b"))
    assert verdict(graded(tmp_path, log, term), "personalised") == (expected, pytest.approx(own / 1440, rel=1e-5))


def test_refused_requests_count_below_the_line(tmp_path):
    # day before: 1,440 requests, 140 own lists, 140 refused, 1,160 alike: 140/1,440 = 9.7 %; of answers alone 10.8 %
    def lists(at: int) -> tuple[str, ...] | None:
        minute = (at - (S - DAY)) // MINUTE_NS
        return ("own", str(at)) if 0 <= minute < 140 else None if 140 <= minute < 280 else ("a", "b")

    store = generated(lists).store(tmp_path)
    for of, expected in (("requests", ("fail", 140 / 1440)), ("answers", ("pass", 140 / 1300))):
        report = grade(GradedLog.read(store, CLOCK, choices=Choices(personalised_of=of)), F2026, [S])
        found = {criterion["id"]: criterion for criterion in report["criteria"]}
        assert verdict(found, "personalised") == (expected[0], pytest.approx(expected[1], rel=1e-5))


def test_lists_that_are_nearly_all_one_of_two_pass_with_a_warning(tmp_path):
    found = graded(tmp_path, generated(lambda at: ("a", "b") if (at // MINUTE_NS) % 2 else ("b", "a")))
    assert found["personalised"]["verdict"] == "pass"
    assert any("hardly personalised" in note.get("warning", "") for note in found["personalised"]["evidence"])


def test_a_day_that_the_log_lacks_leaves_its_windows_open(tmp_path):
    # two days before the submission nothing was written down for a day; 6 of 7 days up are 86 %, 144 of 168 hours
    log = generated()
    log.events = [event for event in log.events if not S - 2 * DAY <= event.at_ns < S - DAY]
    found = graded(tmp_path, log)
    assert found["availability"]["verdict"] == "pass"  # even if the team had been down all that day
    assert found["bonus"]["verdict"] == "unknown"
    assert "1440 not in the log" in found["bonus"]["why"]
    assert found["volume"]["verdict"] == "fail"  # its two days are there


def test_request_lines_that_are_there_twice_are_told(tmp_path):
    log = generated(before=DAY, after=DAY)
    log.events += log.events[:5]
    report = grade(GradedLog.read(log.store(tmp_path), CLOCK), F2026, [S])
    assert any(said.startswith("5 request lines occur more than once") for said in report["warnings"])


def test_what_a_catalogue_flags_is_graded_all_the_same(tmp_path):
    # users beyond the term's range are flagged on reading, but their requests are requests
    log = SmallLog()
    for number in range(10):
        log.asked(S + number * MINUTE_NS, 5_000_000 + number, ["a"])
    assert graded(tmp_path, log)["volume"]["value"] == 10


@pytest.mark.parametrize(("down", "bonus"), [(100, "pass"), (101, "fail")])
def test_a_hundred_minutes_down_of_168_hours_keep_the_bonus_and_one_more_loses_it(tmp_path, down, bonus):
    log = generated(lambda at: None if S <= at < S + down * MINUTE_NS else ("a", "b"))
    found = graded(tmp_path, log)
    share = pytest.approx(1 - down / (168 * 60), rel=1e-5)
    assert verdict(found, "bonus") == (bonus, share)
    assert verdict(found, "availability") == ("pass", share)
    assert f"{down} minutes down" in found["bonus"]["why"]


def test_the_window_of_each_term_is_its_own(tmp_path):
    # down for the fourth and fifth day after the submission: inside F2026's 96 h for one day, outside F2020's 72 h
    log = generated(lambda at: None if at >= S + 3 * DAY else ("a", "b"), before=7 * DAY)
    store = log.store(tmp_path)
    for term, share in ((F2026, 6 / 7), (F2020, 1.0)):
        report = grade(GradedLog.read(store, CLOCK), term, [S])
        found = {criterion["id"]: criterion for criterion in report["criteria"]}
        assert verdict(found, "availability") == ("pass", pytest.approx(share, rel=1e-5))


@pytest.mark.parametrize(("hours_down", "expected"), [(50, "pass"), (51, "fail")])
def test_fifty_hours_down_of_168_are_allowed(tmp_path, hours_down, expected):
    # 70 % of 168 h are 117.6 h up, so 50.4 h down
    log = generated(lambda at: None if S - 72 * HOUR_NS <= at < S - (72 - hours_down) * HOUR_NS else ("a",))
    assert graded(tmp_path, log)["availability"]["verdict"] == expected


def test_minutes_without_a_request_are_as_the_minute_before(tmp_path):
    # one request in ten minutes, one refused: ten minutes are down
    log = generated(lambda at: None if at == S else ("a",), step=10 * MINUTE_NS)
    assert "10 minutes down" in graded(tmp_path, log)["availability"]["why"]


def test_a_log_that_ends_at_the_submission_leaves_open_what_the_rest_may_change(tmp_path):
    found = graded(tmp_path, generated(after=0))
    assert verdict(found, "volume") == ("unknown", 1440)
    assert found["personalised"]["verdict"] == "unknown"
    assert found["availability"]["verdict"] == "unknown"  # 72 of 168 h up


def test_what_is_there_may_decide_before_the_window_is_over(tmp_path):
    # 72 h before and 48 h after: 120 of 168 h up are 71.4 % even if all the rest were down
    found = graded(tmp_path, generated(after=2 * DAY))
    assert found["availability"]["verdict"] == "pass"
    assert found["bonus"]["verdict"] == "unknown"


def test_two_models_that_began_to_answer_within_72_hours_are_two_updates(tmp_path):
    log, records = SmallLog(), []
    moments = [(S - 5 * DAY, "1"), (S - 2 * DAY, "2"), (S - DAY, "3"), (S - DAY + 1, "3"), (S + DAY, "4")]
    for seq, (at, model) in enumerate(moments):
        log.asked(at, seq, ["a", "b"])
        records.append(answer(seq, seq, ["a", "b"], model=model))
    store = log.store(tmp_path)
    store_answers(store, records)
    report = grade(GradedLog.read(store, CLOCK), F2026, [S])
    updates = {criterion["id"]: criterion for criterion in report["criteria"]}["updates"]
    assert verdict({"updates": updates}, "updates") == ("pass", 2)
    assert [note["model"] for note in updates["evidence"]] == ["2", "3"]


@pytest.mark.parametrize(("movies", "fault"), [
    ([f"m{i}" for i in range(21)], "21 ids"),
    (["a", "a"], "repeated id"),
    (["a", "q"], "unknown id q"),
])  # fmt: skip
def test_one_bad_list_of_four_is_named_with_its_line(tmp_path, movies, fault):
    log = SmallLog()
    for at in (1, 2, 3):
        log.asked(S + at * MINUTE_NS, at, ["a", "b"])
    log.asked(S + 4 * MINUTE_NS, 4, movies)
    titles = {name: Title(90, 1) for name in ("a", "b", *(f"m{i}" for i in range(21)))}
    found = graded(tmp_path, log, titles=titles)
    assert verdict(found, "well_formed") == ("fail", 3 / 4)
    line, said = found["well_formed"]["evidence"]
    assert said == {"fault": fault}
    assert line["offset"] == 3
    assert f"result: {', '.join(movies)}, 50 ms" in line["text"]


def test_an_answer_that_is_no_list_is_not_well_formed(tmp_path):
    log = SmallLog()
    log.asked(S, 1, ["a"])
    log.asked(S + 1_000_000_000, 2, [])
    assert verdict(graded(tmp_path, log), "well_formed") == ("fail", 1 / 2)


def test_more_than_one_percent_over_the_deadline_fails(tmp_path):
    log = SmallLog()
    for number in range(200):
        log.asked(S + number * MINUTE_NS, number, ["a"], ms=601 if number < 3 else 40)
    assert verdict(graded(tmp_path, log), "latency") == ("fail", 601)  # 3 of 200 are more than 1 %
    assert graded(tmp_path / "f2020", log, F2020)["latency"]["verdict"] == "pass"  # 800 ms were allowed


def test_late_submissions_are_graded_each_with_its_days(quiet):
    report = grade(GradedLog.read(quiet, CLOCK), F2026, [S, S + 1, S + DAY, S + DAY + 1])
    assert [s["late_days"] for s in report["submissions"]] == [0, 1, 1, 2]
    assert report["submissions"][0]["submitted"] == SUBMITTED
    assert report["criteria"] == report["submissions"][0]["criteria"]
    due = grade(GradedLog.read(quiet, CLOCK), F2026, [S], due_ns=S - DAY)
    assert due["submissions"][0]["late_days"] == 1


@pytest.mark.parametrize("term", TERMS.values(), ids=lambda term: term.name)
def test_every_term_grades_and_asks_only_what_it_asks(quiet, term):
    report = grade(GradedLog.read(quiet, CLOCK), term, [S])
    for criterion in report["criteria"]:
        assert criterion["verdict"] in ("pass", "fail", "unknown")
        assert criterion["threshold"] is not None or criterion["verdict"] == "unknown"


def test_nothing_to_grade_is_said_plainly(tmp_path):
    with pytest.raises(ValueError, match="holds no events"):
        GradedLog.read(tmp_path, CLOCK)
