"""How good a team's findings are, held against the answer key: precision, recall and delay.

Findings are JSON: `{"findings": [{"scenario": "rating-burst", "at": "2026-09-15T12:03", "users": [...], "movies":
[...], "lines": [...]}, …]}`, or one such object a line. `at` is the stream time at which the detector spoke. A finding
is right if an injection of its scenario was on then, or had ended at most `grace_h` before. Start at `score`.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream.events import MalformedLine, Rated, WallClock, Watched, parse_line
from stream.platform.damage import Affected
from stream.platform.injections import Injection
from stream.platform.scenarios import scenario_of

_HOUR_MS = 3_600_000
_ITEMS = ("lines", "users", "movies")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a detector said."""

    scenario: str
    at_ms: int
    lines: frozenset[str]
    users: frozenset[int]
    movies: frozenset[str]


def read_findings(path: Path, clock: WallClock) -> list[Finding]:
    """Findings of a file. Raises ValueError naming the one that is none, and what was expected."""
    text = path.read_text(encoding="utf-8")
    try:
        whole = json.loads(text)
        listed = whole["findings"] if isinstance(whole, dict) and "findings" in whole else whole
        raws = listed if isinstance(listed, list) else [listed]
    except ValueError:
        raws = [_object(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return [_finding(path, number, raw, clock) for number, raw in enumerate(raws, 1)]


def _object(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"{path}, line {number}: expected a JSON object; got {line[:80]!r}") from error


def _finding(path: Path, number: int, raw: Any, clock: WallClock) -> Finding:
    try:
        at = raw["at"]
        at_ms = at if isinstance(at, int) else clock.read(str(at)) // 1_000_000
        scenario = scenario_of(raw["scenario"]).name
        users = frozenset(int(user) for user in raw.get("users", ()))
        return Finding(scenario, at_ms, frozenset(raw.get("lines", ())), users, frozenset(raw.get("movies", ())))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        wanted = 'an object with "scenario" and "at" (a local stream time), perhaps lines, users, movies'
        raise ValueError(f"{path}, finding {number}: expected {wanted}: {error}") from error


def score(
    findings: Sequence[Finding],
    injections: Sequence[Injection],
    key: Iterable[Affected],
    clock: WallClock,
    grace_h: float = 24.0,
) -> dict[str, Any]:
    """Precision and recall over all scenarios, and by scenario with the median delay in stream minutes.

    Of incidents: precision is the share of findings that are right, recall the share of injections that a right finding
    named. Of items (lines, users, movies): the same over what the findings and the key list, where the findings list
    any. A share of nothing is None.
    """
    touched = list(key)
    names = sorted({each.scenario for each in injections} | {each.scenario for each in findings})
    rows = [_row(name, findings, injections, touched, clock, grace_h) for name in names]
    right, said = sum(row["right"] for row in rows), sum(row["findings"] for row in rows)
    found, planted = sum(row["found"] for row in rows), sum(row["injections"] for row in rows)
    delays = [row["delay_minutes"] for row in rows if row["delay_minutes"] is not None]
    return {
        "findings": said, "injections": planted, "precision": _share(right, said), "recall": _share(found, planted),
        "delay_minutes": statistics.median(delays) if delays else None, "scenarios": rows,
    }  # fmt: skip


def _row(
    name: str,
    findings: Sequence[Finding],
    injections: Sequence[Injection],
    touched: Sequence[Affected],
    clock: WallClock,
    grace_h: float,
) -> dict[str, Any]:
    said = [each for each in findings if each.scenario == name]
    planted = [each for each in injections if each.scenario == name]
    right = [each for each in said if any(_names(each, on, grace_h) for on in planted)]
    firsts = [min((f.at_ms for f in said if _names(f, on, grace_h)), default=None) for on in planted]
    delays = [(at - on.from_ms) / 60_000 for at, on in zip(firsts, planted, strict=True) if at is not None]
    return {
        "scenario": name, "findings": len(said), "right": len(right), "precision": _share(len(right), len(said)),
        "injections": len(planted), "found": len(delays), "recall": _share(len(delays), len(planted)),
        "delay_minutes": round(statistics.median(delays), 2) if delays else None,
        **_items(said, [each for each in touched if each.scenario == name], clock),
    }  # fmt: skip


def _names(finding: Finding, on: Injection, grace_h: float) -> bool:
    return on.from_ms <= finding.at_ms <= on.until_ms + grace_h * _HOUR_MS


def _items(said: Sequence[Finding], touched: Sequence[Affected], clock: WallClock) -> dict[str, Any]:
    truth, found = _touched(touched, clock), {}
    for kind in _ITEMS:
        listed = frozenset().union(*(getattr(each, kind) for each in said)) if said else frozenset()
        if listed:
            right = len(listed & truth[kind])
            found[kind] = {"precision": _share(right, len(listed)), "recall": _share(right, len(truth[kind]))}
    return {"items": found}


def _touched(touched: Sequence[Affected], clock: WallClock) -> Mapping[str, set[Any]]:
    """Lines as they were written (as they should have been, if they were not), and whom and what they speak of."""
    lines: set[Any] = set()
    users: set[Any] = set()
    movies: set[Any] = set()
    for each in touched:
        users.update(each.users)
        movies.update(each.movies)
        if each.before is None and each.after is None:
            continue  # no line: the world or the API
        lines.add(each.after if each.after is not None else each.before)
        try:
            event = parse_line(each.before or each.after or "", clock)
        except MalformedLine:
            continue
        users.add(event.user_id)
        if isinstance(event, Watched | Rated):
            movies.add(event.movie_id)
    return {"lines": lines, "users": users, "movies": movies}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
