"""The report of `selfcheck` for people: on a terminal, and as a page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from evaluation.grade_page import PAGE_STYLE
from evaluation.html import svg
from evaluation.text import table
from stream.pictures import page

_PARTS = (("earned", "var(--good)"), ("open", "var(--open)"), ("lost", "var(--bad)"), ("by_hand", "var(--line)"))


def selfcheck_text(report: Mapping[str, Any]) -> str:
    """Checks as a table, what to run next, and the points that follow."""
    rows = [
        (check["id"], check["verdict"].upper(), _points(check), check["asks"], check["why"])
        for check in report["checks"]
    ]
    lines = [f"Milestone {report['milestone']}, term {report['term']}", ""]
    lines += table(["check", "verdict", "points", "asks for", "why"], rows)
    todo = [f"next: {c['id']}: {c['command']}" for c in report["checks"] if c["command"]]
    return "\n".join([*lines, "", *todo, "", said_of(report["points"])])


def said_of(points: Mapping[str, Any]) -> str:
    """The projected points in a sentence."""
    of = "" if points["of"] is None else f" of {points['of']}"
    rest = "" if points["by_hand"] is None else f", {points['by_hand']} that only a person can judge"
    bonus = f"; bonus {points['bonus']}" if points["bonus"] else ""
    return f"projected: {points['earned']}{of} points seen, {points['open']} open, {points['lost']} lost{rest}{bonus}"


def selfcheck_page(report: Mapping[str, Any]) -> str:
    """The same as a self-contained page."""
    title = f"Milestone {report['milestone']}, {report['term']}: self-check"
    rows = "".join(
        f'<tr><td><b>{check["id"]}</b></td><td class="{check["verdict"]}">{check["verdict"]}</td>'
        f'<td class="n" title="points">{_points(check)}</td><td>{escape(check["asks"])}</td>'
        f"<td>{escape(check['why'])}{_next(check['command'])}</td></tr>"
        for check in report["checks"]
    )
    head = "<tr><th>check</th><th>verdict</th><th class=n>points</th><th>asks for</th><th>why, and what to do</th></tr>"
    body = [f"<h1>{escape(title)}</h1>", f"<p>{said_of(report['points'])}.</p>", bar(report["points"])]
    body.append(f'<div class="wide"><table class="verdicts">{head}{rows}</table></div>')
    return page(title, body, PAGE_STYLE)


def bar(points: Mapping[str, Any]) -> str:
    """Picture of the points: seen, open, lost, and judged by a person."""
    parts: Sequence[tuple[str, int, str]] = [(name, points[name] or 0, colour) for name, colour in _PARTS]
    total, x, drawn = max(1, sum(count for _, count, _ in parts)), 4.0, []
    for name, count, colour in parts:
        width = 490 * count / total
        drawn.append(f'<rect x="{x:.1f}" y="22" width="{width:.1f}" height="26" fill="{colour}"/>')
        if width > 40:
            drawn.append(
                f'<text x="{x + width / 2:.1f}" y="16" text-anchor="middle">{name.replace("_", " ")} {count}</text>'
            )
        x += width
    return svg(500, 56, "projected points", drawn)


def _points(check: Mapping[str, Any]) -> str:
    return f"+{check['points']}" if check["bonus"] else str(check["points"] or "-")


def _next(command: str) -> str:
    return f"<br><code>{escape(command)}</code>" if command else ""
