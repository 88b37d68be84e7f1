"""Asks a recommendation service over HTTP as the course's infrastructure does, and says what the log would say.

The requester of the course is a JVM client: it waits a fixed time for the whole answer, keeps connections open, follows
no redirect, and writes Java's words when it gets no answer. `Requester.ask` returns an `Outcome` for anything that a
service may do; it never raises.
"""

import contextlib
import functools
import http.client
import io
import re
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from stream.events import MOVIE_ID, Requested

DEFAULT_TIMEOUT_MS = 800  # where a term states none
MAX_BODY_BYTES = 60_000  # of an answer; a genuine one has about 600
MAX_FAILURE = 2_000  # characters of a failure's text in the log
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request, in the words of the log."""

    status: int  # HTTP status; 0 = no answer in time
    movies: tuple[str, ...]
    failure: str | None  # None if and only if `movies` is the answered list
    latency_ms: int

    def event(self, at_ns: int, user_id: int, host: str) -> Requested:
        """The event of the log; at_ns: when the request was made, `host`: "name:port" of the service's machine."""
        return Requested(at_ns, user_id, host, self.status, self.movies, self.failure, self.latency_ms)


class Requester:
    """Asks one service, from many threads at once if wanted; connections are kept and used again."""

    def __init__(
        self, service_url: str, timeout_ms: int | None, host_name: str = "127.0.0.1", *, threads: int = 8
    ) -> None:
        """service_url: base URL. host_name: name of the service's machine in the log, with or without ":port"."""
        url = urlsplit(service_url if "//" in service_url else f"//{service_url}")
        self._address = url.hostname or "127.0.0.1", url.port or 80
        self._timeout_s = (timeout_ms or DEFAULT_TIMEOUT_MS) / 1000
        name, _, port = host_name.partition(":")
        self.host = f"{name}:{port or 8082}"  # as log lines name it
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="requester")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what was asked and hang up."""
        self._pool.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop().close()

    def ask(self, user_id: int) -> Outcome:
        """Ask for a user's recommendations; returns after the time limit at the latest. Never raises."""
        started = time.monotonic()
        try:
            status, body = self._get(f"/recommend/{user_id}", started + self._timeout_s)
        except (OSError, http.client.HTTPException) as error:
            return Outcome(0, (), self._java_words(error), _since_ms(started))
        return _read(status, body, _since_ms(started))

    def submit(self, user_id: int) -> "Future[Outcome]":
        """`ask` on the requester's own threads."""
        return self._pool.submit(self.ask, user_id)

    def ask_many(self, user_ids: Sequence[int]) -> list[Outcome]:
        """Ask for many users at once; outcomes in the order of the users."""
        return list(self._pool.map(self.ask, user_ids))

    def ready(self) -> bool:
        """Whether the service says on /ready that it can answer."""
        try:
            return self._get("/ready", time.monotonic() + max(self._timeout_s, 2.0))[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _get(self, path: str, deadline: float) -> tuple[int, bytes]:
        """A kept connection may have been closed meanwhile by the other side; that is no failure of the service."""
        if connection := self._kept():
            with contextlib.suppress(ConnectionError):  # RemoteDisconnected is one
                return self._exchange(connection, path, deadline)
        return self._exchange(_Connection(*self._address), path, deadline)

    def _exchange(self, connection: "_Connection", path: str, deadline: float) -> tuple[int, bytes]:
        kept = False
        try:
            status, body, kept = connection.get(path, deadline)
        finally:
            if kept:
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()
        return status, body

    def _kept(self) -> "_Connection | None":
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _java_words(self, error: Exception) -> str:
        place = f"{self.host.partition(':')[0]}/{self._address[0]}:{self.host.rpartition(':')[2]}"
        if isinstance(error, _ConnectTimeout):
            return f"java.net.ConnectException: connection timed out: {place}"
        if isinstance(error, TimeoutError):
            limit = f"after {self._timeout_s * 1000:.0f} ms"
            return f"java.util.concurrent.TimeoutException: Request timeout to {place} {limit}"
        if isinstance(error, ConnectionRefusedError):
            return f"Connection refused: {place}"
        if isinstance(error, socket.gaierror):
            return f"java.net.UnknownHostException: {place.partition('/')[0]}: Name or service not known"
        if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
            return "java.io.IOException: Remotely closed"
        if isinstance(error, http.client.HTTPException):
            return "java.lang.IllegalArgumentException: invalid version format"
        return f"java.io.IOException: {_one_line(getattr(error, 'strerror', None) or str(error))}"


class _ConnectTimeout(TimeoutError):
    """Nothing took the connection in time, which Java words differently from an answer that is late."""


class _Connection(http.client.HTTPConnection):
    """A connection whose exchange ends at a deadline, however slowly the other side drips its bytes."""

    deadline = 0.0

    def connect(self) -> None:
        """As the library's, with what is left of the time."""
        self.timeout = _left_s(self.deadline)
        try:
            super().connect()
        except TimeoutError as error:
            raise _ConnectTimeout(str(error)) from error

    def get(self, path: str, deadline: float) -> tuple[int, bytes, bool]:
        """(status, body, whether the connection may be kept); TimeoutError at the deadline."""
        self.deadline = deadline
        self.response_class = functools.partial(_Response, deadline=deadline)  # type: ignore[assignment]
        if self.sock is not None:
            self.sock.settimeout(_left_s(deadline))
        self.request("GET", path, headers={"Accept": "*/*", "User-Agent": "AHC/2.1"})
        with self.getresponse() as response:
            body = response.read(MAX_BODY_BYTES)
            if response.length and len(body) < MAX_BODY_BYTES:
                raise http.client.IncompleteRead(body, response.length)
            whole = response.isclosed() or not response.read(1)
        return response.status, body, whole and self.sock is not None


class _Response(http.client.HTTPResponse):
    """A response read within a deadline."""

    def __init__(self, sock: socket.socket, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, **kwargs)
        self.fp = io.BufferedReader(_UntilDeadline(self.fp.detach(), sock, deadline))


class _UntilDeadline(io.RawIOBase):
    """A socket's bytes, each read waiting no longer than what is left of the time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As a socket's, or TimeoutError at the deadline."""
        self._sock.settimeout(_left_s(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


def _left_s(deadline: float) -> float:
    """Seconds left; TimeoutError if none."""
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError("timed out")
    return left


def _read(status: int, body: bytes, latency_ms: int) -> Outcome:
    text = _one_line(body.decode(errors="replace"))
    if status != 200:
        return Outcome(status, (), text[:MAX_FAILURE] or http.client.responses.get(status, ""), latency_ms)
    movies = tuple(part.strip() for part in text.split(",")) if text else ()
    if all(map(MOVIE_ID.fullmatch, movies)):
        return Outcome(status, movies, None, latency_ms)
    return Outcome(status, (), text[:MAX_FAILURE], latency_ms)


def _one_line(text: str) -> str:
    """First line, without control characters that would break the log's line."""
    return _CONTROL.sub(" ", text.lstrip("\r\n").split("\n", 1)[0]).strip()


def _since_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
