"""Verdicts on stored events that need more than the line: made on reading, never written.

Events know no term and no catalogue; here those are applied to them. A line with a verdict stays stored, is counted as
`flagged`, and is left out of every view but `all_events`. A line has one verdict, the first that holds of:

rating_scale: a score outside the term's scale.
user_range: a user above the term's number of users and above every account created up to that moment.
unknown_movie: a movie that the catalogue does not know; nothing is unknown where there is no catalogue. In one that
    fills from an API as movies are seen, only ids that the API says it does not know are unknown.
beyond_runtime: a minute beyond the movie's runtime, as the catalogue gives it. It gives 0 for some, and the runtime of
    one episode for mini-series, so a runtime makes no verdict where it is unknown, and where what viewers do says that
    it is too short: at least 3 of them went beyond it, or at least 10 ticks lie there, and those are at least 1 % of
    the movie's ticks. A digit too many in a line is far rarer than that.
time: a time more than an hour after, or before, both the line before and the line behind it in the same partition.
    Where the whole stream pauses or jumps, one of the neighbours is near. A file of which more than a fifth looks so is
    in no order of time, as ratings from elsewhere are: it gets no such verdict.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream.store.canonical import Ints
from stream.store.files import Segment
from stream.store.layout import Layout, layout
from stream.store.rules import Rules, rules_of
from stream.store.suspects import Rows, Suspects, far_from_neighbours, suspects_of
from stream.terms import Term

REASONS = ("rating_scale", "user_range", "unknown_movie", "beyond_runtime", "time")
LONGER_VIEWERS, LONGER_TICKS, LONGER_SHARE = 3, 10, 0.01  # beyond a runtime, before it is taken for too short


@dataclass(frozen=True, slots=True)
class Flags:
    """The flagged rows of one segment."""

    segment: Segment
    offset: Ints
    reason: npt.NDArray[np.int8]  # index into REASONS


def flagged(store_dir: Path, term: Term | None = None, sources: Collection[str] | None = None,
            catalog_dir: Path | None = None) -> dict[str, int]:  # fmt: skip
    """Stored events that are flagged, by reason, those without any left out; optionally only of some sources."""
    now = layout(store_dir)
    found = flags(now, rules_of(store_dir, term, catalog_dir))
    return counted(each for each in found if sources is None or each.segment.source in sources)


def counted(found: Iterable[Flags]) -> dict[str, int]:
    """How many rows have each verdict."""
    total: Counter[str] = Counter()
    for each in found:
        total.update(REASONS[reason] for reason in each.reason.tolist())
    return {reason: total[reason] for reason in REASONS if total[reason]}


def flags(now: Layout, rules: Rules) -> list[Flags]:
    """Verdicts on all events of a store, of the segments that have any.

    Raises FileNotFoundError if a file has vanished meanwhile. A damaged file has none: reading it will say so.
    """
    held = [(segment, suspects) for segment in (*now.events, *now.kept) if (suspects := _suspects(segment, rules))]
    judge = _Judge.of([suspects for _, suspects in held], rules)
    far = _far_at_ends(held)
    judged = (_flags(segment, [*judge.verdicts(suspects), far.get(segment, _NO_OFFSETS)]) for segment, suspects in held)
    return [each for each in judged if len(each.offset)]


def _suspects(segment: Segment, rules: Rules) -> Suspects | None:
    try:
        return suspects_of(segment.path, rules)
    except FileNotFoundError:
        raise
    except ValueError:
        return None


_NO_OFFSETS: Ints = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Judge:
    """What must be known of all files to judge the rows of one."""

    created_ns: Ints  # rising times of sign-ups ...
    highest: Ints  # ... and the highest account from then on
    longer: frozenset[str]  # movies whose runtime is too short

    @classmethod
    def of(cls, found: Sequence[Suspects], rules: Rules) -> "_Judge":
        at_ns, users = _joined([s.accounts.at_ns for s in found]), _joined([s.accounts.user_id for s in found])
        order = np.argsort(at_ns, kind="stable")
        return cls(at_ns[order], np.maximum.accumulate(users[order]), frozenset(_longer(found, rules)))

    def verdicts(self, suspects: Suspects) -> list[Ints]:
        """Offsets by reason, in the order of REASONS."""
        new, beyond = suspects.newcomers, suspects.beyond
        place = np.searchsorted(self.created_ns, new.at_ns, side="right")
        bound = np.concatenate(([0], self.highest))[place]
        short = np.array([movie not in self.longer for movie in beyond.movie], np.bool_)
        return [
            suspects.off_scale.offset,
            new.offset[new.user_id > bound],
            suspects.unknown.offset,
            beyond.offset[short],
            suspects.far.offset,
        ]


def _longer(found: Sequence[Suspects], rules: Rules) -> Iterator[str]:
    """Movies that enough viewers watched beyond the catalogue's runtime."""
    if rules.movies is None or not any(len(suspects.beyond) for suspects in found):
        return
    ticks = np.zeros(len(rules.movies.minutes), np.int64)
    for suspects in found:
        ticks[suspects.numbers] += suspects.ticks
    viewers: dict[str, set[int]] = {}
    beyond: Counter[str] = Counter()
    for suspects in found:
        beyond.update(suspects.beyond.movie.tolist())
        for movie, user in zip(suspects.beyond.movie.tolist(), suspects.beyond.user_id.tolist(), strict=True):
            viewers.setdefault(movie, set()).add(user)
    for movie, times in beyond.items():
        many = len(viewers[movie]) >= LONGER_VIEWERS or times >= LONGER_TICKS
        if many and times >= LONGER_SHARE * ticks[rules.movies.number[movie]]:
            yield movie


def _far_at_ends(held: Sequence[tuple[Segment, Suspects]]) -> dict[Segment, Ints]:
    """Offsets of each segment's first and last rows that are far from the rows around them, in whichever file."""
    far: dict[Segment, Ints] = {}
    for _, stream in groupby(sorted(held, key=lambda h: (h[0].stream, h[0].low)), key=lambda h: h[0].stream):
        parts = list(stream)
        mask = far_from_neighbours(_joined([suspects.ends.at_ns for _, suspects in parts]))
        start = 0
        for segment, suspects in parts:
            ends: Rows = suspects.ends
            mine, start = mask[start : start + len(ends)], start + len(ends)
            mine[1:-1] &= len(ends) < 4  # of four rows the inner two have other neighbours
            far[segment] = ends.offset[mine]
    return far


def _flags(segment: Segment, by_reason: list[Ints]) -> Flags:
    """Each row once, under its first reason, and only rows that count."""
    by_reason = [*by_reason[:-2], _joined(by_reason[-2:])]
    offset = _joined(by_reason)
    reason = np.repeat(np.arange(len(by_reason), dtype=np.int8), [len(part) for part in by_reason])
    counts = (offset >= segment.low) & (offset <= segment.high)
    unique, first = np.unique(offset[counts], return_index=True)
    return Flags(segment, unique, reason[counts][first])


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else _NO_OFFSETS
