"""Would the team pass? The course's grading arithmetic over one log, for every term.

Thresholds come from the term, ways to count from `Choices`. Start reading at `grade`, then `criteria.criteria`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.catalogue import Title
from evaluation.criteria import DAY_NS, availability_window, criteria
from evaluation.graded_log import GradedLog, Span
from evaluation.online import request_facts
from evaluation.report import plain
from evaluation.requests import RequestLines
from stream.terms import Term

HOUR_NS = DAY_NS // 24


def grade(
    log: GradedLog,
    term: Term,
    submitted_ns: Sequence[int] = (),
    due_ns: int | None = None,
    titles: Mapping[str, Title] | None = None,
    read_warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """The grade report as one plain object; the top-level criteria are those of the first submission.

    submitted_ns: when the team submitted; none = as if it submitted at the end of the log.
    due_ns: when the work was due; None = the earliest submission. titles: the catalogue, to tell unknown ids.
    read_warnings: what went wrong when the log was read.
    The figures outside `criteria` are those of the whole log.
    """
    clock, moments = log.clock, list(submitted_ns) or [log.last_ns + 1]
    due_ns = min(moments) if due_ns is None else due_ns
    start_ns = int(log.lines.at_ns[0]) if len(log.lines) else log.first_ns
    submissions = [
        {
            "submitted": clock.show(at_ns),
            "late_days": max(0, math.ceil((at_ns - due_ns) / DAY_NS)),
            "criteria": [criterion.as_json(log) for criterion in criteria(log, term, at_ns, titles or {})],
            "hours": hours(log, availability_window(term, at_ns)),
        }
        for at_ns in moments
    ]
    return {
        "term": term.name,
        "from": clock.show(log.first_ns),
        "to": clock.show(log.last_ns),
        "holes": [{"from": clock.show(begin), "to": clock.show(end)} for begin, end in log.holes],
        "warnings": [*read_warnings, *warnings(log, bool(submitted_ns), bool(titles))],
        "choices": log.choices.said(),
        **plain(request_facts(log.lines, start_ns, log.last_ns + 1)),
        **submissions[0],
        "submissions": submissions,
    }


def hours(log: GradedLog, around: Span | None) -> list[dict[str, Any]]:
    """Requests and answers of each hour of the availability window, and whether the log has it, for the picture."""
    if around is None:
        return []
    found = []
    for at_ns in range(around.from_ns, around.to_ns, HOUR_NS):
        hour = Span(at_ns, at_ns + HOUR_NS)
        lines = log.within(hour)
        counts = {"requests": len(lines), "ok": int(lines.ok.sum())}
        found.append({"from": log.clock.show(at_ns), **counts, "covered": log.covers(hour)})
    return found


def warnings(log: GradedLog, submitted: bool, catalogue: bool) -> list[str]:
    """What a grader should know before believing the verdicts."""
    said = []
    if not submitted:
        said.append("no --submitted: graded as if the team had submitted at the end of the log")
    if not catalogue:
        said.append("no catalogue (--catalog): whether the ids of the lists are known was not looked at")
    if log.refused[0]:
        said.append(f"{log.refused[0]} lines are none of the log's kinds, e.g. {log.refused[1]}")
    if not len(log.lines):
        said.append("the log has no recommendation-request line")
    if twice := _twice(log.lines):
        said.append(f"{twice} request lines occur more than once; do the logs overlap?")
    return said


def _twice(lines: RequestLines) -> int:
    """Lines that equal another one in time, user, outcome, list and latency."""
    columns = (lines.at_ns, lines.user_id, lines.status, lines.list_id, lines.latency_ms.astype(np.int64))
    return len(lines) - len(np.unique(np.stack(columns), axis=1).T) if len(lines) else 0
