"""Where a recommendation came from: answer, arms, model version, code commit, data. Start at `trace`."""

import contextlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from stream.published import DamagedModel, Manifest
from training.registry import NoSuchVersion, Registry
from training.settings import TrainingSettings
from training.verified import Check, day, verify

ANSWER = """
    SELECT at_ns, user_id, movies, tier, arms, model_version, request_id FROM answers
    WHERE user_id = $user_id AND at_ns <= $until_ns ORDER BY at_ns DESC LIMIT 1
"""


class NoSuchAnswer(LookupError):
    """The store holds no answer to that user until then."""


@dataclass(frozen=True)
class Trace:
    """An answer and everything that made it; `made` is None if the version is neither published nor registered."""

    user_id: int
    at: str
    request_id: str
    movies: list[str]
    tier: str
    arms: str
    version: str
    made: dict[str, Any] | None
    checks: list[Check] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing that could be looked at differs from what was recorded."""
        return all(check.holds is not False for check in self.checks)

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)

    def text(self) -> str:
        """As a person reads it, from the answer down to the data."""
        lines = [
            f"answer   {self.request_id}: user {self.user_id} at {self.at} got {', '.join(self.movies)}",
            f"tier     {self.tier}; experiments: {self.arms}",
            f"model    version {self.version or 'none: nothing was live'}",
        ]
        if self.made is None:
            return "\n".join([*lines, "made by  unknown: neither published nor registered here"])
        git, data = self.made["git"], self.made["data"]
        changed = " with changes that were not committed" if git.get("dirty") else ""
        ranges = (f"{s['source']}-{s['partition']} {s['first']}..{s['last']}" for s in data.get("sources", []))
        marks = {True: "verified", False: "DIFFERS", None: "not to be verified"}
        return "\n".join([
            *lines,
            f"recipe   {self.made['name']} {self.made['parameters']}",
            f"code     commit {git.get('commit')}{changed}, lock {self.made['lock_digest']}",
            f"data     {data.get('events')} events, digest {data.get('digest')}, from {'; '.join(ranges)}",
            *(f"{marks[check.holds]}: {check.what}: {check.said}" for check in self.checks),
        ])  # fmt: skip


def trace(settings: TrainingSettings, user_id: int, until_ns: int, *, check: bool = True) -> Trace:
    """The last answer to a user until a real time (UTC), and what made it, verified if `check`. Raises NoSuchAnswer."""
    from stream.store.query import query

    found = query(settings.store_dir, ANSWER, user_id=user_id, until_ns=until_ns)
    if not len(found["at_ns"]):
        raise NoSuchAnswer(f"the store holds no answer to user {user_id} until {_shown(until_ns)}")
    row = {name: column[0] for name, column in found.items()}
    number = str(row["model_version"] or "")
    at, movies = _shown(int(row["at_ns"])), [str(movie) for movie in row["movies"]]
    made = _made(settings, number)
    checks = verify(settings, number, made, _pruned_on(settings, number)) if made and check else []
    return Trace(user_id, at, row["request_id"], movies, row["tier"], row["arms"], number, made, checks)


def _made(settings: TrainingSettings, number: str) -> dict[str, Any] | None:
    """The manifest of a version: from its folder, else from its run, which keeps it after the arrays are pruned."""
    if not number:
        return None
    with contextlib.suppress(DamagedModel):
        return asdict(Manifest.read(settings.models_dir / number))
    with contextlib.suppress(NoSuchVersion, DamagedModel):
        registry = Registry(settings.mlflow_dir)
        return registry.facts(registry.get(number))
    return None


def _pruned_on(settings: TrainingSettings, number: str) -> str | None:
    """Date on which a version's arrays were deleted; asked only where its folder is gone, for MLflow is slow."""
    if (settings.models_dir / number).exists():
        return None
    with contextlib.suppress(NoSuchVersion):
        version = Registry(settings.mlflow_dir).get(number)
        return day(version.pruned_ns) if version.pruned_ns else None
    return None


def _shown(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
