"""The course's terms as data: everything that differs between them, so that no code path knows a term by name.

Source: the public assignment texts of the course's editions; `None` = not stated in that term.
"""

from dataclasses import dataclass

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
    has_create_account: bool
    has_self_description: bool
    has_license_cost: bool
    personalised_share: float | None  # of all requests, M1
    min_ok_requests: int | None  # in 24 h before or after submission, M1
    avail_before_h: int | None
    avail_after_h: int | None
    avail_pass: float | None
    avail_bonus: float | None
    min_updates: int | None
    watch_digits: int  # fraction digits of watch and rate lines' times
    request_digits: int  # ... of recommendation-request lines
    host_pattern: str  # how the log names team {team}'s machine
    points: tuple[int, int, int, int, int] | None  # M1, M2, M3, M4, final
    max_items: int = 20


def _cmu(name: str, **rules: object) -> Term:
    defaults: dict[str, object] = {
        "rating_min": 1, "rating_max": 5, "n_movies": 27_000, "n_users": 1_000_000, "timeout_ms": 800, "zone": PITTSBURGH,
        "has_create_account": False, "has_self_description": False, "has_license_cost": False, "personalised_share": 0.10,
        "min_ok_requests": 2_000, "avail_before_h": 72, "avail_after_h": 96, "avail_pass": 0.70, "avail_bonus": 0.99,
        "min_updates": 2, "watch_digits": 0, "request_digits": 9, "host_pattern": "17645-team{team:02d}.isri.cmu.edu",
        "points": (100, 100, 100, 70, 30),
    }  # fmt: skip
    return Term(name=name, **(defaults | rules))  # type: ignore[arg-type]


_2026 = {
    "rating_max": 10, "n_movies": 20_000, "timeout_ms": 600, "has_create_account": True, "has_self_description": True,
    "has_license_cost": True, "watch_digits": 3, "request_digits": 3, "points": (106, 103, 103, 83, 20),
}  # fmt: skip

TERMS: dict[str, Term] = {
    term.name: term
    for term in (
        _cmu("F2025", timeout_ms=600),
        _cmu("S2026", **_2026),
        _cmu("F2026", **_2026),
    )
}
