"""What the log's request lines alone show: was the service there, how fast, and did people get lists of their own?

Online evaluation and grading both count with these functions, so their figures cannot differ.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

MINUTE_NS = 60_000_000_000
UP_SHARE = 0.5  # a minute counts as up if at least this share of its requests was answered

Instants = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LINES_SQL = """
SELECT at_ns, user_id, status, latency_ms, coalesce(array_to_string(movies, ','), '') AS list
FROM requests WHERE at_ns >= $since_ns AND at_ns < $until_ns ORDER BY at_ns, user_id
"""


@dataclass(frozen=True, slots=True)
class RequestLines:
    """Recommendation-request lines in the order of their times, one entry each."""

    at_ns: Instants  # stream time, UTC
    user_id: npt.NDArray[np.int64]
    status: npt.NDArray[np.int64]
    latency_ms: npt.NDArray[np.float64]  # as the requester measured it
    list_id: npt.NDArray[np.int64]  # index into `lists`; -1 where no list came with status 200
    lists: Sequence[tuple[str, ...]]  # each different list once

    @classmethod
    def of(cls, columns: Mapping[str, npt.NDArray[np.generic]]) -> Self:
        """From the columns of `LINES_SQL`. The ids of a list share their memory over all lists."""
        status, ids, lists = columns["status"].astype(np.int64), dict[str, int](), list[tuple[str, ...]]()
        names: dict[str, str] = {}
        list_id = np.full(len(status), -1, np.int64)
        for row in np.flatnonzero(status == 200):
            if text := str(columns["list"][row]):
                if text not in ids:
                    ids[text] = len(lists)
                    lists.append(tuple(names.setdefault(name, name) for name in text.split(",")))
                list_id[row] = ids[text]
        at_ns, user_id = columns["at_ns"].astype(np.int64), columns["user_id"].astype(np.int64)
        return cls(at_ns, user_id, status, columns["latency_ms"].astype(np.float64), list_id, lists)

    def __len__(self) -> int:
        return len(self.at_ns)

    @property
    def ok(self) -> Mask:
        """Which lines have status 200."""
        return np.asarray(self.status == 200)

    def select(self, which: Mask) -> Self:
        """Only the lines marked in `which`."""
        at_ns, user_id, status = self.at_ns[which], self.user_id[which], self.status[which]
        return type(self)(at_ns, user_id, status, self.latency_ms[which], self.list_id[which], self.lists)

    def between(self, from_ns: int, to_ns: int) -> Self:
        """Only the lines of [from_ns, to_ns)."""
        return self.select((self.at_ns >= from_ns) & (self.at_ns < to_ns))

    def list_counts(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Which lists came, and how often each."""
        return np.unique(self.list_id[self.list_id >= 0], return_counts=True)

    def shown(self) -> Counter[str]:
        """How often each movie was in a list."""
        found: Counter[str] = Counter()
        for list_id, times in zip(*self.list_counts(), strict=True):
            for movie in set(self.lists[list_id]):
                found[movie] += int(times)
        return found


def availability(lines: RequestLines) -> float:
    """Share of requests answered with status 200, in [0, 1]; NaN without requests."""
    return float(lines.ok.mean()) if len(lines) else math.nan


@dataclass(frozen=True, slots=True)
class Uptime:
    """Minutes of a window in which the service was up, down, or nobody can know."""

    up: int
    down: int
    unknown: int  # not covered by the log, or before the first request

    @property
    def share(self) -> float:
        """Share of the known minutes that were up; NaN if none is known."""
        return self.up / (self.up + self.down) if self.up + self.down else math.nan

    @property
    def bounds(self) -> tuple[float, float]:
        """Share of all minutes that were up if the unknown ones were all down, and if they were all up."""
        total = self.up + self.down + self.unknown
        return (self.up / total, (self.up + self.unknown) / total) if total else (math.nan, math.nan)


