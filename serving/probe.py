"""The course's contract of a recommendation service, checked from outside: ours or any team's.

Each check is one sentence of the contract, a request, and a verdict on what came back. For what is
no user id the course leaves open whether a service refuses or falls back; it must do one of them.
Start reading at `probe`.
"""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from stream.events import MOVIE_ID

MAX_ITEMS = 20
_AT_ONCE = 50
_IN_A_ROW = 300
_INSIDES = (b"Traceback", b'.py"', b"site-packages", b"Exception", b"Werkzeug", b"<!doctype")  # what a leak looks like


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, or why nothing did."""

    status: int  # 0: nothing came back
    kind: str  # content type without parameters
    body: bytes
    ms: float

    def __str__(self) -> str:
        return f"{self.status} {self.kind} in {self.ms:.1f} ms: {self.body[:60].decode('utf-8', 'replace')!r}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence of the contract, whether it holds, and what was seen."""

    id: str
    holds: bool
    seen: str


def ask(url: str, path: str, method: str = "GET", timeout_s: float = 10.0) -> Reply:
    """One request on a connection of its own, the path sent exactly as it is given. Never raises."""
    base = urlsplit(url)
    connection = http.client.HTTPConnection(base.hostname or "127.0.0.1", base.port or 80, timeout=timeout_s)
    with closing(connection):
        return _exchange(connection, method, f"{base.path.rstrip('/')}{path}")


def _exchange(connection: http.client.HTTPConnection, method: str, target: str) -> Reply:
    started = time.perf_counter()
    try:
        connection.request(method, target)
        response = connection.getresponse()
        body, kind = response.read(), response.headers.get_content_type()
    except (OSError, http.client.HTTPException) as error:
        return Reply(0, "", repr(error).encode(), (time.perf_counter() - started) * 1_000)
    return Reply(response.status, kind, body, (time.perf_counter() - started) * 1_000)


def is_list(reply: Reply) -> bool:
    """A 200 with 1 to 20 different ids as the course forms them, comma-separated on one line of plain text."""
    movies = reply.body.decode("utf-8", "replace").removesuffix("\n").split(",")
    sound = len(set(movies)) == len(movies) <= MAX_ITEMS and all(map(MOVIE_ID.fullmatch, movies))
    return reply.status == 200 and reply.kind == "text/plain" and sound


def _refused(reply: Reply) -> bool:
    return 400 <= reply.status < 500


def _no_failure(reply: Reply) -> bool:
    """A fallback list or a refusal: the course leaves the choice, but a crash, a redirect or silence is neither."""
    return is_list(reply) or (_refused(reply) and reply.status != 429)


def _missing(reply: Reply) -> bool:
    return reply.status == 404


def _empty_list(reply: Reply) -> bool:
    return reply.status == 200 and not reply.body


_CHECKS: Sequence[tuple[str, str, str, Callable[[Reply], bool]]] = (
    ("a user is answered with a list", "/recommend/42", "GET", is_list),
    ("user 0 is answered", "/recommend/0", "GET", is_list),
    ("an unknown user is answered", "/recommend/999999999999", "GET", is_list),
    ("a negative id is answered", "/recommend/-7", "GET", is_list),
    ("18 digits are answered", f"/recommend/{'9' * 18}", "GET", is_list),
    ("a trailing slash changes nothing", "/recommend/42/", "GET", is_list),
    ("HEAD is GET without the body", "/recommend/42", "HEAD", _empty_list),
    ("a query changes nothing", "/recommend/42?from=probe", "GET", is_list),
    ("a number of 30 digits is no failure", f"/recommend/{'9' * 30}", "GET", _no_failure),
    ("an id of 4,000 digits is no failure", f"/recommend/{'9' * 4_000}", "GET", _no_failure),
    ("a word is no failure", "/recommend/abc", "GET", _no_failure),
    ("no id is no failure", "/recommend/", "GET", _no_failure),
    ("a fraction is no failure", "/recommend/4.5", "GET", _no_failure),
    ("digits of another script are no failure", "/recommend/%D9%A4", "GET", _no_failure),
    ("bytes that are no text are no failure", "/recommend/%ff%fe", "GET", _no_failure),
    ("a zero byte is no failure", "/recommend/42%00", "GET", _no_failure),
    ("a line break in the id is no failure", "/recommend/42%0d%0aX-Evil:%201", "GET", _no_failure),
    ("markup in the id is no failure", "/recommend/%3Cscript%3E", "GET", _no_failure),
    ("a path trick gives no file", "/recommend/..%2f..%2fetc%2fpasswd", "GET", _no_failure),
    ("another address is not found", "/no-such-page", "GET", _missing),
    ("POST is refused", "/recommend/42", "POST", _refused),
)


