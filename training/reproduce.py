"""A version made again: the same recipe on exactly the events it was made from, held against what was registered.

Arrays are compared by the digests in the run's manifest, which outlives them; lists by computing all of them.
With the same libraries, seeds and threads they are the same bit for bit. Start at `reproduce`.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stream.published import DamagedModel
from training import verified
from training.data import FOREVER_NS, RATINGS, SESSIONS, Columns, Interactions, interactions_of
from training.models import Recipe
from training.registry import Registry, Version
from training.scoring import K
from training.servable import Array, Servable
from training.settings import TrainingSettings


class CannotReproduce(Exception):
    """The data that made a version are not there any more as they were."""


@dataclass(frozen=True)
class Reproduced:
    """How the second making compares with the first; same_lists is None where the first's arrays were pruned."""

    version: str
    recipe: str
    data: str
    users: int
    same_arrays: list[str]
    other_arrays: list[str]
    same_lists: int | None

    @property
    def holds(self) -> bool:
        """Whether everybody gets the same list."""
        return not self.other_arrays if self.same_lists is None else self.same_lists == self.users

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self) | {"holds": self.holds}

    def text(self) -> str:
        """As a person reads it."""
        total = len(self.same_arrays) + len(self.other_arrays)
        lists = "the arrays are pruned, so by their digests alone" if self.same_lists is None else (
            f"{self.same_lists} of {self.users} users get the same list")  # fmt: skip
        other = f"; other: {', '.join(self.other_arrays)}" if self.other_arrays else ""
        return "\n".join([
            f"version {self.version} ({self.recipe}) fitted again on the same data: {self.data}",
            f"arrays   {len(self.same_arrays)} of {total} are the same bit for bit{other}",
            f"lists    {lists}",
        ])  # fmt: skip


def reproduce(settings: TrainingSettings, which: str) -> Reproduced:
    """Fit a version again. Raises NoSuchVersion, DamagedModel, UnknownModel or CannotReproduce."""
    registry = Registry(settings.mlflow_dir)
    version = registry.get(which)
    facts = registry.facts(version)
    data = verified.check_data(settings.store_dir, facts["data"])
    if not data.holds:
        raise CannotReproduce(f"version {version.number}: {data.said}")
    known = recorded(settings, facts["data"])
    recipe = Recipe.of(facts["name"], facts["parameters"])
    fitted = recipe.fit(known)
    same, other = compared(fitted.arrays(), facts["arrays"])
    lists = _same_lists(registry, version, fitted, known)
    return Reproduced(version.number, recipe.name, data.said, len(known.users), same, other, lists)


def recorded(settings: TrainingSettings, data: Mapping[str, Any]) -> Interactions:
    """What was read for the first fit: the same ranges, up to the newest time that was believed then."""
    from stream.store.recheck import query_recorded

    until = {"until_ns": FOREVER_NS if data["last_ns"] is None else data["last_ns"] + 1}
    scale = {"lowest": settings.term.rating_min, "highest": settings.term.rating_max}
    sessions = query_recorded(settings.store_dir, data["sources"], SESSIONS, **until)
    ratings = query_recorded(settings.store_dir, data["sources"], RATINGS, **until, **scale)
    return interactions_of(Columns(*sessions.values()), Columns(*ratings.values()))


def compared(arrays: Mapping[str, Array], described: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Names of the arrays that are what was described when a run was logged, and of those that are not."""
    same: list[str] = []
    other: list[str] = []
    for name, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        digest = hashlib.sha256(file.getvalue()).hexdigest()
        first = described.get(f"servable/{name}.npy", {}).get("sha256")
        (same if digest == first else other).append(name)
    return same, other


def _same_lists(registry: Registry, version: Version, fitted: Servable, known: Interactions) -> int | None:
    try:
        first = Servable.from_arrays(registry.read(version)[1])
    except DamagedModel:
        return None
    histories = known.histories()
    ours, theirs = (one.movies[one.top(known.users, histories, K)] for one in (fitted, first))
    return int((ours == theirs).all(axis=1).sum())
