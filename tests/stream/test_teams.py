"""The file in which an instructor names the teams of a class."""

from pathlib import Path

import pytest

from stream.teams import Team, TeamsError, read_teams


def written(folder: Path, text: str) -> Path:
    path = folder / "teams.toml"
    path.write_text(text)
    return path


def test_all_that_a_team_may_say_is_read(tmp_path):
    for name in ("a.log", "b1.log.gz", "b2.log.gz", "x.json"):
        (tmp_path / name).touch()
    alpha, beta = read_teams(written(tmp_path, """
        [[team]]
        name = "alpha"
        topic = "movielog1"
        service = "http://10.0.0.7:8082"
        term = "F2026"
        submitted = 2026-10-20T23:59:00
        log = "a.log"
        seed = 7            # somebody else's

        [[team]]
        name = "beta"
        submitted = ["2026-10-20T23:59", "2026-10-22T09:00"]
        due = "2026-10-20T23:59"
        logs = ["b*.log.gz"]
        answers = "x.json"
        catalog = "catalog"
    """))  # fmt: skip
    assert alpha == Team("alpha", "movielog1", "http://10.0.0.7:8082", "F2026", ("2026-10-20T23:59:00",),
                         logs=(tmp_path / "a.log",))  # fmt: skip
    assert beta.logs == (tmp_path / "b1.log.gz", tmp_path / "b2.log.gz")
    assert beta.submitted == ("2026-10-20T23:59", "2026-10-22T09:00")
    assert (beta.due, beta.answers, beta.catalog) == (
        "2026-10-20T23:59", (tmp_path / "x.json",), tmp_path / "catalog",
    )  # fmt: skip


def test_a_folder_of_logs_is_a_class(tmp_path):
    (tmp_path / "alpha.log.gz").touch()
    (tmp_path / "beta").mkdir()
    (tmp_path / "beta" / "2.log").touch()
    (tmp_path / "beta" / "1.log").touch()
    (tmp_path / ".hidden.log").touch()
    (tmp_path / "notes.md").touch()
    found = {team.name: team.logs for team in read_teams(tmp_path)}
    assert found == {
        "alpha": (tmp_path / "alpha.log.gz",),
        "beta": (tmp_path / "beta" / "1.log", tmp_path / "beta" / "2.log"),
    }


def test_a_folder_with_a_file_of_teams_gives_each_the_log_of_its_name(tmp_path):
    written(tmp_path, '[[team]]\nname = "alpha"\nterm = "F2020"\n[[team]]\nname = "gamma"\n')
    (tmp_path / "alpha.log").touch()
    (tmp_path / "stranger.log").touch()
    alpha, gamma = read_teams(tmp_path)
    assert (alpha.logs, alpha.term, gamma.logs) == ((tmp_path / "alpha.log",), "F2020", ())


@pytest.mark.parametrize(("text", "said"), [
    ("", "expected a \\[\\[team\\]\\] table for each team, got nothing"),
    ("name = 'x'", "expected a \\[\\[team\\]\\] table"),
    ("[[team]\n", "expected a TOML file of teams"),
    ("[[team]]\ntopic = 'm'", "team 1: expected a name"),
    ("[[team]]\nname = 'a'\nsubmited = 'x'", "team 1 \\('a'\\): got the key 'submited'; did you mean 'submitted'"),
    ("[[team]]\nname = 'a'\nterm = 'F1999'", "expected a term of F2019.*got 'F1999'"),
    ("[[team]]\nname = 'a'\nlog = 'no.log'", "expected a file, but there is no .*no.log"),
    ("[[team]]\nname = 7", "name: expected a text of one line, got 7"),
    ("[[team]]\nname = 'a/b'\n[[team]]\nname = 'A b'", "two teams are called alike: 'a/b' and 'A b'"),
])  # fmt: skip
def test_what_is_wrong_is_said_with_file_team_and_key(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(TeamsError, match=said) as raised:
        read_teams(path)
    assert str(path) in str(raised.value)


def test_an_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(TeamsError, match=r"expected teams\.toml, or a log"):
        read_teams(tmp_path)


@pytest.mark.parametrize(("name", "expected"), [
    ("alpha", "alpha"), ("../../etc/passwd", "_.._etc_passwd"), ("...", "_"), ("Ä B", "_B"), ("x" * 300, "x" * 80),
])  # fmt: skip
def test_a_name_never_becomes_a_path(name, expected):
    assert Team(name).file_name == expected
