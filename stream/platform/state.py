"""The world on disk: a snapshot now and then, and a journal of every step since.

The journal is written before a step's lines leave, so after a kill the world is led back to that step and says which
lines it was about to send; whoever sends compares them with the topic. The folder is the platform's own (mode 0700).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.platform.columns import Columns, Events, Intents
from stream.platform.simulation import Simulation

FORMAT_VERSION = 1
_TABLES: dict[str, type[Columns]] = {"ready": Events, "later": Events, "intents": Intents}
_ARRAYS = ("memory", "watched", "busy_until_ms", "buzz", "first_requests")
_NUMBERS = ("now_ms", "planned_ms", "next_number")


class WrongState(Exception):
    """The saved state is of another world than the settings ask for, or not to be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the live stream, as far as it does not follow from the world itself."""

    until_ms: int
    live_seconds: float  # real time that the stream has been live when the step ends
    asking: bool  # whether the service has ever been ready
    answers: tuple[tuple[int, str], ...]  # number of each intent that asked, and its line
    trouble: tuple[str, ...] = ()  # ids of the injections that were on


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the live stream has come."""

    live_seconds: float = 0.0
    asking: bool = False
    late: tuple[tuple[int, int, str], ...] = ()  # lines that an injection holds back


class StateFolder:
    """Snapshot and journal of one world in the platform's folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self.folder, self.path = folder, folder / "state.npz"

    def save(self, world: Simulation, progress: Progress) -> None:
        """Replace the snapshot atomically and begin an empty journal."""
        about = {**_identity(world), **asdict(progress), "newcomers": len(world.population) - world.world.n_users}
        about |= {name: getattr(world, name) for name in _NUMBERS}
        arrays = {name: getattr(world, name) for name in _ARRAYS}
        for name in _TABLES:
            arrays |= {f"{name}.{column}": values for column, values in getattr(world, name).columns().items()}
        draft = self.path.with_suffix(".tmp")
        with draft.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.path)
        for old in self.folder.glob("journal-*.jsonl"):
            if old != self.journal(world.now_ms):
                old.unlink(missing_ok=True)

    def load(self, world: Simulation) -> Progress:
        """Lead a new `world` to the snapshot. Raises WrongState, and FileNotFoundError if nothing was saved."""
        with np.load(self.path, allow_pickle=False) as saved:
            about = json.loads(str(saved["about"]))
            if {name: about.get(name) for name in _identity(world)} != _identity(world):
                found = ", ".join(f"{name} {about.get(name)!r}" for name in _identity(world))
                wanted = ", ".join(f"{name} {value!r}" for name, value in _identity(world).items())
                raise WrongState(
                    f"{self.path} is of {found}; the settings ask for {wanted}: change them back or delete it"
                )
            _restore(world, about, saved)
        late = tuple((int(due_ms), int(partition), str(text)) for due_ms, partition, text in about.get("late", ()))
        return Progress(about["live_seconds"], about["asking"], late)

    def journal(self, from_ms: int) -> Path:
        """File of the steps behind the snapshot at `from_ms`."""
        return self.folder / f"journal-{from_ms}.jsonl"

    def steps(self, from_ms: int) -> Iterator[Step]:
        """Steps behind the snapshot at `from_ms`; one that a kill left unfinished was never sent and is left out."""
        path = self.journal(from_ms)
        for line in path.read_text().splitlines(keepends=True) if path.exists() else []:
            if line.endswith("\n"):
                raw = json.loads(line)
                yield Step(**{**raw, "answers": tuple((int(number), text) for number, text in raw["answers"])})


class Journal:
    """Appends steps behind one snapshot; a step is on disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._file.truncate(_whole_bytes(path))

    def write(self, step: Step) -> None:
        """Keep a step."""
        self._file.write(json.dumps(asdict(step)).encode() + b"\n")
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        """Done with this journal."""
        self._file.close()


def _whole_bytes(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1


def _identity(world: Simulation) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "world": world.world.name,
        "seed": world.seed,
        "scale": world.term.rating_max,
        "sizes": [world.world.n_movies, world.world.n_users],
    }


def _restore(world: Simulation, about: dict[str, Any], saved: Any) -> None:
    if about["newcomers"]:
        world.add_newcomers(about["newcomers"])
    for name in _NUMBERS:
        setattr(world, name, int(about[name]))
    for name in _ARRAYS:
        array: NDArray[Any] = saved[name]
        setattr(world, name, array)
    for name, kind in _TABLES.items():
        columns = {key.partition(".")[2]: saved[key] for key in saved.files if key.startswith(f"{name}.")}
        setattr(world, name, kind(**columns))
    world.count_active()
