"""Would the team pass? The course's grading arithmetic over one log, for every term.

Each criterion is `pass`, `fail` or `unknown`: a log that does not cover a window leaves it unknown, unless what there
is already decides. Thresholds come from the term; the choices where the assignment's text is open stand in docstrings.
Start reading at `grade`, then `criteria`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.catalogue import Title
from evaluation.graded_log import GradedLog, Span
from evaluation.observed import HOUR_NS
from evaluation.online import request_facts
from evaluation.report import plain
from evaluation.requests import Uptime, availability, latency, personalised, uptime
from stream.events import WallClock
from stream.terms import Term

DAY_NS = 24 * HOUR_NS
SHOWN = 3  # lines of evidence for one criterion
PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One verdict and what it rests on."""

    id: str
    verdict: str
    value: float
    threshold: float | None  # None: the term does not ask for it
    why: str
    rows: tuple[int, ...] = ()  # request lines to look at
    notes: tuple[Mapping[str, Any], ...] = ()  # further evidence

    def as_json(self, log: GradedLog) -> dict[str, Any]:
        """Plain values; `margin` is how far the value lies on the passing side."""
        margin = None if self.threshold is None else self.value - self.threshold
        if margin is not None and self.id == "latency":
            margin = -margin
        found = {"id": self.id, "verdict": self.verdict, "value": self.value, "threshold": self.threshold}
        evidence = [log.show(row) for row in self.rows] + list(self.notes)
        shown: dict[str, Any] = plain({**found, "margin": margin, "why": self.why, "evidence": evidence})
        return shown


def grade(
    log: GradedLog,
    term: Term,
    submitted_ns: Sequence[int] = (),
    due_ns: int | None = None,
    titles: Mapping[str, Title] | None = None,
) -> dict[str, Any]:
    """The grade report as one plain object; the top-level criteria are those of the first submission.

    submitted_ns: when the team submitted; none = as if it submitted at the end of the log.
    due_ns: when the work was due; None = the earliest submission. titles: the catalogue, to tell unknown ids.
    The figures outside `criteria` are those of the whole log.
    """
    clock, moments = WallClock(term.zone), list(submitted_ns) or [log.last_ns + 1]
    due_ns = min(moments) if due_ns is None else due_ns
    start_ns = int(log.lines.at_ns[0]) if len(log.lines) else log.first_ns
    submissions = [
        {
            "submitted": clock.show(at_ns),
            "late_days": max(0, math.ceil((at_ns - due_ns) / DAY_NS)),
            "criteria": [criterion.as_json(log) for criterion in criteria(log, term, at_ns, titles or {})],
        }
        for at_ns in moments
    ]
    return {
        "term": term.name,
        "from": clock.show(log.first_ns),
        "to": clock.show(log.last_ns),
        **plain(request_facts(log.lines, start_ns, log.last_ns + 1)),
        **submissions[0],
        "submissions": submissions,
    }


def criteria(log: GradedLog, term: Term, submitted_ns: int, titles: Mapping[str, Title]) -> list[Criterion]:
    """All criteria for one submission."""
    days = (Span(submitted_ns - DAY_NS, submitted_ns), Span(submitted_ns, submitted_ns + DAY_NS))
    around = availability_window(term, submitted_ns)
    return [
        volume(log, term, days),
        personal(log, term, days),
        available("availability", log, term.avail_pass, around),
        available("bonus", log, term.avail_bonus, around),
        updates(log, term, submitted_ns, around),
        well_formed(log, term, titles),
        in_time(log, term),
    ]


def availability_window(term: Term, submitted_ns: int) -> Span | None:
    """The window in which the service must be up; None where the term has no such rule."""
    if term.avail_before_h is None or term.avail_after_h is None:
        return None
    return Span(submitted_ns - term.avail_before_h * HOUR_NS, submitted_ns + term.avail_after_h * HOUR_NS)


def volume(log: GradedLog, term: Term, days: Sequence[Span]) -> Criterion:
    """Answers with status 200 in the 24 h before or the 24 h after submission, the better of the two."""
    counts = [int(log.within(day).ok.sum()) for day in days]
    said = f"{counts[0]} answers with status 200 in the 24 h before, {counts[1]} in the 24 h after"
    decided = _decide(max(counts), term.min_ok_requests, all(map(log.covers, days)))
    rows = _ends(log.rows(days[int(np.argmax(counts))], log.lines.ok))
    return Criterion("volume", decided, max(counts), term.min_ok_requests, said + _not_covered(log, days), rows)


def personal(log: GradedLog, term: Term, days: Sequence[Span]) -> Criterion:
    """Share of all requests whose list is not the window's most frequent one, in the better of the same two windows.

    A window that the log does not cover decides nothing, since the missing requests may change the share.
    """
    shares = [personalised(log.within(day))["not_modal"] for day in days]
    covered = [share for share, day in zip(shares, days, strict=True) if log.covers(day)]
    best = max((share for share in shares if not math.isnan(share)), default=math.nan)
    sure = max((share for share in covered if not math.isnan(share)), default=math.nan)
    decided = _decide(sure, term.personalised_share, len(covered) == len(days))
    said = " and ".join(
        f"{share:.1%} in the 24 h {when}" if share == share else f"no request in the 24 h {when}"
        for share, when in zip(shares, ("before", "after"), strict=True)
    )
    value, rows = sure if decided == PASS else best, _two_lists(log, days)
    return Criterion("personalised", decided, value, term.personalised_share, said + _not_covered(log, days), rows)


