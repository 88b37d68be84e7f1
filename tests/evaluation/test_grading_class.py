"""A class graded: a process for each team, whatever the others' logs are like."""

import csv
import gzip
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evaluation.__main__ import cli
from evaluation.grading_class import IDS, Graded, grade_class, write_csv
from small_logs import SmallLog
from stream.teams import Team

SUBMITTED = "2026-10-20T14:00"


def run(var: Path, *arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], env={"VAR_DIR": str(var), "LOG_DIR": ""})


def good(requests: int) -> bytes:
    log = SmallLog()
    for number in range(requests):
        log.asked(f"2026-10-20T10:{number:02d}", number, ["a", f"m{number}"])
    return b"\n".join(log.lines()) + b"\n"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of five, of which three have logs that nobody can grade; its folder, and what was said."""
    folder = tmp_path_factory.mktemp("class")
    logs = folder / "logs"
    logs.mkdir()
    (logs / "alpha.log").write_bytes(good(20))
    (logs / "hostile.log").write_bytes(b"\x1b[2J" + bytes(range(256)) * 50 + b"\n" + good(9) + b"9" * 100_000)
    (logs / "noise.log").write_bytes(os.urandom(50_000))
    (logs / "torn.log.gz").write_bytes(gzip.compress(good(30))[:40])
    (logs / "zeta.log").write_bytes(good(5))
    ended = run(folder, "grade", "--teams", logs, "--submitted", SUBMITTED, "--term", "F2026", "--json", "--jobs", 2)
    return folder / "grades", ended, logs


def test_a_damaged_or_hostile_log_changes_nothing_for_the_others(graded, tmp_path):
    _, ended, logs = graded
    teams = {team["name"]: team for team in json.loads(ended.stdout)["teams"]}
    assert list(teams) == ["alpha", "hostile", "noise", "torn", "zeta"]
    assert ended.exit_code == 1  # one could not be graded
    for name in ("alpha", "zeta"):
        alone = run(
            tmp_path, "grade", "--log", logs / f"{name}.log", "--submitted", SUBMITTED, "--term", "F2026", "--json"
        )
        together = {key: value for key, value in teams[name].items() if key not in ("name", "seconds")}
        assert together == json.loads(alone.stdout)
    assert (teams["alpha"]["requests"], teams["zeta"]["requests"], teams["hostile"]["requests"]) == (20, 5, 9)
    assert "nothing to grade" in teams["noise"]["error"]
    assert "torn.log.gz" in teams["torn"]["error"]


def test_there_is_a_table_a_page_and_a_report_for_each_team(graded):
    out, _, _ = graded
    rows = list(csv.DictReader((out / "class.csv").read_text().splitlines()))
    assert [row["team"] for row in rows] == ["alpha", "hostile", "noise", "torn", "zeta"]
    assert (rows[0]["volume"], rows[0]["volume_value"], rows[0]["volume_margin"]) == ("unknown", "20", "-1980")
    assert rows[2]["volume"] == ""
    assert rows[2]["error"]
    page = (out / "class.html").read_text()
    assert 'href="alpha.html"' in page
    assert 'href="noise.html"' not in page
    assert "Grade report" in (out / "alpha.html").read_text()
    assert json.loads((out / "zeta.json").read_text())["requests"] == 5


def test_a_team_that_takes_too_long_is_ended_and_named(tmp_path):
    (tmp_path / "a.log").write_bytes(good(3))
    (found,) = grade_class([Team("a", logs=(tmp_path / "a.log",))], tmp_path / "out", limit_seconds=0.01)
    assert found.error == "not done after 0 s"


def test_a_log_that_swells_beyond_its_bounds_costs_only_its_team(tmp_path):
    (tmp_path / "a.log").write_bytes(good(3))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.json").write_text("of an earlier run")
    team, too_little = Team("a", logs=(tmp_path / "a.log",)), 300_000_000
    (found,) = grade_class([team], tmp_path / "out", memory_bytes=too_little)
    assert found.error
    assert not (tmp_path / "out" / "a.json").exists()


def test_a_team_without_log_and_topic_is_named():
    (found,) = grade_class([Team("a")], Path("var"))
    assert "no log and no topic" in found.error


def test_a_spreadsheet_does_not_run_a_teams_name(tmp_path):
    write_csv([Graded(Team("=cmd|' /C calc'!A0"), error="@x")], tmp_path / "class.csv")
    (row,) = csv.DictReader((tmp_path / "class.csv").read_text().splitlines())
    assert (row["team"][0], row["error"]) == ("'", "'@x")


def test_each_team_has_its_own_term_and_times(tmp_path):
    (tmp_path / "a.log").write_bytes(good(3))
    (tmp_path / "teams.toml").write_text(
        '[[team]]\nname = "old"\nlog = "a.log"\nterm = "F2020"\nsubmitted = ["2026-10-20T14:00", "2026-10-22T14:01"]\n'
        '[[team]]\nname = "new"\nlog = "a.log"\n'
    )
    ended = run(tmp_path, "grade", "--teams", tmp_path / "teams.toml", "--term", "F2026", "--submitted", SUBMITTED,
                "--rule", "min_ok_requests=3", "--day", "before", "--hole", "2h", "--json")  # fmt: skip
    assert ended.exit_code == 0, ended.stderr
    old, new = json.loads(ended.stdout)["teams"]
    assert (old["term"], new["term"]) == ("F2020", "F2026")
    assert [submission["late_days"] for submission in old["submissions"]] == [0, 3]
    assert new["choices"]["hole_hours"] == 2
    assert {c["id"]: c for c in new["criteria"]}["volume"]["verdict"] == "pass"
    assert len(new["criteria"]) == len(IDS)


@pytest.mark.parametrize(("arguments", "said"), [
    (["--teams", "{there}", "--log", "{there}"], "--teams says where each log is"),
    (["--rule", "passing=1"], "expected NAME=NUMBER with a NAME of"),
    (["--rule", "avail_pass=often"], "got 'avail_pass=often'"),
    (["--minute-up", "2"], "is not in the range"),
    (["--day", "never"], "is not one of"),
    (["--answers", "{there}"], "--answers belongs to --log"),
])  # fmt: skip
def test_wrong_usage_is_named(tmp_path, arguments, said):
    there = tmp_path / "a.log"
    there.touch()
    ended = run(tmp_path, "grade", *(argument.format(there=there) for argument in arguments))
    assert (ended.exit_code, said in ended.stderr) == (2, True), ended.stderr