def uptime(
    lines: RequestLines, from_ns: int, to_ns: int, log_end_ns: int, *,
    minute_up: float = UP_SHARE, quiet: str = "carry", holes: Sequence[tuple[int, int]] = (),
) -> Uptime:  # fmt: skip
    """Minutes of [from_ns, to_ns) that were up: at least half of the minute's requests were answered with status 200.

    A minute without requests is as the minute before it. `lines` may begin before the window, which tells the state
    at its start; minutes from `log_end_ns` (stream time at which the log ends) on are unknown.
    minute_up: another share than half. quiet: what minutes without requests are: carry (as the one before), up, down,
    or skip (neither). holes: stretches [from, to) of ns that the log lacks; their minutes are unknown.
    """
    first, last = from_ns // MINUTE_NS, -(-to_ns // MINUTE_NS)
    minutes, up = _minutes(lines, minute_up)
    covered = np.arange(first, max(first, min(last, -(-log_end_ns // MINUTE_NS))))
    for begin, end in holes:
        covered = covered[(covered < -(-begin // MINUTE_NS)) | (covered >= end // MINUTE_NS)]
    before = np.searchsorted(minutes, covered, side="right") - 1
    known = before >= 0
    ups = up[before[known]]
    asked = minutes[before[known]] == covered[known]
    if quiet in ("up", "down"):
        ups = np.where(asked, ups, quiet == "up")
    elif quiet == "skip":
        ups = ups[asked]
    return Uptime(int(ups.sum()), int((~ups).sum()), last - first - int(known.sum()))


def asked_minutes_up(lines: RequestLines) -> float:
    """Share of the minutes with requests that were up; parts of the requests say nothing of other minutes."""
    _, up = _minutes(lines)
    return float(up.mean()) if len(up) else math.nan


def _minutes(lines: RequestLines, minute_up: float = UP_SHARE) -> tuple[npt.NDArray[np.int64], Mask]:
    """The minutes that have requests, and which of them were up."""
    minutes, which = np.unique(lines.at_ns // MINUTE_NS, return_inverse=True)
    if not len(minutes):
        return minutes, np.zeros(0, bool)
    return minutes, np.bincount(which, weights=lines.ok) >= minute_up * np.bincount(which)


def latency(lines: RequestLines) -> dict[str, float]:
    """Milliseconds below which 50, 95 and 99 % of all requests stayed, failed ones included (nearest rank)."""
    if not len(lines):
        return {"p50": math.nan, "p95": math.nan, "p99": math.nan}
    values = np.quantile(lines.latency_ms, [0.50, 0.95, 0.99], method="inverted_cdf")
    return dict(zip(("p50", "p95", "p99"), map(float, values), strict=True))


def personalised(lines: RequestLines) -> dict[str, float]:
    """Three ways to say how much lists are people's own, each in [0, 1]; NaN where there is nothing to say.

    not_modal: share of all requests answered with a list that is not the most frequent one (empty lists do not count).
    distinct: different lists per answered request.
    overlap: titles that two answers picked at random have in common, relative to the mean length of a list;
    1 = everybody gets the same titles.
    """
    _, times = lines.list_counts()
    with_list, ok = int(times.sum()), int(lines.ok.sum())
    return {
        "not_modal": (with_list - int(times.max(initial=0))) / len(lines) if len(lines) else math.nan,
        "distinct": len(times) / ok if ok else math.nan,
        "overlap": _overlap(lines, with_list),
    }


def _overlap(lines: RequestLines, with_list: int) -> float:
    """Every title in c of n lists is common to c(c-1)/2 of the n(n-1)/2 pairs, so no pair needs to be looked at."""
    if with_list < 2:
        return math.nan
    shown = np.fromiter(lines.shown().values(), np.float64)
    common = (shown * (shown - 1)).sum() / (with_list * (with_list - 1))
    return float(common / (shown.sum() / with_list))
