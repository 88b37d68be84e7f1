"""The milestones' tables: what can be seen by a machine, for how many points, and which command shows or mends it.

Where editions give different points, the smaller number stands here. Requirements that only a person can judge are the
milestone's rest (`by_hand`).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from evaluation import selfcheck_repo as repo
from evaluation import selfcheck_store as store
from evaluation.selfcheck import KEEP, Check, of_criterion, of_evidence
from stream.terms import Term

_PY = ".venv/bin/python -m"
_COMPARED = f"{_PY} training compare --json {KEEP} compare"
_WRITE = "write it in the repository's root or in docs/"


def _since_2026(term: Term) -> bool:
    return term.has_self_description


def _f2026(term: Term) -> bool:
    return term.updates_before_h is not None


def _before_f2026(term: Term) -> bool:
    return not _f2026(term)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compared(record: Mapping[str, Any]) -> str:
    """Four qualities of two models at least, all of them numbers."""
    qualities = ("ndcg@20", "fit_seconds", "recommend_per_second", "bytes")
    if len(record["models"]) < 2:
        return f"{len(record['models'])} model compared; two are asked for"
    gaps = [f"{m['name']}: {q}" for m in record["models"] for q in qualities if not _number(m.get(q))]
    return f"no number for {', '.join(gaps)}" if gaps else ""


def _split(record: Mapping[str, Any]) -> str:
    return "" if record["split"] and record["models"] else "the comparison does not say how it split the data"


def _probed(record: Mapping[str, Any]) -> str:
    failed = [check["id"] for check in record["checks"] if check["verdict"] != "pass"]
    return f"the contract does not hold: {', '.join(failed)}" if failed or not record["checks"] else ""


def _measured(record: Mapping[str, Any]) -> str:
    known = [m for m in record["metrics"] if _number(m.get("value")) and _number(m.get("low"))]
    return "" if record["requests"] and known else "no measure has a value and an interval yet"


def _drifts(record: Mapping[str, Any]) -> str:
    return "" if record["findings"] else "no feature was looked at"


def _upstream(record: Mapping[str, Any]) -> str:
    host = str(record["upstream"])
    near = any(word in host for word in ("127.0.0.1", "localhost", "::1"))
    return f"the upstream {host} is this machine" if near or not host else ""


def _experiment(record: Mapping[str, Any]) -> str:
    known = [m for m in record["metrics"] if all(_number(m.get(name)) for name in ("effect", "low", "high"))]
    users = [arm["users"] for arm in record["arms"]]
    return "" if known and len(users) >= 2 and min(users) > 0 else "no effect with an interval, or an arm without users"


def _about(*words: str) -> Any:
    return lambda record: any(word in str(record.get("name", "")).lower() for word in words)


def _traced(record: Mapping[str, Any]) -> str:
    text = str(record).lower()
    missing = [
        name for name, word in (("model", "version"), ("code", "commit"), ("data", "digest")) if word not in text
    ]
    return f"the trace does not name: {', '.join(missing)}" if missing else ""


def _drilled(record: Mapping[str, Any]) -> str:
    times = [record[f"{step}_at"] for step in ("injected", "detected", "alerted", "recovered")]
    return "" if all(a <= b for a, b in pairwise(times)) else "the drill's times are not in order"


def _fast(record: Mapping[str, Any]) -> str:
    late = float(record["lag_p95_seconds"])
    return "" if late <= 60 else f"95 % of the profiles were stored within {late:.0f} s; 60 are our bound"


def _rolled_back(record: Mapping[str, Any]) -> str:
    return "" if record["outcome"] == "rolled back" else "the newest release of a bad model was not taken back"


def _audited(record: Mapping[str, Any]) -> str:
    return (
        "" if {"before", "after"} <= record.keys() else "the audit has no measurement before and after the mitigation"
    )


def _audit(id_: str, name: str, points: int, applies: Any = lambda _: True) -> Check:
    look = of_evidence("audit", _audited, _about(name))
    command = f'echo \'{{"name": "{name}", "before": …, "after": …}}\' {KEEP} audit'
    return Check(id_, f"audit of {name} on telemetry, before and after a mitigation", points, look, command, applies)


def _report(milestone: int, *wanted: str, pages: float = 0) -> Check:
    look = repo.headings([f"m{milestone}_report.md", f"m{milestone}_report.pdf"], wanted, pages)
    return Check(f"M{milestone}-report", f"m{milestone}_report with its sections", 0, look, _WRITE, _since_2026)


_CONTRACT = ("communication", "responsib", "division", "unresponsive", "other")
_GRADE = "make grade SUBMITTED=TIME shows the lines behind it"
_CASES = f"{_PY} training trace USER TIME --json {KEEP} trace"
_TRIAL = f"{_PY} evaluation experiment NAME --json {KEEP} experiment"
_ONLINE = f"{_PY} evaluation online"
_SWITCH = "make retrain MODELS=recent,svd, twice, some stream hours apart"

MILESTONES: Mapping[int, Sequence[Check]] = {
    1: (
        Check("M1-1", "data collected and described", 10, store.described,
              f"{_PY} stream catalog describe --json {KEEP} describe"),
        Check("M1-2", "two families of models", 10, store.two_families, "make retrain MODELS=recent,svd"),
        Check("M1-3", "models compared by four qualities", 20, of_evidence("compare", _compared), _COMPARED),
        Check("M1-4", "which model goes to production, and why", 10, repo.decision, _WRITE,
              lambda term: not term.has_self_description),
        Check("M1-5", "newcomers answered by their self-descriptions", 10, store.newcomers,
              f"make deploy, then {_PY} evaluation online --by tier", _since_2026),
        Check("M1-6", "the service keeps its contract", 10, of_evidence("probe", _probed),
              f"{_PY} serving probe --json {KEEP} probe"),
        Check("M1-7", "2,000 answers in a day", 10, of_criterion("volume"), _GRADE,
              lambda term: term.min_ok_requests is not None),
        Check("M1-8", "personalised lists", 10, of_criterion("personalised"), _GRADE,
              lambda term: term.personalised_share is not None),
        Check("M1-9", "team contract", 10, repo.headings(repo.CONTRACTS, _CONTRACT), _WRITE),
        _report(1, "learning", "comparison", "service", pages=4),
    ),
    2: (
        Check("M2-1", "cohesive commits with messages", 5, repo.commits, "git log --stat"),
        Check("M2-2", "every step of the pipeline runs", 10, store.steps_left_artefacts, "make deploy; make retrain"),
        Check("M2-3", "the service in a container on another machine", 10, of_evidence("remote", _upstream),
              f'echo \'{{"upstream": "HOST:PORT"}}\' {KEEP} remote', _f2026),
        Check("M2-4", "one script retrains and deploys without a failed request", 5, store.deployed_without_a_gap,
              _SWITCH, _f2026),
        Check("M2-5", "data quality and drift watched", 10, of_evidence("drift", _drifts),
              f"{_PY} evaluation drift --reference FROM..TO --json {KEEP} drift"),
        Check("M2-6", "offline evaluation with a split that does not leak", 10,
              of_evidence("compare", _split), _COMPARED),
        Check("M2-7", "online evaluation with results", 5, of_evidence("online", _measured), _ONLINE),
        Check("M2-8", "license and language-model costs", 5, store.costs, _ONLINE, _since_2026),
        Check("M2-9", "tests with a coverage report", 10, repo.tested,
              'make test ARGS="--cov --cov-report xml:var/evidence/coverage.xml --junitxml var/evidence/junit.xml"'),
        Check("M2-10", "continuous integration", 10, repo.integrated, "add .github/workflows/ or a Jenkinsfile"),
        Check("M2-12", "contract kept up to date", 5, repo.contract_updated, "change it, or say that nothing changed"),
        Check("M2-13", "most changes by pull request", 5, repo.pulls, "git log --first-parent", bonus=True),
        _report(2, "pipeline", "quality", "offline", "online", "test", "integration"),
    ),
    3: (
        Check("M3-1", "every process runs", 5, store.all_alive, "make deploy", _before_f2026),
        Check("M3-2", "models updated on newer data", 10, store.updated, _SWITCH),
        Check("M3-3", "no failed request while a model is switched", 10, store.deployed_without_a_gap, _SWITCH, _f2026),
        Check("M3-updates", "updates before the submission answered requests", 0, of_criterion("updates"), _GRADE,
              _f2026),
        Check("M3-4", "self-descriptions read at sign-up", 0, of_evidence("newcomers", _fast),
              f'echo \'{{"lag_p95_seconds": …}}\' {KEEP} newcomers', _since_2026),
        Check("M3-5", "availability, accuracy and costs monitored", 15, of_evidence("online", _measured),
              _ONLINE),
        Check("M3-6", "experiment with users split and tested", 10, of_evidence("experiment", _experiment), _TRIAL),
        Check("M3-8", "experiment on self-descriptions", 10,
              of_evidence("experiment", _experiment, _about("description", "newcomer", "cold")), _TRIAL, _since_2026),
        Check("M3-9", "experiment on cheaper movies", 10,
              of_evidence("experiment", _experiment, _about("cheap", "cost", "license")), _TRIAL, _since_2026),
        Check("M3-10", "a past recommendation traced", 10, of_evidence("trace", _traced), _CASES),
        Check("M3-11", "availability", 10, of_criterion("availability"), _GRADE, _f2026),
        Check("M3-11", "availability, with updates in the window", 10, of_criterion("availability", "updates"), _GRADE,
              lambda term: term.avail_pass is not None and _before_f2026(term)),
        Check("M3-bonus", "availability for the bonus", 5, of_criterion("bonus"), _GRADE,
              lambda term: term.avail_bonus is not None, bonus=True),
        Check("M3-12", "a bad release taken back", 40, of_evidence("release", _rolled_back),
              f'echo \'{{"outcome": "rolled back"}}\' {KEEP} release', lambda term: term.avail_pass is None),
        Check("M3-13", "incident response plan", 5,
              repo.headings(["incident_plan.md", "incident-plan.md", "incident_response_plan.md"],
                            ("detection", "role", "communication", "mitigation", "record")), _WRITE, _f2026),
        Check("M3-14", "incident drill", 5, of_evidence("drill", _drilled),
              f'echo \'{{"injected_at": …, "detected_at": …, "alerted_at": …, "recovered_at": …}}\' {KEEP} drill',
              _f2026),
        Check("M3-15", "contract kept up to date", 5, repo.contract_updated, "change it, or say that nothing changed"),
        _report(3, "update", "monitoring", "experiment", "provenance"),
    ),
    4: (
        Check("M4-1", "fairness worksheet", 5,
              repo.headings(["fairness.md", "m4_report.md"], ("harm", "source", "attribute", "requirement")), _WRITE),
        _audit("M4-2", "fairness", 5),
        _audit("M4-3", "feedback", 5),
        _audit("M4-4", "security", 5),
        _audit("M4-5", "safety", 5, _since_2026),
        Check("M4-6", "blameless postmortem", 10,
              repo.headings(["postmortem.md"], ("timeline", "impact", "cause", "action")), _WRITE, _f2026),
        _report(4, "fairness", "feedback", "security", "safety"),
    ),
}  # fmt: skip
