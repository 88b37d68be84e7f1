"""What the service says over HTTP, asked over a socket: the course's contract, hostile ids, and what operators read."""

import contextlib
import http.client
import json
import re
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running_service import KNOWN_USERS, MOVIES, publish, running_service

from serving.telemetry import latency_buckets
from stream.answers import Answer
from stream.terms import TERMS

ANSWERED = ["42", "0", "-0", "-7", "007", "150", "9" * 18, "-" + "9" * 18, "1" + "0" * 12, "42/", "150?x=1", "42/?"]
REFUSED = [
    "", "/", "abc", "4x", "x4", "+4", "--4", "-", "4-", "4.0", "1e3", "0x10", "4%202", "%204", "4%0A", "%0A4", "4%00",
    "4,5", "9" * 19, "-" + "9" * 19, "9" * 4_000, "9" * 60_000,
    "%D9%A4%D9%A2", "%F0%9D%9F%92", "%EF%BC%94", "%C2%B2", "%ff",
    "4/2", "4//", "/4", "//4", "../4", "..%2f4", "4%2F2", "4/..", "%2e%2e/%2e%2e/etc/passwd", "4;x=1", "4'--",
    "%3Cb%3E4", "%s%n", "None", "nan", "true", "_4", "4_2", "%25", "\\4", "~root",
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    directory = tmp_path_factory.mktemp("service")
    publish(directory / "var/models", "1")
    with running_service(directory, course_term="F2026") as running:
        yield running


@pytest.mark.parametrize("user", ANSWERED)
def test_a_number_is_answered_with_one_line_of_movies(service, user):
    status, headers, body = service.ask(f"/recommend/{user}")
    movies = body.decode().split(",")
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert len(movies) == len(set(movies)) == 20
    assert set(movies) <= set(MOVIES.tolist())


@pytest.mark.parametrize("user", REFUSED, ids=lambda user: user[:20])
def test_anything_else_is_refused_in_one_line_of_text(service, user):
    status, headers, body = service.ask(f"/recommend/{user}")
    assert (status, headers["content-type"].partition(";")[0]) == (400, "text/plain")
    assert body.decode().count("\n") == 1
    assert body.endswith(b"\n")


@settings(max_examples=150)
@given(st.text(st.characters(exclude_characters="/?#", max_codepoint=0x10FFFF, exclude_categories=["Cs"]), max_size=12))
def test_no_id_whatever_makes_the_service_fail(service, user):
    encoded = "".join(f"%{byte:02X}" for byte in user.encode())
    expected = 200 if re.fullmatch("-?[0-9]{1,18}", user) else 400
    assert service.ask(f"/recommend/{encoded}")[0] == expected


def test_without_a_user_there_is_no_list(service):
    assert service.ask("/recommend")[0] == 400


def test_a_known_user_is_answered_personally_and_an_unknown_one_with_what_is_popular(service):
    known = service.ask(f"/recommend/{KNOWN_USERS[3]}")
    unknown = [service.ask(f"/recommend/{user}") for user in (5, -5, 10**12)]
    assert (known[1]["x-tier"], known[1]["x-model"]) == ("personal", "1")
    assert {headers["x-tier"] for _, headers, _ in unknown} == {"popular"}
    assert len({body for _, _, body in unknown}) == 1


def test_two_slashes_in_front_are_the_same_address_and_are_counted_as_such(service):
    sample = 'request_count_total{http_status="200"}'
    before = service.counted(sample)
    assert service.ask("//recommend/123")[0] == 200
    assert service.counted(sample) == before + 1


def test_a_trailing_slash_changes_nothing(service):
    assert service.ask("/recommend/123/")[2] == service.ask("/recommend/123")[2]


def test_head_is_get_without_the_body_and_leaves_no_record(service):
    before = len(service.records())
    status, headers, body = service.ask("/recommend/123", "HEAD")
    assert (status, body, len(service.records())) == (200, b"", before)
    assert headers["content-length"] == service.ask("/recommend/123")[1]["content-length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_not_allowed(service, method):
    status, headers, _ = service.ask("/recommend/123", method)
    assert status == 405
    assert "GET" in headers["allow"]


@pytest.mark.parametrize("path", ["/nothing", "/", "/recommendation/4", "/static/x", "/recommend4"])
def test_other_addresses_are_not_found_in_one_line(service, path):
    status, _, body = service.ask(path)
    assert (status, body) == (404, b"404 not found\n")


@pytest.mark.parametrize(
    "path", ["/recommend/4", "/recommend/x", "/health", "/ready", "/version", "/metrics", "/nothing"]
)
def test_every_answer_forbids_guessing_at_its_type(service, path):
    headers = service.ask(path)[1]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_bytes_that_are_no_http_cost_that_connection_alone(service):
    for garbage in (b"\0" * 100, b"GET /recommend/4\r\n\r\n", b"GET /recommend/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as client:
            client.sendall(garbage)
            with contextlib.suppress(OSError):  # refused before it was all sent
                client.shutdown(socket.SHUT_WR)
                while client.recv(65_536):
                    pass
    assert service.ask("/recommend/4")[0] == 200


def test_fifty_at_once_are_all_answered(service):
    got, at_once = [], threading.Barrier(50)

    def client(user: int) -> None:
        at_once.wait()
        got.append(service.ask(f"/recommend/{user}")[0])

    threads = [threading.Thread(target=client, args=(user,)) for user in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [200] * 50


def test_the_record_is_on_disk_before_the_answer_arrives(service):
    for user in range(95, 105):
        _, headers, body = service.ask(f"/recommend/{user}")
        record = next(a for a in map(Answer.parse, service.records()) if a.request_id == headers["x-request-id"])
        assert (record.user_id, ",".join(record.movies).encode()) == (user, body)
        assert (record.tier, record.model_version) == (headers["x-tier"], headers["x-model"])
        assert 0 < record.ms < 1_000


def test_records_of_a_worker_are_numbered_without_a_gap_or_repeat(service):
    for user in range(20):
        service.ask(f"/recommend/{user}")
    answers = [Answer.parse(line) for line in service.records()]
    for worker in {answer.worker for answer in answers}:
        numbers = [answer.seq for answer in answers if answer.worker == worker]
        assert numbers == list(range(len(numbers)))


def test_metrics_count_each_request_for_a_list_once_whichever_worker_is_asked(service):
    samples = ['request_count_total{http_status="200"}', 'request_count_total{http_status="400"}']
    timed = "request_latency_seconds_count"
    before = [service.counted(sample) for sample in (*samples, timed)]
    for user in range(30):
        service.ask(f"/recommend/{user}")
        service.ask("/recommend/x" * (user % 2))
        service.ask("/health")
    after = [service.counted(sample) for sample in (*samples, timed)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [30, 15, 45]
    assert {service.counted(timed) for _ in range(10)} == {after[2]}


def test_metrics_name_the_live_version(service):
    assert service.counted('matinee_model_live{slot="default",version="1"}') == 1


def test_latency_is_counted_close_around_what_the_requester_waits():
    for term in TERMS.values():
        limit = (term.timeout_ms or 800) / 1_000
        assert limit in latency_buckets(limit)
        assert any(0.7 * limit < bound < limit for bound in latency_buckets(limit))


def test_operators_learn_what_runs_and_nothing_of_users(service):
    assert service.json("/health") == {"status": "ok"}
    assert service.json("/ready") == {"ready": True, "models": {"default": "1"}, "problem": None}
    version = service.json("/version")
    assert version["slots"] == {"default": {"version": "1", "name": "test", "overlay": None, "users": 100}}
    assert re.fullmatch("[0-9a-f]{40}|unknown", version["commit"])


def test_a_kept_connection_serves_many(service):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    for user in range(20):
        connection.request("GET", f"/recommend/{user}")
        response = connection.getresponse()
        assert (response.status, len(response.read()) > 0, response.will_close) == (200, True, False)
    connection.close()


def test_ready_is_one_json_object_on_one_line(service):
    body = service.ask("/ready")[2].decode()
    assert body.count("\n") == 1
    assert isinstance(json.loads(body), dict)
