"""What a milestone asks for, looked at before the team submits."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.__main__ import cli
from evaluation.selfcheck import DAY_NS, House, selfcheck
from evaluation.selfcheck_repo import sections
from small_logs import HOUR_NS, SmallLog, answer, store_answers
from stream import evidence
from stream.events import AccountCreated, WallClock
from stream.terms import TERMS, Term

F2026, F2024, S2026 = TERMS["F2026"], TERMS["F2024"], TERMS["S2026"]
NOW_NS = 1_800_000_000_000_000_000
S = WallClock(F2026.zone).read("2026-10-20T23:59")
WORDS = "the team agreed on this in its first meeting and every one of us has read it twice since then "


def house(folder: Path, term: Term = F2026, submitted_ns: int | None = None) -> House:
    return House(folder / "store", folder, folder / "models", folder, term, NOW_NS, submitted_ns)


def left(folder: Path, kind: str, age_days: float = 1, **record) -> None:
    evidence.leave(folder, kind, {"at_ns": int(NOW_NS - age_days * DAY_NS), **record})


def verdicts(milestone: int, at: House) -> dict[str, tuple[str, str]]:
    report = selfcheck(milestone, at)
    json.dumps(report, allow_nan=False)
    return {check["id"]: (check["verdict"], check["why"]) for check in report["checks"]}


@pytest.mark.parametrize("milestone", [1, 2, 3, 4])
@pytest.mark.parametrize("term", TERMS.values(), ids=lambda term: term.name)
def test_an_empty_house_earns_nothing_and_names_a_command_for_each_check(tmp_path, term, milestone):
    report = selfcheck(milestone, house(tmp_path, term))
    assert all(check["verdict"] in ("fail", "unknown") for check in report["checks"])
    assert all(check["command"] for check in report["checks"])
    points = report["points"]
    assert (points["earned"], points["bonus"]) == (0, 0)
    if points["of"]:
        parts = sum(points[name] for name in ("earned", "open", "lost", "by_hand"))
        assert parts == points["of"]  # a milestone's parts are its whole


def test_a_term_is_asked_only_what_it_asks(tmp_path):
    assert "M1-5" in verdicts(1, house(tmp_path, S2026))  # self-descriptions came with S2026
    assert "M1-5" not in verdicts(1, house(tmp_path, F2024))
    assert "M1-4" in verdicts(1, house(tmp_path, F2024))
    assert "M3-14" in verdicts(3, house(tmp_path, F2026))  # the drill with F2026
    assert "M3-14" not in verdicts(3, house(tmp_path, S2026))
    assert "M3-12" in verdicts(3, house(tmp_path, TERMS["S2020"]))  # canaries before there was an availability rule


MODEL = {"name": "svd", "ndcg@20": 0.1, "fit_seconds": 3, "recommend_per_second": 100, "bytes": 1000}


@pytest.mark.parametrize(("milestone", "check", "kind", "good", "bad", "said"), [
    (1, "M1-3", "compare", {"split": "time", "models": [MODEL, MODEL]},
     {"split": "time", "models": [MODEL, MODEL | {"bytes": None}]}, "no number for svd: bytes"),
    (1, "M1-6", "probe", {"checks": [{"id": "known", "verdict": "pass"}]},
     {"checks": [{"id": "known", "verdict": "pass"}, {"id": "huge", "verdict": "fail"}]}, "does not hold: huge"),
    (2, "M2-3", "remote", {"upstream": "10.0.0.8:8082"}, {"upstream": "127.0.0.1:8082"}, "is this machine"),
    (2, "M2-5", "drift", {"findings": [{"feature": "score"}]}, {"findings": []}, "no feature"),
    (2, "M2-7", "online", {"requests": 5, "metrics": [{"name": "hit_rate", "value": 0.2, "low": 0.1}]},
     {"requests": 5, "metrics": [{"name": "hit_rate", "value": None, "low": None}]}, "no measure"),
    (3, "M3-9", "experiment", {"name": "cheaper", "arms": [{"users": 5}, {"users": 5}],
                               "metrics": [{"effect": 1, "low": 0, "high": 2}]},
     {"name": "cheaper", "arms": [{"users": 5}, {"users": 0}], "metrics": [{"effect": 1, "low": 0, "high": 2}]},
     "an arm without users"),
    (3, "M3-10", "trace", {"version": "3", "made": {"git": {"commit": "ab"}, "data": {"digest": "cd"}}},
     {"version": "3", "made": None}, "does not name: code, data"),
    (3, "M3-14", "drill", {"injected_at": 1, "detected_at": 2, "alerted_at": 2, "recovered_at": 9},
     {"injected_at": 1, "detected_at": 5, "alerted_at": 2, "recovered_at": 9}, "not in order"),
    (4, "M4-4", "audit", {"name": "security", "before": 3, "after": 1}, {"name": "security", "before": 3},
     "no measurement before and after"),
])  # fmt: skip
def test_evidence_passes_fails_and_grows_old(tmp_path, milestone, check, kind, good, bad, said):
    at = house(tmp_path)
    assert verdicts(milestone, at)[check][0] == "unknown"
    left(tmp_path, kind, age_days=9, **good)
    assert verdicts(milestone, at)[check][0] == "unknown"
    assert "9 days old: stale" in verdicts(milestone, at)[check][1]
    left(tmp_path, kind, **good)
    assert verdicts(milestone, at)[check][0] == "pass"
    left(tmp_path, kind, **bad)  # the newest counts
    assert verdicts(milestone, at)[check][0] == "fail"
    assert said in verdicts(milestone, at)[check][1]
    left(tmp_path, kind, nonsense=1)
    assert verdicts(milestone, at)[check][0] in ("unknown", "fail")


def test_evidence_of_another_experiment_does_not_count(tmp_path):
    left(tmp_path, "experiment", name="cheaper", arms=[{"users": 5}, {"users": 5}],
         metrics=[{"effect": 1, "low": 0, "high": 2}])  # fmt: skip
    found = verdicts(3, house(tmp_path))
    assert (found["M3-9"][0], found["M3-8"][0]) == ("pass", "unknown")


def busy(folder: Path, failing: bool = False) -> None:
    """A day with an answer every half minute; two models, the second from noon on, everybody's list their own."""
    log, records = SmallLog(), []
    for number in range(2880):
        at = S - 24 * HOUR_NS + number * HOUR_NS // 120
        movies = [f"m{number}", "b"]
        if failing and number == 1441:
            log.failed(at, number)
            continue
        log.asked(at, number, movies)
        model, tier = ("1", "personal") if number < 1440 else ("2", "description")
        records.append(answer(number, number, movies, tier, model))
    log.events.append(AccountCreated(S - HOUR_NS, 2000))
    store = log.store(folder / "store")
    store_answers(store, records)


