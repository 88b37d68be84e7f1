"""The API's habits and faults, over real HTTP where a connection matters."""

import http.client
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houses import free_ports
from stream.platform.api import Desk, create_app, serve
from stream.platform.manners import Limiter, Manners, Trouble

RECORD = {"id": "heat+1995", "title": "Heat", "runtime": 170, "genres": [{"id": 80, "name": "Crime"}]}


class OneMovie:
    """Records of one movie and of users 1 to 9."""

    def movie(self, key):
        return RECORD if key == "heat+1995" else None

    def user(self, key):
        return {"user_id": int(key), "age": 30} if key in "123456789" else None


def client(trouble=None, **manners):
    desk = Desk(OneMovie(), Manners(**manners), trouble=trouble or Trouble())
    return create_app(desk).test_client()


def test_an_unknown_id_is_a_message_with_the_status_of_the_term():
    assert client().get("/movie/nothing").status_code == 404
    answer = client(unknown_status=200).get("/movie/nothing")
    assert (answer.status_code, list(answer.json)) == (200, ["message"])


def test_an_api_from_before_bulk_takes_a_list_for_one_unknown_id():
    asked = client(max_bulk=1)
    assert asked.get("/user/1").json["user_id"] == 1
    assert asked.get("/user/1,2").status_code == 404


def test_the_limit_lets_a_burst_through_and_then_its_rate():
    now = [100.0]
    limiter = Limiter(Manners(requests_per_second=2, burst=3), clock=lambda: now[0])
    assert [limiter.wait_s() for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] += 0.5
    assert [limiter.wait_s() for _ in range(2)] == [0, 0.5]
    now[0] += 60
    assert sum(limiter.wait_s() == 0 for _ in range(10)) == 3


def test_a_refusal_says_when_to_come_back_if_it_is_that_kind():
    for kind, wanted in ((True, "1"), (False, None)):
        asked = client(requests_per_second=1.5, burst=1, retry_after=kind)
        assert asked.get("/user/1").status_code == 200
        refused = asked.get("/user/1")
        assert (refused.status_code, refused.headers.get("Retry-After")) == (429, wanted)


def test_each_fault_befalls_its_share_of_requests():
    asked = client(Trouble(too_many=0.2, errors=0.1, pages=0.3))
    answers = [asked.get("/movie/heat+1995") for _ in range(1_000)]
    pages = sum(answer.mimetype == "text/html" and answer.status_code == 200 for answer in answers)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(429) == pytest.approx(200, abs=45)
    assert statuses.count(500) == pytest.approx(100, abs=35)
    assert pages == pytest.approx(300, abs=50)


@given(st.integers(0, 10_000))
def test_a_damaged_record_keeps_its_id_and_differs(seed):
    for trouble in (Trouble(nulls=1), Trouble(wrong_types=1), Trouble(missing=1)):
        damaged = trouble.damaged(RECORD, random.Random(seed))
        assert damaged["id"] == RECORD["id"]
        assert damaged != RECORD
        assert json.loads(json.dumps(damaged)) == damaged


def test_without_trouble_a_record_is_left_alone():
    assert Trouble().damaged(RECORD, random.Random(1)) is RECORD


@pytest.mark.parametrize("wishes", [{"nulls": 2}, {"down": 1}, {"slow": 1}, {"slow_s": -1}, {"errors": "many"}])
def test_a_wrong_wish_is_named(wishes):
    with pytest.raises(ValueError, match=next(iter(wishes))):
        Trouble().changed(wishes)


def test_an_api_that_is_down_cuts_connections_and_comes_back():
    desk, port = Desk(OneMovie(), trouble=Trouble(down=True)), free_ports(1)[0]
    server = serve(desk, port)
    try:

        def ask():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/user/1")
            return connection.getresponse().status

        with pytest.raises((http.client.HTTPException, OSError)):
            ask()
        desk.trouble = Trouble()
        assert ask() == 200
    finally:
        server.shutdown()


def test_a_slow_api_sleeps_before_it_answers():
    slept = []
    app = create_app(Desk(OneMovie(), sleep=slept.append, trouble=Trouble(slow_s=1.5)))
    assert app.test_client().get("/user/1").status_code == 200
    assert slept == [1.5]


def test_a_browser_sees_a_page_and_a_program_the_courses_line():
    desk = Desk(
        OneMovie(), facts=lambda: {"stream_time": "2026-09-15T12:00", "lines": 1_234_567}, trouble=Trouble(nulls=0.2)
    )
    asked = create_app(desk).test_client()
    for accept in (None, "*/*", "application/json"):
        assert asked.get("/", headers={"Accept": accept} if accept else {}).text == "Movie API Service"
    page = asked.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.mimetype == "text/html"
    for words in ("2026-09-15T12:00", "1,234,567", "nulls"):
        assert words in page.text
    assert "<script" not in page.text
