"""Both worlds against everything that was measured, through the command: some minutes of CPU each."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("world", ["demo", "course"])
def test_a_world_shows_what_was_measured(tmp_path, world):
    command = [sys.executable, "-m", "stream.platform", "calibrate", "--world", world, "--json"]
    done = subprocess.run(
        command, env=os.environ | {"VAR_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=1800
    )
    found = json.loads(done.stdout)
    assert found["world"] == world
    assert [check for check in found["checks"] if not check["holds"] and "cannot" not in check] == []
    assert done.returncode == 0
    assert all({"quantity", "target", "tolerance", "seen", "holds"} <= set(check) for check in found["checks"])
