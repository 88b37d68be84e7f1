"""Pictures and pages for people: inline SVG in one self-contained page, without a script and without the network."""

import math
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #667; --line: #d5d9e0; --bar: #3b6fb6; --page: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa3b2; --line: #3a4150; --bar: #7fb0f5;
        --page: #14171d } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem } .soft { color: var(--soft) }
figure { margin: 0 0 1rem } figcaption { font-weight: 600; margin-bottom: .3rem } .wide { overflow-x: auto }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem 2.5rem }
table { border-collapse: collapse; font-size: .92rem }
th, td { text-align: left; padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th.n { text-align: right } td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
svg { width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: var(--ink) }
svg .axis { stroke: var(--line) } svg .bar { fill: var(--bar) } code { font-size: .85rem; overflow-wrap: anywhere }
@media print { body { max-width: none; margin: 0 } figure { break-inside: avoid } }
"""
_WIDE = 480  # of a picture, in its own units
_LETTER = 6.6  # width of a digit, about

Bars = Sequence[tuple[str, float]]


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """A whole document around `body`, which is HTML; style: CSS beyond what all pages have."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    head += f"<style>{_STYLE}{style}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def figure(title: str, picture: str, note: str = "") -> str:
    """A picture with its title, and a note below it."""
    said = f'<div class="soft">{escape(note)}</div>' if note else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{picture}{said}</figure>"


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values, the values to the right."""
    cells = "".join(f'<tr><td>{escape(name)}</td><td class="n">{escape(value)}</td></tr>' for name, value in rows)
    return f"<table>{cells}</table>"


def rows_of_bars(bars: Bars, shown: Sequence[str], label: str) -> str:
    """A lying bar for each label, for names that have no order; shown: the text at the end of each bar."""
    left, right, step = 165, _WIDE - 70, 22
    most = max((number for _, number in bars), default=0) or 1
    drawn = []
    for row, ((name, number), text) in enumerate(zip(bars, shown, strict=True)):
        y, width = 4 + step * row, (right - left) * number / most
        drawn.append(
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(_cut(name, 24))}</text>'
            f'<rect class="bar" x="{left}" y="{y}" width="{width:.1f}" height="{step - 6}" rx="2"/>'
            f'<text x="{left + width + 6:.1f}" y="{y + 13}">{escape(text)}</text>'
        )
    return _svg(step * len(bars) + 6, label, drawn)


def columns(bars: Bars, shown: Sequence[str], label: str) -> str:
    """A standing column for each label, for labels that are a scale; numbers and labels where there is room."""
    left, ground, high = 4, 170, 150
    most = max((number for _, number in bars), default=0) or 1
    step = min(70, (_WIDE - 2 * left) / max(1, len(bars)))
    every, roomy = _every([name for name, _ in bars], step), _every(shown, step) == 1
    drawn = [f'<line class="axis" x1="{left}" y1="{ground}" x2="{_WIDE - left}" y2="{ground}"/>']
    for place, ((name, number), text) in enumerate(zip(bars, shown, strict=True)):
        x, height = left + step * place, high * number / most
        size = f'width="{step * 0.8:.1f}" height="{height:.1f}"'
        drawn.append(f'<rect class="bar" x="{x + step * 0.1:.1f}" y="{ground - height:.1f}" {size} rx="1"/>')
        if roomy:
            drawn.append(_text(x + step / 2, ground - height - 5, text, "middle"))
        if every == 1:
            drawn.append(_text(x + step / 2, ground + 15, name, "middle"))
        elif place % every == 0 and x + len(name) * _LETTER < _WIDE:
            drawn.append(_text(x, ground + 15, name, "start"))
    if not roomy:  # too narrow for a number each: say how high the highest is
        drawn.append(_text(left, 12, f"highest: {shown[[n for _, n in bars].index(most)]}", "start"))
    return _svg(ground + 20, label, drawn)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _every(texts: Sequence[str], step: float) -> int:
    """Which of these texts fit into steps of so many units: every first, second, …"""
    return max(1, math.ceil((max(map(len, texts), default=0) * _LETTER + 6) / step))


def _svg(height: float, label: str, drawn: Iterable[str]) -> str:
    box = f'viewBox="0 0 {_WIDE} {height:.0f}" role="img" aria-label="{escape(label, quote=True)}"'
    return f"<svg {box}>{''.join(drawn)}</svg>"


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"
