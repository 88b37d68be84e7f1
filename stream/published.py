"""The published model on disk: training writes it, serving reads it, and nothing of either is known here.

A version is a folder that never changes once it has its name: arrays (`.npy`, never pickle) and `manifest.json`, which
says what made them and what each array must look like. Overlays, small folders inside it, replace the rows of users who
did something since. `live.json` beside the versions points at what is live in each slot and is replaced atomically.
A reader maps the arrays into memory, so a list costs a binary search and one row. Start at
`write_model` and `load_model`.

    <models_dir>/live.json                                  {"format_version":1,"slots":{"default":...},"moved_ns":...}
    <models_dir>/3/manifest.json movies.npy users.npy lists.npy tiers.npy popular.npy servable/*.npy
    <models_dir>/3/overlay-12/manifest.json users.npy lists.npy tiers.npy
"""

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

import numpy as np

from stream import arrays
from stream.arrays import FORMAT_VERSION, Array, DamagedModel, Described

__all__ = [
    "DEFAULT_SLOT", "DamagedModel", "Manifest", "Pointer", "PublishedModel", "Slot", "Tables", "Tier", "attach_overlay",
    "load_model", "load_servable", "move_pointer", "read_pointer", "read_releases", "write_model", "write_overlay",
    "write_releases",
]  # fmt: skip

DEFAULT_SLOT = "default"


class Tier(IntEnum):
    """What a list is made from, best first; numbers are those of `tiers.npy`."""

    PERSONAL = 0  # own history
    DESCRIPTION = 1  # own words
    SEGMENT = 2  # age, gender, occupation
    POPULAR = 3  # what is watched lately
    STATIC = 4  # shipped with the code


@dataclass(frozen=True)
class Tables:
    """What is looked up: one list for each known user, and the list for everybody else.

    movies: (n_movies,) str, sorted. users: (n_users,) int64, strictly ascending. lists: (n_users, k) int32 index into
    movies, best first, padded with -1. tiers: (n_users,) int8 of `Tier`. popular: (m,) int32 index into movies, m >= 1.
    """

    movies: Array
    users: Array
    lists: Array
    tiers: Array
    popular: Array

    def arrays(self) -> dict[str, Array]:
        """File name to array, in the dtypes of the format."""
        dtypes = {"users": np.int64, "lists": np.int32, "tiers": np.int8, "popular": np.int32}
        return {f"{f.name}.npy": np.asarray(getattr(self, f.name), dtype=dtypes.get(f.name)) for f in fields(self)}


@dataclass(frozen=True)
class Manifest:
    """What made a version: enough to say of any list which code and which data it came from."""

    model_version: str
    name: str
    registry_run: str | None = None
    git: dict[str, Any] = field(default_factory=dict)
    lock_digest: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    histories: dict[str, Any] = field(default_factory=dict)  # what the lists knew of users: until_ns, positions
    created_ns: int = 0
    arrays: Described = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Manifest of a version's folder; unknown keys of later writers are left aside. Raises DamagedModel."""
        raw = arrays.read_json(folder / "manifest.json")
        known = {f.name for f in fields(cls)}
        if missing := {"model_version", "name", "arrays"} - raw.keys():
            raise DamagedModel(folder, f"manifest.json lacks {', '.join(sorted(missing))}")
        return cls(**{key: value for key, value in raw.items() if key in known})


def write_model(
    models_dir: Path, tables: Tables, manifest: Manifest, servable: Mapping[str, Array], replace: bool = False
) -> Path:
    """Write a version's folder whole or not at all, and return it.

    Raises FileExistsError if the version is already published and `replace` is not asked for.
    """
    folder = models_dir / manifest.model_version
    if folder.exists() and not replace:
        raise FileExistsError(f"version {manifest.model_version} is already published in {models_dir}")
    files = tables.arrays() | {f"servable/{name}.npy": array for name, array in servable.items()}
    arrays.write_folder(folder, files, asdict(manifest))
    return folder


