"""Planned trouble: what it does to lines, that it is the same at each telling, and that the key says all of it."""

import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.events import MalformedLine, Rated, WallClock, Watched, parse_line
from stream.platform import answer_key, injections
from stream.platform.damage import Affected, Damage, Told
from stream.platform.injections import Injection, Watcher
from stream.platform.intrusion import Place, events, target_of
from stream.platform.scenarios import SCENARIOS
from stream.platform.score import read_findings, score
from stream.platform.trouble import Trouble, of_api
from stream.terms import TERMS

CLOCK = WallClock("America/New_York")
START_MS = CLOCK.read("2026-09-15T12:00") // 1_000_000
HOUR_MS = 3_600_000
MOVIES = [f"film{number}+2000" for number in range(50)]
PLACE = Place(MOVIES, 1_000, TERMS["F2026"])


def injection(scenario, rate=None, minutes=60, **more):
    usual = SCENARIOS[scenario].rate if rate is None else rate
    return Injection("abcd1234", scenario, START_MS, START_MS + minutes * 60_000, usual, **more)


def watched(count):
    def line(number):
        return f"2026-09-15T12:00:{number % 60:02d}.500,{number + 1},GET /data/m/heat+1995/{number % 170}.mpg".encode()

    return [Told(number % 2, line(number)) for number in range(count)]


def rated(count):
    return [Told(0, f"2026-09-15T12:00:01.500,{number + 1},GET /rate/heat+1995=7".encode()) for number in range(count)]


@pytest.mark.parametrize(
    ("scenario", "lines", "rate"),
    [("corrupt-line", watched(4_000), 0.1), ("random-movie", watched(4_000), 0.1),
     ("damaged-date", watched(4_000), 0.1), ("bad-rating", rated(4_000), 0.1), ("duplicates", watched(4_000), 0.1),
     ("missing-lines", watched(4_000), 0.1), ("late-lines", watched(4_000), 0.1), ("reordering", watched(4_000), 0.1)],
)  # fmt: skip
def test_the_key_names_exactly_the_lines_that_are_not_as_they_were(scenario, lines, rate):
    written, touched = Damage().apply(lines, [injection(scenario, rate)], START_MS)
    assert len(touched) == pytest.approx(rate * len(lines), rel=0.15)
    before, after = Counter(told.text.decode() for told in lines), Counter(told.text.decode() for told in written)
    gone = Counter(each.before for each in touched if each.after != each.before)
    come = Counter(each.after for each in touched if each.after not in (None, each.before))
    extra = Counter(each.before for each in touched) if scenario == "duplicates" else Counter()
    assert before - gone + come + extra == after


def test_damaged_lines_are_damaged_in_the_way_of_their_name():
    def reasons(scenario, lines):
        _, touched = Damage().apply(lines, [injection(scenario, 1.0)], START_MS)
        found = Counter()
        for each in touched:
            try:
                parse_line(each.after, CLOCK)
                found["parses"] += 1
            except MalformedLine as error:
                found[error.reason.value] += 1
        return found

    assert reasons("random-movie", watched(300)) == {"parses": 300}
    dates = reasons("damaged-date", watched(300))
    assert dates["time"] > 290
    ratings = reasons("bad-rating", rated(300))
    assert ratings["rating"] > 50  # no number
    assert ratings["parses"] > 50  # off the scale


@given(st.integers(0, 200), st.sampled_from([name for name, s in SCENARIOS.items() if s.family == "damage"]))
def test_a_step_that_is_told_again_is_damaged_again_in_the_same_way(count, scenario):
    on = [injection(scenario, 0.3)]
    assert Damage().apply(watched(count), on, START_MS) == Damage().apply(watched(count), on, START_MS)


def test_late_lines_wait_through_a_restart_and_all_come_within_ten_minutes():
    damage = Damage()
    written, touched = damage.apply(watched(500), [injection("late-lines", 0.2)], START_MS)
    assert len(written) + len(touched) == 500
    damage = Damage(damage.late)
    later = []
    for minute in range(1, 11):
        due, _ = damage.apply([], [], START_MS + minute * 60_000)
        later += due
    assert sorted(told.text.decode() for told in later) == sorted(each.before for each in touched)
    assert damage.late == ()


