"""An experiment's data as effects: look by look for the whole, and for parts of its users.

Start reading at `effects_of`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from evaluation.effects import Effect, compare, cuped, holm, linearised, plain_number
from evaluation.experiment_data import Run, metric_named
from evaluation.experiment_metrics import METRICS, Metric
from evaluation.sequential import anytime
from stream.experiments import Experiment

Mask = npt.NDArray[np.bool_]
Figures = dict[str, float]
MIN_SLICE_USERS = 50  # per arm


@dataclass(frozen=True, slots=True)
class Levels:
    """How sure the intervals are."""

    fixed: float
    anytime: float  # stricter with several treatment arms: each is looked at (Bonferroni)
    minimum_effect: float  # relative; where the always-valid interval is narrowest

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """As the experiment's file says."""
        asked = experiment.analysis
        return cls(asked.level, 1 - (1 - asked.level) / (len(experiment.arms) - 1), asked.minimum_effect)


def effects_of(run: Run, metric: Metric, arm: int, levels: Levels, among: Mask | None = None) -> list[Figures]:
    """Figures of an arm against the first at each look, with CUPED; among: only these users."""
    totals, counts = run.values(metric)
    before = np.nan_to_num(linearised(*run.values_before(metric)))
    found = []
    for look, end_ns in enumerate(run.looks_ns):
        there = (run.exposed.since_ns < end_ns) & (True if among is None else among)
        sides = [there & (run.exposed.arm == side) for side in (0, arm)]
        values = tuple(linearised(totals[side, look], counts[side, look]) for side in sides)
        control, treatment = cuped(values, tuple(before[side] for side in sides))
        found.append(_figures(compare(control, treatment, levels.fixed), levels))
    return found


def _figures(effect: Effect, levels: Levels) -> Figures:
    control = plain_number(effect.control.mean)
    expected = abs(control) * levels.minimum_effect
    bounds = anytime(effect, expected, levels.anytime) if expected > 0 else (math.nan, math.nan)
    return {
        "control": control,
        "treatment": plain_number(effect.treatment.mean),
        "effect": plain_number(effect.difference),
        "low": plain_number(effect.low),
        "high": plain_number(effect.high),
        "p_value": plain_number(effect.p_value),
        "anytime_low": plain_number(bounds[0]),
        "anytime_high": plain_number(bounds[1]),
        "relative": plain_number(effect.difference) / abs(control) if control else math.nan,
        "variance": plain_number(effect.variance),
    }


def slices(run: Run, experiment: Experiment, levels: Levels) -> list[dict[str, Any]]:
    """The primary metric's effect in parts of the users, and whether the parts differ (Cochran's Q, Holm over all)."""
    analysis = experiment.analysis
    found: list[dict[str, Any]] = []
    for arm in range(1, len(experiment.arms)):
        for by, parts in slices_of(run).items():
            rows: list[dict[str, Any]] = [
                {
                    "value": value,
                    "users": int(part.sum()),
                    **_last(run, metric_named(analysis.primary), arm, levels, part),
                }
                for value, part in parts.items()
                if min((part & (run.exposed.arm == side)).sum() for side in (0, arm)) >= MIN_SLICE_USERS
            ]
            if len(rows) > 1 and all(row["variance"] > 0 for row in rows):
                found.append({"arm": experiment.arms[arm].name, "by": by, "parts": rows, "p_value": _differ(rows)})
    adjusted = holm({str(place): each["p_value"] for place, each in enumerate(found)})
    return [each | {"adjusted_p": adjusted[str(place)]} for place, each in enumerate(found)]


def slices_of(run: Run) -> Mapping[str, Mapping[str, Mask]]:
    """Parts of the users by what was known of them at their first list: its tier, and how active they had been."""
    tiers = {str(tier): run.exposed.tier == tier for tier in np.unique(run.exposed.tier.astype(str))}
    plays, _ = run.values_before(METRICS["plays"])
    middle = float(np.median(plays[plays > 0])) if (plays > 0).any() else 0.0
    active = {"none": plays == 0, "few": (plays > 0) & (plays <= middle), "many": plays > max(middle, 0)}
    return {"tier of the first list": tiers, "films begun in the week before": active}


def _last(run: Run, metric: Metric, arm: int, levels: Levels, part: Mask) -> Figures:
    return effects_of(replace(run, looks_ns=run.looks_ns[-1:]), metric, arm, levels, part)[-1]


def _differ(rows: Sequence[Mapping[str, Any]]) -> float:
    """P-value of Cochran's Q: would effects as different as these come about if all parts had the same?"""
    effects, weights = np.array([row["effect"] for row in rows]), 1 / np.array([row["variance"] for row in rows])
    mean = (weights * effects).sum() / weights.sum()
    return float(chdtrc(len(rows) - 1, (weights * (effects - mean) ** 2).sum()))
