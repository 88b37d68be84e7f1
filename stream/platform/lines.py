"""Events as the log writes them, many at once: the same text as `stream.events` formats line by line.

Each line is glued from pieces that are made once: the second, the millisecond, the user, the movie, the minute.
"""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stream.platform.columns import ACCOUNT, RATE, Events
from stream.platform.draws import Ints
from stream.platform.local_time import LocalTime
from stream.platform.population import FIRST_ID

_HOUR_S = 3600
_MINUTE_FILES = 2_000  # no movie is longer
_PIECE = 100_000  # lines at once: columns and texts stay in the processor's cache
_ACCOUNT = ",GET /create_account"


class LineWriter:
    """Formats events of one catalogue in one zone. Times keep `digits` (0 or 3) digits of their fraction."""

    def __init__(self, movie_ids: tuple[str, ...], zone: str, digits: int) -> None:
        self._local = LocalTime(zone)
        self._step_ms = 1000 // 10 ** min(digits, 3)
        self._watched = _texts([f",GET /data/m/{movie}/" for movie in movie_ids])
        self._rated = _texts([f",GET /rate/{movie}=" for movie in movie_ids])
        self._minutes = _texts([f"{minute}.mpg" for minute in range(_MINUTE_FILES)])
        self._milliseconds = _texts([f".{ms:03d}," if ms else "," for ms in range(1000)])
        self._empty, self._newline, self._account = _texts(["", "\n", _ACCOUNT])
        self._hours: dict[int, list[str]] = {}

    def lines(self, events: Events) -> list[bytes]:
        """One line per event, without newline, in their order."""
        return [bytes(line) for line in self._text(events, self._empty).cast(pa.binary()).to_pylist()]

    def block(self, events: Events) -> bytes:
        """All lines, each with its newline."""
        pieces = (events.take(slice(at, at + _PIECE)) for at in range(0, len(events), _PIECE))
        return b"".join(self._bytes(piece) for piece in pieces)

    def _bytes(self, events: Events) -> memoryview:
        text = self._text(events, self._newline)
        first, last = np.frombuffer(text.buffers()[1], np.int32)[[text.offset, text.offset + len(text)]]
        return memoryview(text.buffers()[2])[first:last]

    def _text(self, events: Events, end: Any) -> Any:
        rated, account = events.kind == RATE, events.kind == ACCOUNT
        what = self._watched.take(_column(events.movie))
        detail = self._minutes.take(_column(np.where(rated, 0, events.value)))
        if rated.any() or account.any():
            what = pc.if_else(_mask(rated), self._rated.take(_column(events.movie)), what)
            what = pc.if_else(_mask(account), self._account, what)
            detail = pc.if_else(_mask(rated), _column(events.value).cast(pa.string()), detail)
            detail = pc.if_else(_mask(account), self._empty, detail)
        users = _column(events.user.astype(np.int64) + FIRST_ID).cast(pa.string())
        return pc.binary_join_element_wise(*self._times(events.at_ms), users, what, detail, end, self._empty)

    def _times(self, at_ms: Ints) -> tuple[Any, Any]:
        """Text up to the second and text of the fraction; a full minute has neither second nor fraction."""
        local = self._local.of(at_ms)
        local = local - local % self._step_ms
        second, ms = np.divmod(local, 1000)
        hour, within = np.divmod(second, _HOUR_S)
        hours, row = np.unique(hour, return_inverse=True)
        texts = _texts([text for number in hours.tolist() for text in self._hour(number)])
        bare = (ms == 0) & (within % 60 == 0)
        position = row * (_HOUR_S + 60) + np.where(bare, _HOUR_S + within // 60, within)
        return texts.take(_column(position)), self._milliseconds.take(_column(ms))

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


# `pa.array` would do for these three, but imports pandas to ask whether it was given any of it: a second and 40 MB.


def _texts(values: list[str]) -> Any:
    pieces = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, pieces)]).astype(np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(pieces))]
    return pa.Array.from_buffers(pa.string(), len(pieces), buffers)


def _column(values: NDArray[Any]) -> Any:
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def _mask(values: NDArray[np.bool_]) -> Any:
    bits = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
