"""What made a model: the code, the locked libraries, the machine and the data, read where they are."""

import hashlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent


def git_state(checkout: Path = CHECKOUT) -> dict[str, Any]:
    """Commit and whether anything differs from it; {"commit": None} where there is no git or no repository."""
    commit = _git(checkout, "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(_git(checkout, "status", "--porcelain", "--untracked-files=no"))}


def lock_digest(checkout: Path = CHECKOUT) -> str | None:
    """sha256 of requirements.lock; None where the project is installed without its checkout."""
    path = checkout / "requirements.lock"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def machine() -> dict[str, Any]:
    """What the numbers were computed on; floating point may differ elsewhere."""
    return {"platform": platform.platform(), "python": platform.python_version(), "cpus": os.cpu_count()}


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=checkout, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
