"""Which arm is better, by how much, and can it be believed? The answer to one experiment from the team's own store.

The first arm is the control. Users are the unit throughout: assigned by digest, added up per user, compared by
`effects`. Start reading at `analyse`.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import chdtrc

from evaluation.effects import holm
from evaluation.experiment_data import Run, metric_named, read_run
from evaluation.experiment_effects import Levels, effects_of, slices
from evaluation.experiment_metrics import METRICS, Titles
from evaluation.experiment_verdict import decided
from evaluation.report import plain
from stream.events import WallClock
from stream.experiments import Experiment
from stream.terms import Term


def analyse(
    store_dir: Path, experiment: Experiment, term: Term, window_ns: int, titles: Titles, now_ns: int | None = None
) -> dict[str, Any]:
    """The experiment's report, plain values only; keys are fixed, later versions only add.

    window_ns: stream time after a list in which a play counts for it. now_ns: real time (default: now), which says
    whether the planned stop is reached. Raises ValueError for a metric that is not known.
    """
    check(experiment)
    run = read_run(store_dir, experiment, term, window_ns, titles)
    names = [arm.name for arm in experiment.arms]
    counts = run.exposed.users(len(names)) if run else [0] * len(names)
    over = experiment.stop_ns is not None and (time.time_ns() if now_ns is None else now_ns) >= experiment.stop_ns
    report = {
        "experiment": experiment.name,
        "arms": [{"name": name, "users": users} for name, users in zip(names, counts, strict=True)],
        "sample_ratio_p": sample_ratio_p(counts, [arm.share for arm in experiment.arms]),
        "in_two_arms": run.exposed.in_two if run else 0,
        "misplaced": run.exposed.misplaced if run else 0,
        "finished": over,
        "analysis": {**asdict(experiment.analysis), "guardrails": dict(experiment.analysis.guardrails)},
        **(_numbers(run, experiment, WallClock(term.zone)) if run else _NOTHING),
    }
    return dict(plain(report | decided(report)))


_NOTHING: dict[str, Any] = {"from": None, "to": None, "metrics": [], "guardrails": [], "days": [], "slices": []}


def check(experiment: Experiment) -> None:
    """Raises ValueError if the experiment can not be judged as its file says."""
    if len(experiment.arms) < 2:
        raise ValueError(f"experiment {experiment.name}: at least two [[arms]] expected; got {len(experiment.arms)}")
    for name in (experiment.analysis.primary, *dict(experiment.analysis.guardrails)):
        metric_named(name)


def sample_ratio_p(users: Sequence[int], shares: Sequence[float]) -> float:
    """Chance of numbers of users as uneven as these if the shares were as planned (chi-square); NaN without users.

    Far below 0.001 says that something loses users of one arm, so that no difference means anything.
    Source: Fabijan et al. (2019), Diagnosing sample ratio mismatch, KDD, 2156-2164.
    """
    if not (total := sum(users)):
        return float("nan")
    due = np.array(shares) / sum(shares) * total
    return float(chdtrc(len(users) - 1, ((np.array(users) - due) ** 2 / due).sum()))


def _numbers(run: Run, experiment: Experiment, clock: WallClock) -> dict[str, Any]:
    """The figures of every treatment arm against the control."""
    analysis, rails = experiment.analysis, dict(experiment.analysis.guardrails)
    names = [analysis.primary, *rails]
    names += [name for name in METRICS if name not in names and not (name.startswith("license") and not run.titles)]
    levels = Levels.of(experiment)
    rows, days = [], []
    for number, arm in enumerate(experiment.arms[1:], 1):
        for name in dict.fromkeys(names):
            found = effects_of(run, METRICS[name], number, levels)
            rows.append({"arm": arm.name, "name": name} | found[-1])
            if name == analysis.primary:
                untils = [clock.show(end_ns - 1) for end_ns in run.looks_ns]
                days += [{"arm": arm.name, "until": until} | each for until, each in zip(untils, found, strict=True)]
    _corrected(rows, analysis.primary)
    return {
        "from": clock.show(run.seen.from_ns),
        "to": clock.show(run.seen.until_ns - 1),
        "metrics": [row for row in rows if row["name"] not in rails],
        "guardrails": [row for row in rows if row["name"] in rails],
        "days": days,
        "slices": slices(run, experiment, levels),
    }


def _corrected(rows: list[dict[str, Any]], primary: str) -> None:
    """Adds `adjusted_p`: Holm over the arms for the primary metric, and over all others together for the rest."""
    for mine in (True, False):
        family = {str(place): row["p_value"] for place, row in enumerate(rows) if (row["name"] == primary) is mine}
        for place, adjusted in holm(family).items():
            rows[int(place)]["adjusted_p"] = adjusted
