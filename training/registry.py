"""The registry: every fitted model is a version of "matinee", and aliases say what each is for.

`champion` is what should be live, `previous` what was before it, `challenger` the best newcomer that was not let
through. Moving an alias changes nothing that is served: `training.publish` does that. Start at `Registry.register`.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import tracking
from training.models import Recipe

MODEL = "matinee"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


class NoSuchVersion(LookupError):
    """A version or alias that the registry does not hold."""


@dataclass(frozen=True)
class Version:
    """One version: the recipe that made it, where its run is, and what the gate said."""

    number: str
    recipe: Recipe
    run_id: str
    created_ns: int
    aliases: tuple[str, ...]
    metrics: dict[str, float | None]
    verdict: str
    pruned: bool  # its arrays are deleted; it can be read about, not published
    pruned_ns: int | None = None  # when (UTC), where that was noted


class Registry:
    """Versions and aliases in the MLflow database of `mlflow_dir`."""

    def __init__(self, mlflow_dir: Path) -> None:
        self.mlflow_dir = mlflow_dir
        self.mlflow = tracking.client(mlflow_dir)

    def register(
        self, recipe: Recipe, run_id: str, metrics: Mapping[str, float | None], gate: Mapping[str, Any]
    ) -> Version:
        """Make a finished run the next version; what tables show is kept as tags, so that listing is one query."""
        if not self.mlflow.search_registered_models(f"name = '{MODEL}'"):
            self.mlflow.create_registered_model(MODEL, description="Lists of movies for every user.")
        tags = {"model": recipe.name, "verdict": str(gate.get("verdict"))}
        tags |= {"parameters": json.dumps(recipe.parameters), "metrics": json.dumps(dict(metrics))}
        source = tracking.artifact_folder(self.mlflow, run_id).as_uri()
        made = self.mlflow.create_model_version(MODEL, source, run_id, tags=tags)
        return self.get(str(made.version))

    def get(self, which: str) -> Version:
        """A version by its number, or the newest of a model by the model's name. Raises NoSuchVersion."""
        for version in self.versions():
            if which in (version.number, version.recipe.name):
                return version
        raise NoSuchVersion(f"no version {which} in the registry; `python -m training models` lists them")

    def versions(self) -> list[Version]:
        """All versions, newest first."""
        models = self.mlflow.search_registered_models(f"name = '{MODEL}'")
        aliases = models[0].aliases if models else {}
        found = self.mlflow.search_model_versions(f"name = '{MODEL}'")
        return sorted((self._version(v, aliases) for v in found), key=lambda v: -int(v.number))

    def aliased(self, alias: str) -> Version | None:
        """The version that carries an alias."""
        return next((version for version in self.versions() if alias in version.aliases), None)

    def name_champion(self, number: str) -> None:
        """Give a version the champion's alias; the champion until now becomes `previous`."""
        before = self.aliased(CHAMPION)
        self.mlflow.set_registered_model_alias(MODEL, CHAMPION, number)
        if before and before.number != number:
            self.mlflow.set_registered_model_alias(MODEL, PREVIOUS, before.number)
        if (challenger := self.aliased(CHALLENGER)) and challenger.number == number:
            self.mlflow.delete_registered_model_alias(MODEL, CHALLENGER)

    def name_challenger(self, number: str) -> None:
        """Give a version the challenger's alias."""
        self.mlflow.set_registered_model_alias(MODEL, CHALLENGER, number)

    def read(self, version: Version) -> tuple[dict[str, Any], dict[str, Any]]:
        """Facts and arrays of a version. Raises DamagedModel if they were pruned or damaged."""
        return tracking.read_run(self.mlflow, version.run_id)

    def facts(self, version: Version) -> dict[str, Any]:
        """What made a version; kept when its arrays are pruned. Raises DamagedModel."""
        return tracking.read_facts(self.mlflow, version.run_id)

    def prune(self, keep: int) -> list[str]:
        """Delete the arrays of all but the newest `keep` versions and those with an alias. Returns their numbers."""
        old = [v for v in self.versions()[keep:] if not v.aliases and not v.pruned]
        for version in old:
            tracking.drop_arrays(self.mlflow, version.run_id)
            self.mlflow.set_model_version_tag(MODEL, version.number, "pruned", "true")
            self.mlflow.set_model_version_tag(MODEL, version.number, "pruned_ns", str(time.time_ns()))
        return [version.number for version in old]

    def _version(self, found: Any, aliases: Mapping[str, str]) -> Version:
        recipe = Recipe(found.tags["model"], json.loads(found.tags["parameters"]))
        held = tuple(sorted(alias for alias, number in aliases.items() if str(number) == str(found.version)))
        metrics = json.loads(found.tags["metrics"])
        created_ns, pruned = found.creation_timestamp * 1_000_000, found.tags.get("pruned") == "true"
        when = found.tags.get("pruned_ns")
        return Version(
            str(found.version), recipe, found.run_id, created_ns, held, metrics, found.tags["verdict"], pruned,
            None if when is None else int(when),
        )  # fmt: skip