def write_overlay(folder: Path, number: int, users: Array, lists: Array, tiers: Array, **facts: Any) -> str:
    """Write rows that replace those of the version in `folder`, and return the overlay's name.

    users: (n,) int64, strictly ascending; may hold users whom the version does not know. `facts` join its manifest.
    """
    name = f"overlay-{number}"
    columns = {"users.npy": (users, np.int64), "lists.npy": (lists, np.int32), "tiers.npy": (tiers, np.int8)}
    files: dict[str, Array] = {file: column.astype(dtype) for file, (column, dtype) in columns.items()}
    arrays.write_folder(folder / name, files, {"model_version": folder.name, **facts})
    return name


class Rows:
    """Users and their lists, mapped from one folder; `find` is a binary search."""

    def __init__(self, folder: Path, checked: Described | None, n_movies: int) -> None:
        self.users, self.lists, self.tiers = (
            arrays.map_array(folder, f"{name}.npy", checked) for name in ("users", "lists", "tiers")
        )
        if not (self.users.ndim == self.tiers.ndim == 1 and self.lists.ndim == 2):
            raise DamagedModel(folder, "users and tiers must be columns and lists a table")
        if not len(self.users) == len(self.lists) == len(self.tiers):
            raise DamagedModel(folder, f"{len(self.users)} users, {len(self.lists)} lists, {len(self.tiers)} tiers")
        if checked is not None:
            _check_rows(folder, self, n_movies)

    def find(self, user_id: int) -> int | None:
        """Row of a user, or None."""
        row = int(self.users.searchsorted(user_id))
        return row if row < len(self.users) and self.users[row] == user_id else None


class PublishedModel:
    """A version that answers: `list_of` a user in microseconds, and what everybody else gets."""

    def __init__(self, folder: Path, manifest: Manifest, movies: tuple[str, ...], base: Rows, popular: Array) -> None:
        self.folder, self.manifest, self.movies, self._base = folder, manifest, movies, base
        self.popular = tuple(movies[index] for index in popular.tolist())
        self.overlay: str | None = None
        self._layers: tuple[Rows, ...] = (base,)

    @property
    def version(self) -> str:
        """Version in the registry."""
        return self.manifest.model_version

    @property
    def users(self) -> Array:
        """Users of the base table, ascending."""
        return self._base.users

    def __len__(self) -> int:
        return len(self._base.users)

    def list_of(self, user_id: int) -> tuple[tuple[str, ...], Tier] | None:
        """A known user's movies, best first, and what they were made from; None for anybody else."""
        for rows in self._layers:
            if (row := rows.find(user_id)) is not None:
                movies = tuple(self.movies[index] for index in rows.lists[row].tolist() if index >= 0)
                return (movies, Tier(int(rows.tiers[row]))) if movies else None
        return None

    def with_overlay(self, overlay: str | None, verify: bool = True) -> "PublishedModel":
        """This version under another overlay; the base arrays are shared, not read again. Raises DamagedModel.

        If the version was published anew meanwhile, its overlays belong to the new arrays, so those are read.
        """
        if overlay is not None and Manifest.read(self.folder).arrays != self.manifest.arrays:
            return load_model(self.folder, overlay, verify)
        other = PublishedModel.__new__(PublishedModel)
        other.__dict__.update(self.__dict__)
        other.overlay, other._layers = overlay, (self._base,)
        if overlay is not None:
            folder = self.folder / overlay
            checked = arrays.described_arrays(folder, arrays.read_json(folder / "manifest.json")) if verify else None
            other._layers = (Rows(folder, checked, len(self.movies)), self._base)
        return other


def load_model(folder: Path, overlay: str | None = None, verify: bool = True) -> PublishedModel:
    """A version's folder, mapped into memory. Raises DamagedModel with the reason, and nothing else.

    verify: read every served array once and compare it with the manifest and with what a list may hold.
    """
    try:
        manifest = Manifest.read(folder)
        checked = manifest.arrays if verify else None
        movies = tuple(np.asarray(arrays.map_array(folder, "movies.npy", checked)).tolist())
        base = Rows(folder, checked, len(movies))
        popular = arrays.map_array(folder, "popular.npy", checked)
        _check_popular(folder, popular, len(movies))
        return PublishedModel(folder, manifest, movies, base, popular).with_overlay(overlay, verify)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise DamagedModel(folder, f"{type(error).__name__}: {error}") from error


