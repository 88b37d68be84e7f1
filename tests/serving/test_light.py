"""The service starts quickly and stays small: no heavy library in a worker, and hardly anything in its parent."""

import json
import subprocess
import sys

import pytest

HEAVY = {"mlflow", "pandas", "scipy", "sklearn", "surprise", "implicit", "pyarrow", "duckdb", "kafka"}
WORKER = (
    "serving.app, serving.run, serving.wsgi, serving.answerer, serving.lifecycle, serving.telemetry, serving.trials"
)
OF_STREAM = "stream.published, stream.answers, stream.experiments, stream.evidence, stream.settings"


def imported(statement: str) -> set[str]:
    code = f"import json, sys; {statement}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("modules", [WORKER, OF_STREAM])
def test_no_heavy_library_is_imported(modules):
    assert not HEAVY & imported(f"import {modules}")


def test_the_server_holds_no_code_of_ours_that_a_roll_should_renew():
    ours = {name for name in imported("import serving.run") if name.split(".")[0] in ("serving", "stream")}
    assert ours == {"serving", "serving.run", "serving.listener"}


def test_a_wrong_setting_is_named_before_anything_starts(tmp_path):
    command = [sys.executable, "-m", "serving", "run"]
    env = {"SERVE_PORT": "none", "VAR_DIR": str(tmp_path / "var")}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=30)
    assert done.returncode != 0
    assert "SERVE_PORT" in done.stderr
    assert not (tmp_path / "var").exists()
