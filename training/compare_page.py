"""A comparison as one self-contained page: quality against cost, the table, parts of the users, what it all means."""

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

from stream.pictures import figure, page
from training.compare import Contender
from training.compare_text import HEAD, NOT_FOR_LISTS, data_of, leakage_text, meanings, rows, slice_row
from training.comparing import Compared
from training.slices import slices_of

STYLE = """
body { max-width: 78rem } th, td { padding-right: .9rem } svg .dot { fill: var(--bar) } svg .not { fill: var(--soft) }
svg .whisker { stroke: var(--bar); stroke-width: 1.5 } .warn { border-left: 4px solid #b3261e; padding-left: .8rem }
"""
Scale = Callable[[float], float]
WIDE, HIGH, LEFT, GROUND, TOP = 760, 380, 60, 330, 20


def page_of(found: Compared) -> str:
    """The page of `training compare`."""
    comparison = found.comparison
    title = f"Models compared, split {'in time' if comparison.split == 'time' else 'at random'}"
    note = f"Grey: {NOT_FOR_LISTS}. Vertical lines: 95 % intervals. Up is better, left is cheaper."
    body = [
        f"<h1>{title}</h1>",
        f'<p class="soft">{escape(data_of(comparison))}</p>',
        *([f'<p class="warn">{escape(comparison.short)}</p>'] if comparison.short else []),
        figure("NDCG@20 against seconds to fit", scatter(comparison.contenders), note),
        table(HEAD, rows(comparison)),
        f"<p>{escape(leakage_text(comparison))}</p>",
        f"<h2>Parts of the users, of {escape(comparison.best.recipe.label)}</h2>",
        table(
            ("by", "", "figure", "result", "95 % interval", ""),
            map(slice_row, slices_of(comparison.best, found.groups)),
        ),
    ]
    for name, said in meanings(comparison).items():
        body.append(f"<h2>{escape(name.capitalize())}</h2>")
        body += [f"<p><b>{part.capitalize()}.</b> {escape(words)}</p>" for part, words in said.items()]
    return page(title, body, STYLE)


def scatter(contenders: Sequence[Contender]) -> str:
    """Each model at its seconds to fit (logarithmic) and its NDCG@20 with the interval."""
    spots = [(max(one.fit_seconds, 1e-3), one.mean(one.ndcg), one) for one in contenders]
    low, high = (f(math.log10(x) for x, _, _ in spots) for f in (min, max))
    first, last = math.floor(low), max(math.ceil(high), math.floor(low) + 1)
    most = max((y.high for _, y, _ in spots if y.high == y.high), default=0) or 1

    def across(seconds: float) -> float:
        return LEFT + (WIDE - LEFT - 130) * (math.log10(seconds) - first) / (last - first)

    def up(ndcg: float) -> float:
        return GROUND - (GROUND - TOP) * ndcg / most

    drawn = [*_grid(first, last, most, across, up)]
    taken: list[tuple[float, float]] = []
    for x, y, one in sorted(spots, key=lambda spot: -spot[1].value):
        if y.value == y.value:
            drawn += _spot(across(x), (up(y.low), up(y.value), up(y.high)), one, taken)
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="quality against cost">{"".join(drawn)}</svg>'


def table(head: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """A table whose columns but the first are numbers."""
    classes = ["", *[' class="n"'] * (len(head) - 1)]
    titles = "".join(f"<th{c}>{escape(title)}</th>" for c, title in zip(classes, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{c}>{escape(cell)}</td>" for c, cell in zip(classes, row, strict=True)) + "</tr>"
        for row in cells
    )
    return f'<div class="wide"><table><tr>{titles}</tr>{body}</table></div>'


def _grid(first: int, last: int, most: float, across: Scale, up: Scale) -> Iterable[str]:
    for power in range(first, last + 1):
        x = across(10.0**power)
        yield f'<line class="axis" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{GROUND}"/>'
        yield f'<text x="{x:.1f}" y="{GROUND + 18}" text-anchor="middle">{10.0**power:g} s</text>'
    step = 0.1 if most > 0.25 else 0.05 if most > 0.1 else 0.01
    for mark in range(int(most / step) + 1):
        y = up(mark * step)
        yield f'<line class="axis" x1="{LEFT}" y1="{y:.1f}" x2="{WIDE - 130}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{mark * step:.2f}</text>'


def _spot(x: float, y: tuple[float, float, float], one: Contender, taken: list[tuple[float, float]]) -> Iterable[str]:
    below, at, above = y
    label = at + 4
    while any(abs(label - other) < 13 and abs(x - beside) < 130 for beside, other in taken):
        label += 13
    taken.append((x, label))
    kind = "not" if one.rates else "dot"
    yield f'<line class="whisker" x1="{x:.1f}" y1="{below:.1f}" x2="{x:.1f}" y2="{above:.1f}"/>'
    yield f'<circle class="{kind}" cx="{x:.1f}" cy="{at:.1f}" r="5"/>'
    yield f'<text x="{x + 9:.1f}" y="{label:.1f}">{escape(one.recipe.label)}</text>'
