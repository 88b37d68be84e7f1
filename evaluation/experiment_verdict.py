"""What an experiment's figures allow to be said, and the sentence that says it. Start reading at `decided`."""

import math
from collections.abc import Mapping
from typing import Any

from evaluation.experiment_metrics import METRICS
from evaluation.sequential import MIN_USERS

MIN_SAMPLE_RATIO_P = 0.001
MOST_MISPLACED = 0.01  # share of users in another arm than the digest's

Facts = Mapping[str, Any]


def decided(report: Facts) -> dict[str, Any]:
    """`verdict` (one word), `sentence`, `interval` (which one decides) and what became of each guardrail.

    Words: blocked, better, worse, harmful (better or not, a guardrail is broken), no_difference, undecided.
    """
    interval = "fixed" if report["finished"] else "anytime"
    if why := _blocked(report):
        return {"verdict": "blocked", "interval": interval, "sentence": f"No verdict: {why}.", "arm_verdicts": []}
    arms = [_of_arm(report, arm["name"], interval) for arm in report["arms"][1:]]
    best = max(arms, key=lambda arm: _ORDER.index(arm["verdict"]))
    sentence = " ".join(arm["sentence"] for arm in arms)
    return {"verdict": best["verdict"], "interval": interval, "sentence": sentence, "arm_verdicts": arms}


_ORDER = ("undecided", "no_difference", "worse", "harmful", "better")


def _blocked(report: Facts) -> str:
    users = {arm["name"]: arm["users"] for arm in report["arms"]}
    if not sum(users.values()):
        return "no answer in the store names this experiment; is it in the folder, have its slots been published"
    if report["sample_ratio_p"] < MIN_SAMPLE_RATIO_P:
        said = ", ".join(f"{name} {count}" for name, count in users.items())
        return (
            f"the arms' users ({said}) do not come in the planned shares (p = {report['sample_ratio_p']:.1g}), so "
            "something loses users of one arm; find it before believing any difference"
        )
    if report["misplaced"] + report["in_two_arms"] > MOST_MISPLACED * sum(users.values()):
        return (
            f"{report['misplaced']} users are in another arm than the definition's salt and shares give, "
            f"{report['in_two_arms']} were in two; was the definition changed while it ran"
        )
    if small := [name for name, count in users.items() if count < MIN_USERS]:
        return f"fewer than {MIN_USERS} users in {', '.join(small)}; wait"
    return ""


def _of_arm(report: Facts, arm: str, interval: str) -> dict[str, Any]:
    primary = next(
        row for row in report["metrics"] + report["guardrails"] if _is(row, arm, report["analysis"]["primary"])
    )
    rails = [_rail(row, report, interval) for row in report["guardrails"] if row["arm"] == arm]
    verdict = _judged(primary, report, interval)
    if any(rail["verdict"] == "broken" for rail in rails):
        verdict = "harmful"
    users = {each["name"]: each["users"] for each in report["arms"]}
    control = report["arms"][0]["name"]
    sentence = (
        f"{arm} ({users[arm]} users) against {control} ({users[control]} users), "
        f"{minute(report['from'])} to {minute(report['to'])}: "
        f"{METRICS[primary['name']].title} {_change(primary, interval, report)}: {_WORDS[verdict]}."
    )
    return {"arm": arm, "verdict": verdict, "guardrails": rails, "sentence": " ".join([sentence, *_said(rails)])}


_WORDS = {
    "better": "better",
    "worse": "worse",
    "harmful": "not to be released, a guardrail is broken",
    "no_difference": "no difference worth knowing of",
    "undecided": "not decided yet",
}


def _is(row: Facts, arm: str, name: str) -> bool:
    return bool(row["arm"] == arm and row["name"] == name)


def bounds(row: Facts, interval: str) -> tuple[float, float]:
    """The interval that decides, in the metric's own unit."""
    return (row["low"], row["high"]) if interval == "fixed" else (row["anytime_low"], row["anytime_high"])


def minute(time: str | None) -> str:
    """A stream time as people read it."""
    return time[:16].replace("T", " ") if time else "-"


def _judged(row: Facts, report: Facts, interval: str) -> str:
    low, high = bounds(row, interval)
    if low != low:
        return "undecided"
    significant = low > 0 or high < 0
    if interval == "fixed":  # several arms ask the same question: Holm's correction counts
        significant = row["adjusted_p"] < 1 - report["analysis"]["level"]
    if significant:
        return "better" if (row["effect"] > 0) == METRICS[row["name"]].more_is_better else "worse"
    worth = report["analysis"]["minimum_effect"] * abs(row["control"])
    return "no_difference" if -worth < low and high < worth else "undecided"


def _rail(row: Facts, report: Facts, interval: str) -> dict[str, Any]:
    """broken: surely worse than tolerated; holds: surely not; open: neither is sure."""
    low, high = bounds(row, interval)
    if low != low and row["control"] and row["effect"] == 0:  # nobody differs in anything: all requests answered, say
        low = high = 0.0
    least, most = (low, high) if METRICS[row["name"]].more_is_better else (-high, -low)
    tolerated = report["analysis"]["guardrails"][row["name"]]
    limit = -tolerated * abs(row["control"])
    verdict = "broken" if most < limit else "holds" if least > limit else "open"
    worst = least / abs(row["control"]) if row["control"] else math.nan
    return {"name": row["name"], "verdict": verdict, "worst": worst, "tolerated": tolerated}


def _said(rails: list[dict[str, Any]]) -> list[str]:
    return [
        f"Guardrail {METRICS[rail['name']].title} "
        + {"holds": "holds", "broken": "is broken", "open": "is open"}[rail["verdict"]]
        + (
            f": {rail['worst']:+.1%} at worst, {-rail['tolerated']:.1%} is put up with."
            if rail["worst"] == rail["worst"]
            else ": nothing is known of it."
        )
        for rail in rails
    ]


def _change(row: Facts, interval: str, report: Facts) -> str:
    low, high = bounds(row, interval)
    if low != low or not row["control"]:
        return "is not known"
    base, how = abs(row["control"]), "at the planned stop" if interval == "fixed" else "valid at any look"
    return (
        f"{row['control']:.4g} -> {row['treatment']:.4g}, {row['relative']:+.1%} "
        f"({report['analysis']['level']:.0%} interval {low / base:+.1%} to {high / base:+.1%}, {how})"
    )