def test_order_changes_by_at_most_twenty_places():
    written, _ = Damage().apply(watched(1_000), [injection("reordering", 0.05)], START_MS)
    place = {told.text: number for number, told in enumerate(watched(1_000))}
    moved = [number - place[told.text] for number, told in enumerate(written)]
    assert 0 < max(moved) <= 21
    assert min(moved) < 0  # others move up


@pytest.mark.parametrize("scenario", ["rating-burst", "shilling-push", "shilling-nuke", "bots"])
@given(st.lists(st.integers(1, 59), max_size=5, unique=True))
def test_steps_of_any_length_together_add_the_same(scenario, cuts):
    on = injection(scenario)
    ends = [START_MS, *(START_MS + minute * 60_000 + 500 for minute in sorted(cuts)), START_MS + HOUR_MS]
    pieces = [event for a, b in pairwise(ends) for event in events(on, a, b, PLACE)]
    assert sorted(map(repr, pieces)) == sorted(map(repr, events(on, START_MS, START_MS + HOUR_MS, PLACE)))


def test_a_burst_praises_one_movie_at_its_rate():
    added = events(injection("rating-burst", 30), START_MS, START_MS + HOUR_MS, PLACE)
    assert len(added) == 1_800
    assert {event.movie_id for event in added} == {target_of(injection("rating-burst"), MOVIES)}
    assert {event.score for event in added} == {9, 10}
    assert len({event.user_id for event in added}) > 700


def test_shilling_hides_its_target_among_ordinary_ratings():
    for scenario, score_ in (("shilling-push", 10), ("shilling-nuke", 1)):
        on = injection(scenario, 5, target="film7+2000")
        added = events(on, START_MS, START_MS + HOUR_MS, PLACE)
        target = [event for event in added if event.movie_id == "film7+2000" and event.score == score_]
        assert len(target) == 300
        assert len(added) == 5 * 300


def test_bots_watch_twenty_movies_at_once():
    added = events(injection("bots", 3), START_MS, START_MS + 10 * 60_000, PLACE)
    assert all(isinstance(event, Watched) for event in added)
    assert Counter(event.user_id for event in added).most_common() == [
        (user, 200) for user, _ in Counter(event.user_id for event in added).most_common()
    ]
    assert len({event.user_id for event in added}) == 3


def test_api_injections_become_the_apis_trouble():
    on = [injection("api-nulls", 0.2), injection("api-slow", 3), injection("api-down"), injection("duplicates")]
    assert of_api(on) == of_api([]).changed({"nulls": 0.2, "slow_s": 3, "down": True})


@pytest.mark.parametrize(
    ("change", "named"),
    [({"scenario": "earthquake"}, "corrupt-line"), ({"rate": 0}, "rate"), ({"rate": 1.5}, "rate"),
     ({"for_ms": 0}, "end")],
)  # fmt: skip
def test_a_wrong_plan_is_refused_with_what_was_expected(change, named):
    with pytest.raises(ValueError, match=named):
        injections.planned(**{"scenario": "duplicates", "from_ms": START_MS, "for_ms": 1_000} | change)


def test_the_list_is_private_survives_a_torn_line_and_names_a_wrong_one(tmp_path):
    planned = [injections.planned("duplicates", START_MS + n, HOUR_MS) for n in (5, 1)]
    injections.add(tmp_path, planned)
    file = tmp_path / injections.FILE
    assert file.stat().st_mode & 0o077 == 0
    assert [each.id for each in injections.read(tmp_path)] == [planned[1].id, planned[0].id]
    with file.open("a") as out:
        out.write('{"id": "half')
    assert len(injections.read(tmp_path)) == 2
    file.write_text('{"id": "x"}\n')
    with pytest.raises(ValueError, match=r"injections\.jsonl, line 1"):
        injections.read(tmp_path)


def test_an_injection_can_be_stopped_early_and_is_for_its_team_alone(tmp_path):
    mine, other = (injections.planned("duplicates", START_MS, HOUR_MS, team=team) for team in (1, 2))
    injections.add(tmp_path, [mine, other])
    watcher = Watcher(tmp_path, team=1)
    assert watcher.on(START_MS, START_MS + 1) == (mine,)
    assert watcher.on(START_MS - 10, START_MS) == ()
    injections.stop(tmp_path, mine.id, START_MS + 60_000)
    assert watcher.on(START_MS + 60_000, START_MS + 61_000) == ()
    assert len(watcher.on(START_MS, START_MS + 1)) == 1
    with pytest.raises(ValueError, match=mine.id):
        injections.stop(tmp_path, "nothing", START_MS)


