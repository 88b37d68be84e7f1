"""Every line of the stream, in both directions: what happened, and how the log writes it.

`parse_line` turns one line into one frozen event or raises `MalformedLine` with a reason from a closed set; it raises
nothing else, whatever the bytes. `Event.format` is its inverse. Times are int64 nanoseconds UTC inside and naive local
times of the term's zone on the wire, as Java prints them: seconds left out when zero, 0, 3, 6 or 9 digits of fraction.

Events know no term: a score of 0 or 11 parses; whether a term allows it is a verdict of whoever reads the store.
Start reading at `parse_line`.
"""

import re
from calendar import timegm
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

MAX_LINE_BYTES: Final = 65_536  # a genuine line with 20 long ids has about 2,500
MOVIE_ID: Final = re.compile(r"[A-Za-z0-9+_.*%-]{1,200}", re.ASCII)  # no comma, no "=", no "/", no blank, ever

_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60 * _SECOND_NS
_YEARS = range(1972, 2262)  # zone offsets are whole minutes from 1972 on, and int64 nanoseconds end in 2262
_CACHED_MINUTES = 20_000


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


class WallClock:
    """Reads and shows the log's naive local times of one time zone.

    In the autumn hour that clocks repeat `read` takes the first; a spring time that no clock showed reads as if the
    clock had not been moved.
    """

    def __init__(self, zone: str) -> None:
        """zone: IANA name, e.g. America/New_York. Raises zoneinfo.ZoneInfoNotFoundError for an unknown one."""
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._read_minutes: dict[str, int] = {}
        self._shown_minutes: dict[int, str] = {}

    def read(self, text: str) -> int:
        """UTC nanoseconds of a local time like ``2026-03-01T10:15``, ``…:07`` or ``…:07.123``; ValueError otherwise."""
        start_ns = self._read_minutes.get(text[:16])
        if start_ns is None:
            start_ns = self._learn(text[:16])
        if len(text) == 16:
            return start_ns
        second_ns = _SECONDS.get(text[16:19])
        if second_ns is None:
            raise ValueError(f"no second from :00 to :59 in {text[:40]!r}")
        return start_ns + second_ns + _fraction_ns(text[19:])

    def show(self, at_ns: int) -> str:
        """Local time of a UTC instant in Java's shortest form; ValueError outside the years 1972 to 2261."""
        minute, rest = divmod(at_ns, _MINUTE_NS)
        prefix = self._shown_minutes.get(minute) or self._learn_shown(minute)
        if not rest:
            return prefix
        second, nanos = divmod(rest, _SECOND_NS)
        if not nanos:
            return f"{prefix}:{second:02d}"
        if not nanos % 1_000_000:
            return f"{prefix}:{second:02d}.{nanos // 1_000_000:03d}"
        if not nanos % 1_000:
            return f"{prefix}:{second:02d}.{nanos // 1_000:06d}"
        return f"{prefix}:{second:02d}.{nanos:09d}"

    def date(self, at_ns: int) -> str:
        """Local date of an instant, ``2026-03-01``."""
        return self.show(at_ns)[:10]

    def _learn(self, minute: str) -> int:
        if not _MINUTE.fullmatch(minute) or int(minute[:4]) not in _YEARS:
            raise ValueError(f"no local time YYYY-MM-DDTHH:MM of the years 1972 to 2261 at the start of {minute!r}")
        local = datetime.fromisoformat(minute).replace(tzinfo=self._zone)
        at_ns = timegm(local.utctimetuple()) * _SECOND_NS
        if len(self._read_minutes) >= _CACHED_MINUTES:
            self._read_minutes.clear()
        self._read_minutes[minute] = at_ns
        return at_ns

    def _learn_shown(self, minute: int) -> str:
        try:
            local = datetime.fromtimestamp(minute * 60, UTC).astimezone(self._zone)
        except (OverflowError, OSError) as error:
            raise ValueError(f"instant {minute} min is outside the years 1972 to 2261") from error
        if local.year not in _YEARS:
            raise ValueError(f"instant {local:%Y-%m-%d} is outside the years 1972 to 2261")
        if len(self._shown_minutes) >= _CACHED_MINUTES:
            self._shown_minutes.clear()
        self._shown_minutes[minute] = shown = local.strftime("%Y-%m-%dT%H:%M")
        return shown


