"""A version's model card: what it is for, what it was made from, how good it is, and what it must not be used for.

Source of the headings: Mitchell et al. (2019), Model cards for model reporting, FAT*, 220-229. Start at `model_card`.
"""

import importlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from training import models
from training.registry import Version

LIMITS = """- It knows what was watched and rated, not why: what was offered before shapes what it learns.
- Lists of users without a history are what is popular lately; nothing personal is behind them.
- Figures are of one split in time of one stream; the service's own are in `python -m evaluation online`."""


def model_card(version: Version, facts: Mapping[str, Any]) -> str:
    """Markdown from what was recorded when the version was made."""
    git, data, gate = facts["git"], facts["data"], facts["gate"]
    changed = ", with changes that were not committed" if git.get("dirty") else ""
    span = " to ".join(_shown(data.get(key)) for key in ("first_ns", "last_ns"))
    return "\n".join([
        f"# Version {version.number}: {version.recipe.name}",
        f"\nMade {_shown(facts['created_ns'])}; aliases: {', '.join(version.aliases) or 'none'}"
        f"{'; arrays pruned' if version.pruned else ''}.",
        f"\n## What it is\n\n{_about(version.recipe.name)}",
        "\n## Intended use\n\nLists of up to 20 movies that a user has not seen, for `GET /recommend/<userid>`.",
        "\n## Parameters and seeds\n", _table(version.recipe.parameters),
        f"\n## Data\n\n{data.get('events')} events, {span} (stream time, UTC), digest `{data.get('digest')}`.",
        "\n## Quality\n\nOn the last part of the stream, which the judged fit had not seen.\n", _table(version.metrics),
        f"\n## Gate: {gate.get('verdict')}\n", *(f"- {reason}" for reason in gate.get("reasons", [])),
        f"\n## Made by\n\nCommit `{git.get('commit')}`{changed}; requirements.lock `{facts.get('lock_digest')}`; "
        f"{_words(facts.get('machine') or {})}; MLflow run `{version.run_id}`.",
        f"\n## Limits\n\n{LIMITS}",
    ])  # fmt: skip


def _about(name: str) -> str:
    """What the model's own file says of it."""
    if name not in models.names():
        return "Its file is gone from training/models."
    return (importlib.import_module(f"training.models.{name}").__doc__ or "").strip()


def _table(values: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {_value(value)} |" for name, value in values.items()]
    return "\n".join(["| name | value |", "|---|---|", *rows])


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _words(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _shown(at_ns: int | None) -> str:
    return "unknown" if at_ns is None else datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")
