"""Is what is said of a version still so? Arrays, code, libraries and data, each computed anew.

Start at `verify`.
"""

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stream.published import DamagedModel, load_model, load_servable
from training.provenance import CHECKOUT
from training.settings import TrainingSettings


@dataclass(frozen=True)
class Check:
    """One thing looked at. holds: None where nothing is left to look at, or nothing was recorded."""

    what: str  # arrays, code, lock, data
    holds: bool | None
    said: str


def verify(settings: TrainingSettings, version: str, facts: Mapping[str, Any], pruned_on: str | None) -> list[Check]:
    """Look at everything that made a version. pruned_on: UTC date on which its arrays were deleted, if they were."""
    git = facts.get("git") or {}
    return [
        _arrays(settings.models_dir / version, pruned_on),
        _code(git),
        _lock(git.get("commit"), facts.get("lock_digest")),
        check_data(settings.store_dir, facts.get("data") or {}),
    ]


def _arrays(folder: Path, pruned_on: str | None) -> Check:
    if not folder.exists():
        gone = "not published here" if pruned_on is None else f"pruned on {pruned_on}, digests as recorded"
        return Check("arrays", None, gone)
    try:
        load_model(folder)
        servable = load_servable(folder)
    except DamagedModel as error:
        return Check("arrays", False, str(error))
    return Check("arrays", True, f"the tables and {len(servable)} arrays have the digests of their manifest")


def _code(git: Mapping[str, Any]) -> Check:
    commit = git.get("commit")
    if commit is None:
        return Check("code", None, "no commit was recorded")
    if _git("cat-file", "-t", f"{commit}^{{commit}}") is None:
        return Check("code", None, f"commit {commit} is not in this checkout; fetch it from where it was made")
    if git.get("dirty"):
        return Check("code", None, f"commit {commit} is here, but what ran had changes that were never committed")
    return Check("code", True, f"commit {commit} is in this checkout, and nothing else ran")


def _lock(commit: str | None, recorded: str | None) -> Check:
    if commit is None or recorded is None:
        return Check("lock", None, "no lock file was recorded")
    content = _git("show", f"{commit}:requirements.lock")
    if content is None:
        return Check("lock", None, "the commit with its lock file is not here, digest as recorded")
    found = hashlib.sha256(content).hexdigest()
    return Check("lock", found == recorded, f"requirements.lock of that commit has sha256 {found}")


def check_data(store_dir: Path, recorded: Mapping[str, Any]) -> Check:
    """Hash the lines of the recorded ranges again."""
    from stream.store.recheck import recheck

    if not recorded.get("sources"):
        return Check("data", None, "no data were recorded")
    try:
        found = recheck(store_dir, recorded["sources"])
    except ValueError as error:
        return Check("data", False, str(error))
    same = (found.digest, found.events) == (recorded["digest"], recorded["events"])
    if not same:
        return Check("data", False, f"the store holds {found.events} of {recorded['events']} events of those ranges, "
                     f"digest {found.digest}")  # fmt: skip
    if found.pruned_on is None:
        return Check("data", True, f"digest {found.digest} computed anew from {found.recomputed} lines")
    rest = f"{found.recomputed} lines hashed anew, the others"
    return Check("data", True, f"digest {found.digest}: {rest} pruned on {found.pruned_on}, digest as recorded")


def day(at_ns: int) -> str:
    """UTC date of a real time."""
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d")


def _git(*arguments: str) -> bytes | None:
    command = ["git", "-C", str(CHECKOUT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
