"""What an experiment could find, worked out from the log before it starts: users, days, smallest effect.

The past is taken as a rehearsal: the users of its last days, each from the first request on, judged by the primary
metric as the experiment will judge them. Start reading at `plan`.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import power
from evaluation.answers import answered
from evaluation.effects import cuped, linearised
from evaluation.experiment import check
from evaluation.experiment_data import DAY_NS, Exposed, Run, metric_named, run_of
from evaluation.experiment_metrics import Titles
from evaluation.observed import Observed, log_ends_ns, observe
from evaluation.report import plain
from stream.experiments import Experiment
from stream.terms import Term

ROWS = 14  # of the table


def plan(
    store_dir: Path, experiment: Experiment, term: Term, window_ns: int, titles: Titles, days: float = 14.0
) -> dict[str, Any]:
    """The plan, plain values only, from the last `days` of stream time. Raises ValueError if the log shows nobody."""
    check(experiment)
    if (ends := log_ends_ns(store_dir)) is None:
        raise ValueError(f"a store with events expected, to learn from; {store_dir} is empty")
    until_ns = ends[1] + 1
    from_ns = max(ends[0], until_ns - round(days * DAY_NS))
    users, notes = _visitors(store_dir, observe(store_dir, term, from_ns, until_ns, window_ns), experiment)
    if len(users) < 2:
        raise ValueError("at least two users with a request expected in that time; let the service run first")
    run = run_of(store_dir, users, term, window_ns, titles, (from_ns, until_ns))
    run = replace(run, looks_ns=[from_ns + (until_ns - from_ns) * row // ROWS for row in range(1, ROWS + 1)])
    return dict(plain(_planned(run, experiment) | {"notes": notes}))


def _visitors(store_dir: Path, seen: Observed, experiment: Experiment) -> tuple[Exposed, list[str]]:
    """Who would have taken part, and since when; and what could not be known."""
    notes: list[str] = []
    asked = seen.asked
    ids, at_ns = asked.user_id, asked.at_ns
    if experiment.population == "newcomers":
        found = answered(store_dir)
        mine = (found["tier"] != "personal") & (found["at_ns"].astype(np.int64) >= seen.from_ns)
        if mine.any():
            ids, at_ns = found["user_id"][mine].astype(np.int64), found["at_ns"][mine].astype(np.int64)
        else:
            notes.append("no answer to a newcomer is stored: planned with all users, who are more and busier")
    if not len(ids):
        ids, at_ns = seen.plays.user_id, seen.plays.started_ns
        notes.append("no request line in this time: everybody who began a film is taken for a visitor")
    users, first = np.unique(ids, return_index=True)
    nobody = np.full(len(users), "")
    return Exposed(users, np.zeros(len(users), np.int64), at_ns[first], nobody), notes


def _planned(run: Run, experiment: Experiment) -> dict[str, Any]:
    analysis, shares = experiment.analysis, _shares(experiment)
    rows = [_row(run, experiment, look, shares) for look in range(len(run.looks_ns))]
    last, begun = rows[-1], rows[0]["users"]
    new = np.diff([0, *(row["users"] for row in rows)]).tolist()
    enough = next((row["days"] for row in rows if row["power"] >= analysis.power), None)
    effect = analysis.minimum_effect * abs(last["mean"])
    needed = power.users_needed(effect, last["sd"], shares, analysis.power, analysis.level) if effect else math.inf
    step = rows[0]["days"]
    longer = step * power.days_needed(needed / sum(shares), new) if begun or any(new) else math.inf
    return {
        "experiment": experiment.name,
        "primary": analysis.primary,
        "minimum_effect": analysis.minimum_effect,
        "power": analysis.power,
        "level": analysis.level,
        "users_needed": needed,
        "days_needed": longer if enough is None else enough,
        "extrapolated": enough is None,
        "rows": rows,
    }


def _shares(experiment: Experiment) -> tuple[float, float]:
    """Of the control and of the smallest other arm."""
    return experiment.arms[0].share, min(arm.share for arm in experiment.arms[1:])


def _row(run: Run, experiment: Experiment, look: int, shares: Sequence[float]) -> dict[str, Any]:
    """What would have been known after so many days."""
    metric, analysis = metric_named(experiment.analysis.primary), experiment.analysis
    totals, counts = run.values(metric)
    before = linearised(*run.values_before(metric))
    there = run.exposed.since_ns < run.looks_ns[look]
    plain_values = linearised(totals[there, look], counts[there, look])
    values = cuped((plain_values,), (np.where(np.isnan(before[there]), 0.0, before[there]),))[0]
    users, mean = int(there.sum()), float(values.mean()) if there.any() else math.nan
    sd = float(values.std(ddof=1)) if users > 1 else math.nan
    arms = (max(users * shares[0], 1e-9), max(users * shares[1], 1e-9))
    known = sd == sd and mean != 0 and mean == mean
    least = power.detectable(sd, arms, analysis.power, analysis.level) / abs(mean) if known else math.nan
    found = power.power(analysis.minimum_effect * abs(mean), sd, arms, analysis.level) if known else 0.0
    return {
        "days": (run.looks_ns[look] - run.seen.from_ns) / DAY_NS,
        "users": users,
        "mean": mean,
        "sd": sd,
        "sd_without_cuped": float(plain_values.std(ddof=1)) if users > 1 else math.nan,
        "detectable": least,
        "power": found,
    }
