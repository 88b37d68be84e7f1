"""The client of the user and movie API against servers that behave as the course's may."""

import email.utils
import json
import threading
import time

import pytest
from faulty_api import HTML, Says, api

from stream.catalog.api import ApiAway
from stream.catalog.client import Catalog
from stream.catalog.pace import Stopped
from stream.catalog.records import MOVIES, USERS

HEAT = {"id": "heat+1995", "title": "Heat", "genres": [{"id": 80, "name": "Crime"}], "runtime": 170, "budget": "60"}
FARGO = {"id": "fargo+1996", "title": "Fargo", "genres": [], "runtime": "98", "license_cost": 0.4}
ANN = {"user_id": 12, "age": 27, "occupation": "writer", "gender": "F", "self_description_likes": None}
LATER = Says(429)


def users(count):
    return [{"user_id": number, "age": 30, "occupation": "writer", "gender": "m"} for number in range(1, count + 1)]


def client(served, folder, **changes):
    return Catalog(getattr(served, "url", served), folder, **{"pauses_s": (0.01, 0.02)} | changes)


def known(catalog, kind):
    """Records as the API gave them."""
    return {
        key: {name: value for name, value in record.items() if name != "fetched_ns"}
        for key, record in catalog.known(kind).items()
    }


def test_movies_are_fetched_together_kept_and_never_asked_for_again(tmp_path):
    with api(HEAT, FARGO) as served:
        assert client(served, tmp_path).sync(MOVIES, ["heat+1995", "fargo+1996", "heat+1995"]).fetched == 2
        assert client(served, tmp_path).sync(MOVIES, ["fargo+1996"]).fetched == 0
    assert served.asked == ["/movie/heat+1995,fargo+1996"]
    assert known(client(served, tmp_path), MOVIES) == {"heat+1995": HEAT, "fargo+1996": FARGO}


def test_two_hundred_ids_at_most_go_into_one_request_and_the_first_go_first(tmp_path):
    with api(*users(450)) as served:
        assert client(served, tmp_path).sync(USERS, range(450, 0, -1)).fetched == 450
    assert sorted(served.lengths()) == [50, 200, 200]
    assert "/user/450,449" in "".join(served.asked)


@pytest.mark.parametrize(
    "refusal",
    [
        Says(404, {"message": "invalid userID"}),
        Says(200, {"message": "invalid userID"}),
        Says(500, HTML),
        Says(400, HTML),
    ],
)
def test_an_api_that_takes_no_lists_is_asked_one_by_one(tmp_path, refusal):
    with api(*users(70), longest=1, bulk_refusal=refusal) as served:
        done = client(served, tmp_path).sync(USERS, range(1, 71))
    assert (done.fetched, done.unknown, done.failed) == (70, 0, 0)
    assert served.lengths().count(1) == 70


def test_an_api_that_takes_short_lists_gets_short_lists(tmp_path):
    with api(*users(400), longest=60, bulk_refusal=Says(400, {"message": "limit: 60 ids"})) as served:
        assert client(served, tmp_path).sync(USERS, range(1, 401)).fetched == 400
    assert max(length for length in served.lengths() if length <= 60) == 50
    assert len([length for length in served.lengths() if length > 60]) <= 8


@pytest.mark.parametrize("status", [200, 404])
def test_an_id_that_the_api_does_not_know_is_counted_and_left_alone_for_an_hour(tmp_path, status):
    with api(ANN, unknown_status=status) as served:
        done = client(served, tmp_path).sync(USERS, [12, 13])
        assert (done.fetched, done.unknown) == (1, 1)
        assert client(served, tmp_path).sync(USERS, [13]).unknown == 0
        assert len(served.asked) == 1
        assert client(served, tmp_path).unknown(USERS) == ["13"]
        assert client(served, tmp_path).show(USERS, "13") is None
        assert client(served, tmp_path).show(USERS, "12")["age"] == 27


def test_trouble_that_passes_is_waited_out(tmp_path):
    troubles = [LATER, Says(503, HTML), Says(200, HTML), Says(200, 17), Says(200, {"message": "rate limit exceeded"})]
    with api(HEAT, first=troubles) as served:
        assert client(served, tmp_path, pauses_s=[0.01] * 5).sync(MOVIES, ["heat+1995"]).fetched == 1
    assert len(served.asked) == 6