def test_a_list_damaged_by_hand_leaves_the_last_good_one_in_force(tmp_path, caplog):
    injections.add(tmp_path, [injections.planned("duplicates", START_MS, HOUR_MS)])
    watcher = Watcher(tmp_path, 1)
    assert len(watcher.on(START_MS, START_MS + 1)) == 1
    (tmp_path / injections.FILE).write_text("nonsense\n")
    assert len(watcher.on(START_MS, START_MS + 1)) == 1
    assert "line 1" in caplog.text


def test_the_key_keeps_what_was_told_twice_once(tmp_path):
    trouble = Trouble(tmp_path, 1, PLACE)
    lines = [(START_MS * 1_000_000 + n, n + 1, told.text) for n, told in enumerate(watched(200))]
    for _ in range(2):
        trouble.apply(list(lines), [injection("corrupt-line", 0.5)], START_MS, START_MS + 1_000, 2)
    entries = list(answer_key.read(tmp_path))
    assert 50 < len(entries) < 150
    assert len(set(entries)) == len(entries)


def finding(scenario, minute, **more):
    return {"scenario": scenario, "at": CLOCK.show((START_MS + minute * 60_000) * 1_000_000)} | more


def scored(tmp_path, findings, plans, touched=()):
    file = tmp_path / "findings.json"
    file.write_text(json.dumps({"findings": findings}))
    return score(read_findings(file, CLOCK), plans, touched, CLOCK, grace_h=1)


def test_scores_are_what_counting_by_hand_gives(tmp_path):
    """Two injections of two kinds; three findings: one right after 5 minutes, one too early, one of nothing planned."""
    plans = [injection("duplicates"), injection("rating-burst")]
    said = [finding("duplicates", 5), finding("duplicates", -3), finding("bots", 10)]
    report = scored(tmp_path, said, plans)
    assert (report["precision"], report["recall"], report["delay_minutes"]) == (round(1 / 3, 4), 0.5, 5.0)
    by_name = {row["scenario"]: row for row in report["scenarios"]}
    assert by_name["duplicates"]["precision"] == 0.5
    assert by_name["rating-burst"]["recall"] == 0.0
    assert by_name["bots"]["recall"] is None


def test_users_and_lines_are_scored_against_the_key(tmp_path):
    lines = [f"2026-09-15T12:00:01,{user},GET /rate/heat+1995=10" for user in (1, 2, 3, 4)]
    touched = [Affected("abcd1234", "rating-burst", START_MS, None, line) for line in lines]
    said = [finding("rating-burst", 30, users=[1, 2, 9], movies=["heat+1995"], lines=lines[:1])]
    items = scored(tmp_path, said, [injection("rating-burst")], touched)["scenarios"][0]["items"]
    assert items["users"] == {"precision": round(2 / 3, 4), "recall": 0.5}
    assert items["movies"] == {"precision": 1.0, "recall": 1.0}
    assert items["lines"] == {"precision": 1.0, "recall": 0.25}


def test_a_finding_may_come_until_the_grace_is_over(tmp_path):
    plans = [injection("duplicates", minutes=60)]
    assert scored(tmp_path, [finding("duplicates", 119)], plans)["recall"] == 1.0
    assert scored(tmp_path, [finding("duplicates", 121)], plans)["recall"] == 0.0


@pytest.mark.parametrize(
    "text", ["[1]", '[{"at": "2026-09-15T12:00"}]', '[{"scenario": "bots", "at": "noon"}]', "{nothing"]
)
def test_findings_that_are_none_are_named(tmp_path, text):
    file = tmp_path / "findings.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"findings\.json, (finding|line) 1: expected"):
        read_findings(file, CLOCK)


def test_one_object_a_line_will_do(tmp_path):
    file = tmp_path / "findings.jsonl"
    file.write_text("\n".join(json.dumps(finding("bots", minute)) for minute in (1, 2)))
    assert [each.scenario for each in read_findings(file, CLOCK)] == ["bots", "bots"]


def test_bad_ratings_stay_rating_lines():
    _, touched = Damage().apply(rated(200), [injection("bad-rating", 1.0)], START_MS)
    assert all(isinstance(parse_line(each.before, CLOCK), Rated) for each in touched)
    assert all(",GET /rate/heat+1995=" in each.after for each in touched)
