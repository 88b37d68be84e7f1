"""Events as the log writes them, many at once: the same text as `stream.events` formats line by line.

Each line is glued from pieces that are made once: the second, the millisecond, the user, the movie, the minute.
"""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stream.platform.columns import ACCOUNT, RATE, Events
from stream.platform.draws import Ints
from stream.platform.local_time import LocalTime
from stream.platform.population import FIRST_ID

_HOUR_S = 3600
_MINUTE_FILES = 2_000  # no movie is longer


class LineWriter:
    """Formats events of one catalogue in one zone. Times keep `digits` (0 or 3) digits of their fraction."""

    def __init__(self, movie_ids: tuple[str, ...], zone: str, digits: int) -> None:
        self._local = LocalTime(zone)
        self._step_ms = 1000 // 10 ** min(digits, 3)
        self._watched = pa.array([f",GET /data/m/{movie}/" for movie in movie_ids])
        self._rated = pa.array([f",GET /rate/{movie}=" for movie in movie_ids])
        self._minutes = pa.array([f"{minute}.mpg" for minute in range(_MINUTE_FILES)])
        self._milliseconds = pa.array([f".{ms:03d}," if ms else "," for ms in range(1000)])
        self._hours: dict[int, list[str]] = {}

    def lines(self, events: Events) -> list[bytes]:
        """One line per event, without newline, in their order."""
        return [bytes(line) for line in self._text(events, "").cast(pa.binary()).to_pylist()]

    def block(self, events: Events) -> bytes:
        """All lines, each with its newline."""
        if not len(events):
            return b""
        text = self._text(events, "\n")
        first, last = np.frombuffer(text.buffers()[1], np.int32)[[text.offset, text.offset + len(text)]]
        return bytes(memoryview(text.buffers()[2])[first:last])

    def _text(self, events: Events, end: str) -> Any:
        rated, account = events.kind == RATE, events.kind == ACCOUNT
        what = self._watched.take(pa.array(events.movie))
        detail = self._minutes.take(pa.array(np.where(rated, 0, events.value)))
        if rated.any() or account.any():
            what = pc.if_else(pa.array(rated), self._rated.take(pa.array(events.movie)), what)
            what = pc.if_else(pa.array(account), ",GET /create_account", what)
            detail = pc.if_else(pa.array(rated), pa.array(events.value).cast(pa.string()), detail)
            detail = pc.if_else(pa.array(account), "", detail)
        users = pa.array(events.user.astype(np.int64) + FIRST_ID).cast(pa.string())
        return pc.binary_join_element_wise(*self._times(events.at_ms), users, what, detail, end, "")

    def _times(self, at_ms: Ints) -> tuple[Any, Any]:
        """Text up to the second and text of the fraction; a full minute has neither second nor fraction."""
        local = self._local.of(at_ms)
        local = local - local % self._step_ms
        second, ms = np.divmod(local, 1000)
        hour, within = np.divmod(second, _HOUR_S)
        hours, row = np.unique(hour, return_inverse=True)
        texts = pa.array([text for number in hours.tolist() for text in self._hour(number)])
        bare = (ms == 0) & (within % 60 == 0)
        position = row * (_HOUR_S + 60) + np.where(bare, _HOUR_S + within // 60, within)
        return texts.take(pa.array(position)), self._milliseconds.take(pa.array(ms))

    def _hour(self, hour: int) -> list[str]:
        """The 3,600 seconds of a local hour, then its 60 minutes."""
        if hour not in self._hours:
            start = f"{datetime.fromtimestamp(hour * _HOUR_S, UTC):%Y-%m-%dT%H:}"
            minutes = [f"{start}{minute:02d}" for minute in range(60)]
            seconds = [f"{minute}:{second:02d}" for minute in minutes for second in range(60)]
            while len(self._hours) > 24:
                del self._hours[next(iter(self._hours))]
            self._hours[hour] = seconds + minutes
        return self._hours[hour]
