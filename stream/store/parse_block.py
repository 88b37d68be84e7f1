"""Many lines to columns at once; the same result as `events.parse_line` on each of them, several times as fast.

Nearly every line is a watch line in its canonical form. Those are read as numbers straight from the bytes, a block at
a time; every other line, and every one that looks odd in any way, goes to `parse_line`. Start at `parse_lines`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stream.events import (
    MOVIE_ID,
    AccountCreated,
    Event,
    MalformedLine,
    Rated,
    Requested,
    WallClock,
    Watched,
    parse_line,
)
from stream.store.canonical import Block, Ints, Mask, Watches, canonical_watches, slices
from stream.store.columns import numbers
from stream.store.text_lines import ConvertedLines, TextLines

KINDS = ("watch", "rate", "request", "account")
BLOCK_LINES = 32_768
BLOCK_BYTES = 2_000_000  # stays in the processor's cache, as about as many lines do

_REJECTED = 255


@dataclass(slots=True)
class Parsed:
    """Columns of a batch: one row per line, with the rows that are no event named in `rejected`."""

    kind: npt.NDArray[np.uint8]  # index into KINDS; _REJECTED where the line is no event
    at_ns: Ints
    user_id: Ints
    movie: npt.NDArray[np.int32]  # index into `movies`, -1 = none
    minute: npt.NDArray[np.int32]
    movies: dict[str, int] = field(default_factory=dict)
    odd: dict[int, Event] = field(default_factory=dict)  # events that are not canonical watch lines, by row
    raw: dict[int, bytes] = field(default_factory=dict)  # lines that formatting their event would not give back
    rejected: dict[int, tuple[str, bytes]] = field(default_factory=dict)  # reason and line, by row

    @property
    def rows(self) -> Ints:
        """Rows that are events, in order."""
        return np.flatnonzero(self.kind != _REJECTED)

    def counts(self) -> dict[str, int]:
        """Events by kind; kinds that do not occur are left out."""
        found = np.bincount(self.kind[self.kind != _REJECTED], minlength=len(KINDS))
        return {kind: int(n) for kind, n in zip(KINDS, found, strict=True) if n}


def parse_lines(lines: Sequence[bytes], clock: WallClock) -> Parsed:
    """Columns of `lines` (without newlines), row by row what `parse_line` says of each.

    Rows of `ConvertedLines` that could not be converted are rejected for the reason that is known already.
    """
    n = len(lines)
    parsed = Parsed(
        kind=np.full(n, _REJECTED, np.uint8),
        at_ns=np.zeros(n, np.int64),
        user_id=np.zeros(n, np.int64),
        movie=np.full(n, -1, np.int32),
        minute=np.full(n, -1, np.int32),
    )
    reader = _Reader(clock, parsed)
    start = 0
    for piece in _pieces(lines):
        start += reader.read(piece, start)
    if isinstance(lines, ConvertedLines):
        _reject(parsed, lines)
    return parsed


def _reject(parsed: Parsed, lines: ConvertedLines) -> None:
    for row, reason in lines.refused.items():
        parsed.kind[row] = _REJECTED
        parsed.odd.pop(row, None)
        parsed.raw.pop(row, None)
        parsed.rejected[row] = (reason, lines[row])


def _pieces(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    if isinstance(lines, TextLines):
        return lines.pieces(BLOCK_BYTES)
    return (lines[start : start + BLOCK_LINES] for start in range(0, len(lines), BLOCK_LINES))


class _Reader:
    """Fills a `Parsed`, remembering minutes and movies from block to block."""

    def __init__(self, clock: WallClock, parsed: Parsed) -> None:
        self._clock, self._parsed = clock, parsed
        self._minutes: dict[bytes, int] = {}
        self._texts = pa.array([], pa.binary())  # movies, or what stood in their place ...
        self._codes = np.zeros(0, np.int32)  # ... and what `_movie_code` says of them

    def read(self, lines: Sequence[bytes], start: int) -> int:
        """Parse one block whose first line is row `start`; the number of its lines."""
        block = Block.of(lines)
        n = len(lines) if block is None else len(block.starts)
        done = np.zeros(n, np.bool_) if block is None else self._read_canonical(block, start)
        line_at = lines.__getitem__ if block is None else block.line
        self._read_odd({start + row: line_at(row) for row in np.flatnonzero(~done).tolist()})
        return n

    def _read_canonical(self, block: Block, start: int) -> Mask:
        done = np.zeros(len(block.starts), np.bool_)
        rows, watch = canonical_watches(block)
        if not len(rows):
            return done
        base_ns = self._minute_starts(block, block.starts[rows])
        movie = self._movie_codes(block, watch)
        good = (base_ns != _NO_MINUTE) & (movie >= 0)
        done[rows[good]] = True
        at, parsed = start + rows[good], self._parsed
        parsed.kind[at] = 0
        parsed.at_ns[at] = base_ns[good] + watch.in_minute_ns[good]
        parsed.user_id[at] = watch.user_id[good]
        parsed.movie[at] = movie[good]
        parsed.minute[at] = watch.minute[good]
        return done

    def _minute_starts(self, block: "Block", starts: Ints) -> Ints:
        """Instant of each line's minute; _NO_MINUTE where its text is no time that would print alike."""
        high, low = block.words[starts], block.words[starts + 8]
        changed = np.flatnonzero((high[1:] != high[:-1]) | (low[1:] != low[:-1])) + 1
        firsts = np.concatenate(([0], changed))
        known = [self._minute_start(block.text[at : at + 16]) for at in starts[firsts].tolist()]
        return np.repeat(np.array(known, np.int64), np.diff(firsts, append=len(starts)))

    def _minute_start(self, text: bytes) -> int:
        found = self._minutes.get(text)
        if found is None:
            found = self._minutes[text] = _canonical_minute(text, self._clock)
        return found

    def _movie_codes(self, block: "Block", watch: "Watches") -> npt.NDArray[np.int32]:
        """Index of each line's movie in `Parsed.movies`; -1 where the text is no movie id."""
        texts = slices(block, watch.movie_start, watch.movie_end)
        found = pc.index_in(texts, self._texts).fill_null(-1)
        place = np.frombuffer(found.buffers()[1], np.int32, len(found)).copy()
        new = np.flatnonzero(place < 0)
        if len(new):
            place[new] = self._learn(texts.take(numbers(new, pa.int64())).dictionary_encode())
        return self._codes[place]

    def _learn(self, new: pa.DictionaryArray) -> npt.NDArray[np.int32]:
        """Remember texts not seen before; the place of each."""
        codes = [self._movie_code(text.decode("ascii", "replace")) for text in new.dictionary.to_pylist()]
        place = np.frombuffer(new.indices.buffers()[1], np.int32, len(new)) + np.int32(len(self._codes))
        self._texts = pa.concat_arrays([self._texts, new.dictionary])
        self._codes = np.concatenate((self._codes, np.array(codes, np.int32)))
        return place

    def _movie_code(self, movie: str) -> int:
        known = self._parsed.movies
        return known.setdefault(movie, len(known)) if MOVIE_ID.fullmatch(movie) else -1

    def _read_odd(self, lines: dict[int, bytes]) -> None:
        """Lines by row, each by the per-line parser."""
        parsed, events = self._parsed, dict[int, Event]()
        for row, line in lines.items():
            try:
                events[row] = event = parse_line(line, self._clock)
            except MalformedLine as error:
                parsed.rejected[row] = (error.reason.value, line)
                continue
            if event.format(self._clock).encode() != line:
                parsed.raw[row] = line
        rows, found = list(events), list(events.values())
        parsed.odd |= events
        parsed.kind[rows] = [_KIND_OF[type(event)] for event in found]
        parsed.at_ns[rows] = [event.at_ns for event in found]
        parsed.user_id[rows] = [event.user_id for event in found]
        parsed.movie[rows] = [self._movie_of(event) for event in found]
        parsed.minute[rows] = [event.minute if isinstance(event, Watched) else -1 for event in found]

    def _movie_of(self, event: Event) -> int:
        known = self._parsed.movies
        return known.setdefault(event.movie_id, len(known)) if isinstance(event, Watched | Rated) else -1


_KIND_OF: dict[type[Event], int] = {Watched: 0, Rated: 1, Requested: 2, AccountCreated: 3}
_NO_MINUTE = np.iinfo(np.int64).min


def _canonical_minute(text: bytes, clock: WallClock) -> int:
    minute = text.decode("ascii", "replace")
    try:
        at_ns = clock.read(minute)
    except ValueError:
        return int(_NO_MINUTE)
    return at_ns if clock.show(at_ns) == minute else int(_NO_MINUTE)
