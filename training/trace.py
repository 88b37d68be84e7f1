"""Where a recommendation came from: answer, arms, model version, code commit, data. Start at `trace`."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from stream.published import DamagedModel, Manifest
from training.settings import TrainingSettings

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
        return "\n".join([
            *lines,
            f"recipe   {self.made['name']} {self.made['parameters']}",
            f"code     commit {git.get('commit')}{changed}, lock {self.made['lock_digest']}",
            f"data     {data.get('events')} events, digest {data.get('digest')}, from {'; '.join(ranges)}",
        ])  # fmt: skip


def trace(settings: TrainingSettings, user_id: int, until_ns: int) -> Trace:
    """The last answer to a user until a real time (UTC). Raises NoSuchAnswer."""
    from stream.store.query import query

    found = query(settings.store_dir, ANSWER, user_id=user_id, until_ns=until_ns)
    if not len(found["at_ns"]):
        raise NoSuchAnswer(f"the store holds no answer to user {user_id} until {_shown(until_ns)}")
    row = {name: column[0] for name, column in found.items()}
    version = str(row["model_version"] or "")
    at, movies = _shown(int(row["at_ns"])), [str(movie) for movie in row["movies"]]
    return Trace(user_id, at, row["request_id"], movies, row["tier"], row["arms"], version, _made(settings, version))


def _made(settings: TrainingSettings, version: str) -> dict[str, Any] | None:
    """The manifest of a version: from its folder, else from its run, which keeps it after the arrays are pruned."""
    if not version:
        return None
    try:
        return asdict(Manifest.read(settings.models_dir / version))
    except DamagedModel:
        return _registered(settings, version)


def _registered(settings: TrainingSettings, version: str) -> dict[str, Any] | None:
    from training.registry import NoSuchVersion, Registry

    registry = Registry(settings.mlflow_dir)
    try:
        return registry.facts(registry.get(version))
    except (NoSuchVersion, DamagedModel):
        return None


def _shown(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
