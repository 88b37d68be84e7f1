"""The course's terms as data: everything that differs between them, so that no code path knows a term by name.

Source: the public assignment texts of the course's editions; `None` = not stated in that term. Digits of times are
measured on logs of S2022 to F2026 and of McGill's; terms without a known log carry those of the nearest one.
"""

from dataclasses import asdict, dataclass
from typing import Any

PITTSBURGH = "America/New_York"
MONTREAL = "America/Toronto"


@dataclass(frozen=True, slots=True)
class Term:
    """Rules and wire habits of one term."""

    name: str
    rating_min: int
    rating_max: int
    n_movies: int
    n_users: int
    timeout_ms: int | None  # what the requester waits for an answer
    zone: str  # IANA name of the log's naive local times
    has_requests: bool  # the log carries recommendation-request lines
    has_create_account: bool
    has_self_description: bool
    has_license_cost: bool
    personalised_share: float | None  # of all requests, M1
    min_ok_requests: int | None  # in 24 h before or after submission, M1
    avail_before_h: int | None
    avail_after_h: int | None
    avail_pass: float | None
    avail_bonus: float | None
    min_updates: int | None  # model versions that must go live ...
    updates_before_h: int | None  # ... in this many hours before submission; None = in the availability window
    watch_digits: int  # fraction digits of watch and rate lines' times
    request_digits: int  # ... of recommendation-request lines
    host_pattern: str  # how the log names team {team}'s machine
    points: tuple[int, int, int, int, int] | None  # M1, M2, M3, M4, final
    max_items: int = 20


# Rules that most terms share; each term below names what differs.
_COMMON: dict[str, Any] = {
    "rating_min": 1, "rating_max": 5, "n_movies": 27_000, "n_users": 1_000_000, "timeout_ms": 800, "zone": PITTSBURGH,
    "has_requests": True, "has_create_account": False, "has_self_description": False, "has_license_cost": False,
    "personalised_share": 0.10, "min_ok_requests": 2_000, "avail_before_h": 72, "avail_after_h": 96, "avail_pass": 0.70,
    "avail_bonus": 0.99, "min_updates": 2, "updates_before_h": None, "watch_digits": 0, "request_digits": 6,
    "host_pattern": "17645-team{team:02d}.isri.cmu.edu", "points": (100, 100, 100, 70, 30),
}  # fmt: skip

_NO_THRESHOLDS: dict[str, Any] = {
    "personalised_share": None, "min_ok_requests": None, "avail_before_h": None, "avail_after_h": None,
    "avail_pass": None, "avail_bonus": None, "min_updates": None,
}  # fmt: skip

_WEEK_BEFORE: dict[str, Any] = {
    "avail_before_h": 168, "avail_after_h": 72, "avail_pass": 0.80, "avail_bonus": 0.98,
    "points": (100, 100, 100, 60, 40),
}  # fmt: skip

_2026: dict[str, Any] = {
    "rating_max": 10, "n_movies": 20_000, "timeout_ms": 600, "has_create_account": True, "has_self_description": True,
    "has_license_cost": True, "watch_digits": 3, "request_digits": 3, "points": (106, 103, 103, 83, 20),
}  # fmt: skip

_F2026: dict[str, Any] = _2026 | {"updates_before_h": 72}

_MCGILL: dict[str, Any] = _NO_THRESHOLDS | {"zone": MONTREAL, "request_digits": 3, "points": (100, 100, 100, 100, 0)}

