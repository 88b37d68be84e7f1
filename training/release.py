"""What is live, changed by hand: promote a version, roll back, publish anew; and the table of all versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stream.published import DamagedModel, load_model, read_pointer
from training.data import read_stored
from training.publish import go_live
from training.publish import promote as publish_and_promote
from training.registry import CHAMPION, PREVIOUS, NoSuchVersion, Registry, Version
from training.settings import TrainingSettings


@dataclass(frozen=True)
class Listed:
    """A version as tables show it."""

    version: str
    model: str
    made: str
    metrics: dict[str, float | None]
    verdict: str
    aliases: tuple[str, ...]
    live: bool
    pruned: bool


def versions(settings: TrainingSettings) -> list[Listed]:
    """All versions, newest first."""
    pointer = read_pointer(settings.models_dir)
    live = {slot.version for slot in pointer.slots.values()} if pointer else set()
    return [_listed(version, version.number in live) for version in Registry(settings.mlflow_dir).versions()]


def version_table(listed: Sequence[Listed]) -> str:
    """The versions as text, one a line."""
    if not listed:
        return "no version yet; make one with: python -m training train"
    lines = [f"{'version':>7}  {'model':<12} {'made (UTC)':<16} {'NDCG@20':>8} {'coverage':>8}  gate  "]
    for one in listed:
        ndcg, coverage = (_figure(one.metrics.get(name)) for name in ("ndcg@20", "coverage"))
        marks = ", ".join([*(["live"] if one.live else []), *one.aliases, *(["pruned"] if one.pruned else [])])
        lines.append(
            f"{one.version:>7}  {one.model:<12} {one.made:<16} {ndcg:>8} {coverage:>8}  {one.verdict}  {marks}"
        )
    return "\n".join(lines)


def promote(settings: TrainingSettings, which: str) -> str:
    """Make a version, or the newest of a model, live and champion.

    Raises NoSuchVersion, or DamagedModel if its arrays are gone.
    """
    registry = Registry(settings.mlflow_dir)
    return _bring_live(settings, registry, registry.get(which))


def rollback(settings: TrainingSettings) -> str:
    """Make the version before the champion live. Raises NoSuchVersion or DamagedModel."""
    registry = Registry(settings.mlflow_dir)
    if not (previous := registry.aliased(PREVIOUS)):
        raise NoSuchVersion("nothing was live before the champion; `python -m training models` lists all versions")
    return _bring_live(settings, registry, previous)


def republish(settings: TrainingSettings) -> str:
    """Write the champion's folder anew and make it live. Raises NoSuchVersion or DamagedModel."""
    registry = Registry(settings.mlflow_dir)
    if not (champion := registry.aliased(CHAMPION)):
        raise NoSuchVersion("there is no champion yet; make one with: python -m training train")
    _publish(settings, registry, champion)
    return f"version {champion.number} ({champion.recipe.name}) is published anew and live"


def _bring_live(settings: TrainingSettings, registry: Registry, version: Version) -> str:
    """In a moment if its folder is still whole, else by publishing it from the registry."""
    try:
        gate = load_model(settings.models_dir / version.number).manifest.gate
        go_live(settings, registry, version.number, gate)
    except DamagedModel:
        _publish(settings, registry, version)
    return f"version {version.number} ({version.recipe.name}) is live; back with: python -m training rollback"


def _publish(settings: TrainingSettings, registry: Registry, version: Version) -> None:
    stored = read_stored(settings.store_dir, (settings.term.rating_min, settings.term.rating_max))
    publish_and_promote(settings, registry, version, stored)


def _listed(version: Version, live: bool) -> Listed:
    made = datetime.fromtimestamp(version.created_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
    number, name, aliases = version.number, version.recipe.name, version.aliases
    return Listed(number, name, made, version.metrics, version.verdict, aliases, live, version.pruned)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