def available(name: str, log: GradedLog, threshold: float | None, around: Span | None) -> Criterion:
    """Share of the window's minutes in which the service was up; the assignment speaks of hours of downtime.

    Minutes that the log does not cover count once as down and once as up: only if both agree there is a verdict.
    """
    if around is None or threshold is None:
        return Criterion(name, UNKNOWN, math.nan, threshold, "the term has no such rule")
    found = uptime(log.lines, around.from_ns, around.to_ns, log.last_ns + 1)
    low, high = found.bounds
    verdict = PASS if low >= threshold else FAIL if high < threshold else UNKNOWN
    said = _said_of(found, availability(log.within(around)))
    return Criterion(name, verdict, found.share, threshold, said, _ends(log.rows(around, ~log.lines.ok)))


def updates(log: GradedLog, term: Term, submitted_ns: int, around: Span | None) -> Criterion:
    """Model versions whose first answer to a request lies in the window (the first one ever is among them).

    The window is the availability window, or that before the submission where the term names one.
    """
    if term.updates_before_h is not None:
        around = Span(submitted_ns - term.updates_before_h * HOUR_NS, submitted_ns)
    if around is None or term.min_updates is None:
        return Criterion("updates", UNKNOWN, math.nan, term.min_updates, "the term has no such rule")
    if log.models_ns is None:
        said = "a log does not say which model answered; grade the team's store (--store) to see"
        return Criterion("updates", UNKNOWN, math.nan, term.min_updates, said)
    inside = {name: at for name, at in log.models_ns.items() if around.from_ns <= at < around.to_ns}
    said = f"versions that began to answer: {', '.join(sorted(inside)) or 'none'}" + _not_covered(log, (around,))
    decided = _decide(len(inside), term.min_updates, log.covers(around))
    clock = WallClock(term.zone)
    began = tuple({"model": name, "first_answer": clock.show(at)} for name, at in sorted(inside.items()))
    return Criterion("updates", decided, len(inside), term.min_updates, said, notes=began)


def well_formed(log: GradedLog, term: Term, titles: Mapping[str, Title]) -> Criterion:
    """Share of status-200 answers with 1 to 20 different ids without blanks, all known if a catalogue is given.

    Staff look at the status alone; this verdict is stricter.
    """
    ids, times = log.lines.list_counts()
    wrong = {int(i): reason for i in ids if (reason := _fault(log.lines.lists[i], term.max_items, titles))}
    empty = int((log.lines.ok & (log.lines.list_id < 0)).sum())
    bad = int(times[np.isin(ids, list(wrong))].sum()) + empty
    total = int(log.lines.ok.sum())
    rows = tuple(int(np.flatnonzero(log.lines.list_id == i)[0]) for i in list(wrong)[:SHOWN])
    faults = tuple({"fault": reason} for reason in sorted(set(wrong.values()))[:SHOWN])
    value = 1 - bad / total if total else math.nan
    said = f"{bad} of {total} answers are not well-formed, {empty} of them no list at all"
    return Criterion("well_formed", _decide(value, 1.0, total > 0), value, 1.0, said, rows, faults)


def in_time(log: GradedLog, term: Term) -> Criterion:
    """99 % of all requests took no longer than the term's deadline, as the requester measured it."""
    p99, limit = latency(log.lines)["p99"], term.timeout_ms
    said = f"99 % of {len(log.lines)} requests took at most {p99:g} ms"
    if limit is None or math.isnan(p99):
        return Criterion("latency", UNKNOWN, p99, limit, said)
    slowest = (int(np.argmax(log.lines.latency_ms)),)
    return Criterion("latency", PASS if p99 <= limit else FAIL, p99, limit, said, slowest)


def _decide(value: float, threshold: float | None, complete: bool) -> str:
    """More can only come to a count: enough is a pass at once, too little a fail only once everything is in."""
    if threshold is None or math.isnan(value):
        return UNKNOWN
    return PASS if value >= threshold else FAIL if complete else UNKNOWN


def _fault(movies: Sequence[str], most: int, titles: Mapping[str, Title]) -> str:
    if len(movies) > most:
        return f"{len(movies)} ids"
    if len(set(movies)) < len(movies):
        return "repeated id"
    if any(not movie or movie.split() != [movie] for movie in movies):
        return "empty id or blank inside an id"
    unknown = [movie for movie in movies if titles and movie not in titles]
    return f"unknown id {unknown[0]}" if unknown else ""


def _ends(rows: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """The first and the last of the rows."""
    return tuple(dict.fromkeys(int(row) for row in (*rows[:1], *rows[-1:])))


def _two_lists(log: GradedLog, days: Sequence[Span]) -> tuple[int, ...]:
    """The first line of each of the two most frequent lists."""
    ids, times = log.lines.between(days[0].from_ns, days[1].to_ns).list_counts()
    return tuple(int(np.flatnonzero(log.lines.list_id == i)[0]) for i in ids[np.argsort(-times, kind="stable")][:2])


def _not_covered(log: GradedLog, spans: Sequence[Span]) -> str:
    missing = sum(not log.covers(span) for span in spans)
    return f"; the log covers {len(spans) - missing} of {len(spans)} windows" if missing else ""


def _said_of(found: Uptime, by_request: float) -> str:
    said = f"{found.down} minutes down, {found.up} up"
    said += f", {found.unknown} not in the log" if found.unknown else ""
    return said + f"; by requests {by_request:.1%}"