def test_the_store_is_judged_as_graders_judge_it(tmp_path):
    busy(tmp_path)
    at = house(tmp_path, submitted_ns=S)
    found = verdicts(1, at)
    assert found["M1-7"] == ("pass", "2880 of 2000: " + at.criteria["volume"].why)
    assert found["M1-8"][0] == "pass"
    assert found["M1-5"] == ("pass", "1 of 1 answers to newcomers, 1 different lists")
    assert selfcheck(1, at)["points"]["earned"] == 10 + 10 + 10
    assert verdicts(3, at)["M3-updates"][0] == "pass"  # versions 1 and 2 began to answer
    assert verdicts(3, at)["M3-3"] == (
        "pass", "1 switches, 0 failed requests around them; version 2 answers, None is live",
    )  # fmt: skip
    before = verdicts(3, house(tmp_path, S2026, S))["M3-11"]
    assert before[0] == "unknown"  # availability and updates in one item until S2026: its window is not over


def test_a_request_that_failed_while_the_model_was_switched_is_seen(tmp_path):
    busy(tmp_path, failing=True)
    assert verdicts(2, house(tmp_path, submitted_ns=S))["M2-4"][0] == "fail"


def test_promotions_count_only_if_each_saw_later_data(tmp_path):
    for stream_ns in (10, 30, 20, 30):
        left(tmp_path, "promotion", version="1", stream_ns=stream_ns)
    assert verdicts(3, house(tmp_path))["M3-2"] == (
        "fail", "2 promotions, each on later data than all before it; 3 are asked for",
    )  # fmt: skip
    assert verdicts(3, house(tmp_path, S2026))["M3-2"][0] == "pass"


def test_a_description_must_fit_the_store(tmp_path):
    log = SmallLog()
    log.played("2026-10-20T10:00", 1, "a", minutes=3)
    log.rated("2026-10-20T10:04", 1, "a", 7)
    log.store(tmp_path / "store")
    assert "movies of the API" in verdicts(1, house(tmp_path))["M1-1"][1]
    (tmp_path / "store" / "catalog").mkdir()
    for name in ("movies", "users"):
        (tmp_path / "store" / "catalog" / f"{name}.jsonl").write_text('{"id": "a"}\n')
    for events, expected in ((4, "pass"), (5, "fail"), (1, "unknown")):
        left(tmp_path, "describe", events=events, users=1, movies=1)
        assert verdicts(1, house(tmp_path))["M1-1"][0] == expected


