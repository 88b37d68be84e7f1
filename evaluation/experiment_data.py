"""Who was in which arm since when, and what they did: an experiment's data, read from the store once.

Arms are those that the answer records name; the times are the stream times of the request lines behind them. A user
takes part from the first list on, whatever happens later (intention to treat). Start reading at `read_run`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from evaluation.answers import answered
from evaluation.assignment import arm_numbers, id_texts
from evaluation.experiment_metrics import METRICS, Metric, Titles, added_up
from evaluation.observed import HOUR_NS, Observed, log_ends_ns, observe
from stream.experiments import Experiment
from stream.terms import Term

DAY_NS = 24 * HOUR_NS
PRE_DAYS = 7  # before the first list, for CUPED
MOST_LOOKS = 60
_STEPS_NS = (HOUR_NS // 6, HOUR_NS, 6 * HOUR_NS, DAY_NS, 7 * DAY_NS)


@dataclass(frozen=True, slots=True)
class Exposed:
    """Users of an experiment, sorted by id, one entry each."""

    user_id: npt.NDArray[np.int64]
    arm: npt.NDArray[np.int64]  # index into the experiment's arms
    since_ns: npt.NDArray[np.int64]  # stream time of the first list
    tier: npt.NDArray[Any]  # of that list
    last_ns: int = 0  # stream time of the last list that the experiment shaped
    in_two: int = 0  # users left out because answers put them into two arms
    misplaced: int = 0  # users whose arm is not the one that the digest gives

    def __len__(self) -> int:
        return len(self.user_id)

    def of(self, which: npt.NDArray[np.bool_]) -> Self:
        """Only the marked users."""
        rows = {name: getattr(self, name)[which] for name in ("user_id", "arm", "since_ns", "tier")}
        return replace(self, **rows)

    def users(self, arms: int) -> list[int]:
        """How many users each arm has."""
        return [int(users) for users in np.bincount(self.arm, minlength=arms)]


@dataclass(frozen=True, slots=True)
class Run:
    """An experiment's data: who took part, what they did since and before, when one may look."""

    exposed: Exposed
    seen: Observed
    before: Observed  # PRE_DAYS ahead of the first list of the experiment
    looks_ns: list[int]  # ends of the looks, in order; the last one is the end of the data
    titles: Titles

    def values(self, metric: Metric, which: npt.NDArray[np.bool_] | None = None) -> tuple[Any, Any]:
        """Totals and counts (users, looks) of the marked users."""
        people = self.exposed if which is None else self.exposed.of(which)
        return added_up(metric, metric.cases(self.seen, self.titles), people.user_id, people.since_ns, self.looks_ns)

    def values_before(self, metric: Metric) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Totals and counts (users,) of the time before."""
        users, end = self.exposed.user_id, [self.before.until_ns]
        totals, counts = added_up(metric, metric.cases(self.before, self.titles), users, np.zeros_like(users), end)
        return totals[:, 0], counts[:, 0]


def read_run(store_dir: Path, experiment: Experiment, term: Term, window_ns: int, titles: Titles) -> Run | None:
    """The experiment's data, None if no answer names it; window_ns: how long after a list a play counts for it.

    It ends one window behind the last list: what users do long after a stop says nothing of its arms.
    """
    exposed, ends = exposures(answered(store_dir), experiment), log_ends_ns(store_dir)
    if not len(exposed) or not ends:
        return None
    until_ns = min(ends[1] + 1, exposed.last_ns + window_ns + 1)
    return run_of(store_dir, exposed, term, window_ns, titles, (int(exposed.since_ns.min()), until_ns))


def run_of(
    store_dir: Path, exposed: Exposed, term: Term, window_ns: int, titles: Titles, stretch: tuple[int, int]
) -> Run:
    """What these users did in [from_ns, until_ns), and in the days before it."""
    from_ns, until_ns = stretch
    seen = observe(store_dir, term, from_ns, until_ns, window_ns)
    before = observe(store_dir, term, from_ns - PRE_DAYS * DAY_NS, from_ns, window_ns)
    return Run(exposed, seen, before, looks(from_ns, until_ns), titles)


def exposures(found: Mapping[str, npt.NDArray[Any]], experiment: Experiment) -> Exposed:
    """First list of each user in the experiment, from the columns of `answers.answered` (in order of time)."""
    number = {arm.name: place for place, arm in enumerate(experiment.arms)}
    texts, code = np.unique(found["arm"].astype(str), return_inverse=True)
    named = np.array([number.get(_arm(text, experiment.name), -1) for text in texts], np.int64)
    arm = named[code]
    rows = np.flatnonzero(arm >= 0)
    users, first, which = np.unique(found["user_id"][rows].astype(np.int64), return_index=True, return_inverse=True)
    mixed = np.zeros(len(users), bool)
    mixed[which[arm[rows] != arm[rows][first][which]]] = True
    whole = Exposed(
        users, arm[rows][first], found["at_ns"][rows][first].astype(np.int64), found["tier"][rows][first],
        last_ns=int(found["at_ns"][rows].max(initial=0)), in_two=int(mixed.sum()),
    ).of(~mixed)  # fmt: skip
    due = arm_numbers(experiment, id_texts(whole.user_id))
    return replace(whole, misplaced=int((due != whole.arm).sum()))


def looks(from_ns: int, until_ns: int) -> list[int]:
    """Ends of the looks: every ten minutes, hour, six hours, day or week, so that there are at most MOST_LOOKS."""
    length = max(until_ns - from_ns, 1)
    step = next((step for step in _STEPS_NS if length / step <= MOST_LOOKS), length // MOST_LOOKS + 1)
    return [*range(from_ns + step, until_ns, step), until_ns]


def _arm(text: str, name: str) -> str:
    """The arm that an answer names for this experiment, "" for none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return ""
    return str(found.get(name, "")) if isinstance(found, dict) else ""


def metric_named(name: str) -> Metric:
    """The metric of that name. Raises ValueError, saying which there are."""
    if name not in METRICS:
        raise ValueError(f"a metric of {', '.join(METRICS)} expected; got {name!r}")
    return METRICS[name]
