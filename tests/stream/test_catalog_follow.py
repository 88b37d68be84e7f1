"""The catalogue on demand: what the stored events mention is looked up soon after, the newest first."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from faulty_api import Says, api

from houses import CHECKOUT
from small_logs import SmallLog
from stream.catalog.api import ApiAway
from stream.catalog.client import Catalog
from stream.catalog.follow import Follower, follow
from stream.catalog.records import MOVIES, USERS
from stream.evidence import read_beats
from stream.settings import StreamSettings
from stream.store.query import query
from waiting import until


def movie(name, cost=0.5):
    return {"id": name, "title": name, "genres": [], "runtime": 90, "license_cost": cost}


def user(number):
    return {"user_id": number, "age": 30, "gender": "F", "occupation": "writer"}


HOUSE = [movie("old+1990"), movie("new+2020"), user(1), user(2), user(3)]


def a_store(folder):
    log = SmallLog()
    log.played("2026-10-20T10:00", 1, "old+1990", minutes=3)
    log.played("2026-10-20T12:00", 2, "new+2020", minutes=3)
    log.played("2026-10-20T12:01", 2, "NzPliAB5Fa")
    log.asked("2026-10-20T12:30", 3, ["new+2020"])
    return log.store(folder)


def follower(served, store, **changes):
    catalog = Catalog(served.url, store / "catalog", pauses_s=(0.01,))
    return Follower(catalog, store, **{"max_age_hours": 6.0} | changes)


def facts(var_dir):
    """What the last heartbeat says."""
    beat = read_beats(var_dir / "run").get("catalog")
    return beat.facts if beat else {}


def test_what_the_store_mentions_is_fetched_the_newest_first(tmp_path):
    store = a_store(tmp_path)
    with api(*HOUSE) as served:
        done = follower(served, store).round()
    assert (done["movie"].fetched, done["movie"].unknown, done["user"].fetched) == (2, 1, 3)
    assert served.asked == ["/movie/new+2020,NzPliAB5Fa,old+1990", "/user/3,2,1"]


def test_later_rounds_ask_for_what_is_new_alone(tmp_path):
    store = a_store(tmp_path)
    with api(*HOUSE, movie("late+2021")) as served:
        watch = follower(served, store)
        watch.round()
        asked = len(served.asked)
        watch.round()
        assert len(served.asked) == asked
        later = SmallLog()
        later.played("2026-10-20T13:00", 4, "late+2021")
        later.store(store, source="00000000000000cc")
        watch.round()
    assert served.asked[asked:] == ["/movie/late+2021", "/user/4"]
    assert watch.facts == {"movies": 3, "movies_waiting": 0, "users": 3, "users_waiting": 0}


def test_a_time_far_in_the_future_makes_nobody_wait_for_it(tmp_path):
    store = a_store(tmp_path)
    with api(*HOUSE, user(4)) as served:
        watch = follower(served, store)
        odd = SmallLog()
        odd.played("2031-10-20T13:00", 1, "old+1990")
        odd.store(store, source="00000000000000cc")
        watch.round()
        later = SmallLog()
        later.played("2026-10-20T13:00", 4, "new+2020")
        later.store(store, source="00000000000000dd")
        assert watch.round()["user"].fetched == 1


def test_events_that_come_late_are_found_by_the_look_at_the_whole_store(tmp_path):
    store = a_store(tmp_path)
    with api(*HOUSE, movie("early+1950")) as served:
        watch = follower(served, store)
        watch.round()
        early = SmallLog()
        early.played("2026-10-18T10:00", 1, "early+1950")
        early.store(store, source="00000000000000cc")
        watch.round()
        assert watch.catalog.file(MOVIES).get("early+1950") is None
        watch.whole_at -= 3_600
        watch.round()
    assert watch.catalog.file(MOVIES).get("early+1950")["title"] == "early+1950"


def test_old_movies_are_asked_for_again_so_that_a_new_price_is_seen(tmp_path):
    store = a_store(tmp_path)
    with api(*HOUSE) as served:
        watch = follower(served, store, max_age_hours=1e-9)
        watch.round()
        served.records["new+2020"] = movie("new+2020", 0.75)
        watch.whole_at -= 3_600
        done = watch.round()
    assert done["movie"].changes == {"license_cost": 1}
    assert done["user"].fetched == 0


def test_an_api_that_is_away_is_waited_for_and_the_heartbeat_says_so(tmp_path):
    store = a_store(tmp_path / "store")
    stop, settings = threading.Event(), StreamSettings(_env_file=None, var_dir=tmp_path)
    with api(*HOUSE, first=[Says(500)] * 99) as served:
        watch = follower(served, store)
        with pytest.raises(ApiAway):
            watch.round()
        thread = threading.Thread(target=follow, args=(watch.catalog, settings, store, stop))
        thread.start()
        trouble = until(lambda: facts(tmp_path).get("trouble"), 20, "the trouble in a heartbeat")
        assert "gave no records in 2 attempts (HTTP 500 later)" in trouble
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
        served.first.clear()
        assert watch.round()["user"].fetched == 3


def test_the_process_looks_up_what_is_stored_while_it_runs_and_ends_when_told(tmp_path):
    store = a_store(tmp_path / "var" / "store")
    with api(*HOUSE) as served:
        env = os.environ | {"VAR_DIR": str(tmp_path / "var"), "API_URL": served.url}
        command = [sys.executable, "-m", "stream", "catalog", "sync", "--follow"]
        process = subprocess.Popen(command, env=env, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)
        try:
            users = Catalog("", store / "catalog").file(USERS)
            until(lambda: len(users.index().numbers) == 3, 30, "the users on disk")
            beat = until(lambda: read_beats(tmp_path / "var" / "run").get("catalog"), 10, "a heartbeat")
            assert not beat.stale(time.time_ns())
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
            said = process.communicate()[1]
    assert "2 fetched, 1 unknown" in said
    assert query(store, "select count(*) as n from all_events")["n"][0] == 8
