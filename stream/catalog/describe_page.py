"""The description of the data as Markdown for a report, and as a page with pictures."""

from collections.abc import Iterator
from typing import Any

from stream.catalog.describe import Description
from stream.catalog.distribution import Distribution
from stream.pictures import columns, figure, page, rows_of_bars, table

_ROWS = 31  # of a distribution in Markdown; pictures show the whole
TITLE = "Data description"
_KINDS = {"watch": "minutes watched", "rate": "ratings", "request": "recommendation requests", "account": "sign-ups"}
_PARTS = (
    ("Over time", ("watch_by_day", "rate_by_day", "request_by_day", "account_by_day", "lines_by_hour")),
    ("What people do", ("ratings", "minutes", "sessions_per_user", "popularity", "outcomes", "genres_watched")),
    ("Who they are", ("ages", "genders", "occupations", "described")),
    ("What there is to watch", ("genres", "decades", "runtimes", "license_costs")),
)


def markdown(found: Description) -> str:
    """The description as Markdown."""
    lines = [f"# {TITLE}", "", *_prose(found.counts), "", "| what | how much |", "|---|---:|"]
    lines += [f"| {name} | {value} |" for name, value in _counts(found.counts)]
    for part, distributions in _parts(found):
        lines += ["", f"## {part}"]
        for each in distributions:
            shown = zip(each.bars[:_ROWS], _shown(each), strict=False)
            lines += ["", f"**{each.title}**", "", f"| | {each.unit} |", "|---|---:|"]
            lines += [f"| {label} | {text} |" for (label, _), text in shown]
            more = len(each.bars) - _ROWS
            lines += [f"| … {more} more | |"] if more > 0 else []
            lines += ["", f"({each.note})"] if each.note else []
    return "\n".join(lines) + "\n"


def html(found: Description) -> str:
    """The description as one page with pictures."""
    body = [f"<h1>{TITLE}</h1>", *(f"<p>{line}</p>" for line in _prose(found.counts)), table(_counts(found.counts))]
    for part, distributions in _parts(found):
        pictures = "".join(figure(each.title, _picture(each), each.note) for each in distributions)
        body.append(f'<h2>{part}</h2><div class="two">{pictures}</div>')
    return page(TITLE, body)


def _picture(each: Distribution) -> str:
    draw = columns if each.ordered else rows_of_bars
    return draw(each.bars, _shown(each), f"{each.title}, in {each.unit}")


def _parts(found: Description) -> Iterator[tuple[str, list[Distribution]]]:
    """Parts of the report that have anything to show."""
    by_name = {each.name: each for each in found.distributions}
    for part, names in _PARTS:
        there = [by_name[name] for name in names if name in by_name and any(number for _, number in by_name[name].bars)]
        if there:
            yield part, there


def _prose(counts: dict[str, Any]) -> list[str]:
    """How the data came about, in sentences."""
    said = [
        f"Collected from the event stream of term {counts['term']}, {counts['first']} to {counts['last']} "
        f"({counts['time_zone']}). Every line that came is stored once, with its place in the stream; lines that are "
        "no events are kept apart with the reason, and counted below.",
        "Movies and users were asked for at the user and movie API, checked, and kept with the last good copy.",
    ]
    if counts["pruned"]:
        said.append(f"Of {_n(counts['pruned'])} older events the minutes are kept as watch sessions only.")
    if not counts["settled"]:
        said.append("Events came in while this was counted; numbers may differ by those of a few seconds.")
    return said


def _counts(counts: dict[str, Any]) -> list[tuple[str, str]]:
    catalogue, cost = counts["catalogue"], counts["catalogue"]["license_cost_per_session_usd"]
    return [
        ("events", _n(counts["events"])),
        *((f"… {name}", _n(counts["kinds"].get(kind, 0))) for kind, name in _KINDS.items()),
        ("lines that are no events", _n(sum(counts["quarantined"].values()))),
        *((f"… for their {reason}", _n(count)) for reason, count in sorted(counts["quarantined"].items())),
        ("users", _n(counts["users"])),
        ("movies", _n(counts["movies"])),
        ("watch sessions", _n(counts["sessions"])),
        ("from", counts["first"]),
        ("to", counts["last"]),
        ("on disk", f"{counts['bytes'] / 1e6:.1f} MB"),
        *(line for kind in ("movies", "users") for line in _coverage(kind, catalogue[kind])),
        ("movies without a running time", _n(catalogue["movies_without_runtime"])),
        ("movies without a licence cost", _n(catalogue["movies_without_license_cost"])),
        ("licence cost of a watch session", "-" if cost is None else f"{cost:.3f} USD"),
        ("price changes seen", _n(catalogue["price_changes"])),
        ("digest of all lines", counts["digest"]),
    ]


def _coverage(kind: str, facts: dict[str, int]) -> list[tuple[str, str]]:
    share = f" ({facts['with_record'] / facts['seen']:.1%})" if facts["seen"] else ""
    lines = [(f"{kind} with a record", f"{_n(facts['with_record'])} of {_n(facts['seen'])}{share}")]
    if facts["unknown_to_the_api"]:
        lines.append((f"{kind} unknown to the API", _n(facts["unknown_to_the_api"])))
    if facts["refused"]:
        lines.append((f"{kind} whose record was refused", _n(facts["refused"])))
    return lines


def _shown(each: Distribution) -> list[str]:
    if each.unit == "share":
        return [f"{number:.1%}" for _, number in each.bars]
    return [_n(number) for _, number in each.bars]


def _n(number: float) -> str:
    return f"{number:,.0f}"
