"""`serving request --users` writes what the course's log would say, and the grader reads it."""

import json
import subprocess
import sys

from running_service import publish, running_service
from services import Answering

from serving.requests import ask_for_lists
from stream.events import Requested, WallClock, parse_line
from stream.terms import TERMS

TERM = TERMS["F2026"]
CLOCK = WallClock(TERM.zone)


def asked(url: str, users: int, **more) -> tuple[list[Requested], dict]:
    lines: list[str] = []
    found = ask_for_lists(url, users, 400, TERM, lines.append, known=300, seed=1, **more)
    return [parse_line(line, CLOCK) for line in lines], found.record()


def test_each_request_is_a_line_of_the_log_in_order_of_time():
    with Answering("heat+1995,jaws+1975") as service:
        events, record = asked(service.url, 60, team=7)
        paths = service.asked
    assert [(e.status, e.movies) for e in events] == [(200, ("heat+1995", "jaws+1975"))] * 60
    assert [f"/recommend/{e.user_id}" for e in events] != paths[:1] * 60
    assert sorted(f"/recommend/{e.user_id}" for e in events) == sorted(paths)
    assert [e.at_ns for e in events] == sorted(e.at_ns for e in events)
    assert {e.host for e in events} == {"17645-team07.isri.cmu.edu:8082"}
    assert (record["lists"], record["personalised"], record["statuses"]) == (60, 0.0, {200: 60})


def test_a_service_that_is_not_there_leaves_the_logs_words_for_it():
    events, record = asked("http://127.0.0.1:9", 5)
    assert {e.status for e in events} == {0}
    assert all("Connection refused" in e.failure for e in events)
    assert (record["lists"], record["statuses"]) == (0, {0: 5})


def test_the_lines_are_graded(tmp_path):
    publish(tmp_path / "var/models", "1")
    log = tmp_path / "asked.log"
    with running_service(tmp_path, serve_workers=1) as service:
        url = f"http://127.0.0.1:{service.port}"
        words = ["--users", "120", "--known", "200", "--rate", "200", "--log", str(log), "--json"]
        said = command("serving", "request", url, *words)
    graded = command("evaluation", "grade", "--log", str(log), "--json")
    record, report = json.loads(said.stdout), json.loads(graded.stdout)
    assert (said.returncode, record["requests"], record["lists"]) == (0, 120, 120)
    assert (report["requests"], report["ok"], report["availability_by_request"]) == (120, 120, 1.0)
    assert report["personalised"]["not_modal"] > 0.3  # half the users are known
    assert {c["id"]: c["verdict"] for c in report["criteria"]}["latency"] == "pass"


def command(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=60)
