"""Every line of the stream, in both directions: what happened, and how the log writes it.

`parse_line` turns one line into one frozen event or raises `MalformedLine` with a reason from a closed set; it raises
nothing else, whatever the bytes. `Event.format` is its inverse. Times are int64 nanoseconds UTC inside and naive local
times of the term's zone on the wire, as Java prints them: seconds left out when zero, 0, 3, 6 or 9 digits of fraction.

Events know no term: a score of 0 or 11 parses; whether a term allows it is a verdict of whoever reads the store.
Start reading at `parse_line`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from stream.wall_clock import WallClock as WallClock

MAX_LINE_BYTES: Final = 65_536  # a genuine line with 20 long ids has about 2,500
MOVIE_ID: Final = re.compile(r"[A-Za-z0-9+_.*%-]{1,200}", re.ASCII)  # no comma, no "=", no "/", no blank, ever


class Reason(StrEnum):
    """Why a line is none of the known events; the store counts by these."""

    EMPTY = "empty"
    ENCODING = "encoding"
    LENGTH = "length"
    FIELDS = "fields"
    TIME = "time"
    USER = "user"
    KIND = "kind"
    MOVIE = "movie"
    MINUTE = "minute"
    RATING = "rating"
    REQUEST = "request"
    ANSWER = "answer"  # a record of the answers topic, see stream/answers.py


class MalformedLine(ValueError):
    """A line of the stream that is none of the known events."""

    def __init__(self, line: str, reason: Reason, expected: str) -> None:
        super().__init__(f"{reason.value}: expected {expected}; got {line[:120]!r}")
        self.line, self.reason, self.expected = line, reason, expected


def _cut(at_ns: int, digits: int | None) -> int:
    return at_ns if digits is None else at_ns - at_ns % 10 ** (9 - digits)


@dataclass(frozen=True, slots=True)
class Watched:
    """A minute of a film went to a viewer: ``2026-03-01T10:15:00.5,417,GET /data/m/heat+1995/12.mpg``."""

    at_ns: int  # UTC
    user_id: int
    movie_id: str
    minute: int  # of the film

    def format(self, clock: WallClock, digits: int | None = None) -> str:
        """The log's line; `digits` cuts the time to that many digits of fraction first."""
        return f"{clock.show(_cut(self.at_ns, digits))},{self.user_id},GET /data/m/{self.movie_id}/{self.minute}.mpg"


@dataclass(frozen=True, slots=True)
class Rated:
    """A user gave a movie a score: ``2026-03-01T10:15,417,GET /rate/heat+1995=4``."""

    at_ns: int  # UTC
    user_id: int
    movie_id: str
    score: int  # on the wire's scale

    def format(self, clock: WallClock, digits: int | None = None) -> str:
        """The log's line; `digits` cuts the time to that many digits of fraction first."""
        return f"{clock.show(_cut(self.at_ns, digits))},{self.user_id},GET /rate/{self.movie_id}={self.score}"


@dataclass(frozen=True, slots=True)
class Requested:
    """A user's device asked a team's service for recommendations, and what came back.

    `movies` is the answered list (status 200 and well formed, perhaps empty). Else `failure` is the log's text: an
    error, a late list, or the body of an answer with status 200 that is no list of ids.
    """

    at_ns: int  # UTC
    user_id: int
    host: str  # "name:port"
    status: int  # HTTP status; 0 = no answer in time
    movies: tuple[str, ...]
    failure: str | None
    latency_ms: int

    def format(self, clock: WallClock, digits: int | None = None) -> str:
        """The log's line; `digits` cuts the time to that many digits of fraction first."""
        result = ", ".join(self.movies) if self.failure is None else self.failure
        return (
            f"{clock.show(_cut(self.at_ns, digits))},{self.user_id},recommendation request {self.host},"
            f" status {self.status}, result: {result}, {self.latency_ms} ms"
        )


