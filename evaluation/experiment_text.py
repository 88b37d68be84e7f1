"""An experiment's report and plan as text for a terminal."""

from collections.abc import Mapping
from typing import Any

from evaluation.experiment_metrics import METRICS
from evaluation.experiment_verdict import minute
from evaluation.text import number, table

HEAD = ["arm", "metric", "control", "arm's", "change", "interval at the stop", "interval at any look", "adjusted p"]


def report_text(report: Mapping[str, Any]) -> str:
    """The report of `experiment NAME` for people."""
    users = ", ".join(f"{arm['name']} {arm['users']}" for arm in report["arms"])
    lines = [
        f"Experiment {report['experiment']}: {report['verdict'].upper().replace('_', ' ')}",
        report["sentence"],
        "",
        f"users         {users} (sample ratio p = {number(report['sample_ratio_p'], 2)})",
        f"stream time   {minute(report['from'])} to {minute(report['to'])}",
        "",
    ]
    rows = report["metrics"] + report["guardrails"]
    lines += table(HEAD, [row_texts(row) for row in rows]) if rows else []
    for each in report["slices"]:
        lines += [
            "",
            f"{each['arm']} by {each['by']}, do the parts differ? adjusted p = {number(each['adjusted_p'], 2)}",
        ]
        lines += [
            f"  {part['value']}: {number(part['effect'])} {_between(part, '')} of {part['users']}"
            for part in each["parts"]
        ]
    return "\n".join([*lines, "", *(f"note: {said}" for said in NOTES)])


NOTES = (
    "each user counts once, from the first list on; CUPED takes off what the week before told",
    "the interval at the stop is right once, at the stop fixed beforehand; the other however often you look",
    "p-values: Holm over the arms for the primary metric, over all other metrics together for the rest",
)


def plan_text(found: Mapping[str, Any]) -> str:
    """The plan of `experiment plan NAME` for people."""
    lines = [plan_sentence(found), ""]
    rows = [
        (
            f"{row['days']:.1f}", str(row["users"]), number(row["mean"]), number(row["sd"]),
            _percent(row["detectable"]), _percent(row["power"]),
        )
        for row in found["rows"]
    ]  # fmt: skip
    head = ["days", "users", "mean", "sd of users", "smallest effect found", f"power for {found['minimum_effect']:.0%}"]
    return "\n".join([*lines, *table(head, rows), "", *(f"note: {said}" for said in found["notes"])]).rstrip()


def plan_sentence(found: Mapping[str, Any]) -> str:
    """What the plan says, in a sentence or two."""
    if found["users_needed"] is None:
        return f"No plan: in this log {METRICS[found['primary']].title} is nothing or does not vary."
    title = METRICS[found["primary"]].title
    wanted = f"a change of {found['minimum_effect']:.1%} in {title} with power {found['power']:.0%}"
    said = f"To find {wanted}, the experiment needs about {found['users_needed']:.0f} users in both arms together."
    if found["days_needed"] is None:
        return f"{said} As many do not come; look for a larger effect or a less noisy metric."
    how = " (beyond this log: extrapolated)" if found["extrapolated"] else ""
    return f"{said} That takes {found['days_needed']:.1f} days of stream time{how}. Fix `stop` before the start."


def row_texts(row: Mapping[str, Any]) -> list[str]:
    """One metric of one arm, as cells of HEAD."""
    return [
        row["arm"], METRICS[row["name"]].title, number(row["control"]), number(row["treatment"]),
        "-" if row["relative"] is None else f"{row['relative']:+.1%}",
        _between(row, ""), _between(row, "anytime_"), number(row["adjusted_p"], 2),
    ]  # fmt: skip


def _between(row: Mapping[str, Any], kind: str) -> str:
    low, high = row[f"{kind}low"], row[f"{kind}high"]
    return "-" if low is None else f"{low:+.4g} to {high:+.4g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
