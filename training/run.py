"""From stored events to a registered, perhaps live model: the story in order. Start at `train_and_register`."""

import fcntl
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import gate, provenance, publish, tracking
from training.data import Split, Stored, read_stored, split_by_time
from training.due import leave_training
from training.gate import Verdict
from training.models import Recipe, UnknownModel
from training.registry import CHAMPION, Registry, Version
from training.scoring import Scored, score
from training.settings import TrainingSettings
from training.suitability import Suitability

log = logging.getLogger(__name__)


class TooLittleData(Exception):
    """Not enough has been watched yet to learn from."""


class AlreadyTraining(Exception):
    """Another training of this system runs."""


@dataclass(frozen=True)
class Trained:
    """What a training made: versions with their verdicts, best first, and the number of the one that went live."""

    versions: tuple[tuple[Version, Verdict], ...]
    live: str | None
    seconds: float

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {"live": self.live, "seconds": round(self.seconds, 2), "versions": [
            {"version": v.number, "name": v.recipe.name, "metrics": v.metrics, **verdict.record()}
            for v, verdict in self.versions
        ]}  # fmt: skip

    def table(self) -> str:
        """As a person reads it, with what to do next."""
        lines = []
        for version, verdict in self.versions:
            ndcg = version.metrics["ndcg@20"]
            figure = "unknown" if ndcg is None else f"{ndcg:.4f}"
            says = "passes the gate" if verdict.passed else "is refused"
            lines.append(f"version {version.number} ({version.recipe.name}, NDCG@20 {figure}) {says}:")
            lines += [f"    - {reason}" for reason in verdict.reasons]
        state = f"version {self.live} is live" if self.live else "nothing went live"
        ways = "python -m training models | promote VERSION | rollback"
        return "\n".join([*lines, f"{state}, after {self.seconds:.1f} s; next: {ways}"])


def train_and_register(
    models: Sequence[str], settings: TrainingSettings, promote: bool = True, store_dir: Path | None = None
) -> Trained:
    """Read, split, fit, score, judge, fit on everything, register; then publish the best that the gate lets through.

    store_dir: where the events are, if not in the settings' store.
    Raises UnknownModel, TooLittleData or AlreadyTraining.
    """
    started, recipes = time.perf_counter(), [Recipe.of(name) for name in models]
    with training_lock(settings.run_dir):
        stored = read_stored(store_dir or settings.store_dir, (settings.term.rating_min, settings.term.rating_max))
        if (sessions := len(stored.interactions.watches.user)) < settings.min_sessions:
            raise TooLittleData(f"{sessions} watch sessions stored, MIN_SESSIONS is {settings.min_sessions}")
        registry = Registry(settings.mlflow_dir)
        suitability = Suitability((store_dir or settings.store_dir) / "catalog")
        judged = judge_recipes(recipes, champion_recipe(registry), stored, suitability)
        made = [(_register(settings, registry, stored, scored, verdict), verdict) for scored, verdict in judged]
        live = _promote_best(settings, registry, stored, made) if promote else None
        publish.prune(settings, registry)
    leave_training(settings, stored.fingerprint, [version.number for version, _ in made], live)
    return Trained(tuple(made), live, time.perf_counter() - started)


def judge_recipes(
    recipes: Sequence[Recipe], champion: Recipe | None, stored: Stored, suitability: Suitability
) -> list[tuple[Scored, Verdict]]:
    """Score every recipe on one split in time and judge it; best NDCG@20 first."""
    split = split_by_time(stored.interactions)
    log.info("split by time: %d test users, everything before the cut is training data", len(split.test_users))
    scored = [score(recipe, split) for recipe in recipes]
    popularity, rival = (_scored(recipe, scored, split) for recipe in (Recipe.of("popularity"), champion))
    assert popularity is not None
    ranked = sorted(scored, key=lambda one: -one.quality)
    users = split.train.users[split.test_users]
    return [
        (one, gate.judge(one, rival, popularity).noting(suitability.judged(users, one.lists, one.servable.movies)))
        for one in ranked
    ]


def champion_recipe(registry: Registry) -> Recipe | None:
    """The champion's recipe; None if there is none, or if its model is gone from training/models."""
    champion = registry.aliased(CHAMPION)
    if champion is None:
        return None
    try:
        return Recipe.of(champion.recipe.name, champion.recipe.parameters)
    except UnknownModel as error:
        log.warning("the champion (version %s) cannot be fitted for comparison: %s", champion.number, error)
        return None


@contextmanager
def training_lock(run_dir: Path) -> Iterator[None]:
    """Held by the one training that may run. Raises AlreadyTraining."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / "training.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyTraining("another training runs; wait until it is done") from None
        yield


def _scored(recipe: Recipe | None, scored: Sequence[Scored], split: Split) -> Scored | None:
    if recipe is None:
        return None
    return next((one for one in scored if one.recipe == recipe), None) or score(recipe, split)


def _register(
    settings: TrainingSettings, registry: Registry, stored: Stored, scored: Scored, verdict: Verdict
) -> Version:
    recipe, metrics = scored.recipe, scored.metrics
    facts = _facts(scored, verdict, stored)
    servable = recipe.fit(stored.interactions)
    tags = {"verdict": facts["gate"]["verdict"], "commit": str(facts["git"]["commit"])}
    run_id = tracking.log_run(
        registry.mlflow, settings.mlflow_dir, recipe.name, recipe.parameters, metrics, tags, servable.arrays(), facts
    )
    version = registry.register(recipe, run_id, metrics, facts["gate"])
    log.info("fitted %s on everything and registered it as version %s", recipe.name, version.number)
    return version


def _facts(scored: Scored, verdict: Verdict, stored: Stored) -> dict[str, Any]:
    """Everything that made the model, under the keys of the manifest."""
    return {
        "name": scored.recipe.name,
        "parameters": scored.recipe.parameters,
        "metrics": scored.metrics,
        "gate": verdict.record(),
        "git": provenance.git_state(),
        "lock_digest": provenance.lock_digest(),
        "machine": provenance.machine(),
        "data": stored.fingerprint,
        "created_ns": time.time_ns(),
    }


def _promote_best(
    settings: TrainingSettings, registry: Registry, stored: Stored, made: Sequence[tuple[Version, Verdict]]
) -> str | None:
    passed = [version for version, verdict in made if verdict.passed]
    if refused := [version for version, _ in made if version not in passed]:
        registry.name_challenger(refused[0].number)
    if not passed:
        log.warning("no model passed the gate; what was live stays live")
        return None
    publish.promote(settings, registry, passed[0], stored)
    return passed[0].number
