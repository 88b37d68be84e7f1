"""The report of `online` as text for a terminal: a table, what each number means, and what to do next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evaluation.report import Measure, Report
from evaluation.wording import WORDINGS, next_steps, shown


def online_text(report: Report) -> str:
    """The report of `online` for people."""
    facts = report.facts
    lines = [
        f"Online evaluation, stream time {facts['from'] or '-'} to {facts['to'] or '-'}",
        "",
        *_facts(facts),
        "",
        *table(["measure", "value", "95 % interval", "cases", "what it says"], [_row(m) for m in report.metrics]),
    ]
    for group in report.groups:
        lines += ["", f"{group.facts['by']} {group.facts['value']}: {_brief(group)}"]
    lines += ["", *(f"note: {said}" for said in report.evidence)]
    lines += [f"note: {m.name}: {m.note}" for m in report.metrics if m.note]
    return "\n".join([*lines, "", *(f"next: {said}" for said in next_steps(report))])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table with aligned columns; the last column runs free."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head) - 1)]
    return ["  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in cells]


def number(value: float | None, digits: int = 4) -> str:
    """A plain number, `-` where there is none."""
    return "-" if value is None or value != value else f"{value:.{digits}g}" if value < 1000 else f"{value:.0f}"


def _facts(facts: Mapping[str, Any]) -> list[str]:
    latency, own = facts["latency_ms"], facts["personalised"]
    return [
        f"requests      {facts['requests']}, {facts['ok']} answered ({_share(facts['availability_by_request'])})",
        f"availability  {_share(facts['availability_by_time'])} of the minutes up (half of the requests answered)",
        f"latency       {number(latency['p50'])} ms median, {number(latency['p95'])} ms for 95 %, "
        f"{number(latency['p99'])} ms for 99 % of the requests",
        f"personalised  {_share(own['not_modal'])} of requests got another list than the most frequent one; "
        f"{_share(own['distinct'])} of lists differ; two lists share {_share(own['overlap'])}",
        f"lists         {facts['lists_judged']} judged by what happened within {facts['window_hours']:g} h, "
        f"{facts['lists_pending']} too young; {facts['plays']} films begun",
    ]


def _share(value: float) -> str:
    return f"{value:.1%}" if value == value else "-"


def _row(measure: Measure) -> Sequence[str]:
    interval = f"{shown(measure.low, measure.name)} to {shown(measure.high, measure.name)}"
    known = measure.low == measure.low
    wording = WORDINGS[measure.name]
    said = f"{wording.measures} {wording.operation}"
    return wording.title, shown(measure.value, measure.name), interval if known else "-", str(measure.count), said


def _brief(group: Report) -> str:
    said = [f"{group.facts['requests']} requests"]
    for name in ("hit_rate", "record_accuracy", "mrr"):
        measure = group.metric(name)
        bounds = f" ({shown(measure.low, name)} to {shown(measure.high, name)})" if measure.low == measure.low else ""
        said.append(f"{WORDINGS[name].title} {shown(measure.value, name)}{bounds} of {measure.count}")
    return ", ".join(said)
