"""What is flagged, what is not, and that what is flagged stays stored but is left out of every view but one."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_lines import CLOCK, SOURCE, START_NS, append, append_in_pieces, some_lines

from stream.events import AccountCreated, Rated, Watched
from stream.store import files, suspects
from stream.store.compact import compact
from stream.store.info import ends_ns, fingerprint, info
from stream.store.query import query
from stream.store.rules import remember_term, remembered_term
from stream.store.suspects import FAR_NS, far_from_neighbours
from stream.store.tail import tail
from stream.store.verdicts import flagged
from stream.terms import TERMS
from training.data import read_interactions

F2026, F2025 = TERMS["F2026"], TERMS["F2025"]
MINUTE_NS = 60_000_000_000
EVENTS = ("events", "watches", "ratings", "requests", "accounts", "sessions")


def watched(minute: float, user: int, movie: str, tick: int) -> bytes:
    return Watched(START_NS + round(minute * MINUTE_NS), user, movie, tick).format(CLOCK).encode()


def rated(minute: float, user: int, movie: str, score: int) -> bytes:
    return Rated(START_NS + round(minute * MINUTE_NS), user, movie, score).format(CLOCK).encode()


def created(minute: float, user: int) -> bytes:
    return AccountCreated(START_NS + round(minute * MINUTE_NS), user).format(CLOCK).encode()


def store_with(folder: Path, lines: list[bytes], term=F2026, runtimes=None) -> Path:
    append(folder, lines)
    remember_term(folder, term)
    if runtimes is not None:
        (folder / "catalog").mkdir()
        records = [{"id": movie, "runtime": runtime} for movie, runtime in runtimes.items()]
        (folder / "catalog" / "movies.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def flags_by_offset(store: Path) -> dict[int, str]:
    found = query(store, 'SELECT "offset", flag FROM all_events WHERE flag IS NOT NULL')
    return dict(zip(found["offset"].tolist(), found["flag"].tolist(), strict=True))


def test_a_score_is_held_against_the_scale_of_the_stores_term(tmp_path):
    lines = [rated(0, 1, "heat+1995", score) for score in (0, 1, 5, 6, 10, 11)]
    assert flags_by_offset(store_with(tmp_path / "a", lines)) == {0: "rating_scale", 5: "rating_scale"}
    assert flags_by_offset(store_with(tmp_path / "b", lines, F2025)) == dict.fromkeys((0, 3, 4, 5), "rating_scale")
    assert flagged(tmp_path / "a", F2025) == {"rating_scale": 4}


def test_without_a_term_scores_and_users_make_no_verdict(tmp_path):
    append(tmp_path, [rated(0, 9_000_000, "heat+1995", 99)])
    assert (remembered_term(tmp_path), flagged(tmp_path)) == (None, {})


def test_a_user_is_in_range_from_the_moment_an_account_as_high_was_created(tmp_path):
    lines = [
        watched(0, 1_000_000, "heat+1995", 1),  # the term's last
        watched(1, 1_000_002, "heat+1995", 1),  # not yet
        created(2, 1_000_003),
        watched(2, 1_000_002, "heat+1995", 2),  # now, at the same instant
        created(3, 1_000_001),  # does not take anything back
        watched(4, 1_000_003, "heat+1995", 1),
        watched(5, 1_000_004, "heat+1995", 1),
        watched(6, 6_597_125, "heat+1995", 1),
    ]
    store = store_with(tmp_path, lines)
    assert flags_by_offset(store) == dict.fromkeys((1, 6, 7), "user_range")


def test_accounts_of_another_file_and_partition_count(tmp_path):
    append(tmp_path, [created(0, 1_000_005)], partition=1)
    append(tmp_path, [watched(1, 1_000_005, "heat+1995", 1), watched(1, 1_000_006, "heat+1995", 1)])
    remember_term(tmp_path, F2026)
    assert flags_by_offset(tmp_path) == {1: "user_range"}


def test_a_movie_is_unknown_only_beside_a_catalogue_that_lacks_it(tmp_path):
    lines = [watched(0, 1, movie, 1) for movie in ("heat+1995", "NzPliAB5Fa", "++++2013")] + [rated(1, 1, "x+1999", 3)]
    assert flagged(store_with(tmp_path / "a", lines)) == {}
    store = store_with(tmp_path / "b", lines, runtimes={"heat+1995": 170, "++++2013": 0})
    assert flags_by_offset(store) == {1: "unknown_movie", 3: "unknown_movie"}
    (store / "catalog" / "refused.jsonl").write_text(
        '{"id": "x+1999", "runtime": "long", "refused_because": ["runtime"]}\n'
    )
    assert flags_by_offset(store) == {1: "unknown_movie"}  # refused for a field, but it is there
    assert flagged(tmp_path / "a", catalog_dir=store / "catalog") == {"unknown_movie": 1}


def test_a_movie_that_was_only_not_looked_up_yet_is_no_unknown_one(tmp_path):
    lines = [watched(0, 1, movie, 1) for movie in ("heat+1995", "NzPliAB5Fa", "fargo+1996")]
    store = store_with(tmp_path, lines, runtimes={"heat+1995": 170})
    notes = store / "catalog" / "unknown.jsonl"
    notes.touch()
    assert flags_by_offset(store) == {}
    notes.write_text('{"id": "NzPliAB5Fa", "fetched_ns": 1}\n{"id": "heat+1995", "fetched_ns": 1}\n{"user_id": 7}\n')
    assert flags_by_offset(store) == {1: "unknown_movie"}  # heat has a record: it was asked for again


@pytest.mark.parametrize(("runtime", "found"), [(170, {1}), ("170", {1}), (0, set()), (None, set()), ("?", set())])
def test_a_minute_is_held_against_the_runtime_where_there_is_one(tmp_path, runtime, found):
    lines = [watched(0, 1, "heat+1995", 170), watched(1, 2, "heat+1995", 171)]
    assert set(flags_by_offset(store_with(tmp_path, lines, runtimes={"heat+1995": runtime}))) == found


def test_a_runtime_that_many_viewers_pass_is_one_episodes(tmp_path):
    series = [watched(user, user, "jazz+2001", minute) for user in range(1, 6) for minute in (3, 400, 1063)]
    lonely = [watched(minute / 60, 7, "centennial+1978", minute) for minute in range(1_040, 1_054)]
    film = [watched(20 + i / 100, 10 + i, "heat+1995", i % 170) for i in range(300)]
    typos = [watched(30, 8, "heat+1995", 1_011), watched(31, 8, "jazz+2001", 2)]
    runtimes = {"jazz+2001": 114, "centennial+1978": "60", "heat+1995": 170}
    store = store_with(tmp_path, [*series, *lonely, *film, *typos], runtimes=runtimes)
    assert flags_by_offset(store) == {len(series + lonely + film): "beyond_runtime"}


def test_a_few_mistyped_minutes_of_a_film_that_all_watch_stay_flagged(tmp_path):
    lines = [watched(i / 100, 1 + i % 500, "heat+1995", i % 170) for i in range(2_000)]
    for row in (100, 700, 1_300, 1_900):
        lines[row] = watched(row / 100, 1 + row % 500, "heat+1995", 1_051)
    assert set(flags_by_offset(store_with(tmp_path, lines, runtimes={"heat+1995": 170}))) == {100, 700, 1_300, 1_900}


def test_a_time_far_from_both_neighbours_is_flagged_and_a_jump_of_the_stream_is_not(tmp_path):
    minutes = [0, 1, 2_000, 2, 3, -2_000, 4, 5_000, 5_001, 5_002]  # the last three: after a pause
    lines = [watched(minute, 1, "heat+1995", 1) for minute in minutes]
    assert flags_by_offset(store_with(tmp_path / "whole", lines)) == {2: "time", 5: "time"}
    for size in (1, 2, 3, 4):
        append_in_pieces(tmp_path / f"pieces-{size}", lines, size)
        assert flags_by_offset(tmp_path / f"pieces-{size}") == {2: "time", 5: "time"}


def test_a_file_in_no_order_of_time_gets_no_verdict_on_times(tmp_path):
    dice = random.Random(3)
    append(tmp_path, [rated(60 * dice.randrange(1_000), number, "heat+1995", 3) for number in range(1, 200)])
    remember_term(tmp_path, F2026)
    assert flags_by_offset(tmp_path) == {}


def test_a_mistyped_time_is_not_the_end_of_the_log(tmp_path):
    assert ends_ns(tmp_path) is None
    append_in_pieces(tmp_path, [watched(minute, 1, "heat+1995", 1) for minute in (0, 1, -9_000, 2, 9_000, 3, 4)], 3)
    assert ends_ns(tmp_path) == (START_NS, START_NS + 4 * MINUTE_NS)
    assert fingerprint(tmp_path)["last_ns"] == START_NS + 4 * MINUTE_NS  # else no later data would seem new to training


@given(st.lists(st.integers(-10, 10), max_size=40))
def test_times_that_only_rise_or_jitter_are_never_far(steps):
    rising = [abs(step) * FAR_NS for step in steps]
    assert not far_from_neighbours(np.cumsum(np.array(rising, np.int64))).any()
    assert not far_from_neighbours(np.array([step * FAR_NS // 20 for step in steps], np.int64)).any()


def test_verdicts_do_not_depend_on_how_lines_lie_in_files(tmp_path):
    lines = some_lines(600, broken=0.02)
    for row in range(50, 600, 37):
        lines[row] = lines[row].split(b",")[0] + b",6597125,GET /data/m/heat+1995/1.mpg"
    lines[300] = b"2031-01-01T10:00,5,GET /data/m/heat+1995/1.mpg"
    for folder, size in (("one", 600), ("many", 7)):
        append_in_pieces(tmp_path / folder, lines, size)
        remember_term(tmp_path / folder, F2026)
    one = flags_by_offset(tmp_path / "one")
    assert {"user_range", "time"} <= set(one.values())
    assert flags_by_offset(tmp_path / "many") == one
    compact(tmp_path / "many", full=True)
    assert flags_by_offset(tmp_path / "many") == one
    append(tmp_path / "many", lines[100:400], 100)  # overlaps, as by mistake
    assert flags_by_offset(tmp_path / "many") == one


def test_flagged_lines_stay_stored_and_only_all_events_shows_them(tmp_path):
    lines = [watched(i, 1 + i % 2, "heat+1995", i) for i in range(20)] + [rated(20, 1, "heat+1995", 9)]
    bad = [watched(21, 1, "NzPliAB5Fa", 3), rated(22, 2, "heat+1995", 99)]
    store = store_with(tmp_path, lines + bad, runtimes={"heat+1995": 170})
    held = info(store)
    assert (held["events"], held["flagged"]) == (23, {"rating_scale": 1, "unknown_movie": 1})
    assert query(store, "SELECT count(*) AS n FROM all_events")["n"].tolist() == [23]
    assert query(store, "SELECT count(*) AS n FROM events")["n"].tolist() == [21]
    assert set(query(store, "SELECT DISTINCT movie_id FROM sessions")["movie_id"]) == {"heat+1995"}
    assert query(store, "SELECT score FROM ratings")["score"].tolist() == [9]
    assert sorted(tail(store, None)[0]["offset"].tolist()) == list(range(21))
    news, _ = tail(store, {f"{SOURCE}-0": 20})
    assert news["offset"].tolist() == [20]
    trained = read_interactions(store, (1, 10))
    assert (trained.movies.tolist(), trained.ratings.score.tolist()) == (["heat+1995"], [9.0])


def test_a_window_judges_as_the_whole_does(tmp_path):
    append_in_pieces(
        tmp_path, [created(0, 1_000_009), *(watched(i, 1_000_008, "heat+1995", i) for i in range(1, 40))], 5
    )
    remember_term(tmp_path, F2026)
    since_ns = START_NS + 30 * MINUTE_NS
    for view in EVENTS[:2]:
        seen = query(tmp_path, f"SELECT count(*) AS n FROM {view} WHERE at_ns >= $since_ns", since_ns=since_ns)
        assert seen["n"].tolist() == [10]


def test_a_new_catalogue_changes_verdicts_that_were_given(tmp_path):
    store = store_with(tmp_path, [watched(0, 1, "heat+1995", 200)], runtimes={"heat+1995": 170})
    assert flagged(store) == {"beyond_runtime": 1}
    (store / "catalog" / "movies.jsonl").write_text('{"id": "heat+1995", "runtime": 1700}\n')
    assert flagged(store) == {}


def test_a_damaged_file_makes_no_verdict_and_does_not_stop_those_of_others(tmp_path):
    append_in_pieces(tmp_path, [rated(i, 1, "heat+1995", 99) for i in range(4)], 2)
    remember_term(tmp_path, F2026)
    files.listed(tmp_path, files.EVENTS)[0].path.write_bytes(b"PAR1 and nothing else PAR1")
    assert flagged(tmp_path) == {"rating_scale": 2}


def test_the_view_of_all_that_is_stored_is_whole_and_judges_nothing(tmp_path):
    store = store_with(tmp_path, [rated(0, 1, "heat+1995", score) for score in (4, 99)])
    assert query(store, "SELECT score FROM stored_events ORDER BY score")["score"].tolist() == [4, 99]
    assert not any(key[0].is_relative_to(store) for key in suspects._known)
    assert query(store, "SELECT score FROM Events")["score"].tolist() == [4]
    assert any(key[0].is_relative_to(store) for key in suspects._known)
