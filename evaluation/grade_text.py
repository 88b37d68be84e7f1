"""The report of `grade` as text for a terminal."""

from collections.abc import Mapping
from typing import Any

from evaluation.text import number, table


def grade_text(report: Mapping[str, Any]) -> str:
    """A table for each submission, its raw evidence below it, and what a grader should know."""
    lines = [
        f"Term {report['term']}, log from {report['from']} to {report['to']}: "
        f"{report['requests']} requests, {report['ok']} answered"
    ]
    for submission in report["submissions"]:
        late = ", " * bool(submission["late_days"]) + late_words(submission["late_days"])
        rows = [
            (c["id"], c["verdict"].upper(), number(c["value"]), number(c["threshold"]), number(c["margin"]),
             str(c["count"]), c["why"])
            for c in submission["criteria"]
        ]  # fmt: skip
        lines += ["", f"Submitted {submission['submitted']}{late}", ""]
        lines += table(["criterion", "verdict", "value", "needed", "margin", "count", "why"], rows)
        lines += ["", "evidence (first lines; --json and --html have them all)"]
        lines += [f"  {c['id']}: {place(c['evidence'][0])[:150]}" for c in submission["criteria"] if c["evidence"]]
    lines += ["", *(f"note: {said}" for said in report["warnings"])]
    lines += [f"note: the log has a hole from {hole['from']} to {hole['to']}" for hole in report["holes"]]
    return "\n".join([*lines, "`unknown`: the log does not cover the window, or cannot show it (docs/grading.md)."])


def late_words(days: int) -> str:
    """How late, in words; nothing if in time."""
    return f"{days} day{'s' * (days != 1)} late" if days else ""


def place(evidence: Mapping[str, Any]) -> str:
    """Where a line stands, and its text; of other evidence what it says."""
    where = ", ".join(f"{name} {shown(value)}" for name, value in evidence.items() if name != "text")
    return f"{where}: {evidence['text']}" if "text" in evidence else where


def shown(value: Any) -> str:
    """A value of evidence in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(each)}" for name, each in value.items())
    return number(value) if isinstance(value, float) else str(value)
