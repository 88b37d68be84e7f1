"""The learning curve as one self-contained page: a line for each model over the length of history, and what it says."""

import math
from collections.abc import Iterable
from html import escape

from stream.pictures import figure, page
from training.compare_page import table
from training.curve import BASELINE, LearningCurve

COLOURS = ("var(--soft)", "#3b6fb6", "#c8553d", "#2a8c6a", "#8a5fbf", "#b8860b", "#3aa6b9", "#a23b72")
STYLE = "svg polyline { fill: none; stroke-width: 2 }"
WIDE, HIGH, LEFT, GROUND, TOP, RIGHT = 760, 380, 60, 330, 20, 600


def page_of(curve: LearningCurve) -> str:
    """The page of `training curve`."""
    head = ("hours of history", "events", "test users with history", *curve.names)
    cells = [
        [f"{p.hours:.1f}", f"{p.events:,}", f"{p.users_with_history:.0%}", *(_cell(p.ndcg, p.beats, n) for n in p.ndcg)]
        for p in curve.points
    ]
    body = [
        "<h1>How much history until a model beats popularity</h1>",
        f'<p class="soft">NDCG@20 on {curve.test_users} users of the last tenth of the events; training sees the last '
        "hours before it only.</p>",
        figure("NDCG@20 by hours of history", lines(curve), "Filled: above popularity with 95 % confidence."),
        "<ul>" + "".join(f"<li>{escape(curve.sentence(name))}</li>" for name in curve.names[1:]) + "</ul>",
        table(head, cells),
    ]
    return page("How much history", body, STYLE)


def lines(curve: LearningCurve) -> str:
    """A line for each model; hours are on a logarithmic scale."""
    logs = [math.log10(point.hours) for point in curve.points]
    most = max((v for p in curve.points for v in p.ndcg.values() if v == v), default=0) or 1
    width = (logs[-1] - logs[0]) or 1
    xs = [LEFT + (RIGHT - LEFT) * (each - logs[0]) / width for each in logs]
    drawn = list(_axes(curve, xs, most))
    labels: list[float] = []
    colours = dict(zip(curve.names, COLOURS * len(curve.names), strict=False))
    for name in sorted(curve.names, key=lambda name: -curve.points[-1].ndcg[name]):
        colour = colours[name]
        ys = [GROUND - (GROUND - TOP) * point.ndcg[name] / most for point in curve.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        drawn.append(f'<polyline points="{path}" style="stroke:{colour}"/>')
        for x, y, point in zip(xs, ys, curve.points, strict=True):
            fill = colour if point.beats[name] else "var(--page)"
            drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" style="stroke:{colour};fill:{fill}"/>')
        label = ys[-1] + 4
        while any(abs(label - other) < 14 for other in labels):
            label += 14
        labels.append(label)
        drawn.append(f'<text x="{xs[-1] + 10:.1f}" y="{label:.1f}" style="fill:{colour}">{escape(name)}</text>')
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="learning curves">{"".join(drawn)}</svg>'


def _axes(curve: LearningCurve, xs: list[float], most: float) -> Iterable[str]:
    for x, point in zip(xs, curve.points, strict=True):
        yield f'<line class="axis" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{GROUND}"/>'
        yield f'<text x="{x:.1f}" y="{GROUND + 18}" text-anchor="middle">{point.hours:,.4g} h</text>'
    for part in range(5):
        y = GROUND - (GROUND - TOP) * part / 4
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{most * part / 4:.3f}</text>'


def _cell(ndcg: dict[str, float], beats: dict[str, bool], name: str) -> str:
    return f"{ndcg[name]:.4f}" + ("*" if beats[name] and name != BASELINE.label else "")