@pytest.mark.parametrize("in_words", [lambda: "1", lambda: email.utils.formatdate(time.time() + 2, usegmt=True)])
def test_retry_after_counts_in_seconds_and_as_a_date(tmp_path, in_words):
    with api(ANN, first=[Says(429, headers={"Retry-After": in_words()})]) as served:
        started = time.monotonic()
        assert client(served, tmp_path).sync(USERS, [12]).fetched == 1
        assert 0.9 <= time.monotonic() - started < 8


def test_an_api_that_wants_to_be_left_alone_for_long_is_left_alone(tmp_path):
    with api(ANN, first=[Says(429, headers={"Retry-After": "3600"})]) as served:
        with pytest.raises(ApiAway, match="left alone for 3600 s"):
            client(served, tmp_path).sync(USERS, [12])
        assert len(served.asked) == 1


def test_an_api_that_stays_away_is_named_and_what_came_is_kept(tmp_path):
    with api(*users(300), poisoned={str(number): Says(500) for number in range(201, 301)}) as served:
        with pytest.raises(ApiAway, match=r"user/… gave no records in \d attempts \(HTTP 500 later\)"):
            client(served, tmp_path).sync(USERS, range(1, 301))
        assert len(client(served, tmp_path).known(USERS)) == 200
        served.poisoned.clear()
        assert client(served, tmp_path).sync(USERS, range(1, 301)).fetched == 100
    with pytest.raises(ApiAway, match="refused"):
        client("http://127.0.0.1:1", tmp_path).sync(USERS, [999])


def test_ids_that_cannot_be_anybodys_are_never_asked_for(tmp_path):
    with api(HEAT) as served:
        done = client(served, tmp_path).sync(MOVIES, ["heat+1995", "x" * 100_000, "a,b", ""])
    assert (done.fetched, done.unknown) == (1, 3)
    assert served.asked == ["/movie/heat+1995"]


def test_a_wrong_address_makes_no_movie_unknown(tmp_path):
    with api(HEAT, first=[Says(404, HTML)] * 9) as served, pytest.raises(ApiAway, match="is API_URL right"):
        client(served, tmp_path).sync(MOVIES, ["heat+1995", "fargo+1996"])
    assert client(served, tmp_path).unknown(MOVIES) == []


def test_one_id_that_always_fails_holds_up_none_of_the_others(tmp_path):
    with api(*users(120), poisoned={"77": Says(500)}) as served:
        done = client(served, tmp_path).sync(USERS, range(1, 121))
        assert (done.fetched, done.failed) == (119, 1)
        assert "HTTP 500" in done.trouble
        served.poisoned.clear()
        assert client(served, tmp_path).sync(USERS, range(1, 121)).fetched == 1


def test_ids_that_a_list_forgets_are_asked_for_alone_and_doubles_count_once(tmp_path):
    damaged = [ANN | {"user_id": number, "age": "old"} for number in (2, 3)]

    def edit(found):
        return [damaged[0], *found[1:4], *found[1:4], damaged[1], 17, None]

    with api(*users(5), edit=edit) as served:
        done = client(served, tmp_path).sync(USERS, range(1, 6))
    assert (done.fetched, done.refused) == (5, 0)
    assert sorted(served.asked[1:]) == ["/user/1", "/user/5"]


@pytest.mark.parametrize("plus_is_blank", [False, True])
def test_a_plus_is_understood_raw_or_percent_encoded(tmp_path, plus_is_blank):
    odd = [FARGO | {"id": name} for name in ("++++2013", "endeavour+", "m*a*s*h+1970", "la+moiti%C3%A9+2000")]
    with api(HEAT, *odd, plus_is_blank=plus_is_blank) as served:
        done = client(served, tmp_path).sync(MOVIES, ["heat+1995", *(movie["id"] for movie in odd)])
        assert (done.fetched, done.unknown) == (5, 0)
        asked = len(served.asked)
        assert client(served, tmp_path / "other").show(MOVIES, "heat+1995")["title"] == "Heat"
    assert asked == (1 if not plus_is_blank else asked)


def test_ids_may_come_back_percent_encoded_or_as_numbers_in_text(tmp_path):
    with api() as served:
        served.records |= {"heat+1995": HEAT | {"id": "heat%2B1995"}, "12": ANN | {"user_id": "12"}}
        assert client(served, tmp_path).sync(MOVIES, ["heat+1995"]).fetched == 1
        assert client(served, tmp_path).sync(USERS, [12]).fetched == 1
    assert client(served, tmp_path).known(MOVIES)["heat+1995"]["id"] == "heat+1995"
    assert client(served, tmp_path).known(USERS)["12"]["user_id"] == 12


