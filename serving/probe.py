"""The course's contract of a recommendation service, checked from outside: ours or any team's.

Each check is one sentence of the contract, a request, and a verdict on what came back. Standard library only.
Start reading at `probe`.
"""

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_ITEMS = 20
_AT_ONCE = 50


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
    base, started = urlsplit(url), time.perf_counter()
    connection = http.client.HTTPConnection(base.hostname or "127.0.0.1", base.port or 80, timeout=timeout_s)
    with closing(connection):
        try:
            connection.request(method, f"{base.path.rstrip('/')}{path}")
            response = connection.getresponse()
            body, kind = response.read(), response.headers.get_content_type()
        except (OSError, http.client.HTTPException) as error:
            return Reply(0, "", repr(error).encode(), (time.perf_counter() - started) * 1_000)
    return Reply(response.status, kind, body, (time.perf_counter() - started) * 1_000)


def is_list(reply: Reply) -> bool:
    """A 200 with 1 to 20 different ids, comma-separated on one line of plain text."""
    movies = reply.body.decode("utf-8", "replace").removesuffix("\n").split(",")
    one_line = not any(separator in movie for movie in movies for separator in " \r\n\t")
    sound = len(set(movies)) == len(movies) <= MAX_ITEMS and all(movies)
    return reply.status == 200 and reply.kind == "text/plain" and one_line and sound


def _refused(reply: Reply) -> bool:
    return 400 <= reply.status < 500


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
    ("a word is refused", "/recommend/abc", "GET", _refused),
    ("digits of another script are refused", "/recommend/%D9%A4", "GET", _refused),
    ("an id of 4,000 digits is refused", f"/recommend/{'9' * 4_000}", "GET", _refused),
    ("a path trick is refused", "/recommend/..%2f..%2fetc%2fpasswd", "GET", _refused),
    ("POST is refused", "/recommend/42", "POST", _refused),
)


def probe(url: str, limit_ms: float) -> list[Verdict]:
    """Every check against the service at `url`; limit_ms: what the term's requester waits."""
    verdicts = []
    for name, path, method, holds in _CHECKS:
        reply = ask(url, path, method)
        verdicts.append(Verdict(name, holds(reply), str(reply)))
    return [*verdicts, *_at_once(url, limit_ms)]


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
