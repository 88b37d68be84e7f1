"""The client of the user and movie API against servers that behave as the course's may."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.catalog import MOVIES, USERS, ApiAway, Catalog, wrong_fields

HEAT = {"id": "heat+1995", "title": "Heat", "genres": [{"id": 80, "name": "Crime"}], "runtime": 170, "budget": "60"}
FARGO = {"id": "fargo+1996", "title": "Fargo", "genres": [], "runtime": "98", "license_cost": 0.4}
ANN = {"user_id": 12, "age": 27, "occupation": "writer", "gender": "F", "self_description_likes": None}


@contextlib.contextmanager
def api(*records, bulk=True, troubles=()):
    """Serves records by id; yields (url, list of paths asked). troubles: statuses of the first answers."""
    known = {str(record.get("user_id", record.get("id", ""))): record for record in records}
    asked, first = [], list(troubles)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if first:
                return self._say(first.pop(0), {"message": "later"})
            keys = unquote(self.path).split("/")[2].split(",")
            found = [known.get(key, {"message": f"invalid ID {key}"}) for key in keys]
            if len(keys) > 1 and bulk:
                return self._say(200, found)
            return self._say(200 if keys[0] in known else 404, found[0])

        def _say(self, status, body):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def client(url, folder):
    return Catalog(url, folder, pauses_s=(0.01, 0.02))


def test_movies_are_fetched_together_kept_and_never_asked_for_again(tmp_path):
    with api(HEAT, FARGO) as (url, asked):
        catalog = client(url, tmp_path)
        assert catalog.sync(MOVIES, ["heat+1995", "fargo+1996"]) == {"fetched": 2, "refused": 0, "unknown": 0}
        assert catalog.sync(MOVIES, ["fargo+1996"])["fetched"] == 0
    assert asked == ["/movie/heat+1995,fargo+1996"]
    assert client(url, tmp_path).known(MOVIES) == {"heat+1995": HEAT, "fargo+1996": FARGO}


def test_two_hundred_ids_at_most_go_into_one_request(tmp_path):
    records = [{"user_id": number, "age": 30, "occupation": "writer", "gender": "M"} for number in range(450)]
    with api(*records) as (url, asked):
        assert client(url, tmp_path).sync(USERS, map(str, range(450)))["fetched"] == 450
    assert [path.count(",") + 1 for path in asked] == [200, 200, 50]


def test_an_api_that_takes_no_lists_is_asked_one_by_one(tmp_path):
    with api(HEAT, FARGO, bulk=False) as (url, asked):
        assert client(url, tmp_path).sync(MOVIES, ["heat+1995", "fargo+1996"])["fetched"] == 2
    assert asked[1:] == ["/movie/heat+1995", "/movie/fargo+1996"]


def test_an_id_that_the_api_does_not_know_is_counted(tmp_path):
    with api(ANN) as (url, _):
        assert client(url, tmp_path).sync(USERS, ["12", "13"]) == {"fetched": 1, "refused": 0, "unknown": 1}
        assert client(url, tmp_path).show(USERS, "13") is None
        assert client(url, tmp_path).show(USERS, "12") == ANN


def test_too_many_requests_are_waited_out(tmp_path):
    with api(HEAT, troubles=[429, 503]) as (url, asked):
        assert client(url, tmp_path).sync(MOVIES, ["heat+1995"])["fetched"] == 1
    assert len(asked) == 3


def test_an_api_that_stays_away_is_named_and_what_came_is_kept(tmp_path):
    with (
        api(ANN, troubles=[500] * 3) as (url, _),
        pytest.raises(ApiAway, match=r"user/… gave no records in 3 attempts"),
    ):
        client(url, tmp_path).sync(USERS, ["12"])
    with pytest.raises(ApiAway, match="refused"):
        client("http://127.0.0.1:1", tmp_path).sync(USERS, ["12"])


def test_a_record_with_wrong_types_is_kept_apart_with_the_reason(tmp_path):
    odd = HEAT | {"runtime": "long", "genres": ["Crime"]}
    with api(odd) as (url, asked):
        catalog = client(url, tmp_path)
        assert catalog.sync(MOVIES, ["heat+1995"]) == {"fetched": 0, "refused": 1, "unknown": 0}
        catalog.sync(MOVIES, ["heat+1995"])
    assert len(asked) == 1
    assert catalog.known(MOVIES) == {}
    kept = json.loads((tmp_path / "refused.jsonl").read_text())
    assert kept["refused_because"] == ["genres: got \"['Crime']\"", "runtime: got 'long'"]


def test_a_cache_cut_short_by_a_kill_loses_one_record_only(tmp_path):
    with api(HEAT, FARGO) as (url, _):
        catalog = client(url, tmp_path)
        catalog.sync(MOVIES, ["heat+1995"])
        with (tmp_path / "movies.jsonl").open("a") as out:
            out.write('{"id": "fargo+19')
        catalog.sync(MOVIES, ["fargo+1996"])
    assert catalog.known(MOVIES) == {"heat+1995": HEAT, "fargo+1996": FARGO}


def test_numbers_may_come_as_text_and_unknown_fields_do_not_matter():
    assert wrong_fields(MOVIES, HEAT | {"runtime": "170", "license_cost": "0.5", "new": [1]}) == []
    assert wrong_fields(USERS, ANN | {"age": "old"}) == ["age: got 'old'"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from([*MOVIES.fields, "other"]), values))
def test_judging_a_record_never_raises(record):
    assert all(": got " in reason for reason in wrong_fields(MOVIES, record))
