"""Canonical watch lines as numbers, straight from the bytes of a block; every test is one operation on all lines.

Eight bytes are read as one number and compared or turned into digits at once. What looks odd in any way is left out;
`parse_block` gives it to the per-line parser. Start at `canonical_watches`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stream.store.columns import numbers
from stream.store.text_lines import TextLines

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_SECOND_NS = 1_000_000_000
_PAD = bytes(64)  # so that reading 8 bytes behind the last line stays inside the block


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of some lines, each followed by a newline, and where each starts and ends."""

    text: bytes
    data: npt.NDArray[np.uint8]
    words: Words  # the 8 bytes from each position on, first byte lowest
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, lines: Sequence[bytes]) -> "Block | None":
        """None if a line holds a newline itself, which only a message of a broker can."""
        whole = isinstance(lines, TextLines)
        text = (lines.text if isinstance(lines, TextLines) else b"\n".join(lines) + b"\n") + _PAD
        data = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        if not whole and len(ends) != len(lines):
            return None
        words: Words = np.ndarray(len(data) - 7, np.dtype("<u8"), text, strides=(1,))
        return cls(text, data, words, np.concatenate(([0], ends[:-1] + 1)), ends)

    def line(self, row: int) -> bytes:
        """One of the lines, without its newline."""
        return self.text[self.starts[row] : self.ends[row]]


@dataclass(frozen=True, slots=True)
class Watches:
    """What lines of the canonical watch form say; times still without their minute."""

    in_minute_ns: Ints
    user_id: Ints
    minute: Ints
    movie_start: Ints
    movie_end: Ints

    def only(self, good: Mask) -> "Watches":
        """The same of some of the lines."""
        return Watches(*(getattr(self, name)[good] for name in Watches.__slots__))


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


_GET_DATA, _DATA_M, _MPG, _LOW_4 = _word(b"GET /dat"), _word(b"a/m/"), _word(b".mpg"), _word(b"\xff" * 4)
_COMMAS, _ONES, _HIGH_BITS = _word(b"," * 8), _word(b"\x01" * 8), _word(b"\x80" * 8)
_SHORTEST = len("2026-03-01T10:15,4,GET /data/m/x/1.mpg")


def canonical_watches(block: Block) -> tuple[Ints, Watches]:
    """Rows that have the form of a watch line, and what they say; movie and minute of time are not checked yet."""
    rows, first, second = _split(block)
    starts, ends = block.starts[rows], block.ends[rows]
    in_minute_ns, timely = _in_minute(block, starts, first - starts)
    user_id, known = _number(block, first + 1, second)
    slash, tailed = _last_slash(block.data, ends - 4)
    minute, counted = _number(block, slash + 1, ends - 4)
    good = timely & known & tailed & counted & (slash > second + 13)
    watches = Watches(in_minute_ns, user_id, minute, second + 13, slash)
    return rows[good], watches.only(good)


def _split(block: Block) -> tuple[Ints, Ints, Ints]:
    """Rows whose third part is GET /data/m/….mpg, and the places of their first two commas."""
    rows = np.flatnonzero(block.ends - block.starts >= _SHORTEST)
    starts, ends = block.starts[rows], block.ends[rows]
    first = starts + _time_length(block.data, starts)
    second = first + 1 + _up_to_comma(block.words[first + 1])
    good = (first > starts) & (block.data[second] == ord(","))
    good &= block.words[second + 1] == _GET_DATA
    good &= block.words[second + 9] & _LOW_4 == _DATA_M
    good &= block.words[ends - 4] & _LOW_4 == _MPG
    return rows[good], first[good], second[good]


def _time_length(data: npt.NDArray[np.uint8], starts: Ints) -> Ints:
    """Length of a time that ends in minutes, seconds or milliseconds, by the comma behind it; 0 if there is none."""
    length = np.zeros(len(starts), np.int64)
    for places in (23, 19, 16):
        length[data[starts + places] == ord(",")] = places
    return length


def _up_to_comma(words: Words) -> Ints:
    """Bytes before the first comma of each word, 8 if it has none."""
    other = words ^ _COMMAS  # a zero byte where the comma is; its borrow sets the high bit, first at the lowest
    zero = (other - _ONES) & ~other & _HIGH_BITS
    return (np.bitwise_count((zero & (~zero + np.uint64(1))) - np.uint64(1)) >> 3).astype(np.int64)


def _in_minute(block: Block, starts: Ints, length: Ints) -> tuple[Ints, Mask]:
    """Nanoseconds since the minute of times in canonical form with at most milliseconds; where they are that."""
    data = block.data
    seconds, good = _digits(data, starts + 17, 2)
    good &= (seconds < 60) & (data[starts + 16] == ord(":"))
    millis, fine = _digits(data, starts + 20, 3)
    fine &= (data[starts + 19] == ord(".")) & (millis > 0)
    to_minute, to_second, to_milli = length == 16, length == 19, length == 23
    in_minute_ns = np.where(to_minute, 0, seconds * _SECOND_NS + np.where(to_milli, millis * 1_000_000, 0))
    return in_minute_ns, to_minute | (to_second & good & (seconds > 0)) | (to_milli & good & fine)


def _digits(data: npt.NDArray[np.uint8], at: Ints, count: int) -> tuple[Ints, Mask]:
    value, good = np.zeros(len(at), np.int64), np.ones(len(at), np.bool_)
    for place in range(count):
        digit = data[at + place] - np.uint8(ord("0"))  # anything but a digit wraps to 10 or more
        good &= digit <= 9
        value = value * 10 + digit
    return value, good


def _last_slash(data: npt.NDArray[np.uint8], end: Ints) -> tuple[Ints, Mask]:
    """Place of the "/" that stands one to four bytes before `end`."""
    slash = np.full(len(end), -1, np.int64)
    for back in range(5, 1, -1):
        slash = np.where(data[end - back] == ord("/"), end - back, slash)
    found = slash >= 0
    return np.where(found, slash, end - 2), found


_ZEROS, _SIX, _HIGH = _word(b"0" * 8), _word(b"\x06" * 8), _word(b"\xf0" * 8)
_KEEP = np.array([(0xFFFFFFFFFFFFFFFF << 8 * (8 - n)) & 0xFFFFFFFFFFFFFFFF for n in range(9)], np.uint64)


def _number(block: Block, start: Ints, end: Ints) -> tuple[Ints, Mask]:
    """Value of the 1 to 8 digits in [start, end) without a leading zero, all eight at once; where they are that."""
    count = end - start
    good = (count >= 1) & (count <= 8)
    word = (block.words[end - 8] ^ _ZEROS) & _KEEP[np.clip(count, 0, 8)]
    good &= (((word + _SIX) | word) & _HIGH) == 0
    good &= (count == 1) | (block.data[start] != ord("0"))
    word = (word * np.uint64(10 * 256 + 1) >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(100 * 65536 + 1) >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
    word = (word * np.uint64(10_000 * 2**32 + 1) >> np.uint64(32)) & np.uint64(0xFFFFFFFF)
    return word.astype(np.int64), good


def slices(block: Block, start: Ints, end: Ints) -> pa.Array:
    """Byte strings [start, end) of a block as one Arrow array; they may not overlap and must rise."""
    places = np.empty(2 * len(start), np.int32)
    places[0::2], places[1::2] = start, end
    buffers = [None, pa.py_buffer(places), pa.py_buffer(block.text)]
    both = pa.Array.from_buffers(pa.binary(), len(places) - 1, buffers)  # each string, and what lies behind it
    return both.take(numbers(np.arange(0, len(places), 2), pa.int32()))  # not pa.array, see columns.py
