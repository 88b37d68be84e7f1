"""What a process runs, as a record: the files of ours that it imports, the settings that it goes by, the lock.

`up` compares the record kept when a process was started with the one it would have now: where they differ, the process
is out of date, and the difference says why in words.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.imports import BrokenSource, closure, data_beside, read
from infra.processes import Program
from infra.settings_table import CLASSES
from stream.settings import HouseSettings, read_settings

__all__ = ["BrokenSource", "Record", "keep", "load", "needs_full_restart", "record"]
_PARENT_SETTINGS = {"serve_host", "serve_port", "serve_workers", "source", "var_dir"}


@dataclass(frozen=True, slots=True)
class Record:
    """What a process runs. files: path to digest; settings: name to value; lock: digest of what is installed."""

    files: dict[str, str]
    settings: dict[str, str]
    lock: str

    def differences(self, other: "Record | None") -> list[str]:
        """What changed since `other`, in words for a person; empty if nothing did."""
        if other is None:
            return ["no record of what it runs"]
        files = sorted(_unequal(self.files, other.files))
        settings = sorted(name.upper() for name in _unequal(self.settings, other.settings))
        return [*files, *settings, *(["requirements.lock"] if self.lock != other.lock else [])]


def record(program: Program, checkout: Path) -> Record:
    """The record of a process as it would start now. Raises BrokenSource, or SystemExit for a wrong setting."""
    modules = closure(checkout, program.entries)
    files = set(modules.values()) | data_beside(modules.values())
    return Record(
        files={str(file.relative_to(checkout)): _digest(file) for file in sorted(files)},
        settings=_settings(set(modules.values()), checkout, program),
        lock=_digest(checkout / "requirements.lock"),
    )


def needs_full_restart(program: Program, checkout: Path, now: Record, then: Record | None) -> bool:
    """Would HUP not be enough? It takes up code and settings that the workers read, not those of their parent."""
    if not program.reloads or then is None or now.lock != then.lock:
        return True
    held = {str(file.relative_to(checkout)) for file in closure(checkout, program.parent).values()}
    return bool(_unequal(now.files, then.files) & held or _unequal(now.settings, then.settings) & _PARENT_SETTINGS)


def load(file: Path) -> Record | None:
    """A record that was kept, or None when there is none that can be read."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return Record(said["files"], said["settings"], said["lock"])
    except (OSError, ValueError, KeyError):
        return None


def keep(file: Path, what: Record) -> None:
    """Keep the record of a process that was started, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.tmp")
    fresh.write_text(json.dumps(asdict(what), indent=1), encoding="utf-8")
    fresh.replace(file)


def _settings(files: set[Path], checkout: Path, program: Program) -> dict[str, str]:
    """Values of every settings class that the code names."""
    used = {name for file in files if file.name != "settings.py" for name in read(file, checkout).names}
    values: dict[str, str] = {}
    for kind in CLASSES:
        if kind is HouseSettings or kind.__name__ in used:
            values |= {name: str(value) for name, value in read_settings(kind).model_dump().items()}
    only = program.settings_fields
    return {name: value for name, value in values.items() if not only or name in only}


def _unequal(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
