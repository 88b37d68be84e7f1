"""The broker's jars, each downloaded by its Maven coordinate and checked by sha256.

Nothing is resolved: `jars.lock` was made by Maven's own resolver; others pick wrong versions for this tree.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

JARS_LOCK = Path(__file__).with_name("jars.lock")
CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_LIBS = CHECKOUT / "var" / "kafka" / "libs"
Tell = Callable[[str], None]


class FetchFailed(RuntimeError):
    """A jar could not be had as it was locked."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of `jars.lock`: ``group:artifact:version sha256:… bytes``."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """Name in the folder of jars."""
        return f"{self.artifact}-{self.version}.jar"

    @classmethod
    def parse(cls, line: str) -> "Jar":
        """One line of the lock."""
        coordinate, digest, size = line.split()
        group, artifact, version = coordinate.split(":")
        return cls(group, artifact, version, digest.removeprefix("sha256:"), int(size))


def locked_jars(lock: Path = JARS_LOCK) -> list[Jar]:
    """Every jar of the lock."""
    return [Jar.parse(line) for line in lock.read_text(encoding="ascii").splitlines() if line.strip()]


def missing(jars: list[Jar], libs: Path) -> list[Jar]:
    """Jars that are not in the folder in their full size (content is checked when they are put there)."""
    return [jar for jar in jars if not (file := libs / jar.file_name).exists() or file.stat().st_size != jar.size]


def ensure_jars(libs: Path = DEFAULT_LIBS, tell: Tell = lambda _: None) -> Path:
    """Fill the folder with the locked jars; several processes may ask at once. Raises FetchFailed."""
    libs.mkdir(parents=True, exist_ok=True)
    with (libs.parent / "libs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = missing(locked_jars(), libs)
        for done, jar in enumerate(wanted):
            tell(f"Kafka: jar {done + 1} of {len(wanted)}, {jar.file_name}")
            _fetch(jar, libs)
        shutil.rmtree(libs.parent / "download", ignore_errors=True)
    return libs


def _fetch(jar: Jar, libs: Path) -> None:
    downloaded = _download(jar, libs.parent / "download")
    came = hashlib.sha256(downloaded.read_bytes()).hexdigest()
    if came != jar.sha256:
        raise FetchFailed(f"{jar.file_name}: expected sha256 {jar.sha256}, got {came}; delete var/kafka and try again")
    downloaded.replace(libs / jar.file_name)


def _download(jar: Jar, folder: Path) -> Path:
    from jgo.maven import MavenContext  # heavy, and needed once

    try:
        maven = MavenContext(repo_cache=folder)
        return Path(maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
    except (OSError, RuntimeError) as error:
        raise FetchFailed(f"{jar.file_name} cannot be downloaded: {error}; is there a network?") from error