def test_a_record_with_wrong_types_is_kept_apart_with_the_reason(tmp_path):
    odd = HEAT | {"runtime": "long", "genres": ["Crime"]}
    with api(odd) as served:
        done = client(served, tmp_path).sync(MOVIES, ["heat+1995"])
        assert (done.fetched, done.refused, done.reasons) == (0, 1, {"genres": 1, "runtime": 1})
        assert client(served, tmp_path).sync(MOVIES, ["heat+1995"]).refused == 0
    assert len(served.asked) == 1
    assert client(served, tmp_path).known(MOVIES) == {}
    kept = json.loads((tmp_path / "refused.jsonl").read_text())
    assert kept["refused_because"] == ["genres: got ['Crime']", "runtime: got 'long'"]


def test_a_record_of_somebody_else_is_refused(tmp_path):
    with api() as served:
        served.records["12"] = ANN | {"user_id": 21}
        assert client(served, tmp_path).sync(USERS, [12]).refused == 1
    assert [record["refused_because"] for record in client(served, tmp_path).refusals(USERS)] == [
        ["user_id: asked for 12, got 21"]
    ]


def test_the_last_good_copy_stays_when_another_fetch_brings_a_damaged_one(tmp_path):
    with api(HEAT, ANN | {"user_id": 12}) as served:
        catalog = client(served, tmp_path)
        catalog.sync(MOVIES, ["heat+1995"])
        catalog.sync(USERS, [12])
        served.records |= {"heat+1995": HEAT | {"runtime": None}, "12": {"user_id": 12, "age": 27}}
        now = time.time_ns()
        for kind, key, why in (
            (MOVIES, "heat+1995", "runtime: null, was 170"),
            (USERS, 12, "gender: missing, was 'F'"),
        ):
            done = catalog.sync(kind, [key], older_than_ns=now)
            assert (done.fetched, done.refused, done.kept) == (0, 1, 1)
            assert why in next(catalog.refusals(kind))["refused_because"]
    assert known(client(served, tmp_path), MOVIES) == {"heat+1995": HEAT}
    assert known(client(served, tmp_path), USERS) == {"12": ANN}


def test_a_price_that_changed_is_counted_and_listed_and_the_new_one_counts(tmp_path):
    with api(HEAT | {"cost": "0.5"}, FARGO) as served:
        catalog = client(served, tmp_path)
        catalog.sync(MOVIES, ["heat+1995", "fargo+1996"])
        served.records |= {"heat+1995": HEAT | {"cost": 0.75}, "fargo+1996": FARGO | {"runtime": 98}}
        done = catalog.sync(MOVIES, ["heat+1995", "fargo+1996"], older_than_ns=time.time_ns())
    assert (done.fetched, done.changed, done.changes) == (2, 1, {"license_cost": 1})
    assert catalog.known(MOVIES)["heat+1995"]["cost"] == 0.75
    (change,) = client(served, tmp_path).changes()
    assert {**change, "at_ns": 0} == {
        "kind": "movie", "id": "heat+1995", "at_ns": 0, "field": "license_cost", "old": "0.5", "new": 0.75,
    }  # fmt: skip


def test_only_what_is_older_than_asked_for_is_fetched_again(tmp_path):
    with api(HEAT, FARGO) as served:
        catalog = client(served, tmp_path)
        catalog.sync(MOVIES, ["heat+1995"])
        between = time.time_ns()
        catalog.sync(MOVIES, ["fargo+1996"])
        assert catalog.missing(MOVIES, ["heat+1995", "fargo+1996"], between) == ["heat+1995"]


def test_requests_keep_to_the_pace(tmp_path):
    with api(*users(5), longest=1) as served:
        catalog = client(served, tmp_path, max_per_s=20)
        started = time.monotonic()
        catalog.sync(USERS, [1, 2, 3, 4, 5])
        assert time.monotonic() - started >= (len(served.asked) - 1) / 20


def test_an_api_that_moved_is_followed(tmp_path):
    with api(ANN) as served, api() as old:
        old.first = [Says(308, headers={"Location": f"{served.url}/user/12"})]
        assert client(old, tmp_path).sync(USERS, [12]).fetched == 1


def test_a_sync_that_is_told_to_stop_stops_while_it_waits(tmp_path):
    stop = threading.Event()
    with api(ANN, first=[LATER] * 9) as served:
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(Stopped):
            client(served, tmp_path, pauses_s=(60,), stop=stop).sync(USERS, [12])
    assert len(served.asked) == 1
