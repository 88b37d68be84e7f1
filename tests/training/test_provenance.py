"""The code that made a model is named exactly, or said to be unknown."""

import hashlib
import subprocess

from training.provenance import git_state, lock_digest, machine


def test_a_commit_is_named_and_an_edit_makes_it_dirty(tmp_path):
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    (tmp_path / "requirements.lock").write_text("numpy==2.3.0\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    assert git_state(tmp_path) == {"commit": git("rev-parse", "HEAD").strip(), "dirty": False}
    (tmp_path / "requirements.lock").write_text("numpy==2.4.0\n")
    assert git_state(tmp_path)["dirty"] is True
    assert lock_digest(tmp_path) == hashlib.sha256(b"numpy==2.4.0\n").hexdigest()


def test_without_a_repository_or_lock_that_is_said(tmp_path):
    assert git_state(tmp_path) == {"commit": None, "dirty": None}
    assert lock_digest(tmp_path) is None


def test_the_machine_is_described():
    assert {"platform", "python", "cpus"} <= machine().keys()
