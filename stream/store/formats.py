"""Rows of other formats as lines of the log, so that the store knows one format only.

`m0` is the events file of the course's online section: `timestamp,user_id,event_type,movie_id,rating` with a header; a
watch there is one row a film, so it becomes the film's minute 0. `movielens` is user, item, rating and perhaps a time
in Unix seconds, separated by tabs, commas or `::`, with a header or without; an item's number is its movie id, and rows
without a time are put a second apart from 2000 on. Scores are kept as they are; in a file with half stars all are
doubled where the term's scale has room for that, else halves are rounded up. Start at `converter_of`.
"""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from stream.events import MOVIE_ID, AccountCreated, MalformedLine, Rated, Reason, WallClock, Watched

FORMATS: Final = ("log", "m0", "movielens")
M0_EVENTS: Final = ("timestamp", "user_id", "event_type", "movie_id", "rating")
_SECOND_NS: Final = 1_000_000_000
_WITHOUT_TIME: Final = "2000-01-01T00:00"

Convert = Callable[[int, str], str]  # line number from 1 and row to a line of the log; raises MalformedLine


@dataclass(frozen=True, slots=True)
class Converter:
    """How the rows of one file become lines of the log."""

    convert: Convert
    header: bool  # whether the file's first line is one

    def line(self, number: int, row: bytes) -> bytes:
        """Line of the log of the file's line `number`, counted from 1. Raises MalformedLine."""
        try:
            return self.convert(number, row.decode()).encode()
        except UnicodeError:
            raise MalformedLine(repr(row[:100]), Reason.ENCODING, "UTF-8 text") from None
        except csv.Error as error:
            raise MalformedLine(repr(row[:100]), Reason.FIELDS, f"a row of a CSV file ({error})") from None


def converter_of(format_: str, first_line: bytes, clock: WallClock, double: bool) -> Converter:
    """The converter for a file that begins with `first_line`. Raises ValueError if it is not of that format.

    double: a star counts as two points, so that half stars are whole numbers.
    """
    first = first_line.decode("utf-8-sig", "replace").strip()
    if format_ == "m0":
        return Converter(_m0(names_of(first), clock), True)
    found = [mark for mark in ("::", "\t", ",") if mark in first]
    if not found or not 3 <= len(first.split(found[0])) <= 4:
        raise ValueError(f"line 1: expected user, item, rating and perhaps a time, by tab, comma or ::; got {first!r}")
    header = not first.split(found[0])[0].strip('" ').isdigit()
    return Converter(_movielens(found[0], clock, double), header)


def has_half_stars(chunk: bytes) -> bool:
    """Whether ratings in half stars are among these bytes of a file."""
    return b".5" in chunk and bool(_HALF_STARS.search(chunk))


def names_of(header: str) -> list[str]:
    """Names of a CSV file's columns."""
    return [name.strip().lower() for name in next(csv.reader([header]), [])]


def _m0(names: list[str], clock: WallClock) -> Convert:
    if missing := [name for name in M0_EVENTS if name not in names]:
        raise ValueError(f"line 1: expected the columns {','.join(M0_EVENTS)}; {', '.join(missing)} missing in {names}")
    places = [names.index(name) for name in M0_EVENTS]

    def convert(_: int, row: str) -> str:
        fields = _fields(row, len(names), ",".join(M0_EVENTS))
        at, user, kind, movie, rating = (fields[place].strip() for place in places)
        at_ns, user_id = _instant(at, row, clock), _user(user, row)
        if kind == "account_created":
            return AccountCreated(at_ns, user_id).format(clock)
        if kind == "watch":
            return Watched(at_ns, user_id, _movie(movie, row), 0).format(clock)
        if kind == "rating":
            return Rated(at_ns, user_id, _movie(movie, row), _score(rating, row, False)).format(clock)
        raise MalformedLine(row, Reason.KIND, "event_type watch, rating or account_created")

    return convert


def _movielens(separator: str, clock: WallClock, double: bool) -> Convert:
    without_time_ns = clock.read(_WITHOUT_TIME)

    def convert(number: int, row: str) -> str:
        fields = row.rstrip("\r").split(separator) if separator != "," else next(csv.reader([row]), [])
        if not 3 <= len(fields) <= 4:
            raise MalformedLine(row, Reason.FIELDS, "user, item, rating and perhaps a time")
        user, movie, rating, *at = (field.strip() for field in fields)
        at_ns = _instant(at[0], row, clock) if at else without_time_ns + number * _SECOND_NS
        return Rated(at_ns, _user(user, row), _movie(movie, row), _score(rating, row, double)).format(clock)

    return convert


def _fields(row: str, count: int, expected: str) -> list[str]:
    fields = row.split(",") if '"' not in row else next(csv.reader([row]), [])
    if len(fields) != count:
        raise MalformedLine(row, Reason.FIELDS, f"{count} columns ({expected})")
    return fields


_USER = re.compile(r"\d{1,18}", re.ASCII)
_SCORE = re.compile(r"(\d{1,8})(?:\.(0|5)0*)?", re.ASCII)
_HALF_STARS = re.compile(rb"[,\t:]\d\.50*[,\t:\r\n]")
_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[T ](?P<minute>\d\d:\d\d)(?P<second>:\d\d)?"
    r"(?:\.(?P<part>\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_UNIX = re.compile(r"\d{9,10}(?:\.0*)?|\d{12,13}", re.ASCII)


def _user(text: str, row: str) -> int:
    if not _USER.fullmatch(text):
        raise MalformedLine(row, Reason.USER, "a user id of 1 to 18 digits")
    return int(text)


def _movie(text: str, row: str) -> str:
    if not MOVIE_ID.fullmatch(text):
        raise MalformedLine(row, Reason.MOVIE, "a movie id of letters, digits and + _ . - * %")
    return text


def _score(text: str, row: str, double: bool) -> int:
    found = _SCORE.fullmatch(text)
    if not found:
        raise MalformedLine(row, Reason.RATING, "a rating in whole or half stars")
    half = found[2] == "5"
    return (2 * int(found[1]) if double else int(found[1])) + half


def _instant(text: str, row: str, clock: WallClock) -> int:
    """UTC nanoseconds of a time in the term's zone or one of its own, or of Unix seconds or milliseconds."""
    try:
        if _UNIX.fullmatch(text):
            number = int(text.partition(".")[0])
            at_ns = number * (_SECOND_NS if number < 10**11 else 1_000_000)
        elif found := _TIME.fullmatch(text):
            at_ns = _civil_ns(found, clock) + int((found["part"] or "").ljust(9, "0"))
        else:
            raise ValueError
        clock.show(at_ns)
    except ValueError:
        raise MalformedLine(row, Reason.TIME, "a time YYYY-MM-DDTHH:MM:SS or in Unix seconds, from 1972 on") from None
    return at_ns


def _civil_ns(found: re.Match[str], clock: WallClock) -> int:
    local = f"{found['day']}T{found['minute']}{found['second'] or ''}"
    if not found["zone"]:
        return clock.read(local)
    return int(datetime.fromisoformat(local + found["zone"]).astimezone(UTC).timestamp()) * _SECOND_NS