@dataclass(frozen=True, slots=True)
class AccountCreated:
    """A new user signed up (terms from S2026): ``2026-03-01T10:15,1000417,GET /create_account``."""

    at_ns: int  # UTC
    user_id: int

    def format(self, clock: WallClock, digits: int | None = None) -> str:
        """The log's line; `digits` cuts the time to that many digits of fraction first."""
        return f"{clock.show(_cut(self.at_ns, digits))},{self.user_id},GET /create_account"


Event = Watched | Rated | Requested | AccountCreated


def parse_line(line: bytes | str, clock: WallClock) -> Event:
    """The event of one line without its newline; one trailing CR is forgiven.

    Raises MalformedLine and no other error.
    """
    raw: Any = line  # a str fails below and is parsed carefully
    try:  # nearly every line is a watch line of a film seen before, and each part of it can be looked up
        at, user, what = raw.split(b",", 2)
        path, _, file = what.rpartition(b"/")
        tick: Any = _Tick()
        tick.movie_id, tick.minute = _WATCH_PATHS[path], _FILES[file]
        tick.at_ns, tick.user_id = clock.read(at), int(user)
        if user.isdigit() and len(user) <= 18:
            tick.__class__ = Watched
            return tick  # type: ignore[no-any-return]
    except (KeyError, TypeError, ValueError):
        pass
    return _parse_carefully(line, clock)


class _Tick:
    """A `Watched` in the making: the same layout, but not frozen, so that it is filled in a quarter of the time."""

    __slots__ = Watched.__slots__


_FILES = {b"%d.mpg" % minute: minute for minute in range(2_000)}
_MOVIES: dict[str, str] = {}  # ids that were found to be such
_WATCH_PATHS: dict[bytes, str] = {}  # the same by their b"GET /data/m/<movie>"
_REMEMBERED_MOVIES = 100_000  # the largest catalogue has 27,000; the rest is room for damaged ids
_REMEMBERED_HEADS = 1_000


def _parse_carefully(line: bytes | str, clock: WallClock) -> Event:
    text = _text(line)
    parts = text.split(",", 2)
    if len(parts) != 3:
        raise MalformedLine(text, Reason.FIELDS, "<time>,<user>,<what>")
    try:
        at_ns = clock.read(parts[0].encode())
    except ValueError as error:
        raise MalformedLine(text, Reason.TIME, f"a local time ({error})") from None
    if not _USER.fullmatch(parts[1]):
        raise MalformedLine(text, Reason.USER, "a user id of 1 to 18 digits")
    for prefix, parse in _PAYLOADS:
        if parts[2].startswith(prefix):
            return parse(text, at_ns, int(parts[1]), parts[2])
    raise MalformedLine(
        text, Reason.KIND, "GET /data/m/…, GET /rate/…, GET /create_account or a recommendation request"
    )


def _text(line: bytes | str) -> str:
    try:
        if len(line) > MAX_LINE_BYTES:
            raise MalformedLine(_shown(line), Reason.LENGTH, f"at most {MAX_LINE_BYTES} bytes, got {len(line)}")
        text = line.decode() if isinstance(line, bytes) else line
        if not text.isascii():
            text.encode()  # a str may hold lone surrogates, which no file can keep
    except UnicodeError:
        raise MalformedLine(_shown(line), Reason.ENCODING, "UTF-8 text") from None
    text = text.removesuffix("\r")
    if not text:
        raise MalformedLine(_shown(line), Reason.EMPTY, "<time>,<user>,<what>")
    return text


def _shown(line: bytes | str) -> str:
    return line[:200].decode(errors="backslashreplace") if isinstance(line, bytes) else line[:200]


