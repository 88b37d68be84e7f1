"""An experiment's report as one self-contained page: the verdict, how the effect settled, every metric, every slice."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from evaluation.experiment_metrics import METRICS
from evaluation.experiment_text import HEAD, NOTES, row_texts
from evaluation.experiment_verdict import minute
from stream.pictures import figure, page

STYLE = """
:root { --good: #1f7a4d; --bad: #b3261e; --open: #8a6d1a; --wash: #dfe8f5 }
@media (prefers-color-scheme: dark) { :root { --good: #5cc48d; --bad: #ff8a80; --open: #e2c35a; --wash: #24344d } }
.verdict { font-size: 1.25rem; font-weight: 700 } .better, .no_difference { color: var(--good) }
.worse, .harmful, .blocked { color: var(--bad) } .undecided { color: var(--open) }
svg .wash { fill: var(--wash) } svg .band { fill: var(--bar); opacity: .45 } svg .zero { stroke: var(--ink) }
svg .line { fill: none; stroke: var(--ink); stroke-width: 2 } svg .whisker { stroke: var(--bar); stroke-width: 3 }
svg .dot { fill: var(--bar) } th, td { padding: .3rem .8rem .3rem 0; white-space: nowrap }
figure svg { max-width: 44rem }
"""
_WIDE, _LEFT, _RIGHT = 480, 58, 470


def report_page(report: Mapping[str, Any]) -> str:
    """The report of `experiment NAME` as a page."""
    verdict = report["verdict"]
    users = ", ".join(f"{arm['name']} {arm['users']}" for arm in report["arms"])
    ratio = "-" if report["sample_ratio_p"] is None else f"{report['sample_ratio_p']:.2g}"
    body = [
        f"<h1>Experiment {escape(report['experiment'])}</h1>",
        f'<p class="verdict {verdict}">{verdict.replace("_", " ")}</p><p>{escape(report["sentence"])}</p>',
        f'<p class="soft">Users: {escape(users)}; sample ratio p = {ratio}. '
        f"Stream time {minute(report['from'])} to {minute(report['to'])}.</p>",
        *_settling(report),
        *_table_of(report),
        *_slices(report),
        "<ul>" + "".join(f"<li>{escape(said)}</li>" for said in NOTES) + "</ul>",
    ]
    return page(f"Experiment {report['experiment']}", body, STYLE)


def _settling(report: Mapping[str, Any]) -> Iterable[str]:
    primary = METRICS[report["analysis"]["primary"]].title
    for arm in report["arms"][1:]:
        days = [day for day in report["days"] if day["arm"] == arm["name"] and day["low"] is not None]
        if days:
            title = f"{primary}: {arm['name']} minus {report['arms'][0]['name']}, look by look"
            note = "pale: valid at any look; strong: valid once, at the planned stop; line: the estimate"
            yield figure(title, settling(days), note)


def settling(days: Sequence[Mapping[str, Any]]) -> str:
    """Picture of the running effect with both intervals; one entry per look."""
    least, most = _range(days)
    height, ground = 230, 205
    step = (_RIGHT - _LEFT) / max(len(days) - 1, 1)

    def y(value: float) -> float:
        return 12 + (ground - 12) * (most - min(max(value, least), most)) / (most - least)

    def band(low: str, high: str, kind: str) -> str:
        there = [(_LEFT + step * place, day) for place, day in enumerate(days) if day[low] is not None]
        upper = [f"{x:.1f},{y(day[high]):.1f}" for x, day in there]
        lower = [f"{x:.1f},{y(day[low]):.1f}" for x, day in reversed(there)]
        return f'<polygon class="{kind}" points="{" ".join(upper + lower)}"/>'

    line = " ".join(f"{_LEFT + step * place:.1f},{y(day['effect']):.1f}" for place, day in enumerate(days))
    drawn = [band("anytime_low", "anytime_high", "wash"), band("low", "high", "band")]
    drawn += [f'<polyline class="line" points="{line}"/>']
    drawn += [f'<line class="zero" x1="{_LEFT}" y1="{y(0):.1f}" x2="{_RIGHT}" y2="{y(0):.1f}"/>']
    drawn += [_label(_LEFT - 6, y(value) + 4, f"{value:+.3g}" if value else "0", "end") for value in (least, 0.0, most)]
    drawn += [
        _label(_LEFT, height - 6, minute(days[0]["until"]), "start"),
        _label(_RIGHT, height - 6, minute(days[-1]["until"]), "end"),
    ]
    return _svg(height, "effect by look, with its intervals", drawn)


def _range(days: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Of the picture: what the second half of the looks needs, and always zero; the first looks may be cut off."""
    late = days[len(days) // 2 :]
    ends = [
        day[name] for day in late for name in ("low", "high", "anytime_low", "anytime_high") if day[name] is not None
    ]
    least, most = min([0.0, *ends]), max([0.0, *ends])
    return (least, most) if most > least else (least - 1, most + 1)


def _table_of(report: Mapping[str, Any]) -> Iterable[str]:
    rows = report["metrics"] + report["guardrails"]
    if rows:
        yield "<h2>All metrics</h2>"
        yield _table(HEAD, [row_texts(row) for row in rows])


def _slices(report: Mapping[str, Any]) -> Iterable[str]:
    for each in report["slices"]:
        differ = "-" if each["adjusted_p"] is None else f"{each['adjusted_p']:.2g}"
        yield figure(
            f"{each['arm']} by {each['by']}", whiskers(each["parts"]), f"do the parts differ? adjusted p = {differ}"
        )
        cells = [
            [p["value"], str(p["users"]), *(f"{p[k]:+.4g}" for k in ("effect", "low", "high"))] for p in each["parts"]
        ]
        yield _table(["part", "users", "effect", "from", "to"], cells)


def whiskers(parts: Sequence[Mapping[str, Any]]) -> str:
    """Picture of effects side by side, each with its interval, and zero."""
    ends = [0.0, *(part[end] for part in parts for end in ("low", "high") if part[end] is not None)]
    least, most, left = min(ends), max(ends), 130
    wide = (_RIGHT - left) / (most - least or 1.0)
    zero = left - least * wide
    drawn = [f'<line class="zero" x1="{zero:.1f}" y1="4" x2="{zero:.1f}" y2="{26 * len(parts) + 8}"/>']
    for row, part in enumerate(part for part in parts if part["low"] is not None):
        height, at = 22 + 26 * row, [left + (part[name] - least) * wide for name in ("low", "effect", "high")]
        drawn.append(_label(left - 8, height + 4, str(part["value"])[:18], "end"))
        drawn.append(f'<line class="whisker" x1="{at[0]:.1f}" y1="{height}" x2="{at[2]:.1f}" y2="{height}"/>')
        drawn.append(f'<circle class="dot" cx="{at[1]:.1f}" cy="{height}" r="5"/>')
    return _svg(26 * len(parts) + 16, "effect in parts of the users", drawn)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{titles}</tr>{body}</table></div>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, label: str, drawn: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDE} {height:.0f}" role="img" aria-label="{escape(label)}">{"".join(drawn)}</svg>'
