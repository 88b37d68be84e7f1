"""What a milestone asks for and a machine can see, looked at before the team submits: pass, fail or unknown.

Three kinds of look: the graders' arithmetic over the team's own store, the evidence that commands left in var/evidence,
and the files and history of the repository. Old evidence says nothing. Start reading at `selfcheck`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from evaluation.catalogue import read_titles
from evaluation.choices import Choices
from evaluation.criteria import criteria
from evaluation.criterion import FAIL, PASS, UNKNOWN, Criterion
from evaluation.graded_log import GradedLog
from stream import evidence
from stream.events import WallClock
from stream.terms import Term

DAY_NS = 24 * 3_600_000_000_000
CLOCKS_NS = DAY_NS // 24  # how far two clocks may be apart
KEEP = "| .venv/bin/python -m evaluation selfcheck --keep"


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at one thing gave."""

    verdict: str
    why: str


@dataclass(frozen=True)
class House:
    """What there is to look at."""

    store_dir: Path
    var_dir: Path
    models_dir: Path
    repo: Path
    term: Term
    now_ns: int  # real UTC
    submitted_ns: int | None = None  # stream time; None = as if submitted at the end of the log
    max_age_ns: int = 7 * DAY_NS  # of evidence
    choices: Choices = field(default_factory=Choices)

    @cached_property
    def log(self) -> GradedLog | None:
        """The team's own log, None while it is empty."""
        try:
            return GradedLog.read(self.store_dir, WallClock(self.term.zone), choices=self.choices)
        except ValueError:
            return None

    @cached_property
    def criteria(self) -> Mapping[str, Criterion]:
        """The graders' criteria by id; empty without a log."""
        if self.log is None:
            return {}
        at_ns = self.log.last_ns + 1 if self.submitted_ns is None else self.submitted_ns
        found = criteria(self.log, self.term, at_ns, read_titles(self.store_dir / "catalog"))
        return {criterion.id: criterion for criterion in found}

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Evidence of a kind, oldest first, old ones included."""
        return evidence.read(self.var_dir, kind)

    def fresh(self, record: Mapping[str, Any]) -> bool:
        """Whether evidence is young enough to say something; evidence from the future is not."""
        return isinstance(record.get("at_ns"), int) and -CLOCKS_NS <= self.age(record) <= self.max_age_ns

    def age(self, record: Mapping[str, Any]) -> int:
        """Nanoseconds since a record was left."""
        return self.now_ns - int(record.get("at_ns", 0))


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the milestone's table."""

    id: str
    asks: str  # the requirement, in a few words
    points: int
    look: Callable[[House], Found]
    command: str  # what produces the evidence, or mends it
    applies: Callable[[Term], bool] = lambda _: True
    bonus: bool = False


def selfcheck(milestone: int, house: House) -> dict[str, Any]:
    """All checks of the milestone (1 to 4) that the term has, and the points that follow, as one plain object.

    points: earned, open (unknown), lost, by_hand (what no machine can see), of (the milestone's total, None if the term
    does not say), bonus. Raises KeyError for another milestone.
    """
    from evaluation.selfcheck_tables import MILESTONES

    rows = []
    for check in MILESTONES[milestone]:
        if check.applies(house.term):
            found = check.look(house)
            rows.append({
                "id": check.id, "asks": check.asks, "verdict": found.verdict, "points": check.points,
                "bonus": check.bonus, "why": found.why, "command": check.command if found.verdict != PASS else "",
            })  # fmt: skip
    return {
        "milestone": milestone,
        "term": house.term.name,
        "checks": rows,
        "points": projected(rows, milestone, house),
    }


def projected(rows: list[dict[str, Any]], milestone: int, house: House) -> dict[str, Any]:
    """Points by verdict. A milestone's total leaves out what is a bonus."""
    total = house.term.points[milestone - 1] if house.term.points else None

    def points(verdict: str, bonus: bool = False) -> int:
        return sum(row["points"] for row in rows if row["verdict"] == verdict and row["bonus"] is bonus)

    seen = {"earned": points(PASS), "open": points(UNKNOWN), "lost": points(FAIL)}
    by_hand = None if total is None else max(0, total - sum(seen.values()))
    return {**seen, "by_hand": by_hand, "of": total, "bonus": points(PASS, bonus=True)}


def of_evidence(
    kind: str, holds: Callable[[Mapping[str, Any]], str], which: Callable[[Mapping[str, Any]], bool] = lambda _: True
) -> Callable[[House], Found]:
    """A look at the newest evidence of a kind. holds: what is missing in a record, or nothing; which: records meant."""

    def look(house: House) -> Found:
        records = [record for record in house.records(kind) if _meant(which, record)]
        if not records:
            return Found(UNKNOWN, f"no evidence of kind {kind!r} in var/evidence")
        newest = records[-1]
        if not house.fresh(newest):
            return Found(
                UNKNOWN, f"the newest evidence of kind {kind!r} is {house.age(newest) / DAY_NS:.0f} days old: stale"
            )
        try:
            missing = holds(newest)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return Found(UNKNOWN, f"the evidence of kind {kind!r} is not what was expected: {error!r}")
        return Found(FAIL, missing) if missing else Found(PASS, f"evidence of kind {kind!r} holds")

    return look


def of_criterion(*names: str) -> Callable[[House], Found]:
    """A look at some of the graders' criteria over the team's own store; all of them must pass."""

    def look(house: House) -> Found:
        if not house.criteria:
            return Found(UNKNOWN, "the store holds no events yet")
        found = [house.criteria[name] for name in names]
        verdicts = {each.verdict for each in found}
        worst = next(verdict for verdict in (FAIL, UNKNOWN, PASS) if verdict in verdicts)
        return Found(worst, "; ".join(_said(each) for each in found))

    return look


def _said(found: Criterion) -> str:
    return found.why if found.threshold is None else f"{found.value:.4g} of {found.threshold:.4g}: {found.why}"


def _meant(which: Callable[[Mapping[str, Any]], bool], record: Mapping[str, Any]) -> bool:
    try:
        return which(record)
    except (KeyError, TypeError, AttributeError):
        return False
