"""What an interpreter that cannot do it says, and when setup has nothing to do."""

import ast
import os
import shutil
import subprocess

import pytest

from infra import setup
from infra.__main__ import fault, main
from infra.setup import CHECKOUT


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 8, 18), (3, 10, 13)])
def test_an_old_python_is_named_in_one_sentence(version):
    said = fault(version, True)
    assert said.startswith(f"Python 3.11 or newer is needed, this is {'.'.join(map(str, version))}: ")
    assert "\n" not in said


def test_a_missing_venv_module_is_named_in_one_sentence():
    assert fault((3, 12, 1), False).startswith("Python's venv module is missing: install it")


def test_a_good_python_is_fine():
    assert fault((3, 11, 0), True) is None


def test_the_entry_can_be_read_by_old_pythons():
    ast.parse((CHECKOUT / "infra/__main__.py").read_text(), feature_version=(3, 6))
    ast.parse((CHECKOUT / "infra/__init__.py").read_text(), feature_version=(3, 6))


def works(python):
    return subprocess.run([python, "-c", "pass"], capture_output=True, check=False).returncode == 0


def test_an_old_python_on_this_machine_says_it_too():
    names = [f"python3.{minor}" for minor in range(6, 11)]
    for old in (found for name in names if (found := shutil.which(name)) and works(found)):
        done = subprocess.run([old, "-m", "infra", "up"], cwd=CHECKOUT, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Python 3.11 or newer is needed, this is 3.")
        assert done.stderr.count("\n") == 1


def test_help_lists_every_verb(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for verb in ("setup", "up", "status", "logs", "down", "mlflow"):
        assert f"\n    {verb} " in shown


def test_setup_that_is_done_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "VENV", tmp_path)
    done = []
    for _ in range(2):
        setup._once("lock", "digest", lambda: done.append(1))
    setup._once("lock", "another digest", lambda: done.append(2))
    assert done == [1, 2]


def test_setup_that_fails_is_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "VENV", tmp_path)
    with pytest.raises(ZeroDivisionError):
        setup._once("lock", "digest", lambda: 1 / 0)
    assert not (tmp_path / ".matinee-lock").exists()


def test_an_installer_that_fails_leaves_its_error_as_the_cause(tmp_path):
    lock = tmp_path / "bad.lock"
    lock.write_text("no such package here\n")
    with pytest.raises(setup.SetupFailed, match=r"^setup: .*failed: .+"):
        setup.install(lock, "bad.lock")


def test_lock_files_hold_hashes_and_no_addresses():
    for lock in ("requirements.lock", "infra/kafka/jre.lock"):
        text = (CHECKOUT / lock).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "index" not in text.replace("importlib", "").split("--hash")[0]


def test_the_lock_holds_what_the_project_asks_for():
    import re
    import tomllib

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[<>=!;\[ ]", one)[0].lower() for one in asked}
    locked = {line.split("==")[0] for line in (CHECKOUT / "requirements.lock").read_text().splitlines() if "==" in line}
    assert names - locked == set()


def test_make_lists_every_target_with_a_sentence():
    done = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    targets = {
        line.split()[0].rstrip(":")
        for line in (CHECKOUT / "Makefile").read_text().splitlines()
        if ": " in line and line[0].islower()
    }
    for target in targets:
        assert f"make {target} " in done.stdout


def test_the_user_service_is_what_systemd_expects(tmp_path):
    if not shutil.which("systemd-analyze"):
        return  # a machine without systemd has no use for it either
    unit = tmp_path / "matinee.service"
    unit.write_text((CHECKOUT / "infra/matinee.service").read_text().replace("%h/matinee", str(CHECKOUT)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(unit)],
        capture_output=True,
        text=True,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert "matinee.service" not in done.stderr, done.stderr
