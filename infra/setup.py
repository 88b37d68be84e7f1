"""`.venv` from the lock file: uv when it is there, else pip; skipped when nothing changed. Standard library only.

A stamp inside `.venv` says which lock was installed: a second run costs nothing, an interrupted one is done again.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from infra.terminal import Progress, say

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = CHECKOUT / "requirements.lock"


class SetupFailed(SystemExit):
    """Setup cannot go on; the text says why and what to do."""


def inside() -> bool:
    """Is this interpreter the one of `.venv`?"""
    return Path(sys.prefix).resolve() == VENV.resolve()


def ensure() -> None:
    """Make or mend `.venv` so that it holds exactly what the lock says, and the project itself."""
    if not _runs(PYTHON):
        say("setup: making .venv")
        _make_venv()
    _once("lock", _digest(LOCK), lambda: install(LOCK, "requirements.lock"))
    _once("project", _digest(CHECKOUT / "pyproject.toml"), _install_project)


def install(lock: Path, what: str) -> None:
    """Install a lock file's packages, each checked by its hash. Raises SetupFailed with the last words of the tool."""
    tool, flags = ("uv", []) if _uv() else ("pip", ["--no-compile", "--progress-bar", "off"])
    wanted = len(set(re.findall(r"^([A-Za-z0-9_.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE)))
    say(f"setup: installing up to {wanted} packages of {what} with {tool}")
    _run_shown([*_installer(), *flags, "--require-hashes", "-r", str(lock)], wanted)


def _install_project() -> None:
    say("setup: installing the project itself")
    _run_shown([*_installer(), "-q", "--no-deps", "--no-build-isolation", "-e", str(CHECKOUT)], 1)


def _uv() -> str | None:
    return shutil.which("uv")


def _installer() -> list[str]:
    if uv := _uv():
        return [uv, "pip", "install", "--python", str(PYTHON)]
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]


def _make_venv() -> None:
    uv = _uv()
    make = (
        [uv, "venv", "--seed", "--allow-existing", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    )
    done = subprocess.run([*make, str(VENV)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupFailed(f"setup: cannot make .venv: {_last_words(done.stderr or done.stdout)}")


def _runs(python: Path) -> bool:
    """An interpreter that was moved or half made does not run, whatever files are there."""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-c", "pass"], capture_output=True, check=False).returncode == 0


def _run_shown(command: list[str], wanted: int) -> None:
    progress, words, seen = Progress(), [""], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as tool:
        assert tool.stdout is not None
        for line in tool.stdout:
            words = [*words[-20:], line.strip()]
            seen += line.startswith("Collecting ")
            if line.startswith(("Collecting ", "Installing ", "Resolved ", "Prepared ")):
                progress.show(f"{min(seen, wanted)} of {wanted}: {' '.join(line.split()[:2])}")
    if tool.returncode:
        raise SetupFailed(f"setup: {' '.join(command[:4])} … failed: {_last_words(chr(10).join(words))}")
    progress.done("done")


def _last_words(text: str) -> str:
    told = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in told if line.lower().startswith("error")]
    return (errors or told or ["it said nothing"])[-1].strip()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _once(name: str, digest: str, work: Callable[[], None]) -> None:
    stamp = VENV / f".matinee-{name}"
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return
    work()
    stamp.write_text(digest, encoding="ascii")
