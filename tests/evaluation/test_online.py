"""Online measures of one small log, worked out by hand.

User 1 gets b,a,c at 10:00, plays b at 11:00 for ten minutes and rates it 8; gets c,d at 12:00, rates d 2 at 12:30 and
plays it only at 13:00.
User 2 gets a,d at 10:05 and plays z instead. User 3's request fails. User 4 gets a,b at 10:30 and plays a at 17:00,
half an hour behind the window of six hours. The log ends at 20:00 with user 5, who gets a,b and is still pending.
"""

import json
import math
from pathlib import Path

import pytest

from evaluation.catalogue import read_titles
from evaluation.online import online
from evaluation.report import Report
from small_logs import HOUR_NS, SmallLog, answer, store_answers
from stream.terms import TERMS

TERM = TERMS["F2026"]
RUNTIME = {"a": 90, "b": 20, "c": 90, "d": 10, "z": 90}
COST = {"a": 3.0, "b": 1.0, "c": 9.0, "d": 2.0, "z": 4.0}


def small_log() -> SmallLog:
    log = SmallLog()
    log.asked("2026-10-20T10:00", 1, ["b", "a", "c"], ms=40)
    log.asked("2026-10-20T10:05", 2, ["a", "d"], ms=60)
    log.failed("2026-10-20T10:10", 3, ms=700)
    log.asked("2026-10-20T10:30", 4, ["a", "b"], ms=50)
    log.played("2026-10-20T11:00", 1, "b", minutes=10)
    log.rated("2026-10-20T11:10", 1, "b", 8)
    log.played("2026-10-20T11:30", 2, "z")
    log.rated("2026-10-20T11:31", 2, "z", 3)
    log.asked("2026-10-20T12:00", 1, ["c", "d"], ms=30)
    log.rated("2026-10-20T12:30", 1, "d", 2)
    log.played("2026-10-20T13:00", 1, "d")
    log.played("2026-10-20T17:00", 4, "a")
    log.asked("2026-10-20T20:00", 5, ["a", "b"], ms=20)
    return log


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = small_log().store(tmp_path / "store")
    (store / "catalog").mkdir()
    records = [{"id": movie, "runtime": RUNTIME[movie], "license_cost": COST[movie]} for movie in RUNTIME]
    (store / "catalog" / "movies.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return store


@pytest.fixture
def report(store: Path) -> Report:
    return online(store, TERM, 6 * HOUR_NS, titles=read_titles(store / "catalog"))


def figure(report: Report, name: str) -> tuple[float, int]:
    found = report.metric(name)
    return found.value, found.count


def test_requests_and_availability(report):
    facts = report.facts
    assert (facts["requests"], facts["ok"]) == (6, 5)
    assert facts["availability_by_request"] == 5 / 6
    # minutes 10:00 to 20:00 are 601; down from 10:10 until the next request at 10:30 says otherwise: 20 minutes
    assert facts["availability_by_time"] == 581 / 601


def test_latency_is_that_of_the_slowest_request_among_the_quickest_percent(report):
    assert report.facts["latency_ms"] == {"p50": 40, "p95": 700, "p99": 700}  # of 20 30 40 50 60 700


def test_personalised_shares(report):
    said = report.facts["personalised"]
    assert said["not_modal"] == 3 / 6  # a,b came twice; bac, ad and cd once each; one request had no list
    assert said["distinct"] == 4 / 5
    # of 5 lists a is in 4, b in 3, c in 2, d in 2: 11 places; of 10 pairs of lists 6 + 3 + 1 + 1 share one of them
    assert said["overlap"] == pytest.approx((11 / 10) / (11 / 5))


def test_of_three_users_with_a_judged_list_one_played_from_the_last_list(report):
    assert figure(report, "hit_rate") == (1 / 3, 3)  # user 5's list is too young
    assert (report.facts["lists_judged"], report.facts["lists_pending"]) == (4, 1)


def test_the_title_played_stood_second_in_the_last_list(report):
    assert figure(report, "mrr") == (1 / 2, 1)


def test_precision_counts_twenty_places_a_list(report):
    value, _ = figure(report, "precision_at_20")
    assert value == pytest.approx(1 / (3 * 20))


def test_two_of_four_plays_had_been_recommended(report):
    assert figure(report, "record_accuracy") == (2 / 4, 4)  # b and d of user 1; not z, and a only 6.5 h later


def test_watch_through_of_recommended_plays(report):
    assert figure(report, "watch_through") == (pytest.approx((10 / 20 + 1 / 10) / 2), 2)


def test_only_ratings_of_recommended_plays_count(report):
    assert figure(report, "mean_rating_recommended") == (8, 1)


def test_catalogue_use(report):
    assert figure(report, "coverage") == (4 / 5, 5)  # a b c d of a b c d z
    # appearances sorted: 0 2 2 3 4; sum of (2 i - n - 1) x = -4*0 - 2*2 + 0*2 + 2*3 + 4*4 = 18, over 5 * 11
    assert report.metric("gini").value == pytest.approx(18 / 55)
    # plays + 1: a 2, b 2, c 1, d 2, z 2, of 9
    surprise = (4 * math.log2(9 / 2) + 3 * math.log2(9 / 2) + 2 * math.log2(9) + 2 * math.log2(9 / 2)) / 11
    assert report.metric("novelty").value == pytest.approx(surprise)


def test_license_cost_of_a_play(report):
    assert figure(report, "license_cost_per_play") == ((1.0 + 4.0 + 2.0 + 3.0) / 4, 4)


def test_all_names_are_there_and_intervals_hold_their_value(report):
    names = "hit_rate record_accuracy mrr precision_at_20 watch_through mean_rating_recommended coverage gini novelty"
    found = report.as_json()
    assert [m["name"] for m in found["metrics"]] == [*names.split(), "license_cost_per_play", "llm_cost_per_newcomer"]
    for metric in found["metrics"]:
        assert metric["low"] is None or metric["low"] <= metric["value"] <= metric["high"]
    json.dumps(found, allow_nan=False)


def test_a_shorter_window_sees_fewer_hits(store):
    narrow = online(store, TERM, HOUR_NS // 2)
    assert narrow.metric("hit_rate").value == 0
    assert narrow.metric("record_accuracy").value == 0


def test_before_any_window_has_passed_all_lists_are_judged_so_far(store):
    report = online(store, TERM, 48 * HOUR_NS)
    assert figure(report, "hit_rate") == (2 / 4, 4)  # now 6.5 hours are within the window
    assert figure(report, "mrr") == ((1 / 2 + 1 / 1) / 2, 2)  # d of c,d and a of a,b
    assert any("so far" in line for line in report.evidence)


def test_the_last_hours_alone(store):
    report = online(store, TERM, 6 * HOUR_NS, last_ns=8 * HOUR_NS + 1)  # from 12:00 on
    assert (report.facts["requests"], report.facts["plays"]) == (2, 2)
    assert figure(report, "record_accuracy") == (1 / 2, 2)  # d, not a


def test_a_list_shown_before_the_stretch_still_counts_for_plays_in_it(store):
    report = online(store, TERM, 6 * HOUR_NS, last_ns=round(9.5 * HOUR_NS) + 1)  # from 10:30 on; b was shown at 10:00
    assert figure(report, "record_accuracy") == (2 / 4, 4)


def test_a_film_already_running_is_no_play_of_a_later_list(tmp_path):
    log = SmallLog()
    log.played("2026-10-20T09:50", 1, "b", minutes=30)
    log.asked("2026-10-20T10:00", 1, ["b"])
    log.asked("2026-10-20T20:00", 2, ["c"])
    report = online(log.store(tmp_path), TERM, 6 * HOUR_NS)
    assert report.metric("hit_rate").value == 0
    assert report.facts["plays"] == 0


def test_without_a_catalogue_costs_are_unknown_and_the_report_says_so(store):
    report = online(store, TERM, 6 * HOUR_NS)
    assert math.isnan(report.metric("license_cost_per_play").value)
    assert any("no catalogue" in line for line in report.evidence)


def test_an_empty_store_gives_a_report_of_unknowns(tmp_path):
    found = online(tmp_path / "nothing", TERM, 6 * HOUR_NS).as_json()
    assert found["requests"] == 0
    assert found["availability_by_request"] is None
    assert {m["value"] for m in found["metrics"]} == {None}


def test_by_model_the_lists_of_each_are_judged_apart(store):
    store_answers(store, [
        answer(0, 1, ["b", "a", "c"], model="1"),
        answer(1, 2, ["a", "d"], model="1"),
        answer(2, 9, ["a", "d"], model="1"),  # nobody asked this in the log
        answer(3, 4, ["a", "b"], model="2"),
        answer(4, 1, ["c", "d"], model="2"),
        answer(5, 5, ["a", "b"], model="", tier="static"),
    ])  # fmt: skip
    groups = {group.facts["value"]: group for group in online(store, TERM, 6 * HOUR_NS, by="model").groups}
    assert {name: group.facts["requests"] for name, group in groups.items()} == {"1": 2, "2": 2, "none": 1}
    assert figure(groups["1"], "hit_rate") == (1 / 2, 2)  # user 1's bac was hit, user 2's ad was not
    assert figure(groups["2"], "hit_rate") == (1 / 2, 2)  # user 1's cd was hit, user 4's ab was not
    assert figure(groups["1"], "record_accuracy") == (1 / 2, 2)  # b and z were begun with a list of model 1 in front
    assert figure(groups["2"], "record_accuracy") == (1 / 1, 1)  # d


def test_the_same_list_given_twice_belongs_to_the_models_in_their_order(tmp_path):
    log = SmallLog()
    log.asked("2026-10-20T10:00", 1, ["a", "b"])
    log.asked("2026-10-20T11:00", 1, ["a", "b"])
    log.played("2026-10-20T11:30", 1, "a")
    log.asked("2026-10-20T20:00", 2, ["c"])
    store = log.store(tmp_path)
    store_answers(store, [answer(0, 1, ["a", "b"], model="1"), answer(1, 1, ["a", "b"], model="2")])
    groups = {g.facts["value"]: g for g in online(store, TERM, HOUR_NS, by="model").groups}
    assert [groups[name].facts["requests"] for name in ("1", "2")] == [1, 1]
    assert groups["1"].metric("hit_rate").value == 0  # the play came an hour and a half after the first list
    assert groups["2"].metric("hit_rate").value == 1


def test_by_hour_of_the_local_day(store):
    groups = online(store, TERM, 6 * HOUR_NS, by="hour").groups
    assert [(g.facts["value"], g.facts["requests"]) for g in groups] == [("10", 4), ("12", 1), ("20", 1)]
    assert (
        groups[0].facts["availability_by_time"] == 3 / 4
    )  # of 10:00, 10:05, 10:10 and 10:30; other minutes say nothing


def test_an_unknown_division_is_refused_naming_the_known_ones(store):
    with pytest.raises(ValueError, match="tier, model, arm, hour; got 'shoe size'"):
        online(store, TERM, 6 * HOUR_NS, by="shoe size")