_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_SECONDS = {f":{second:02d}": second * _SECOND_NS for second in range(60)}
_FRACTION_UNIT_NS = {4: 1_000_000, 7: 1_000, 10: 1}


def _fraction_ns(text: str) -> int:
    if not text:
        return 0
    unit_ns = _FRACTION_UNIT_NS.get(len(text))
    if unit_ns is None or text[0] != "." or not (text.isascii() and text[1:].isdigit()):
        raise ValueError(f"a fraction of a second has 3, 6 or 9 digits, got {text[:20]!r}")
    return int(text[1:]) * unit_ns


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
    text = _text(line)
    parts = text.split(",", 2)
    if len(parts) != 3:
        raise MalformedLine(text, Reason.FIELDS, "<time>,<user>,<what>")
    try:
        at_ns = clock.read(parts[0])
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
    if not MOVIE_ID.fullmatch(movie):
        raise MalformedLine(line, Reason.MOVIE, "GET /data/m/<movie>/<minute>.mpg")
    if not (file.endswith(".mpg") and _NUMBER.fullmatch(file, 0, len(file) - 4)):
        raise MalformedLine(line, Reason.MINUTE, "GET /data/m/<movie>/<minute>.mpg")
    return Watched(at_ns, user_id, movie, int(file[:-4]))


def _rated(line: str, at_ns: int, user_id: int, payload: str) -> Rated:
    movie, equals, score = payload[len("GET /rate/") :].rpartition("=")  # ids never contain "="
    if not (equals and _NUMBER.fullmatch(score)):
        raise MalformedLine(line, Reason.RATING, "<time>,<user>,GET /rate/<movie>=<score>")
    if not MOVIE_ID.fullmatch(movie):
        raise MalformedLine(line, Reason.MOVIE, "<time>,<user>,GET /rate/<movie>=<score>")
    return Rated(at_ns, user_id, movie, int(score))


def _account_created(line: str, at_ns: int, user_id: int, payload: str) -> AccountCreated:
    if payload != "GET /create_account":
        raise MalformedLine(line, Reason.KIND, "GET /create_account and nothing behind it")
    return AccountCreated(at_ns, user_id)


_REQUEST_HEAD = re.compile(
    r"recommendation request (?P<host>[!-+\--~]{1,255}:\d{1,5}), status (?P<status>\d{1,3}), result: ", re.ASCII
)
_REQUEST_TAIL = re.compile(r" ?(?P<ms>\d{1,9}) ?ms", re.ASCII)
_REQUEST_FORM = "recommendation request <host>:<port>, status <code>, result: <ids or text>, <n> ms"
_LINE_BREAKS = re.compile(r"[\n\r\0]")


def _requested(line: str, at_ns: int, user_id: int, payload: str) -> Requested:
    """Read from both ends: what lies between is free text and may hold commas and colons."""
    head = _REQUEST_HEAD.match(payload)
    if not head:
        raise MalformedLine(line, Reason.REQUEST, _REQUEST_FORM)
    result, _, tail = payload[head.end() :].rpartition(",")
    ms = _REQUEST_TAIL.fullmatch(tail)
    if not ms or _LINE_BREAKS.search(result):
        raise MalformedLine(line, Reason.REQUEST, _REQUEST_FORM)
    status = int(head["status"])
    movies = _listed(result) if status == 200 else None
    failure = result if movies is None else None
    return Requested(at_ns, user_id, head["host"], status, movies or (), failure, int(ms["ms"]))


def _listed(result: str) -> tuple[str, ...] | None:
    """The ids of an answered list, separated by "," or ", "; None if it is no list of ids."""
    if not result:
        return ()
    movies = tuple(part.removeprefix(" ") for part in result.split(","))
    return movies if all(map(MOVIE_ID.fullmatch, movies)) else None


_PAYLOADS: tuple[tuple[str, Callable[[str, int, int, str], Event]], ...] = (
    ("GET /data/m/", _watched),
    ("GET /rate/", _rated),
    ("recommendation request ", _requested),
    ("GET /create_account", _account_created),
)