_DIFFERENCES: dict[str, dict[str, Any]] = {
    "F2019": _NO_THRESHOLDS | {"has_requests": False, "timeout_ms": None, "points": None},
    "S2020": _NO_THRESHOLDS | {"timeout_ms": None, "points": (100, 100, 100, 0, 30)},
    "F2020": _WEEK_BEFORE | {"personalised_share": 0.40},
    "S2021": _WEEK_BEFORE | {"personalised_share": 0.40},
    "S2022": _WEEK_BEFORE,
    "F2022": {"avail_before_h": 96, "avail_after_h": 72},
    "S2023": {},
    "S2024": {},
    "F2024": {"request_digits": 9},
    "S2025": {"request_digits": 9},
    "F2025": {"request_digits": 9, "timeout_ms": 600},
    "S2026": _2026,
    "F2026": _F2026,
    "F2026-online": _F2026
    | {"n_movies": 2_569, "n_users": 1_050, "host_pattern": "CMU-ONLINE-MLIP-VM{team:02d}.ANDREW.CMU.EDU"},
    "McGill-F2020": _MCGILL | {"host_pattern": "fall2020-comp598-{team}.cs.mcgill.ca"},
    "McGill-F2021": _MCGILL | {"host_pattern": "fall2021-comp598-{team}.cs.mcgill.ca"},
    "McGill-F2022": _MCGILL | {"host_pattern": "fall2022-comp585-{team}.cs.mcgill.ca"},
    "FAU-F2025": _NO_THRESHOLDS
    | {"timeout_ms": None, "n_movies": 3_883, "n_users": 6_040, "points": None},  # MovieLens-1M
}

TERMS: dict[str, Term] = {name: Term(name=name, **(_COMMON | rules)) for name, rules in _DIFFERENCES.items()}


def table() -> list[dict[str, object]]:
    """One row of plain values per term, in order of time."""
    return [asdict(term) for term in TERMS.values()]


def readable(chosen: str | None = None) -> str:
    """The terms as two tables for a terminal: rules, and habits on the wire; the `chosen` term has a star."""
    stars = ["*" if name == chosen else " " for name in TERMS]
    rules = [{"": star, **_rules(term)} for star, term in zip(stars, TERMS.values(), strict=True)]
    wire = [{"": star, **_wire(term)} for star, term in zip(stars, TERMS.values(), strict=True)]
    return f"{_aligned(rules)}\n\n{_aligned(wire)}\n\n- = not stated in that term; * = COURSE_TERM"


def _rules(term: Term) -> dict[str, str]:
    window = "-" if term.avail_before_h is None else f"{term.avail_before_h} + {term.avail_after_h}"
    hours = f" in {term.updates_before_h} h before" if term.updates_before_h else ""
    return {
        "term": term.name,
        "ratings": f"{term.rating_min}-{term.rating_max}",
        "answer in": "-" if term.timeout_ms is None else f"{term.timeout_ms} ms",
        "personalised": _at_least(term.personalised_share),
        "OK requests": "-" if term.min_ok_requests is None else f">= {term.min_ok_requests:,}",
        "available": _at_least(term.avail_pass),
        "bonus": _at_least(term.avail_bonus),
        "in h before + after": window,
        "updates": "-" if term.min_updates is None else f">= {term.min_updates}{hours}",
        "points M1-M4, final": "-" if term.points is None else " ".join(map(str, term.points)),
    }


def _wire(term: Term) -> dict[str, str]:
    kinds = {"watch": True, "rate": True, "request": term.has_requests, "account": term.has_create_account}
    fields = {"descriptions": term.has_self_description, "costs": term.has_license_cost}
    return {
        "term": term.name,
        "movies": f"{term.n_movies:,}",
        "users": f"{term.n_users:,}",
        "lines": " ".join(kind for kind, there in kinds.items() if there),
        "time digits": f"{term.watch_digits}, requests {term.request_digits}",
        "API has": ", ".join(name for name, there in fields.items() if there) or "-",
        "time zone": term.zone,
        "host of team 7": term.host_pattern.format(team=7),
    }


def _at_least(share: float | None) -> str:
    return "-" if share is None else f">= {share:.0%}"


def _aligned(rows: list[dict[str, str]]) -> str:
    wide = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    lines = [dict(zip(wide, wide, strict=True)), *rows]
    return "\n".join("  ".join(line[name].ljust(wide[name]) for name in wide).rstrip() for line in lines)
