"""From a version in the registry to what serving reads: every known user's list, computed once, and the pointer.

`publish` writes the folder, `go_live` moves pointer and aliases, `prune` deletes folders that nothing needs. A folder
is written whole or not at all and the pointer moves last, so that a crash anywhere leaves what was live.
"""

import logging
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stream import evidence
from stream.published import (
    DEFAULT_SLOT,
    Manifest,
    Pointer,
    Slot,
    Tables,
    Tier,
    move_pointer,
    read_pointer,
    write_model,
)
from training.data import Interactions, Stored
from training.models import Recipe
from training.registry import Registry, Version
from training.scoring import K
from training.servable import Array, Histories, Servable, find
from training.settings import TrainingSettings
from training.suitability import Suitability

N_POPULAR = 100  # enough that something is left for anybody once seen movies are taken out
FACTS = ("name", "git", "lock_digest", "data", "parameters", "metrics", "gate", "created_ns")
log = logging.getLogger(__name__)


def publish(
    models_dir: Path, version: Version, facts: Mapping[str, Any], servable: Servable, known: Interactions,
    positions: Mapping[str, int], suitability: Suitability,
) -> Path:  # fmt: skip
    """Write a version's folder with the lists of all users in `known`, and return it; an old folder of it goes.

    facts: what made the model (keys of the manifest). positions: how far into the store `known` reaches.
    suitability: says what is withheld from whom.
    """
    started, histories = time.perf_counter(), _histories(servable, known)
    lists = servable.top(known.users, suitability.withheld(known.users, histories, servable.movies), K)
    tiers = np.where((lists >= 0).any(axis=1), Tier.PERSONAL, Tier.POPULAR)
    tables = Tables(servable.movies, known.users, lists, tiers, popular_of(servable, known, suitability))
    manifest = Manifest(
        model_version=version.number,
        registry_run=version.run_id,
        histories={"until_ns": known.now_ns(), "positions": dict(positions)},
        **{key: facts[key] for key in FACTS},
    )
    _drop_live_overlay(models_dir, version.number)
    seen = {"seen_starts": histories.starts, "seen_movies": histories.movies}
    folder = write_model(models_dir, tables, manifest, servable.arrays() | seen, replace=True)
    log.info(
        "published version %s: lists of %d users in %.1f s", version.number, len(lists), time.perf_counter() - started
    )
    return folder


def promote(settings: TrainingSettings, registry: Registry, version: Version, stored: Stored) -> Pointer:
    """Publish a version from the registry with everybody's history as stored, and make it live.

    Raises DamagedModel if its arrays were pruned or are damaged.
    """
    facts, arrays = registry.read(version)
    servable = Servable.from_arrays(arrays)
    publish(settings.models_dir, version, facts, servable, stored.interactions, stored.positions,
            Suitability(settings.store_dir / "catalog"))  # fmt: skip
    return go_live(settings, registry, version.number, facts["gate"])


def popular_of(servable: Servable, known: Interactions, suitability: Suitability) -> Array:
    """(m,) places in the model's movie table of what is watched lately, best first: what strangers are answered.

    A stranger may be a minor, so nothing that is called adult is among it.
    """
    recent = Recipe.of("recent").fit(known)
    withheld = suitability.adult_places(recent.movies)
    best = recent.top(np.array([-1]), Histories.of(np.zeros(len(withheld)), withheld, 1), N_POPULAR)[0]
    places = find(servable.movies, known.movies[best[best >= 0]])
    return places[places >= 0]


def go_live(settings: TrainingSettings, registry: Registry, number: str, gate: Mapping[str, Any]) -> Pointer:
    """Make a published version the live one and the champion, and leave evidence of it."""
    pointer = move_pointer(settings.models_dir, {DEFAULT_SLOT: Slot(number)})
    registry.name_champion(number)
    manifest = Manifest.read(settings.models_dir / number)
    record = {"version": number, "name": manifest.name, "stream_ns": manifest.data.get("last_ns"), "gate": dict(gate)}
    evidence.leave(settings.var_dir, "promotion", record)
    log.info("version %s (%s) is live", number, manifest.name)
    return pointer


def prune(settings: TrainingSettings, registry: Registry) -> list[str]:
    """Delete arrays of old versions in the registry and folders of old versions; what is live or aliased stays."""
    registry.prune(settings.keep_versions)
    aliased = {version.number for version in registry.versions() if version.aliases}
    return prune_folders(settings.models_dir, settings.keep_versions, aliased)


def prune_folders(models_dir: Path, keep: int, needed: Collection[str]) -> list[str]:
    """Delete all folders but the newest `keep`, those in `needed` and the live one; also what a crash left behind."""
    pointer = read_pointer(models_dir)
    needed = set(needed) | {slot.version for slot in (pointer.slots.values() if pointer else ())}
    versions = sorted((path for path in models_dir.glob("*") if path.name.isdigit()), key=lambda path: -int(path.name))
    old = [path for path in versions[keep:] if path.name not in needed]
    for path in [*old, *_leftovers(models_dir)]:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in old]


def _drop_live_overlay(models_dir: Path, number: str) -> None:
    """Take the overlay off a live version whose folder is about to be replaced; refresh writes a new one."""
    pointer = read_pointer(models_dir)
    if pointer and any(slot.version == number and slot.overlay for slot in pointer.slots.values()):
        kept = {name: Slot(s.version, None if s.version == number else s.overlay) for name, s in pointer.slots.items()}
        move_pointer(models_dir, kept)


def _leftovers(models_dir: Path) -> list[Path]:
    hour_ago = time.time() - 3_600
    return [path for path in models_dir.glob(".*") if path.is_dir() and path.stat().st_mtime < hour_ago]


def _histories(servable: Servable, known: Interactions) -> Histories:
    """Histories of the users in `known`, in the model's own movie numbers; movies that it does not know drop out."""
    user, movie = known.pairs()
    place = find(servable.movies, known.movies)[movie]
    return Histories.of(user[place >= 0], place[place >= 0], len(known.users))
