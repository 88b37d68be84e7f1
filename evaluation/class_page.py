"""A class's grades as one page: who passes what at a glance, the numbers beside it, a link to each team's report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from evaluation.grade_page import PAGE_STYLE
from evaluation.grading_class import IDS, Graded
from evaluation.html import svg
from evaluation.text import number
from stream.pictures import page

_COLOURS = {"pass": "var(--good)", "fail": "var(--bad)", "unknown": "var(--open)"}


def class_page(found: Sequence[Graded]) -> str:
    """All teams, in the order given; of several submissions the first."""
    failed = [each for each in found if each.error]
    body = [
        "<h1>Grades of the class</h1>",
        f'<p class="soft">{len(found)} teams, {len(failed)} could not be graded.</p>',
        shares([_verdicts(each) for each in found if not each.error]),
        '<div class="wide"><table><tr><th>team</th><th class=n>requests</th><th class=n>late</th>',
        *(f"<th>{name.replace('_', ' ')}</th>" for name in IDS),
        "</tr>",
        *map(_row, found),
        "</table></div>",
        '<p class="soft">Below each verdict its value. unknown: the log does not cover or cannot show it.</p>',
    ]
    return page("Grades of the class", body, PAGE_STYLE)


def shares(teams: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    """Picture of how many teams pass, leave open and fail each criterion."""
    if not teams:
        return ""
    left, full, step = 96, 330, 26
    drawn = []
    for row, name in enumerate(IDS):
        counts, x, y = Counter(team[name]["verdict"] for team in teams if name in team), float(left), 8 + step * row
        drawn.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{name}</text>')
        for verdict, colour in _COLOURS.items():
            width = full * counts[verdict] / len(teams)
            drawn.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="18" fill="{colour}"/>')
            x += width
        said = f"{counts['pass']} / {counts['fail']} / {counts['unknown']}"
        drawn.append(f'<text x="{left + full + 8}" y="{y + 13}">{said}</text>')
    picture = svg(500, step * len(IDS) + 12, "verdicts of the class", drawn)
    return f"<figure><figcaption>Teams that pass / fail / stay open</figcaption>{picture}</figure>"


def _verdicts(each: Graded) -> dict[str, Mapping[str, Any]]:
    first = (each.report.get("submissions") or [{}])[0]
    return {criterion["id"]: criterion for criterion in first.get("criteria", [])}


def _row(each: Graded) -> str:
    name = escape(each.team.name)
    if each.error:
        return f'<tr><td>{name}</td><td colspan="{len(IDS) + 2}" class="fail">{escape(each.error)}</td></tr>'
    link = f'<a href="{quote(each.team.file_name)}.html">{name}</a>'
    late = each.report["submissions"][0]["late_days"]
    cells = [_cell(_verdicts(each).get(name)) for name in IDS]
    counts = f'<td class="n">{each.report["requests"]}</td><td class="n">{late or ""}</td>'
    return f"<tr><td>{link}</td>{counts}{''.join(cells)}</tr>"


def _cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "<td></td>"
    said = f"{found['verdict']}</span><br><span class='soft'>{number(found['value'])}"
    return f'<td title="{escape(found["why"])}"><span class="{found["verdict"]}">{said}</span></td>'
