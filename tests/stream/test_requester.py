"""The requester against services that behave in every way a service can, over real sockets."""

import contextlib
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.events import Requested, WallClock, parse_line
from stream.requester import Outcome, Requester, _read

CLOCK = WallClock("America/New_York")
HOST = "17645-team01.isri.cmu.edu:8082"


class Service:
    """A server that answers each request with the next of `replies` (bytes; None = silence; float = wait seconds)."""

    def __init__(self, *replies, close=False, drip=None):
        self.replies, self.close, self.drip = list(replies), close, drip
        self.asked, self.connections = [], 0
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while head := self._head(connection):
                self.asked.append(head.split(b" ", 2)[1].decode())
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if reply is None:
                    self._stop.wait(20)
                elif self.drip:
                    for byte in reply:
                        connection.sendall(bytes([byte]))
                        if self._stop.wait(self.drip):
                            return
                else:
                    connection.sendall(reply)
                if self.close:
                    return

    @staticmethod
    def _head(connection):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (part := connection.recv(4096)):
                return b""
            head += part
        return head


def reply(body, status="200 OK", **headers):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n{lines}\r\n{body}".encode()


def requester(service, timeout_ms=600):
    return Requester(service.url, timeout_ms, HOST)


def test_a_list_comes_back_as_its_ids_and_becomes_the_log_line():
    with Service(reply("heat+1995,fargo+1996\n")) as service, requester(service) as ask:
        outcome = ask.ask(417)
    assert service.asked == ["/recommend/417"]
    assert (outcome.status, outcome.movies, outcome.failure) == (200, ("heat+1995", "fargo+1996"), None)
    line = outcome.event(CLOCK.read("2026-09-12T09:15:02.125"), 417, ask.host).format(CLOCK)
    assert line == (
        f"2026-09-12T09:15:02.125,417,recommendation request {HOST}, status 200,"
        f" result: heat+1995, fargo+1996, {outcome.latency_ms} ms"
    )


def test_a_status_other_than_200_shows_the_first_line_of_the_body():
    with Service(reply("no such user, sorry\nTraceback", "404 NOT FOUND")) as service, requester(service) as ask:
        outcome = ask.ask(1)
    assert (outcome.status, outcome.movies, outcome.failure) == (404, (), "no such user, sorry")


def test_a_redirect_is_not_followed():
    with Service(reply("", "302 Found", Location="/elsewhere")) as service, requester(service) as ask:
        assert ask.ask(1).status == 302
    assert service.asked == ["/recommend/1"]


def test_a_page_with_status_200_is_no_list():
    with Service(reply("<html>hello</html>")) as service, requester(service) as ask:
        assert ask.ask(1).failure == "<html>hello</html>"


def test_an_empty_answer_is_an_empty_list():
    with Service(reply("")) as service, requester(service) as ask:
        outcome = ask.ask(1)
    assert outcome == Outcome(200, (), None, outcome.latency_ms)


def test_a_late_answer_is_given_up_at_the_limit_in_javas_words():
    with Service(None) as service, requester(service, timeout_ms=200) as ask:
        started = time.monotonic()
        outcome = ask.ask(1)
        took_s = time.monotonic() - started
    place = "17645-team01.isri.cmu.edu/127.0.0.1:8082"
    assert outcome.status == 0
    assert outcome.failure == f"java.util.concurrent.TimeoutException: Request timeout to {place} after 200 ms"
    assert 200 <= outcome.latency_ms < 1_000
    assert took_s < 1


def test_an_answer_that_drips_is_given_up_at_the_limit_too():
    with Service(reply("heat+1995"), drip=0.1) as service, requester(service, timeout_ms=400) as ask:
        outcome = ask.ask(1)
    assert "Request timeout" in outcome.failure
    assert 400 <= outcome.latency_ms < 1_500


def test_nothing_listening_is_connection_refused():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Requester(f"http://127.0.0.1:{port}", 500, HOST) as ask:
        outcome = ask.ask(1)
        assert not ask.ready()
    assert (outcome.status, outcome.failure) == (0, "Connection refused: 17645-team01.isri.cmu.edu/127.0.0.1:8082")


def test_a_service_that_hangs_up_in_the_middle_is_remotely_closed():
    with (
        Service(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nheat", close=True) as service,
        requester(service) as ask,
    ):
        assert ask.ask(1).failure == "java.io.IOException: Remotely closed"


def test_a_service_that_does_not_speak_http_is_a_failure_and_no_exception():
    with Service(b"220 mail.example.com ESMTP\r\n", close=True) as service, requester(service) as ask:
        assert ask.ask(1).status == 0


def test_connections_are_kept_and_a_stale_one_costs_nothing():
    with Service(reply("heat+1995")) as service, requester(service) as ask:
        assert [ask.ask(user).status for user in range(5)] == [200] * 5
        assert service.connections == 1
    with Service(reply("heat+1995"), close=True) as service, requester(service) as ask:  # closes without saying so
        assert [ask.ask(user).status for user in range(5)] == [200] * 5


def test_an_answer_that_says_close_is_not_asked_again_on_that_connection():
    with Service(reply("heat+1995", Connection="close"), close=True) as service, requester(service) as ask:
        assert [ask.ask(user).status for user in range(5)] == [200] * 5
    assert len(service.asked) == 5


def test_many_users_are_asked_at_once_and_answered_in_order():
    with Service(reply("heat+1995"), drip=0.004) as service, requester(service, timeout_ms=5_000) as ask:
        started = time.monotonic()
        assert [outcome.status for outcome in ask.ask_many(range(16))] == [200] * 16
        assert time.monotonic() - started < 16 * 0.004 * len(reply("heat+1995"))


def test_readiness_is_what_the_service_says():
    with Service(reply("{}", "503 Service Unavailable"), reply("{}")) as service, requester(service) as ask:
        assert (ask.ready(), ask.ready()) == (False, True)
    assert service.asked == ["/ready", "/ready"]


@pytest.mark.parametrize("name", ["team", "team:8082"])
def test_the_log_names_host_and_port(name):
    with Requester("127.0.0.1:1", 100, name) as ask:
        assert ask.host == "team:8082"


@given(status=st.integers(100, 999), body=st.binary(max_size=300), latency_ms=st.integers(0, 10**6))
def test_whatever_a_service_answers_makes_a_line_that_parses_back(status, body, latency_ms):
    outcome = _read(status, body, latency_ms)
    event = outcome.event(CLOCK.read("2026-09-12T09:15"), 417, HOST)
    back = parse_line(event.format(CLOCK), CLOCK)
    assert isinstance(back, Requested)
    assert (back.status, back.movies, back.latency_ms) == (status, outcome.movies, latency_ms)
    assert back.failure == outcome.failure