TITLES = ("Communication", "Responsibilities", "Division of work", "Unresponsive members", "Other")
CONTRACT = "".join(f"## {title}\n{WORDS}\n" for title in TITLES)


@pytest.mark.parametrize(("text", "verdict", "said"), [
    (CONTRACT, "pass", "are there"),
    (CONTRACT.replace("## Unresponsive", "## Missing"), "fail", "no heading with unresponsive"),
    (CONTRACT.replace(f"members\n{WORDS}", "members\n"), "fail", "next to nothing below the heading unresponsive"),
    (CONTRACT + "TODO: sign", "fail", "'TODO' still stands there"),
])  # fmt: skip
def test_a_contract_needs_its_headings_filled(tmp_path, text, verdict, said):
    (tmp_path / "team_contract.md").write_text(text)
    found = verdicts(1, house(tmp_path))["M1-9"]
    assert (found[0], said in found[1]) == (verdict, True), found


def test_a_report_may_be_too_long(tmp_path):
    body = "".join(f"# {title}\n{WORDS * 60}\n" for title in ("Learning", "Comparison", "Service"))
    (tmp_path / "m1_report.md").write_text(body)
    assert "pages, 4 are allowed" in verdicts(1, house(tmp_path))["M1-report"][1]


def test_sections_hold_their_subsections():
    assert sections("# A\none\n## B\ntwo\n# C\nthree\n") == {"A": "\none\n\ntwo\n", "B": "\ntwo\n", "C": "\nthree\n"}


def test_commits_are_counted_from_the_history(tmp_path):
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    git("init")
    for number, subject in enumerate(["Parse ratings of ten stars", "Keep the last good list", "wip", "fix"]):
        (tmp_path / "code.py").write_text(str(number))
        git("add", "code.py")
        git("commit", "-m", subject)
    found = verdicts(2, house(tmp_path))["M2-1"]
    assert found == ("fail", "2 of 4 commits are cohesive and described; 80% are asked for")
    assert verdicts(2, house(tmp_path))["M2-13"][0] == "fail"


def test_tests_and_coverage_are_read_from_their_reports(tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "junit.xml").write_text('<testsuites><testsuite tests="10" failures="0" errors="0"/></testsuites>')
    (folder / "coverage.xml").write_text('<coverage line-rate="0.81"/>')

    def checked() -> tuple[str, str]:
        newest = (folder / "coverage.xml").stat().st_mtime_ns
        at = House(tmp_path / "store", tmp_path, tmp_path / "models", tmp_path, F2026, newest)
        return verdicts(2, at)["M2-9"]

    assert checked() == ("pass", "10 tests, 0 failed, 81% of the lines covered; 70% is the labs' gate")
    (folder / "coverage.xml").write_text('<coverage line-rate="0.5"/>')
    assert checked()[0] == "fail"
    (folder / "junit.xml").write_text("<broken")
    assert checked()[0] == "unknown"


def test_the_command_keeps_evidence_and_exits_by_the_checks(tmp_path):
    def run(*arguments: str, given: str | None = None):
        environment = {"VAR_DIR": str(tmp_path), "COURSE_TERM": "F2026"}
        return CliRunner().invoke(cli, ["selfcheck", *arguments], input=given, env=environment)

    page = tmp_path / "page.html"
    unknown = run("--milestone", "4", "--repo", str(tmp_path), "--html", str(page))
    assert unknown.exit_code == 0  # nothing is known to fail
    assert "next: M4-2: echo" in unknown.stdout
    assert "projected: 0 of 83 points seen" in unknown.stdout
    assert "<svg" in page.read_text()
    assert run("--keep", "audit", given='{"name": "fairness", "before": 1, "after": 0}').exit_code == 0
    found = json.loads(run("--milestone", "4", "--repo", str(tmp_path), "--json").stdout)
    assert {check["id"]: check["verdict"] for check in found["checks"]}["M4-2"] == "pass"
    assert found["points"]["earned"] == 5
    assert run("--keep", "audit", given='{"name": "safety"}').exit_code == 0
    assert run("--milestone", "4", "--repo", str(tmp_path)).exit_code == 1
    wrong = run("--keep", "audit", given="[1]")
    assert (wrong.exit_code, "expected one JSON object" in wrong.stderr) == (1, True)
    assert run().exit_code == 2
