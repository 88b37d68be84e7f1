"""The same figure for parts of the users: new, light and heavy ones, and by age and gender where the catalogue says.

A mean over everybody hides whom a model serves badly. Start at `slices_of`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.report import plain
from evaluation.statistics import Estimate
from training.compare import Comparison, Contender
from training.servable import Array

AGES = ((0, 18, "under 18"), (18, 25, "18-24"), (25, 35, "25-34"), (35, 50, "35-49"), (50, 200, "50 and over"))
FEWEST = 5  # users of whom a figure is given


@dataclass(frozen=True)
class Slice:
    """One figure of one contender for a part of the users."""

    by: str
    value: str
    metric: str
    estimate: Estimate

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        found = self.estimate
        numbers = {"result": found.value, "low": found.low, "high": found.high, "users": found.count}
        return {"by": self.by, "value": self.value, "metric": self.metric, **plain(numbers)}


def slices_of(contender: Contender, groups: Mapping[str, Array]) -> list[Slice]:
    """Figures of a contender by history and popularity, and by each of `groups`: (n_users,) name of a user's group."""
    found = [
        Slice("history", name, "ndcg@20", contender.mean(contender.ndcg, who)) for name, who in _by_history(contender)
    ]
    for name, recall in contender.by_popularity.items():
        found.append(Slice("popularity of movies", name, "recall@20", contender.mean(recall)))
    for by, group in groups.items():
        mine = group[contender.user]
        for value in sorted(set(mine.tolist()) - {""}):
            found.append(Slice(by, value, "ndcg@20", contender.mean(contender.ndcg, contender.warm & (mine == value))))
    return [each for each in found if each.estimate.count >= FEWEST]


def groups_of(comparison: Comparison, catalog_dir: Path) -> dict[str, Array]:
    """Gender and age class of each user, empty where the catalogue does not say; no groups if it knows nobody."""
    from stream.catalog.files import RecordFile
    from stream.catalog.records import USERS, user_of, wrong_fields

    known = {}
    for record in RecordFile(catalog_dir / "users.jsonl", USERS):
        if not wrong_fields(USERS, record):
            user = user_of(record)
            known[user.user_id] = user.gender or "", _age(user.age)
    if not known:
        return {}
    said = [known.get(user, ("", "")) for user in comparison.users.tolist()]
    return {by: np.array([each[place] for each in said]) for place, by in enumerate(("gender", "age"))}


def _by_history(contender: Contender) -> list[tuple[str, Array]]:
    seen, warm = contender.seen, contender.seen > 0
    middle = float(np.median(seen[warm])) if warm.any() else 0.0
    return [
        ("new: no history", ~warm),
        (f"light: 1 to {middle:.0f} movies seen", warm & (seen <= middle)),
        (f"heavy: more than {middle:.0f}", seen > middle),
    ]


def _age(age: float) -> str:
    return next((name for low, high, name in AGES if low <= age < high), "")
