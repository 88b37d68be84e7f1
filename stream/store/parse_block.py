"""Many lines to columns at once; the same result as `events.parse_line` on each of them, several times as fast.

Nearly every line is a watch line in its canonical form. Those are read as numbers straight from the bytes, a block at
a time; every other line, and every one that looks odd in any way, goes to `parse_line`. Start at `parse_lines`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

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

KINDS = ("watch", "rate", "request", "account")
BLOCK_LINES = 32_768  # about 2 MB: stays in the processor's cache

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
    """Columns of `lines` (without newlines), row by row what `parse_line` says of each."""
    n = len(lines)
    parsed = Parsed(
        kind=np.full(n, _REJECTED, np.uint8),
        at_ns=np.zeros(n, np.int64),
        user_id=np.zeros(n, np.int64),
        movie=np.full(n, -1, np.int32),
        minute=np.full(n, -1, np.int32),
    )
    reader = _Reader(clock, parsed)
    for start in range(0, n, BLOCK_LINES):
        reader.read(lines[start : start + BLOCK_LINES], start)
    return parsed


class _Reader:
    """Fills a `Parsed`, remembering minutes and movies from block to block."""

    def __init__(self, clock: WallClock, parsed: Parsed) -> None:
        self._clock, self._parsed = clock, parsed
        self._minutes: dict[bytes, int] = {}
        self._movies: dict[bytes, int] = {}

    def read(self, lines: Sequence[bytes], start: int) -> None:
        """Parse one block whose first line is row `start`."""
        done = self._read_canonical(lines, start)
        for row in np.flatnonzero(~done).tolist():
            self._read_odd(start + row, lines[row])

    def _read_canonical(self, lines: Sequence[bytes], start: int) -> Mask:
        done = np.zeros(len(lines), np.bool_)
        block = Block.of(lines)
        if block is None:
            return done
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
        coded = slices(block.data, watch.movie_start, watch.movie_end).dictionary_encode()
        codes = np.array([self._movie_code(text) for text in coded.dictionary.to_pylist()], np.int32)
        indices = np.frombuffer(coded.indices.buffers()[1], np.int32, len(coded))
        return codes[indices]

    def _movie_code(self, text: bytes) -> int:
        found = self._movies.get(text)
        if found is None:
            movie = text.decode("ascii", "replace")
            known = self._parsed.movies
            found = self._movies[text] = known.setdefault(movie, len(known)) if MOVIE_ID.fullmatch(movie) else -1
        return found

    def _read_odd(self, row: int, line: bytes) -> None:
        parsed = self._parsed
        try:
            event = parse_line(line, self._clock)
        except MalformedLine as error:
            parsed.rejected[row] = (error.reason.value, line)
            return
        if event.format(self._clock).encode() != line:
            parsed.raw[row] = line
        parsed.odd[row] = event
        parsed.kind[row] = _KIND_OF[type(event)]
        parsed.at_ns[row], parsed.user_id[row] = event.at_ns, event.user_id
        if isinstance(event, Watched | Rated):
            parsed.movie[row] = parsed.movies.setdefault(event.movie_id, len(parsed.movies))
        if isinstance(event, Watched):
            parsed.minute[row] = event.minute


_KIND_OF: dict[type[Event], int] = {Watched: 0, Rated: 1, Requested: 2, AccountCreated: 3}
_NO_MINUTE = np.iinfo(np.int64).min


def _canonical_minute(text: bytes, clock: WallClock) -> int:
    minute = text.decode("ascii", "replace")
    try:
        at_ns = clock.read(minute)
    except ValueError:
        return int(_NO_MINUTE)
    return at_ns if clock.show(at_ns) == minute else int(_NO_MINUTE)
