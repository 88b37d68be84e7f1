"""The log's naive local times, to UTC nanoseconds and back, in the form in which Java prints them.

Seconds are left out when they are zero, and a fraction has 0, 3, 6 or 9 digits. Minutes are remembered, since
neighbouring lines share them: reading and showing cost a look-up each.
"""

import re
from calendar import timegm
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60 * _SECOND_NS
_YEARS = range(1972, 2262)  # zone offsets are whole minutes from 1972 on, and int64 nanoseconds end in 2262
_REMEMBERED = 20_000


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
        self._read_seconds: dict[bytes, int] = {}
        self._shown_minutes: dict[int, str] = {}

    def read(self, text: str | bytes) -> int:
        """UTC nanoseconds of a local time like ``2026-03-01T10:15``, ``…:07`` or ``…:07.123``; ValueError otherwise."""
        try:
            return self._read_seconds[text[:19]] + _MILLIS[text[19:]]  # type: ignore[index]  # a str is none of the keys
        except KeyError:
            return self._read_slowly(text)

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

    def _read_slowly(self, given: str | bytes) -> int:
        """A second that is not remembered yet, a fraction finer than milliseconds, a text, or no time at all."""
        text = given if isinstance(given, str) else given.decode("ascii", "backslashreplace")
        start_ns = self._read_minutes.get(text[:16])
        if start_ns is None:
            start_ns = self._learn(text[:16])
        second_ns = _SECONDS.get(text[16:19])
        if second_ns is None:
            raise ValueError(f"no second from :00 to :59 in {text[:40]!r}")
        if len(self._read_seconds) >= _REMEMBERED:
            self._read_seconds.clear()
        self._read_seconds[text[:19].encode()] = start_ns + second_ns
        return start_ns + second_ns + _fraction_ns(text[19:])

    def _learn(self, minute: str) -> int:
        if not _MINUTE.fullmatch(minute) or int(minute[:4]) not in _YEARS:
            raise ValueError(f"no local time YYYY-MM-DDTHH:MM of the years 1972 to 2261 at the start of {minute!r}")
        local = datetime.fromisoformat(minute).replace(tzinfo=self._zone)
        at_ns = timegm(local.utctimetuple()) * _SECOND_NS
        if len(self._read_minutes) >= _REMEMBERED:
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
        if len(self._shown_minutes) >= _REMEMBERED:
            self._shown_minutes.clear()
        self._shown_minutes[minute] = shown = local.strftime("%Y-%m-%dT%H:%M")
        return shown


_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_SECONDS = {"": 0} | {f":{second:02d}": second * _SECOND_NS for second in range(60)}
_MILLIS = {b"": 0} | {b".%03d" % millis: millis * 1_000_000 for millis in range(1000)}
_FRACTION_UNIT_NS = {4: 1_000_000, 7: 1_000, 10: 1}


def _fraction_ns(text: str) -> int:
    if not text:
        return 0
    unit_ns = _FRACTION_UNIT_NS.get(len(text))
    if unit_ns is None or text[0] != "." or not (text.isascii() and text[1:].isdigit()):
        raise ValueError(f"a fraction of a second has 3, 6 or 9 digits, got {text[:20]!r}")
    return int(text[1:]) * unit_ns
