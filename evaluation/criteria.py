"""The course's criteria, each a function of a log, a term and choices: verdict, value, threshold, and what it rests on.

Each is `pass`, `fail` or `unknown`: a log that does not cover a window leaves it unknown, unless what there is already
decides. Thresholds come from the term, ways to count from `Choices`. Start reading at `criteria`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.catalogue import Title
from evaluation.choices import HOUR_NS, Choices
from evaluation.criterion import FAIL, PASS, UNKNOWN, Criterion, decide, ends
from evaluation.graded_log import GradedLog, Span
from evaluation.requests import Mask, RequestLines, Uptime, availability, personalised, uptime
from stream.terms import Term

DAY_NS = 24 * HOUR_NS
SHOWN = 3  # lines of evidence for one criterion
NO_RULE = "the term has no such rule"


def criteria(log: GradedLog, term: Term, submitted_ns: int, titles: Mapping[str, Title]) -> list[Criterion]:
    """All criteria for one submission."""
    days = windows_of_day(log.choices, submitted_ns)
    around = availability_window(term, submitted_ns)
    faults = faults_of(log.lines, term, titles)
    return [
        volume(log, term, days, faults),
        personal(log, term, days),
        available("availability", log, term.avail_pass, around),
        available("bonus", log, term.avail_bonus, around),
        updates(log, term, submitted_ns, around),
        well_formed(log, faults),
        in_time(log, term),
    ]


def windows_of_day(choices: Choices, submitted_ns: int) -> dict[str, Span]:
    """The 24 h before and the 24 h from the submission on, or the one of them that counts."""
    days = {"before": Span(submitted_ns - DAY_NS, submitted_ns), "after": Span(submitted_ns, submitted_ns + DAY_NS)}
    return days if choices.day == "either" else {choices.day: days[choices.day]}


def availability_window(term: Term, submitted_ns: int) -> Span | None:
    """The window in which the service must be up; None where the term has no such rule."""
    if term.avail_before_h is None or term.avail_after_h is None:
        return None
    return Span(submitted_ns - term.avail_before_h * HOUR_NS, submitted_ns + term.avail_after_h * HOUR_NS)


def faults_of(lines: RequestLines, term: Term, titles: Mapping[str, Title]) -> dict[int, str]:
    """What is wrong with each list (by its id) that is not 1 to 20 different ids without blanks, known if `titles`."""
    ids, _ = lines.list_counts()
    return {int(i): said for i in ids if (said := _fault(lines.lists[i], term.max_items, titles))}


def volume(log: GradedLog, term: Term, days: Mapping[str, Span], faults: Mapping[int, str]) -> Criterion:
    """Answers with status 200 in the 24 h before or the 24 h after submission, the better of the two.

    By choice only those with a well-formed list count, without (`list`) or with (`known`) a look at the catalogue.
    """
    which = _counted(log, faults)
    counts = {name: len(log.rows(day, which)) for name, day in days.items()}
    best = days[max(counts, key=lambda name: counts[name])]
    said = " and ".join(f"{count} in the 24 h {name}" for name, count in counts.items())
    unknown = [i for i in log.within(best).list_id.tolist() if "unknown id" in faults.get(i, "")]
    warned = f"{len(unknown)} of the answers name ids that the catalogue does not know"
    value, spans = max(counts.values()), tuple(days.values())
    return Criterion(
        "volume",
        decide(value, term.min_ok_requests, all(map(log.covers, spans))),
        value,
        term.min_ok_requests,
        f"answers that count: {said}{_not_covered(log, spans)}",
        len(log.within(best)),
        ends(log.rows(best, which)) or ends(log.rows(best)),
        ({"warning": warned},) if unknown else (),
        spans,
    )


def personal(log: GradedLog, term: Term, days: Mapping[str, Span]) -> Criterion:
    """Share of all requests whose list is not the window's most frequent one, in the better of the same two windows.

    A window that the log does not cover decides nothing, since the missing requests may change the share.
    """
    shares = {name: _own_share(log.within(day), log.choices) for name, day in days.items()}
    known = {name: share for name, share in shares.items() if share == share}
    sure = [share for name, share in known.items() if log.covers(days[name])]
    complete = all(map(log.covers, days.values()))
    decided = decide(max(sure, default=math.nan), term.personalised_share, complete)
    said = [
        f"{share:.1%} in the 24 h {name}" if name in known else f"no request in the 24 h {name}"
        for name, share in shares.items()
    ]
    best = days[max(known, key=lambda name: known[name])] if known else None
    lines = log.within(best) if best else None
    return Criterion(
        "personalised",
        decided,
        max(sure) if decided == PASS else max(known.values(), default=math.nan),
        term.personalised_share,
        " and ".join(said) + _not_covered(log, tuple(days.values())),
        len(lines) if lines else 0,
        _two_lists(log, best) if best else (),
        ({"definitions": personalised(lines)}, *_hardly(lines, decided)) if lines else (),
        tuple(days.values()),
    )


def available(name: str, log: GradedLog, threshold: float | None, around: Span | None) -> Criterion:
    """Share of the window's minutes in which the service was up; the assignment speaks of hours of downtime.

    Minutes that the log does not cover count once as down and once as up: only if both agree there is a verdict. By
    choice the share of requests answered, which needs a window that is covered.
    """
    if around is None or threshold is None:
        return Criterion(name, UNKNOWN, math.nan, threshold, NO_RULE)
    chosen, lines = log.choices, log.within(around)
    found = uptime(
        log.lines, around.from_ns, around.to_ns, log.last_ns + 1,
        minute_up=chosen.minute_up, quiet=chosen.quiet_minutes, holes=log.holes,
    )  # fmt: skip
    said = _said_of(found, availability(lines))
    if chosen.availability_by == "request":
        value = availability(lines)
        verdict = decide(value, threshold, True) if log.covers(around) else UNKNOWN
    else:
        value, (low, high) = found.share, found.bounds
        verdict = PASS if low >= threshold else FAIL if high < threshold else UNKNOWN
        said += f"; {_allowance(found, threshold)}"
    rows = ends(log.rows(around, ~log.lines.ok)) or ends(log.rows(around))
    return Criterion(name, verdict, value, threshold, said, len(lines), rows, windows=(around,))


def updates(log: GradedLog, term: Term, submitted_ns: int, around: Span | None) -> Criterion:
    """Model versions whose first answer to a request lies in the window (the first one ever is among them).

    The window is the availability window, or that before the submission where the term names one. By choice every
    version that answered in it counts, also one that was live before.
    """
    if term.updates_before_h is not None:
        around = Span(submitted_ns - term.updates_before_h * HOUR_NS, submitted_ns)
    if around is None or term.min_updates is None:
        return Criterion("updates", UNKNOWN, math.nan, term.min_updates, NO_RULE)
    if log.models_ns is None:
        said = "a log does not say which model answered; give the team's answers (--answers) or its store (--store)"
        return Criterion("updates", UNKNOWN, math.nan, term.min_updates, said, windows=(around,))
    began = log.choices.updates_by == "began"
    inside = {}
    for name, times in log.models_ns.items():
        mine = times[(times >= around.from_ns) & (times < around.to_ns)]
        if len(mine) and (not began or times[0] >= around.from_ns):
            inside[name] = int(mine[0])
    said = f"versions that {'began to answer' if began else 'answered'}: {', '.join(sorted(inside)) or 'none'}"
    decided = decide(len(inside), term.min_updates, log.covers(around))
    notes = tuple({"model": name, "first_answer": log.clock.show(at)} for name, at in sorted(inside.items()))
    said += _not_covered(log, (around,))
    return Criterion(
        "updates", decided, len(inside), term.min_updates, said, len(log.models_ns), notes=notes, windows=(around,)
    )


def well_formed(log: GradedLog, faults: Mapping[int, str]) -> Criterion:
    """Share of status-200 answers with 1 to 20 different ids without blanks, all known if a catalogue is given.

    Staff look at the status alone; this verdict is stricter.
    """
    ids, times = log.lines.list_counts()
    empty = int((log.lines.ok & (log.lines.list_id < 0)).sum())
    bad = int(times[np.isin(ids, list(faults))].sum()) + empty
    total, wanted = int(log.lines.ok.sum()), log.choices.well_formed_share
    rows = tuple(int(np.flatnonzero(log.lines.list_id == i)[0]) for i in list(faults)[:SHOWN])
    if empty:
        rows += (int(np.flatnonzero(log.lines.ok & (log.lines.list_id < 0))[0]),)
    rows = rows or ends(np.flatnonzero(log.lines.ok))
    notes = tuple({"fault": reason} for reason in sorted(set(faults.values()))[:SHOWN])
    value = 1 - bad / total if total else math.nan
    said = f"{bad} of {total} answers are not well-formed, {empty} of them no list at all"
    return Criterion("well_formed", decide(value, wanted, total > 0), value, wanted, said, total, rows, notes)


def in_time(log: GradedLog, term: Term) -> Criterion:
    """99 % of all requests took no longer than the term's deadline, as the requester measured it.

    Failed ones are among them: those who waited in vain waited longest, and without them nothing could be late.
    """
    lines, share = log.lines, log.choices.latency_share
    which = lines.ok if log.choices.latency_of == "answers" else np.ones(len(lines), bool)
    times, limit = lines.latency_ms[which], term.timeout_ms
    value = float(np.quantile(times, share, method="inverted_cdf")) if len(times) else math.nan
    said = (
        f"{100 * share:.3g} % of {len(times)} {log.choices.latency_of} took at most {value:g} ms"
        if len(times)
        else "none"
    )
    if limit is None or math.isnan(value):
        return Criterion("latency", UNKNOWN, value, limit, said if limit else f"{said}; {NO_RULE}", len(times))
    slowest = (int(np.flatnonzero(which)[np.argmax(times)]),)
    return Criterion("latency", PASS if value <= limit else FAIL, value, limit, said, len(times), slowest)


def _counted(log: GradedLog, faults: Mapping[int, str]) -> Mask:
    lines, how = log.lines, log.choices.counted
    if how == "status":
        return lines.ok
    wrong = [i for i, said in faults.items() if how == "known" or not said.startswith("unknown id")]
    return np.asarray((lines.list_id >= 0) & ~np.isin(lines.list_id, wrong))


def _own_share(lines: RequestLines, choices: Choices) -> float:
    """The share by the definition chosen; `distinct` and `overlap` speak of answers, so they are scaled to requests."""
    found, answered = personalised(lines), availability(lines)
    value = 1 - found["overlap"] if choices.personalised_by == "overlap" else found[choices.personalised_by]
    of_answers = choices.personalised_of == "answers"
    if choices.personalised_by == "not_modal":
        return value / answered if of_answers and answered else value
    return value if of_answers else value * answered


def _fault(movies: Sequence[str], most: int, titles: Mapping[str, Title]) -> str:
    if len(movies) > most:
        return f"{len(movies)} ids"
    if len(set(movies)) < len(movies):
        return "repeated id"
    if any(not movie or movie.split() != [movie] for movie in movies):
        return "empty id or blank inside an id"
    unknown = [movie for movie in movies if titles and movie not in titles]
    return f"unknown id {unknown[0]}" if unknown else ""


def _hardly(lines: RequestLines, decided: str) -> tuple[Mapping[str, Any], ...]:
    """A warning where the share passes although nearly everybody gets one of a few lists."""
    _, times = lines.list_counts()
    two = int(np.sort(times)[-2:].sum()) / max(1, int(times.sum()))
    if decided != PASS or two < 0.9 or len(times) < 2:
        return ()
    return ({"warning": f"two lists are {two:.0%} of the answers: hardly personalised, whatever the share says"},)


def _two_lists(log: GradedLog, day: Span) -> tuple[int, ...]:
    """The window's first line of each of its two most frequent lists."""
    rows = log.rows(day, log.lines.list_id >= 0)
    _, first, times = np.unique(log.lines.list_id[rows], return_index=True, return_counts=True)
    return tuple(int(rows[first[i]]) for i in np.argsort(-times, kind="stable")[:2])


def _not_covered(log: GradedLog, spans: Sequence[Span]) -> str:
    missing = sum(not log.covers(span) for span in spans)
    return f"; the log covers {len(spans) - missing} of {len(spans)} windows" if missing else ""


def _said_of(found: Uptime, by_request: float) -> str:
    said = f"{found.down} minutes down, {found.up} up"
    said += f", {found.unknown} not in the log" if found.unknown else ""
    return said + f"; by requests {by_request:.1%}" if by_request == by_request else said


def _allowance(found: Uptime, threshold: float) -> str:
    total = found.up + found.down + found.unknown
    allowed = math.floor(total * (1 - threshold) + 1e-9)
    return f"{allowed} minutes down are allowed"
