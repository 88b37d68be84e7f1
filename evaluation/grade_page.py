"""The report of `grade` as one self-contained page: pictures, the numbers beside them, and the raw lines behind."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from evaluation.grade_text import late_words, place, shown
from evaluation.html import STYLE, items, svg, table
from evaluation.text import number
from stream.pictures import page

PAGE_STYLE = (
    STYLE
    + """
figure { margin-top: 1.2rem } svg { min-width: 20rem; max-width: 46rem }
details { margin: .2rem 0 } summary { cursor: pointer }
.verdicts td { min-width: 0 } .late { color: var(--bad) }
@media (max-width: 40rem) { body { margin: 1rem auto; font-size: 15px }
  .verdicts tr { display: block; border-bottom: 2px solid var(--line); padding: .4rem 0 } .verdicts th { display: none }
  .verdicts td { display: inline-block; border: 0; padding: .1rem .8rem .1rem 0; text-align: left; min-width: 0 }
  .verdicts td[title]:not([title=""])::before { content: attr(title) " "; color: var(--soft) } }
@media print { details > * { display: block } a { color: inherit } svg { max-width: 100% } }
"""
)
_COLOURS = {"pass": "var(--good)", "fail": "var(--bad)"}
_HEAD = ("criterion", "verdict", "value", "needed", "margin", "count", "why")


def grade_page(report: Mapping[str, Any]) -> str:
    """All submissions of one team."""
    title = f"Grade report, {report['term']}"
    latency = " / ".join(number(report["latency_ms"][name]) for name in ("p50", "p95", "p99"))
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">Log from {report["from"]} to {report["to"]}: {report["requests"]} requests, '
        f"{report['ok']} answered; latency, median / 95 % / 99 %: {latency} ms.</p>",
        items(report["warnings"] + [f"no line from {hole['from']} to {hole['to']}" for hole in report["holes"]]),
    ]
    for submission in report["submissions"]:
        late = f' <span class="late">{late_words(submission["late_days"])}</span>'
        body.append(f"<h2>Submitted {escape(submission['submitted'])}{late}</h2>")
        body += [margins(submission["criteria"]), verdicts(submission["criteria"])]
        body += [timeline(submission["hours"], submission["submitted"]), *map(_evidence, submission["criteria"])]
    choices = [(name.replace("_", " "), str(value)) for name, value in report["choices"].items()]
    body += ["<h2>How it was counted</h2>", table(("choice", "as"), choices)]
    body.append('<p class="soft">The line marks what is needed. unknown: the log does not cover or cannot show it.</p>')
    return page(title, body, PAGE_STYLE)


def verdicts(criteria: Sequence[Mapping[str, Any]]) -> str:
    """The numbers; on a phone one block for each criterion."""
    rows = []
    for found in criteria:
        values = [number(found[name]) for name in ("value", "threshold", "margin")] + [str(found["count"])]
        cells = "".join(
            f'<td class="n" title="{name}">{escape(value)}</td>' for name, value in zip(_HEAD[2:6], values, strict=True)
        )
        verdict = f'<td class="{found["verdict"]}">{found["verdict"]}</td>'
        rows.append(f"<tr><td><b>{escape(found['id'])}</b></td>{verdict}{cells}<td>{escape(found['why'])}</td></tr>")
    head = "".join(f"<th{' class=n' if name in _HEAD[2:6] else ''}>{name}</th>" for name in _HEAD)
    return f'<div class="wide"><table class="verdicts"><tr>{head}</tr>{"".join(rows)}</table></div>'


def margins(criteria: Sequence[Mapping[str, Any]]) -> str:
    """Picture of criteria: how much of what is needed is there; the vertical line is the threshold.

    Of a latency less is better, so its bar shows the limit in relation to it.
    """
    rows = [c for c in criteria if c["value"] is not None and c["threshold"]]
    left, full, step = 96, 130, 30
    height = step * len(rows) + 16
    drawn = []
    for row, found in enumerate(rows):
        y, less_is_better = 22 + step * row, found["id"] == "latency"
        have, need = (found["threshold"], found["value"]) if less_is_better else (found["value"], found["threshold"])
        part = min(have / need, 2.0) if need else 2.0
        said = f"{number(found['value'])} of {'at most ' if less_is_better else ''}{number(found['threshold'])}"
        drawn.append(
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{escape(found["id"])}</text>'
            f'<rect x="{left}" y="{y - 8}" width="{full * part:.1f}" height="16" '
            f'fill="{_COLOURS.get(found["verdict"], "var(--open)")}" rx="2"/>'
            f'<text x="{left + full * max(part, 1) + 8:.0f}" y="{y + 4}">{said}</text>'
        )
    drawn.append(f'<line x1="{left + full}" y1="6" x2="{left + full}" y2="{height}" stroke="var(--ink)"/>')
    return svg(500, height, "criteria against their thresholds", drawn) if rows else ""


def timeline(hours: Sequence[Mapping[str, Any]], submitted: str) -> str:
    """Picture of the availability window, hour by hour, with a table of the hours that were not wholly answered."""
    if not hours:
        return ""
    left, right, top, ground = 44, 490, 22, 120
    step = (right - left) / len(hours)
    drawn = [_axis(left, right, top, ground)]
    for place_, hour in enumerate(hours):
        x, share = left + step * place_, hour["ok"] / hour["requests"] if hour["requests"] else 0.0
        if not hour["covered"] and not hour["requests"]:
            drawn.append(_bar(x, top, step, ground - top, "var(--line)"))
        elif hour["requests"]:
            drawn.append(_bar(x, top, step, (ground - top) * (1 - share), "var(--bad)"))
            drawn.append(_bar(x, ground - (ground - top) * share, step, (ground - top) * share, "var(--good)"))
    at = left + step * sum(hour["from"] < submitted for hour in hours)
    drawn.append(f'<line x1="{at:.1f}" y1="{top - 6}" x2="{at:.1f}" y2="{ground}" stroke="var(--ink)"/>')
    drawn.append(f'<text x="{min(at, 400):.1f}" y="{top - 9}" text-anchor="middle">submitted</text>')
    drawn.append(f'<text x="{left}" y="{ground + 17}">{hours[0]["from"][:10]}</text>')
    drawn.append(f'<text x="{right}" y="{ground + 17}" text-anchor="end">{hours[-1]["from"][:10]}</text>')
    short = [hour for hour in hours if hour["requests"] > hour["ok"] or not hour["covered"]]
    rows = [(h["from"], str(h["requests"]), str(h["ok"]), "" if h["covered"] else "not covered") for h in short]
    more = f"<details><summary>{len(short)} of {len(hours)} hours with failures or not in the log</summary>"
    listed = more + table(("hour", "requests", "answered", ""), rows, (1, 2)) + "</details>" if short else ""
    caption = "Share of requests answered, hour by hour (grey: not in the log)"
    return f"<figure><figcaption>{caption}</figcaption>{svg(500, 145, caption, drawn)}{listed}</figure>"


def _bar(x: float, y: float, width: float, height: float, fill: str) -> str:
    place_ = f'x="{x:.2f}" y="{y:.1f}" width="{width + 0.1:.2f}" height="{height:.1f}"'
    return f'<rect {place_} fill="{fill}" shape-rendering="crispEdges"/>'


def _axis(left: int, right: int, top: int, ground: int) -> str:
    lines = "".join(f'<line class="axis" x1="{left}" y1="{y}" x2="{right}" y2="{y}"/>' for y in (top, ground))
    ends = f'<text x="{left - 6}" y="{top + 4}" text-anchor="end">100%</text>'
    return f'{lines}{ends}<text x="{left - 6}" y="{ground + 4}" text-anchor="end">0</text>'


def _evidence(found: Mapping[str, Any]) -> str:
    if not found["evidence"] and not found["windows"]:
        return ""
    windows = [f"{w['from']} to {w['to']}" + ("" if w["covered"] else ", not covered") for w in found["windows"]]
    lines = [f"<p>window {escape(said)}</p>" for said in windows]
    lines += [f"<p><code>{escape(said)}</code></p>" for said in _shown(found["evidence"])]
    return f"<details open><summary>{escape(found['id'])}: evidence</summary>{''.join(lines)}</details>"


def _shown(evidence: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return (place(each) if "text" in each else shown(each) for each in evidence)
