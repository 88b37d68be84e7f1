"""What an experiment can be judged by: cases out of the log, and how they add up to one number per user.

A metric per user divides by users, so somebody who does nothing counts as 0. A metric per case (a rating, a play)
divides by cases, and its interval comes from the delta method. Start reading at `METRICS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.catalogue import Title, license_costs
from evaluation.observed import Observed

Titles = Mapping[str, Title]


@dataclass(frozen=True, slots=True)
class Cases:
    """Things that happened, one entry each."""

    user_id: npt.NDArray[np.int64]
    at_ns: npt.NDArray[np.int64]  # stream time, UTC
    value: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to judge an arm."""

    title: str
    operation: str
    per_user: bool  # divide by users; else by cases
    more_is_better: bool
    cases: Callable[[Observed, Titles], Cases]


def _plays(seen: Observed, value: npt.NDArray[Any]) -> Cases:
    return Cases(seen.plays.user_id, seen.plays.started_ns, np.asarray(value, np.float64))


def _ratings(seen: Observed, _titles: Titles) -> Cases:
    at_ns, score = seen.ratings["at_ns"].astype(np.int64), seen.ratings["score"].astype(np.float64)
    return Cases(seen.ratings["user_id"].astype(np.int64), at_ns, score)


def _costs(seen: Observed, titles: Titles) -> Cases:
    found = _plays(seen, license_costs(seen.plays, titles))
    known = ~np.isnan(found.value)
    return Cases(found.user_id[known], found.at_ns[known], found.value[known])


def _answered(seen: Observed, _titles: Titles) -> Cases:
    return Cases(seen.lines.user_id, seen.lines.at_ns, seen.lines.ok.astype(np.float64))


METRICS: dict[str, Metric] = {
    "plays": Metric(
        "films begun per user", "films begun after the user's first list, averaged over all users of the arm",
        True, True, lambda seen, _: _plays(seen, np.ones(len(seen.plays))),
    ),
    "minutes": Metric(
        "minutes watched per user", "minutes of films begun after the first list, averaged over all users of the arm",
        True, True, lambda seen, _: _plays(seen, seen.plays.minutes),
    ),
    "recommended_plays": Metric(
        "recommended films begun per user", "films begun that a list of the window before had offered, per user",
        True, True, lambda seen, _: _plays(seen, seen.plays.recommended()),
    ),
    "record_accuracy": Metric(
        "record accuracy", "films begun that a list of the window before had offered, of all films begun",
        False, True, lambda seen, _: _plays(seen, seen.plays.recommended()),
    ),
    "mean_rating": Metric(
        "mean rating", "sum of ratings given after the first list / their number", False, True, _ratings,
    ),
    "license_cost": Metric(
        "license cost per user (USD)", "license cost of films begun, per user", True, False, _costs,
    ),
    "license_cost_per_play": Metric(
        "license cost per play (USD)", "license cost of films begun / films begun", False, False, _costs,
    ),
    "answered": Metric(
        "share of requests answered", "requests with status 200 / requests", False, True, _answered,
    ),
}  # fmt: skip


def added_up(
    metric: Metric, cases: Cases, users: npt.NDArray[np.int64], since_ns: npt.NDArray[np.int64], ends_ns: list[int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Totals and counts of each user up to each of `ends_ns`, both (users, ends); cases before `since_ns` do not count.

    users: sorted, each once; since_ns: when each began to take part. Counts of a metric per user are 1.
    """
    place = np.minimum(np.searchsorted(users, cases.user_id), max(len(users) - 1, 0))
    mine = np.flatnonzero(users[place] == cases.user_id) if len(users) else np.zeros(0, np.int64)
    mine = mine[cases.at_ns[mine] >= since_ns[place[mine]]]
    look = np.searchsorted(np.array(ends_ns), cases.at_ns[mine], side="right")
    inside = look < len(ends_ns)
    cell = place[mine][inside] * len(ends_ns) + look[inside]
    shape, size = (len(users), len(ends_ns)), len(users) * len(ends_ns)
    totals = np.bincount(cell, weights=cases.value[mine][inside], minlength=size).reshape(shape).cumsum(axis=1)
    if metric.per_user:
        return totals, np.ones(shape)
    return totals, np.bincount(cell, minlength=size).reshape(shape).cumsum(axis=1).astype(np.float64)
