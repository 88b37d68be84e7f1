"""The probe passes our own service and names what another one does wrong."""

import http.server
import json
import subprocess
import sys
import threading

import pytest
from running_service import publish, running_service

from serving.probe import Reply, is_list, probe


def command(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "serving", *words], capture_output=True, text=True, timeout=60)


def test_our_service_holds_the_contract(tmp_path):
    publish(tmp_path / "var/models", "1")
    with running_service(tmp_path, serve_workers=1) as service:
        url = f"http://127.0.0.1:{service.port}"
        done = command("probe", url, "--json")
        record = json.loads(done.stdout)
        assert (done.returncode, record["failed"], record["passed"]) == (0, 0, len(record["checks"]))
        asked = command("request", url, "--user", "150")
        assert (asked.returncode, asked.stdout.count(",")) == (0, 19)


class AlwaysJson(http.server.BaseHTTPRequestHandler):
    """A team's service that answers anything with JSON, as a beginner's might."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'["heat+1995"]')

    def log_message(self, *args):
        pass


def test_a_service_that_answers_json_to_everything_fails_by_name():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), AlwaysJson)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    failed = {v.id for v in probe(f"http://127.0.0.1:{server.server_port}", limit_ms=600) if not v.holds}
    server.shutdown()
    server.server_close()
    assert {"a user is answered with a list", "a word is no failure"} <= failed


def test_a_service_that_is_not_there_fails_every_check_but_does_not_raise():
    assert not any(v.holds for v in probe("http://127.0.0.1:9", limit_ms=600))
    assert command("probe", "http://127.0.0.1:9").returncode == 1


@pytest.mark.parametrize(
    ("body", "sound"),
    [
        (b"a+1", True),
        (b"a+1,b+2\n", True),
        (b"", False),
        (b"a+1, b+2", False),
        (b"a+1,,b+2", False),
        (b"a+1,a+1", False),
        (b"a+1\nb+2", False),
        (",".join(map(str, range(20))).encode(), True),
        (",".join(map(str, range(21))).encode(), False),
    ],
)
def test_a_list_is_1_to_20_different_ids_on_one_line(body, sound):
    assert is_list(Reply(200, "text/plain", body, 1.0)) is sound