_USER = re.compile(r"\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def _watched(line: str, at_ns: int, user_id: int, payload: str) -> Watched:
    movie, _, file = payload[len("GET /data/m/") :].rpartition("/")
    movie_id = _known_movie(movie)
    if movie_id is None:
        raise MalformedLine(line, Reason.MOVIE, "GET /data/m/<movie>/<minute>.mpg")
    if not (file.endswith(".mpg") and _NUMBER.fullmatch(file, 0, len(file) - 4)):
        raise MalformedLine(line, Reason.MINUTE, "GET /data/m/<movie>/<minute>.mpg")
    return Watched(at_ns, user_id, movie_id, int(file[:-4]))


def _rated(line: str, at_ns: int, user_id: int, payload: str) -> Rated:
    movie, equals, score = payload[len("GET /rate/") :].rpartition("=")  # ids never contain "="
    if not (equals and _NUMBER.fullmatch(score)):
        raise MalformedLine(line, Reason.RATING, "<time>,<user>,GET /rate/<movie>=<score>")
    movie_id = _known_movie(movie)
    if movie_id is None:
        raise MalformedLine(line, Reason.MOVIE, "<time>,<user>,GET /rate/<movie>=<score>")
    return Rated(at_ns, user_id, movie_id, int(score))


def _account_created(line: str, at_ns: int, user_id: int, payload: str) -> AccountCreated:
    if payload != "GET /create_account":
        raise MalformedLine(line, Reason.KIND, "GET /create_account and nothing behind it")
    return AccountCreated(at_ns, user_id)


_REQUEST_HEAD = re.compile(
    r"recommendation request (?P<host>[!-+\--~]{1,255}:\d{1,5}), status (?P<status>\d{1,3})", re.ASCII
)
_REQUEST_TAIL = re.compile(r" ?(?P<ms>\d{1,9}) ?ms", re.ASCII)
_REQUEST_FORM = "recommendation request <host>:<port>, status <code>, result: <ids or text>, <n> ms"
_LINE_BREAKS = re.compile(r"[\n\r\0]")
_HEADS: dict[str, tuple[str, int]] = {}  # host and status of heads seen before
_TAILS = {f" {ms} ms": ms for ms in range(2_000)}


def _requested(line: str, at_ns: int, user_id: int, payload: str) -> Requested:
    """Read from both ends: what lies between is free text and may hold commas and colons."""
    head, found, rest = payload.partition(", result: ")  # a host holds no comma, so the first one is the right one
    result, _, tail = rest.rpartition(",")
    host_status = _HEADS.get(head) or _read_head(head)
    latency_ms = _TAILS.get(tail)
    if latency_ms is None and (ms := _REQUEST_TAIL.fullmatch(tail)):
        latency_ms = int(ms["ms"])
    if not (found and host_status) or latency_ms is None:
        raise MalformedLine(line, Reason.REQUEST, _REQUEST_FORM)
    movies = _listed(result) if host_status[1] == 200 else None
    if movies is not None:
        return Requested(at_ns, user_id, *host_status, movies, None, latency_ms)
    if _LINE_BREAKS.search(result):
        raise MalformedLine(line, Reason.REQUEST, _REQUEST_FORM)
    return Requested(at_ns, user_id, *host_status, (), result, latency_ms)


def _read_head(head: str) -> tuple[str, int] | None:
    if not (parts := _REQUEST_HEAD.fullmatch(head)):
        return None
    if len(_HEADS) >= _REMEMBERED_HEADS:
        _HEADS.clear()
    return _HEADS.setdefault(head, (parts["host"], int(parts["status"])))


def _listed(result: str) -> tuple[str, ...] | None:
    """The ids of an answered list, separated by "," or ", "; None if it is no list of ids."""
    if not result:
        return ()
    movies = list(map(_MOVIES.get, result.split(", ")))
    if None in movies:
        movies = [_known_movie(part.removeprefix(" ")) for part in result.split(",")]
    return None if None in movies else tuple(movies)  # type: ignore[arg-type]


def _known_movie(text: str) -> str | None:
    """The id, if it is one; it is remembered then."""
    found = _MOVIES.get(text)
    if found is not None or not MOVIE_ID.fullmatch(text):
        return found
    if len(_MOVIES) >= _REMEMBERED_MOVIES:
        _MOVIES.clear()
        _WATCH_PATHS.clear()
    _MOVIES[text] = _WATCH_PATHS[b"GET /data/m/" + text.encode()] = text
    return text


_PAYLOADS: tuple[tuple[str, Callable[[str, int, int, str], Event]], ...] = (
    ("GET /data/m/", _watched),
    ("GET /rate/", _rated),
    ("recommendation request ", _requested),
    ("GET /create_account", _account_created),
)
