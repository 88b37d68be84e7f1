"""What `training compare` and `curve` read and keep: events of a store or file, recipes named in words, MLflow runs."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream.settings import HouseSettings
from training.compare import Comparison, compare
from training.data import Interactions, read_interactions
from training.models import Recipe, recipes_of
from training.servable import Array
from training.settings import TrainingSettings
from training.slices import groups_of

NAMED = ("ndcg@20", "recall@20", "hit_rate@20", "coverage", "rmse", "mae", "fit_seconds", "recommend_per_second",
         "recommend_ms", "bytes")  # fmt: skip


class NothingToCompare(ValueError):
    """The events asked for cannot be compared on; the text says why."""


@dataclass(frozen=True)
class Compared:
    """A comparison and the groups its users belong to."""

    comparison: Comparison
    groups: Mapping[str, Array]


@dataclass(frozen=True)
class Read:
    """Events, and the catalogue beside them."""

    interactions: Interactions
    catalog_dir: Path


def read(settings: TrainingSettings, store: Path | None, ratings: Path | None, format_: str) -> Read:
    """Events of the store, or of a file of ratings through a store of its own. Raises NothingToCompare."""
    if store and ratings:
        raise NothingToCompare("--store and --ratings name two sources; give one")
    if ratings is None:
        place = store or settings.store_dir
        found = Read(read_interactions(place, _scale(settings)), place / "catalog")
    else:
        found = _read_file(settings, ratings, format_)
    if not len(found.interactions.at_ns()):
        raise NothingToCompare(f"no session and no rating in {ratings or store or settings.store_dir}")
    return found


def recipes(models: str) -> list[Recipe]:
    """Recipes of comma-separated words, each once. Raises UnknownModel."""
    found = [recipe for word in models.split(",") if word.strip() for recipe in recipes_of(word.strip())]
    return [recipe for place, recipe in enumerate(found) if recipe not in found[:place]]


def cuts_of(percents: str) -> list[float]:
    """Shares from comma-separated percents. Raises NothingToCompare."""
    try:
        cuts = [float(percent) / 100 for percent in percents.split(",")]
    except ValueError:
        cuts = []
    if not cuts or not all(0 < cut < 1 for cut in cuts):
        raise NothingToCompare(f"--cuts takes percents between 0 and 100, e.g. 80,90; got {percents!r}")
    return cuts


def compared(found: Read, chosen: Sequence[Recipe], split: str, cuts: Sequence[float]) -> Compared:
    """The comparison on what was read, with its users' groups."""
    comparison = compare(found.interactions, chosen, split, cuts)
    return Compared(comparison, groups_of(comparison, found.catalog_dir))


def log(settings: TrainingSettings, found: Compared, record: Mapping[str, Any]) -> str:
    """One MLflow run for the comparison with a child for each model; returns the parent's id."""
    from training import tracking

    children = [
        (model["name"], model["parameters"], {name: model[name] for name in NAMED}) for model in record["models"]
    ]
    facts = {"split": record["split"], "cuts": str(record["cuts"]), **record["leakage"]}
    return tracking.log_family(settings.mlflow_dir, f"compare {found.comparison.split}", facts, children)


def _read_file(settings: HouseSettings, ratings: Path, format_: str) -> Read:
    from stream.store.formats import FORMATS
    from stream.store.ingest import ingest

    if format_ not in FORMATS:
        raise NothingToCompare(f"--format is one of {', '.join(FORMATS)}; got {format_!r}")
    with tempfile.TemporaryDirectory(prefix="matinee-compare-") as scratch:
        told = ingest([ratings], Path(scratch), settings.term, format_=format_)
        if told["damaged"]:
            raise NothingToCompare("; ".join(told["damaged"].values()))
        return Read(read_interactions(Path(scratch), _scale(settings), min_viewers=1), Path(scratch) / "catalog")


def _scale(settings: HouseSettings) -> tuple[int, int]:
    return settings.term.rating_min, settings.term.rating_max
