"""Which processes a change concerns."""

import shutil

import pytest

from infra.digest import BrokenSource, Record, keep, load, needs_full_restart, record
from infra.imports import closure
from infra.processes import Program, Settings, programs
from infra.setup import CHECKOUT


@pytest.fixture
def house(tmp_path):
    """A copy of our packages that a test may edit."""
    for package in ("stream", "training", "serving", "evaluation", "infra"):
        shutil.copytree(CHECKOUT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "requirements.lock", tmp_path)
    return tmp_path


def edit(house, file):
    with (house / file).open("a") as source:
        source.write("\n# another line\n")


def changed_by(house, *files):
    """Names of the processes whose record differs after the edit."""
    table = programs(Settings.read())
    before = {program.name: record(program, house) for program in table}
    for file in files:
        edit(house, file)
    return {program.name for program in table if record(program, house).differences(before[program.name])}


def test_an_edited_route_concerns_the_service_alone(house):
    assert changed_by(house, "serving/app.py") == {"service"}


def test_an_edited_event_concerns_those_that_read_events_but_not_the_service(house):
    changed = changed_by(house, "stream/events.py")
    assert {"consumer", "platform"} <= changed
    assert not changed & {"service", "kafka", "watch", "shipper"}


def test_another_broker_configuration_concerns_the_broker_alone(house):
    assert changed_by(house, "infra/kafka/server.properties") == {"kafka"}


def test_another_lock_concerns_everyone(house):
    everyone = {program.name for program in programs(Settings.read())}
    assert changed_by(house, "requirements.lock") == everyone


def test_a_static_list_beside_the_code_counts_as_code(house):
    assert changed_by(house, "serving/data/static_list.json") == {"service"}


def test_a_model_of_ones_own_concerns_no_running_process(house):
    (house / "training/models/mine.py").write_text('"""Mine."""\n')
    assert not changed_by(house, "training/models/mine.py") & {"service", "consumer", "kafka", "platform"}


def test_an_edited_settings_page_for_people_concerns_nobody(house):
    assert changed_by(house, "infra/settings_table.py") == set()


def test_a_setting_concerns_those_whose_code_names_its_class(house, monkeypatch):
    table = programs(Settings.read())
    before = {program.name: record(program, house) for program in table}
    monkeypatch.setenv("SPOOL_MAX_MB", "77")
    differing = {p.name: record(p, house).differences(before[p.name]) for p in table}
    assert {name for name, what in differing.items() if what} == {"service"}
    assert differing["service"] == ["SPOOL_MAX_MB"]


def test_code_of_workers_is_taken_up_by_hanging_up_and_code_of_their_parent_is_not(house):
    service = next(program for program in programs(Settings.read()) if program.name == "service")
    before = record(service, house)
    edit(house, "serving/app.py")
    after = record(service, house)
    assert not needs_full_restart(service, house, after, before)
    edit(house, "serving/run.py")
    assert needs_full_restart(service, house, record(service, house), after)


def test_another_port_or_lock_needs_a_full_restart(house, monkeypatch):
    service = next(program for program in programs(Settings.read()) if program.name == "service")
    before = record(service, house)
    assert needs_full_restart(service, house, Record(before.files, before.settings, "other"), before)
    monkeypatch.setenv("SERVE_PORT", "18999")
    assert needs_full_restart(service, house, record(service, house), before)


def write(folder, **files):
    for name, text in files.items():
        file = folder / (name.replace("__", "/", 1) + ".py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


def test_an_import_inside_a_command_counts_for_that_command_alone(tmp_path):
    commands = """
import stream.both
@cli.command()
def eat():
    from stream import fork
@cli.command("drink")
def anything():
    from stream.glass import full
"""
    write(tmp_path, stream__cli=commands, stream__fork="", stream__glass="", stream__both="")
    assert set(closure(tmp_path, ("stream.cli:eat",))) == {"stream.cli", "stream.fork", "stream.both"}
    assert set(closure(tmp_path, ("stream.cli:drink",))) == {"stream.cli", "stream.glass", "stream.both"}


def test_what_a_private_function_imports_counts_for_the_commands_that_call_it(tmp_path):
    commands = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from stream.typed import Plan
@cli.command()
def eat():
    _lay()
@cli.command()
def drink(): ...
def _lay():
    _reach()
def _reach():
    from stream.fork import hold
def _always():
    from stream.both import both
TABLE = _always
def public():
    from stream.other import thing
"""
    names = ("fork", "both", "other", "typed")
    write(tmp_path, stream__cli=commands, **{f"stream__{name}": "" for name in names})
    always = {"stream.cli", "stream.both", "stream.other"}
    assert set(closure(tmp_path, ("stream.cli:eat",))) == always | {"stream.fork"}
    assert set(closure(tmp_path, ("stream.cli:drink",))) == always


def test_relative_imports_and_the_packages_around_a_module_are_followed(tmp_path):
    write(tmp_path, stream____init__="", stream__one="from . import two\nfrom .three import x", stream__two="")
    write(tmp_path, stream__three="")
    assert set(closure(tmp_path, ("stream.one",))) == {"stream", "stream.one", "stream.two", "stream.three"}


def test_a_package_that_looks_for_modules_by_name_takes_all_along(tmp_path):
    write(tmp_path, training____init__="import importlib", training__mine="")
    assert set(closure(tmp_path, ("training",))) == {"training", "training.mine"}


def test_a_file_that_does_not_parse_is_named_with_its_line(tmp_path):
    write(tmp_path, stream__one="x = 1\ndef broken(:\n")
    with pytest.raises(BrokenSource, match=r"stream/one\.py, line 2: "):
        closure(tmp_path, ("stream.one",))


def test_a_record_survives_being_kept(tmp_path):
    kept = Record({"a.py": "1"}, {"team": "2"}, "3")
    keep(tmp_path / "digests" / "one", kept)
    assert load(tmp_path / "digests" / "one") == kept


def test_a_record_that_cannot_be_read_is_no_record(tmp_path):
    (tmp_path / "one").write_text("{")
    assert load(tmp_path / "one") is None
    assert load(tmp_path / "none") is None
    assert Record({}, {}, "").differences(None) == ["no record of what it runs"]


def test_every_process_has_code_of_its_own():
    empty = [p.name for p in programs(Settings.read()) if not record(p, CHECKOUT).files]
    assert empty == []


def test_a_program_of_no_packages_has_an_empty_record(house):
    assert record(Program("x", ("true",), (), ""), house).files == {}
