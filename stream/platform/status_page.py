"""The platform's page for people: what runs, how the service answers, and what trouble is on. One file, no script."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #667; --line: #d5d9e0; --page: #fff; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa3b2; --line: #3a4150; --page: #14171d;
        --bad: #ff8a80 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 46rem;
       margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem } .soft { color: var(--soft) }
table { border-collapse: collapse; width: 100% } th { width: 45% } .bad { color: var(--bad); font-weight: 600 }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line) }
td { font-variant-numeric: tabular-nums }
.wide { overflow-x: auto } .teams td:last-child, .teams th:last-child { padding-left: 1rem }
.teams th { width: auto; white-space: nowrap } .teams td { vertical-align: top }
.teams th:nth-child(n+2):nth-child(-n+5), .teams td:nth-child(n+2):nth-child(-n+5)
  { text-align: right; white-space: nowrap }
@media (max-width: 36rem) { .teams, .teams tbody, .teams tr { display: block }
  .teams tr:first-child { display: none } .teams tr { border-bottom: 1px solid var(--line); padding: .4rem 0 }
  .teams td { display: inline-block; border: 0; padding: 0 .9rem 0 0 } .teams td:first-child,
  .teams td:last-child { display: block; padding-left: 0; overflow-wrap: anywhere }
  .teams td:nth-child(2)::after { content: " req/s" } .teams td:nth-child(3)::after { content: " ok" }
  .teams td:nth-child(5)::after { content: " lines/s" } }
"""
_OUTCOME = 60  # characters of an outcome that the table shows
_WORDS = {
    "world": "world", "term": "term", "stream_time": "stream time", "speed": "stream seconds a second",
    "lines": "lines sent since the start", "lines_per_second": "lines a second (real time)",
    "users": "users", "movies": "movies", "topic": "topic", "service": "service asked",
    "requests_per_second": "requests a second (real time)",
    "asking": "asking the service", "requests": "requests", "requests_ok": "answered 200 in time",
    "latency_ms": "latency, median / 99 %",
}  # fmt: skip


def status_page(facts: Mapping[str, object], trouble: Mapping[str, object], asked: int) -> str:
    """The page. facts: of the platform, those that `_WORDS` names; trouble: the API's today; asked: API requests."""
    on = [(name.replace("_", " "), _shown(value)) for name, value in trouble.items() if value]
    rows = [(_WORDS[name], _shown(facts[name])) for name in _WORDS if name in facts]
    return "".join([
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Movie API Service</title><style>{_STYLE}</style>",
        "<h1>Movie API Service</h1>",
        '<p class="soft">The simulated streaming platform. This page renews itself every five seconds; programs that '
        "ask here get one line of text.</p>",
        "<h2>The stream</h2>", _table(rows) if rows else "<p>No stream runs: records are answered from files.</p>",
        *_teams(facts.get("team_rows")),
        "<h2>The user and movie API</h2>", _table([("requests", f"{asked:,}"),
            ("try", "/user/42 &nbsp; /user/1,2,3 &nbsp; /movie/heat+1995")], raw=True),
        "<h2>Trouble now</h2>", _injections(facts.get("team_rows")),
        _table(on, marked=True) if on else "<p>The API does what it should.</p>",
        "</html>",
    ])  # fmt: skip


def _teams(rows: object) -> Iterator[str]:
    """A row a team; the details stand under the name, so that a phone shows all."""
    if not isinstance(rows, list) or not rows:
        return
    yield f'<h2>{"Teams" if len(rows) > 1 else "The team"}</h2><div class="wide"><table class="teams"><tr>'
    yield "".join(f"<th>{escape(name)}</th>" for name in ("team", "req/s", "ok", "p99", "lines/s", "last outcome"))
    yield "</tr>"
    for row in rows:
        p99 = "-" if row["p99_ms"] is None else f"{row['p99_ms']} ms"
        outcome = str(row["last_outcome"])
        bad = "" if outcome[:3] in ("200", "-") else ' class="bad"'
        yield f'<tr><td><b>{escape(row["name"])}</b><br><span class="soft">{escape(row["topic"])}</span></td>'
        cells = (row["requests_per_second"], row["ok_share"], p99, row["lines_per_second"])
        yield "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        yield f"<td{bad}>{escape(_shortened(outcome))}</td></tr>"
    yield "</table></div>"


def _shortened(text: str) -> str:
    return text if len(text) <= _OUTCOME else f"{text[:_OUTCOME]}…"


def _injections(rows: object) -> str:
    """Who has what now."""
    listed = rows if isinstance(rows, list) else []
    on = [(row["name"], ", ".join(row["injections"])) for row in listed if row["injections"]]
    return _table(on, marked=True) if on else "<p>No injection is on.</p>"


def _table(rows: Iterable[tuple[str, str]], raw: bool = False, marked: bool = False) -> str:
    kind = ' class="bad"' if marked else ""
    cells = (
        f"<tr><th>{escape(name)}</th><td{kind}>{value if raw else escape(value)}</td></tr>" for name, value in rows
    )
    return f"<table>{''.join(cells)}</table>"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
    return str(value)
