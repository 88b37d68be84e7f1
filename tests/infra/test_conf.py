"""The supervisor's configuration."""

import configparser
import subprocess
import sys

import pytest

from infra.conf import Layout, configuration
from infra.processes import Program, Settings, programs
from infra.settings import runtime_socket


def read(text):
    parsed = configparser.RawConfigParser()
    parsed.read_string(text)
    return parsed


def test_every_process_has_a_rotated_log_of_its_own(layout):
    table = programs(Settings.read())
    parsed = read(configuration(table, layout, {}))
    for program in table:
        kind, output = ("eventlistener", "stderr") if program.name == "watch" else ("program", "stdout")
        section = parsed[f"{kind}:{program.name}"]
        assert section[f"{output}_logfile"] == str(layout.log / f"{program.name}.log")
        assert (section[f"{output}_logfile_maxbytes"], section[f"{output}_logfile_backups"]) == ("5MB", "1")


def test_threads_and_arenas_are_kept_small(layout):
    environment = read(configuration(programs(Settings.read()), layout, {}))["program:service"]["environment"]
    for setting in ('MALLOC_ARENA_MAX="2"', 'OMP_NUM_THREADS="1"', 'OPENBLAS_NUM_THREADS="1"', 'PYTHONUNBUFFERED="1"'):
        assert setting in environment


def test_settings_of_the_environment_reach_the_processes_even_with_a_percent_sign(layout, deployed, stub, tmp_path):
    from infra.deploy import bring_up
    from infra.digest import Record
    from infra.plan import Action, Step
    from waiting import until

    out = tmp_path / "said"
    curious = stub("curious", f"pathlib.Path({str(out)!r}).write_text(os.environ['TOPIC']); sleep(60)")
    deployment = deployed(curious)
    layout.conf.write_text(configuration((curious,), layout, {"TOPIC": "50%d, a=b"}))
    assert deployment.supervisor.reread() == ([], ["curious"], [])
    deployment.changed.add("curious")
    bring_up(deployment, [Step(curious, Action.START, "", Record({}, {}, ""))], 20)
    until(lambda: out.read_text() == "50%d, a=b", 10, "the setting")


def test_a_value_that_cannot_be_passed_on_is_refused(layout):
    with pytest.raises(ValueError, match="quotes or line ends"):
        configuration((Program("x", ("true",), (), ""),), layout, {"TOPIC": 'a"b'})


def test_a_deep_checkout_gets_a_short_socket(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "run"
    assert len(str(runtime_socket(deep))) < 107
    assert runtime_socket(deep) == runtime_socket(deep) != runtime_socket(deep / "other")


def test_a_copied_folder_does_not_talk_to_the_original_supervisor(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    layout = Layout.of(Settings.read())
    layout.run.mkdir()
    elsewhere = Layout(tmp_path / "elsewhere", layout.run, layout.log, tmp_path / "foreign.sock")
    layout.conf.write_text(configuration((), elsewhere, {}))
    assert Layout.of(Settings.read()).socket == layout.socket
    ours = Layout(layout.checkout, layout.run, layout.log, tmp_path / "own.sock")
    layout.conf.write_text(configuration((), ours, {}))
    assert Layout.of(Settings.read()).socket == tmp_path / "own.sock"


def test_a_source_other_than_the_platform_starts_no_platform(monkeypatch):
    monkeypatch.setenv("SOURCE", "course")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    monkeypatch.setenv("API_URL", "http://127.0.0.1:8080")
    names = {program.name: program for program in programs(Settings.read())}
    assert not {"platform", "replay", "api"} & set(names)
    assert names["catalog"].needs == ()
    monkeypatch.setenv("SOURCE", "replay:lines.log.gz")
    monkeypatch.setenv("CATALOG", "catalogue")
    names = {program.name: program for program in programs(Settings.read())}
    assert "platform" not in names
    assert names["replay"].command[-3:] == ("lines.log.gz", "--ask", "--live")
    assert names["api"].command[-2:] == ("--catalog", "catalogue")
    assert names["catalog"].needs == ("api",)
    monkeypatch.delenv("CATALOG")
    monkeypatch.delenv("API_URL")
    assert "catalog" not in {program.name for program in programs(Settings.read())}


def test_what_a_process_needs_is_in_the_table():
    table = programs(Settings.read())
    names = [program.name for program in table]
    assert len(set(names)) == len(names)
    assert all(need in names for program in table for need in program.needs)


@pytest.mark.parametrize("verb", ["status", "down", "logs"])
def test_where_nothing_runs_the_commands_say_so(verb, tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    done = subprocess.run([sys.executable, "-m", "infra", verb], capture_output=True, text=True)
    assert done.returncode == (0 if verb == "down" else 1)
    assert "Nothing" in done.stdout