def load_servable(folder: Path, verify: bool = True) -> dict[str, Array]:
    """The arrays that lists can be computed from again, by name. Raises DamagedModel."""
    described = arrays.described_arrays(folder, arrays.read_json(folder / "manifest.json"))
    names = [name for name in described if name.startswith("servable/")]
    return {Path(name).stem: arrays.map_array(folder, name, described if verify else None) for name in names}


@dataclass(frozen=True)
class Slot:
    """What one slot serves."""

    version: str
    overlay: str | None = None


@dataclass(frozen=True)
class Pointer:
    """What is live, slot by slot, and since when (UTC)."""

    slots: dict[str, Slot]
    moved_ns: int


def read_pointer(models_dir: Path) -> Pointer | None:
    """What is live; None if nothing ever was. Raises DamagedModel."""
    path = models_dir / "live.json"
    if not path.exists():
        return None
    raw = arrays.read_json(path)
    try:
        slots = {name: Slot(str(slot["version"]), slot.get("overlay")) for name, slot in raw["slots"].items()}
        return Pointer(slots, int(raw["moved_ns"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedModel(path, f"expected slots and moved_ns; {type(error).__name__}: {error}") from error


def move_pointer(models_dir: Path, slots: Mapping[str, Slot]) -> Pointer:
    """Make `slots` live, all at once; other slots go."""
    with _pointer_lock(models_dir):
        return _write_pointer(models_dir, dict(slots))


def attach_overlay(models_dir: Path, slot: str, version: str, overlay: str) -> bool:
    """Put an overlay on a slot if it still serves `version`; False if something else went live meanwhile."""
    with _pointer_lock(models_dir):
        pointer = read_pointer(models_dir)
        if pointer is None or slot not in pointer.slots or pointer.slots[slot].version != version:
            return False
        _write_pointer(models_dir, {**pointer.slots, slot: Slot(version, overlay)})
        return True


def read_releases(models_dir: Path) -> list[dict[str, Any]]:
    """Releases in progress, from releases.json; none if there is no file. Raises DamagedModel."""
    path = models_dir / "releases.json"
    return list(arrays.read_json(path).get("releases", [])) if path.exists() else []


def write_releases(models_dir: Path, releases: list[dict[str, Any]]) -> None:
    """Replace releases.json."""
    arrays.replace_json(models_dir / "releases.json", {"format_version": FORMAT_VERSION, "releases": releases})


def _write_pointer(models_dir: Path, slots: dict[str, Slot]) -> Pointer:
    pointer = Pointer(slots, time.time_ns())
    arrays.replace_json(models_dir / "live.json", {"format_version": FORMAT_VERSION, **asdict(pointer)})
    return pointer


@contextmanager
def _pointer_lock(models_dir: Path) -> Iterator[None]:
    models_dir.mkdir(parents=True, exist_ok=True)
    with (models_dir / "live.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_rows(folder: Path, rows: Rows, n_movies: int) -> None:
    if not (rows.users[1:] > rows.users[:-1]).all():
        raise DamagedModel(folder, "users.npy is not strictly ascending")
    if rows.lists.size and not (rows.lists.min() >= -1 and rows.lists.max() < n_movies):
        raise DamagedModel(folder, f"lists.npy points outside the {n_movies} movies")
    if rows.tiers.size and not (rows.tiers.min() >= 0 and rows.tiers.max() <= Tier.STATIC):
        raise DamagedModel(folder, "tiers.npy holds an unknown tier")


def _check_popular(folder: Path, popular: Array, n_movies: int) -> None:
    if popular.ndim != 1 or not popular.size:
        raise DamagedModel(folder, "popular.npy is empty: nobody unknown could be answered")
    if popular.min() < 0 or popular.max() >= n_movies:
        raise DamagedModel(folder, f"popular.npy points outside the {n_movies} movies")
