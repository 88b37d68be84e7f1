"""What is happening, gathered from files and from a service that really answers."""

import http.server
import json
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houses import free_ports
from infra.facts import _union, gather, lines_stored
from infra.health import fetch, judge
from infra.processes import Program
from infra.supervisor import State

METRICS = 'request_count_total{http_status="200"} 40.0\nrequest_count_total{http_status="400"} 2.0\n'


@pytest.fixture
def service():
    """A service that says what it is told to say."""
    said = {"/metrics": (200, METRICS), "/version": (200, '{"slots": {}}'), "/ready": (503, "no list yet")}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = said[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.said, server.url = said, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def segment(store, name):
    folder = store / "events" / "date=2026-09-01"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.parquet").touch()


def test_lines_are_counted_by_the_names_of_files_and_overlaps_once(tmp_path):
    for name in ("0a-0-0-9", "0a-0-10-19", "0a-0-0-19", "0a-0-30-30", "0a-1-5-6", ".tmp"):
        segment(tmp_path, name)
    assert lines_stored(tmp_path) == 20 + 1 + 2


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted).map(tuple)))
def test_a_union_counts_each_number_once(ranges):
    assert _union(ranges) == len({n for first, last in ranges for n in range(first, last + 1)})


def test_nothing_known_yet_is_said_so(tmp_path):
    facts = gather(tmp_path, tmp_path, f"http://127.0.0.1:{free_ports(1)[0]}")
    assert (facts.events, facts.model, facts.answered) == (0, None, None)
    assert "none yet" in "\n".join(facts.lines())


def test_the_live_model_and_the_answers_are_the_services_own_word(tmp_path, service):
    assert gather(tmp_path, tmp_path, service.url).answered == 40
    assert gather(tmp_path, tmp_path, service.url).model is None
    service.said["/version"] = (200, '{"slots": {"default": {"version": "3", "name": "svd"}}}')
    assert gather(tmp_path, tmp_path, service.url).model == "version 3, svd"


def beat(run, name, age_s=0.0, **facts):
    (run / "health").mkdir(exist_ok=True)
    record = {"name": name, "pid": 1, "at_ns": int((time.time() - age_s) * 1e9), "facts": facts}
    (run / "health" / f"{name}.json").write_text(json.dumps(record))


def test_evaluations_figures_are_shown(tmp_path, service):
    beat(tmp_path, "evaluation", ok=1234, p99_ms=12.3, personalised=0.815, hit_rate=None)
    shown = "\n".join(gather(tmp_path, tmp_path, service.url).lines())
    assert "1,234, p99 12 ms" in shown
    assert "81.5%" in shown
    assert "hit rate so far       not known yet" in shown


def running():
    """A process that has run for a while."""
    return State("one", "RUNNING", 1, int(time.time()) - 100, int(time.time()), "pid 1")


def verdict_of(tmp_path, **what):
    return judge(Program("one", (), (), "", **what), running(), tmp_path, tmp_path / "one.log")


def test_a_stale_heartbeat_is_not_healthy(tmp_path):
    beat(tmp_path, "one", age_s=5)
    assert verdict_of(tmp_path, beats=True).healthy
    beat(tmp_path, "one", age_s=30)
    assert verdict_of(tmp_path, beats=True).why == "its last heartbeat is 30 s old"


def test_the_heartbeat_of_an_earlier_life_does_not_count(tmp_path):
    beat(tmp_path, "one", age_s=200)
    assert verdict_of(tmp_path, beats=True).why == "no heartbeat since it was started"


def test_an_answer_other_than_200_is_quoted(tmp_path, service):
    assert verdict_of(tmp_path, answers=f"{service.url}/ready").why.endswith("/ready answers 503: no list yet")
    service.said["/ready"] = (200, "")
    assert verdict_of(tmp_path, answers=f"{service.url}/ready").healthy


def test_a_silent_address_is_named(tmp_path):
    port = free_ports(1)[0]
    assert verdict_of(tmp_path, answers=f"http://127.0.0.1:{port}/ready").why.startswith("no answer from http://127")
    assert verdict_of(tmp_path, listens=port).why == f"nothing listens on port {port}"


def test_a_broken_answer_is_an_os_error(tmp_path):
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen()

        def answer():
            connection, _ = rude.accept()
            connection.recv(1000)
            connection.sendall(b"what?\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(OSError, match="broken answer"):
            fetch(f"http://127.0.0.1:{rude.getsockname()[1]}/")
