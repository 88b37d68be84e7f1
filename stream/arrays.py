"""Folders of arrays and small JSON files that a crash never leaves half written, and that are checked when read.

A folder appears under its name only when every byte of it is on disk; its `manifest.json` says of each array what it
must be. `stream.published` is built on this. Start at `write_folder` and `map_array`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT_VERSION = 1
COPIED_BYTES = 16_000_000  # the demo world's lists are a tenth of it
Array = npt.NDArray[Any]
Described = dict[str, dict[str, Any]]


class DamagedModel(Exception):
    """A published folder or pointer that is not what its manifest says; it must never go live."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name}: {reason}")
        self.path, self.reason = path, reason


def replace_json(path: Path, record: dict[str, Any]) -> None:
    """Replace a JSON file atomically, with its bytes on disk before its name. NaN is refused: it is no JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w") as file:
        json.dump(record, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    _sync_folder(path.parent)


def read_json(path: Path) -> dict[str, Any]:
    """An object of this format version. Raises DamagedModel."""
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DamagedModel(path, f"{type(error).__name__}: {error}") from error
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION:
        raise DamagedModel(path, f"expected format_version {FORMAT_VERSION}, got {version!r}")
    return dict(raw)


def write_folder(folder: Path, arrays: Mapping[str, Array], manifest: dict[str, Any]) -> None:
    """Write `arrays` (file name to array) and their manifest whole or not at all; an old folder of that name goes."""
    draft = folder.parent / f".{folder.name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _write_draft(draft, arrays, manifest)
    aside = folder.parent / f".{folder.name}.{os.getpid()}.old"
    if folder.exists():
        folder.rename(aside)
    draft.rename(folder)
    _sync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _write_draft(draft: Path, arrays: Mapping[str, Array], manifest: dict[str, Any]) -> None:
    described = {}
    for name, array in arrays.items():
        path = draft / name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        described[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": _digest(path)}
    replace_json(draft / "manifest.json", {"format_version": FORMAT_VERSION, **manifest, "arrays": described})


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def described_arrays(folder: Path, manifest: dict[str, Any]) -> Described:
    """What a manifest says of each array. Raises DamagedModel."""
    if not isinstance(arrays := manifest.get("arrays"), dict):
        raise DamagedModel(folder, "manifest.json describes no arrays")
    return arrays


def map_array(folder: Path, name: str, checked: Described | None) -> Array:
    """An array, read-only; with `checked`, only if it is what was described. Raises DamagedModel.

    Mapped into memory, which processes share; a small one is copied, since whoever cuts a mapped file short kills
    every process that reads it (SIGBUS).
    """
    path = folder / name
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedModel(folder, f"{name}: {type(error).__name__}: {error}") from error
    if checked is not None:
        seen = {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": _digest(path)}
        if seen != (said := checked.get(name)):
            raise DamagedModel(folder, f"{name}: expected {said}, got {seen}")
    if array.nbytes <= COPIED_BYTES:
        return _frozen_copy(array)
    return np.asarray(array)  # still the map, without memmap's slow indexing


def _frozen_copy(array: Array) -> Array:
    copy = np.array(array)
    copy.flags.writeable = False
    return copy
