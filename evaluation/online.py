"""What do people do with the lists they are shown? The live service measured by the log it leaves.

Everything counts in stream time: a figure is the same at any replay speed. A list is judged once the attribution window
after it has passed; younger ones are counted as pending. Start reading at `online`, then `measures.measures_of`.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.answers import parts_of
from evaluation.catalogue import Title
from evaluation.measures import measures_of
from evaluation.observed import HOUR_NS, Observed, first_request_ns, log_ends_ns, observe
from evaluation.report import Report
from evaluation.requests import RequestLines, asked_minutes_up, availability, latency, personalised, uptime
from stream.events import WallClock
from stream.terms import Term


def online(
    store_dir: Path,
    term: Term,
    window_ns: int,
    last_ns: int | None = None,
    by: str | None = None,
    titles: Mapping[str, Title] | None = None,
) -> Report:
    """Report on the last `last_ns` of stream time (None: since the first request), lists judged for `window_ns`.

    by: the same figures also by tier, model, arm or hour. titles: the catalogue, where one is at hand.
    An empty store gives a report of zeros and unknowns. Raises ValueError for an unknown `by`.
    """
    ends = log_ends_ns(store_dir)
    seen = observe_stretch(store_dir, term, window_ns, ends[1] + 1 if ends else 0, last_ns)
    titles, clock = titles or {}, WallClock(term.zone)
    parts = parts_of(store_dir, seen.lines, by, clock) if by else {}
    groups = tuple(
        _report(seen.of_part(which), titles, clock, {"by": by, "value": value}) for value, which in parts.items()
    )
    return replace(report_of(seen, titles, term), groups=groups)


def observe_stretch(store_dir: Path, term: Term, window_ns: int, until_ns: int, last_ns: int | None) -> Observed:
    """The stretch that ends at `until_ns`: from its first request on, at most `last_ns` of it."""
    first = first_request_ns(store_dir, 0 if last_ns is None else max(0, until_ns - last_ns))
    return observe(store_dir, term, until_ns if first is None else min(first, until_ns), until_ns, window_ns)


def report_of(seen: Observed, titles: Mapping[str, Title], term: Term) -> Report:
    """The report on a stretch as a whole."""
    whole = _report(seen, titles, WallClock(term.zone), {})
    return replace(whole, evidence=_evidence(seen, bool(titles)))


def request_facts(lines: RequestLines, from_ns: int, until_ns: int) -> dict[str, Any]:
    """The figures that request lines alone give, under the names that reports use."""
    return {
        "requests": len(lines),
        "ok": int(lines.ok.sum()),
        "availability_by_request": availability(lines),
        "availability_by_time": uptime(lines, from_ns, until_ns, until_ns).share,
        "latency_ms": latency(lines),
        "personalised": personalised(lines),
    }


def _report(seen: Observed, titles: Mapping[str, Title], clock: WallClock, names: Mapping[str, Any]) -> Report:
    stretch = {
        "from": clock.show(seen.from_ns) if len(seen.lines) else None,
        "to": clock.show(seen.until_ns - 1) if len(seen.lines) else None,
        "window_hours": seen.window_ns / HOUR_NS,
        "lists_judged": int(seen.judged.sum()),
        "lists_pending": int((seen.in_stretch & (seen.lines.list_id >= 0)).sum() - seen.mature.sum()),
        "plays": len(seen.plays),
    }
    facts = {**names, **request_facts(seen.asked, seen.from_ns, seen.until_ns), **stretch}
    if not seen.part.all():
        facts["availability_by_time"] = asked_minutes_up(seen.asked)
    return Report("Online evaluation", facts, measures_of(seen, titles))


def _evidence(seen: Observed, has_titles: bool) -> tuple[str, ...]:
    said = [f"{len(seen.asked)} request lines and {len(seen.plays)} plays of the store, times in stream time"]
    if not seen.mature.any() and seen.judged.any():
        said.append("no list is as old as the attribution window yet: all lists are judged by what happened so far")
    if not has_titles:
        said.append("no catalogue: licence costs are unknown, coverage counts only titles seen in the log")
    if not len(seen.asked):
        said.append("the log holds no recommendation-request line in this stretch")
    return tuple(said)
