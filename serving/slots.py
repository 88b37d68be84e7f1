"""The live models, slot by slot, and how they are swapped while requests are answered.

A pointer file names what is live; it is looked at twice a second, and what it names is loaded and checked beside the
requests. The swap is one assignment, so a request sees one model or the other, never half of each. Whatever is wrong
with the pointer or a folder, what was live stays live and the reason is kept for the log, the metrics and /ready.
Start reading at `Slots.look`.
"""

import contextlib
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stream.published import DEFAULT_SLOT, DamagedModel, Pointer, PublishedModel, Slot, load_model, read_pointer

RETRY_SECONDS = 10.0  # a damaged folder may be mended without the pointer moving
_STAND_INS = 3  # other versions tried where nothing is live yet

log = logging.getLogger(__name__)


class SwapListener(Protocol):
    """Who counts swaps."""

    def swapped(self, slot: str, version: str, previous: str | None) -> None:
        """A slot answers from `version` from now on, perhaps only under another overlay."""

    def refused(self, reason: str) -> None:
        """What the pointer names did not go live."""


@dataclass(frozen=True, slots=True)
class Live:
    """What answers at one moment."""

    models: Mapping[str, PublishedModel] = field(default_factory=dict)  # by slot
    problem: str | None = None  # why that is not what the pointer names
    looked: bool = False  # whether the pointer has been looked at yet


class Slots:
    """What is live, kept up with the pointer by calls of `look`."""

    def __init__(self, models_dir: Path, listener: SwapListener) -> None:
        self._models_dir, self._listener = models_dir, listener
        self._seen: tuple[int, ...] | None = None
        self._retry_at = 0.0
        self.live = Live()

    def look(self) -> None:
        """Follow the pointer if it moved. Never raises."""
        moved = self._moved()
        if not moved and not (self.live.problem and time.monotonic() >= self._retry_at):
            return
        try:
            pointer = read_pointer(self._models_dir)
        except (DamagedModel, OSError) as error:
            self._keep([str(error)], moved)
        else:
            self._follow(pointer, moved)

    def _moved(self) -> bool:
        """Whether the pointer is another file than last time (it is replaced, never written in place)."""
        signature: tuple[int, ...] = ()
        with contextlib.suppress(OSError):
            facts = (self._models_dir / "live.json").stat()
            signature = (facts.st_mtime_ns, facts.st_ino, facts.st_size)
        moved, self._seen = signature != self._seen, signature
        return moved

    def _follow(self, pointer: Pointer | None, moved: bool) -> None:
        if pointer is None:  # nothing was ever published, or somebody took the pointer away
            self._keep(["live.json is gone"] if self.live.models or _newest_versions(self._models_dir) else [], moved)
            return
        models, problems = {}, []
        for name, slot in pointer.slots.items():
            try:
                models[name] = self._load(name, slot)
            except (DamagedModel, OSError) as error:  # OSError: pruned while it was read; the pointer has moved on
                problems.append(str(error))
                if (kept := self.live.models.get(name) or self._stand_in(slot)) is not None:
                    models[name] = kept
        self._settle(models, problems, moved)

    def _keep(self, problems: list[str], moved: bool) -> None:
        """Without a pointer that can be read: what is live, or the newest version for a worker that starts now."""
        models = dict(self.live.models)
        if not models and (found := _first_sound(_newest_versions(self._models_dir))):
            models = {DEFAULT_SLOT: found}
        self._settle(models, problems, moved)

    def _load(self, name: str, slot: Slot) -> PublishedModel:
        """The slot's model; its base arrays are read and checked once, however often the overlay changes."""
        now = self.live.models.get(name)
        if now is None or now.version != slot.version:
            return load_model(_folder(self._models_dir, slot.version), slot.overlay)
        return now if now.overlay == slot.overlay else now.with_overlay(slot.overlay)

    def _stand_in(self, slot: Slot) -> PublishedModel | None:
        """For a worker that starts beside a damaged folder: the version without its overlay, else another version."""
        return _first_sound([self._models_dir / slot.version, *_newest_versions(self._models_dir)])

    def _settle(self, models: dict[str, PublishedModel], problems: list[str], moved: bool) -> None:
        before, problem = self.live, "; ".join(problems) or None
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self.live = Live(models, problem, looked=True)  # the swap
        for name, model in models.items():
            self._tell(name, before.models.get(name), model)
        if problem and (moved or problem != before.problem):
            log.error("kept what was live: %s", problem)
            self._listener.refused(problem)

    def _tell(self, name: str, old: PublishedModel | None, new: PublishedModel) -> None:
        if old is new:
            return
        self._listener.swapped(name, new.version, old.version if old else None)
        if old is None or old.version != new.version:
            log.info("slot %s answers from version %s (%s), %d users", name, new.version, new.manifest.name, len(new))


def _folder(models_dir: Path, version: str) -> Path:
    folder = models_dir / version
    if folder.parent != models_dir or version in ("", ".", ".."):
        raise DamagedModel(models_dir / "live.json", f"{version!r} is no version's name")
    return folder


def _first_sound(folders: Iterable[Path]) -> PublishedModel | None:
    for folder in folders:
        with contextlib.suppress(DamagedModel):
            return load_model(folder)
    return None


def _newest_versions(models_dir: Path) -> list[Path]:
    try:
        written = [(path.parent.stat().st_mtime_ns, path.parent) for path in models_dir.glob("[!.]*/manifest.json")]
    except OSError:
        return []
    return [folder for _, folder in sorted(written, reverse=True)[:_STAND_INS]]
