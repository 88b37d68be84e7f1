"""Reports as one self-contained page: a picture, the numbers beside it, no script and nothing from the network."""

from collections.abc import Iterable, Sequence
from html import escape

from evaluation.report import Measure, Report
from evaluation.text import number
from evaluation.wording import WORDINGS, next_steps, shown
from stream.pictures import page

STYLE = """
:root { --good: #1f7a4d; --bad: #b3261e; --open: #8a6d1a }
@media (prefers-color-scheme: dark) { :root { --good: #5cc48d; --bad: #ff8a80; --open: #e2c35a } }
table { width: 100% } th, td { padding: .35rem .7rem .35rem 0 }
td:last-child { min-width: 14rem } td.n:last-child { min-width: 0 }
svg { min-width: 30rem } svg text { font-size: 13px } svg .bar { stroke: var(--bar); stroke-width: 3 }
svg .dot { fill: var(--bar) } .pass, .fail, .unknown { font-weight: 600 }
.pass { color: var(--good) } .fail { color: var(--bad) } .unknown { color: var(--open) }
"""


def online_page(report: Report) -> str:
    """The report of `online` as a page."""
    facts = report.facts
    own, latency = facts["personalised"], facts["latency_ms"]
    head = [
        ("requests", f"{facts['requests']}, {facts['ok']} answered"),
        ("answered, of requests", _share(facts["availability_by_request"])),
        ("up, of minutes", _share(facts["availability_by_time"])),
        ("latency, median / 95 % / 99 %", " / ".join(number(latency[name]) for name in ("p50", "p95", "p99")) + " ms"),
        ("requests with another list than the most frequent", _share(own["not_modal"])),
        ("different lists per answer", _share(own["distinct"])),
        ("titles that two lists share", _share(own["overlap"])),
        ("lists judged / too young", f"{facts['lists_judged']} / {facts['lists_pending']}"),
    ]
    shares = [m for m in report.metrics if WORDINGS[m.name].unit == "share" and m.value == m.value]
    body = [
        f"<h1>{escape(report.title)}</h1>",
        f'<p class="soft">Stream time {facts["from"] or "-"} to {facts["to"] or "-"}; '
        f"a play counts for a list up to {facts['window_hours']:g} h after it.</p>",
        table(("", ""), head, numbers=(1,)),
        "<h2>Shares, with their 95 % intervals</h2>",
        intervals([(WORDINGS[m.name].title, m) for m in shares]),
        table(("measure", "value", "95 % interval", "cases", "what it says"), map(_row, report.metrics), (1, 2, 3)),
        *_groups(report),
        "<h2>What to do next</h2>",
        items(next_steps(report)),
        "<h2>What this rests on</h2>",
        items([*report.evidence, *(f"{WORDINGS[m.name].title}: {m.note}" for m in report.metrics if m.note)]),
    ]
    return page(report.title, body, STYLE)


def intervals(rows: Sequence[tuple[str, Measure]]) -> str:
    """Picture of shares on one axis from 0 to 100 %: a dot for the value, a line for its interval."""
    left, right, step = 190, 690, 34
    height = step * len(rows) + 40
    drawn = [
        f'<line class="axis" x1="{x}" y1="8" x2="{x}" y2="{height - 26}"/>'
        f'<text x="{x}" y="{height - 8}" text-anchor="middle">{percent} %</text>'
        for percent in (0, 25, 50, 75, 100)
        for x in [left + (right - left) * percent / 100]
    ]
    for row, (title, measure) in enumerate(rows):
        y, at = 24 + step * row, [left + (right - left) * v for v in (measure.low, measure.value, measure.high)]
        line = f'<line class="bar" x1="{at[0]:.1f}" y1="{y}" x2="{at[2]:.1f}" y2="{y}"/>' if at[0] == at[0] else ""
        drawn.append(
            f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{escape(title)}</text>{line}'
            f'<circle class="dot" cx="{at[1]:.1f}" cy="{y}" r="5"/>'
            f'<text x="{right + 12}" y="{y + 4}">{shown(measure.value, measure.name)}</text>'
        )
    return svg(780, height, "shares with their intervals", drawn) if rows else "<p>Nothing to draw yet.</p>"


def svg(width: int, height: int, label: str, drawn: Iterable[str]) -> str:
    """A picture of `drawn`, which is SVG, in its own units."""
    picture = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{"".join(drawn)}</svg>'
    return f'<div class="wide">{picture}</div>'


def _row(measure: Measure) -> Sequence[str]:
    wording = WORDINGS[measure.name]
    interval = f"{shown(measure.low, measure.name)} to {shown(measure.high, measure.name)}"
    said = f"{wording.measures} From {wording.data}: {wording.operation}."
    known = measure.low == measure.low
    return wording.title, shown(measure.value, measure.name), interval if known else "-", str(measure.count), said


def _groups(report: Report) -> Iterable[str]:
    if not report.groups:
        return
    yield f"<h2>By {escape(str(report.groups[0].facts['by']))}</h2>"
    for name in ("hit_rate", "record_accuracy"):
        found = [(str(group.facts["value"]), group.metric(name)) for group in report.groups]
        yield f"<p>{WORDINGS[name].title}: {WORDINGS[name].operation}</p>"
        yield intervals([(value, measure) for value, measure in found if measure.value == measure.value])
        yield table(("", "value", "95 % interval", "cases"), [(v, *_row(m)[1:4]) for v, m in found], (1, 2, 3))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = (), raw: bool = False) -> str:
    """A table that scrolls where it is too wide; numbers: columns to set flush right; raw: cells are HTML already."""
    classes = [" class=n" if column in numbers else "" for column in range(len(head))]
    titles = (
        "".join(f"<th{c}>{escape(title)}</th>" for c, title in zip(classes, head, strict=True)) if any(head) else ""
    )
    body = "".join(
        "<tr>" + "".join(
            f"<td{c}>{cell if raw else escape(cell)}</td>" for c, cell in zip(classes, row, strict=True)
        ) + "</tr>"
        for row in rows
    )  # fmt: skip
    return f'<div class="wide"><table>{titles and f"<tr>{titles}</tr>"}{body}</table></div>'


def items(said: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in said) + "</ul>"


def _share(value: float) -> str:
    return f"{value:.1%}" if value == value else "-"