def probe(url: str, limit_ms: float) -> list[Verdict]:
    """Every check against the service at `url`; limit_ms: what the term's requester waits."""
    replies = [ask(url, path, method) for _, path, method, _ in _CHECKS]
    verdicts = [Verdict(check[0], check[3](reply), str(reply)) for check, reply in zip(_CHECKS, replies, strict=True)]
    return [*verdicts, _discreet(replies), *_at_once(url, limit_ms), _in_a_row(url, limit_ms), _after_garbage(url)]


def _discreet(replies: Sequence[Reply]) -> Verdict:
    """No reply tells of code, libraries or files, and none echoes what was sent as a page."""
    telling = [reply for reply in replies if any(word.lower() in reply.body.lower() for word in _INSIDES)]
    answered = any(reply.status for reply in replies)
    return Verdict("no reply tells of the insides", answered and not telling, str(telling[0]) if telling else "none")


def _in_a_row(url: str, limit_ms: float) -> Verdict:
    """One client asking all the time over a kept connection is answered each time, never 429."""
    base, answered, slowest, seen = urlsplit(url), 0, 0.0, ""
    connection = http.client.HTTPConnection(base.hostname or "127.0.0.1", base.port or 80, timeout=10)
    with closing(connection):
        for user in range(_IN_A_ROW):
            reply = _exchange(connection, "GET", f"{base.path.rstrip('/')}/recommend/{user}")
            answered, slowest = answered + is_list(reply), max(slowest, reply.ms)
            if not is_list(reply):
                seen = f"; {reply}"
                break
    holds = answered == _IN_A_ROW and slowest <= limit_ms
    return Verdict(f"{_IN_A_ROW} in a row are answered", holds, f"{answered}, slowest {slowest:.1f} ms{seen}")


def _after_garbage(url: str) -> Verdict:
    """Bytes that are no HTTP cost that connection alone."""
    base = urlsplit(url)
    try:
        with socket.create_connection((base.hostname or "127.0.0.1", base.port or 80), timeout=2) as client:
            client.sendall(b"\0\xff" * 200 + b"\r\n\r\n")
            client.recv(1_000)
    except OSError:
        pass  # hung up on, or nobody there: the next request says which
    reply = ask(url, "/recommend/42")
    return Verdict("after bytes that are no HTTP it answers", is_list(reply), str(reply))


def _at_once(url: str, limit_ms: float) -> list[Verdict]:
    replies: list[Reply] = []

    def client(user: int) -> None:
        replies.append(ask(url, f"/recommend/{user}"))

    threads = [threading.Thread(target=client, args=(user,)) for user in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered, slowest = sum(map(is_list, replies)), max(reply.ms for reply in replies)
    return [
        Verdict(f"{_AT_ONCE} at once are answered", answered == _AT_ONCE, f"{answered} of {_AT_ONCE}"),
        Verdict(
            f"... within {limit_ms:g} ms", answered == _AT_ONCE and slowest <= limit_ms, f"slowest {slowest:.1f} ms"
        ),
    ]
