"""How much history does it take until a model beats popularity? The question of every first week of capturing.

The test part is always what came after the last cut in time; training sees the last hour before it, the last two, four,
… up to everything, as if capturing had begun that late. Start at `learning_curve`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.ranking import ndcg_rows
from evaluation.report import plain
from evaluation.statistics import paired_lower_bound
from training.comparing import Read
from training.data import HOUR_NS, Interactions, Split, split_by_time
from training.models import Recipe
from training.scoring import K
from training.servable import Array

CUT = 0.9
HALVINGS = 7
BASELINE = Recipe.of("popularity")


@dataclass(frozen=True)
class Point:
    """A length of history, and each model's mean NDCG@20 with whether it beats popularity with 95 % confidence."""

    hours: float
    events: int
    users_with_history: float  # share of the test users
    ndcg: dict[str, float]
    beats: dict[str, bool]


@dataclass(frozen=True)
class LearningCurve:
    """Points from short to long."""

    points: tuple[Point, ...]
    test_users: int

    def needed_hours(self, name: str) -> float | None:
        """The shortest history from which on a model beats popularity at every length; None = at no length tried."""
        needed = None
        for point in reversed(self.points):
            if not point.beats[name]:
                break
            needed = point.hours
        return needed

    @property
    def names(self) -> list[str]:
        """The models, popularity first."""
        return list(self.points[0].ndcg)

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return dict(plain({
            "test_users": self.test_users,
            "models": [{"name": name, "needed_hours": self.needed_hours(name)} for name in self.names[1:]],
            "points": [
                {"hours": p.hours, "events": p.events, "users_with_history": p.users_with_history, "ndcg@20": p.ndcg,
                 "beats_popularity": p.beats}
                for p in self.points
            ],
        }))  # fmt: skip

    def text(self) -> str:
        """As a person reads it."""
        width = max(map(len, self.names))
        head = ["NDCG@20 by hours of history before the cut; * = above popularity with 95 % confidence", ""]
        head.append(" " * width + "".join(f"{point.hours:10.1f}" for point in self.points))
        for name in self.names:
            marks = (f"{p.ndcg[name]:9.4f}{'*' if p.beats.get(name) else ' '}" for p in self.points)
            head.append(name.ljust(width) + "".join(marks))
        head.append("with history".ljust(width) + "".join(f"{p.users_with_history:9.0%} " for p in self.points))
        return "\n".join([*head, "", *(self.sentence(name) for name in self.names[1:])])

    def sentence(self, name: str) -> str:
        """What the curve says of a model."""
        needed = self.needed_hours(name)
        if needed is None:
            return f"{name} is not surely above popularity with all {self.points[-1].hours:.1f} h of history"
        return f"{name} beats popularity from {needed:.1f} h of history on"


def learning_curve(read: Read, recipes: Sequence[Recipe]) -> LearningCurve:
    """Every recipe on histories of doubling length before one cut."""
    split = split_by_time(read.interactions, CUT)
    span_ns = split.cut_ns - int(split.train.at_ns().min(initial=split.cut_ns))
    lengths = [max(span_ns / 2**halving, HOUR_NS) for halving in range(HALVINGS, -1, -1)]
    contenders = [BASELINE, *(recipe for recipe in recipes if recipe != BASELINE)]
    points = [_point(split, int(length), contenders) for length in sorted(set(lengths))]
    return LearningCurve(tuple(points), len(split.test_users))


def _point(split: Split, length_ns: int, recipes: Sequence[Recipe]) -> Point:
    train = split.train.between(split.cut_ns - length_ns, split.cut_ns)
    ndcg = {recipe.label: _ndcg(recipe, train, split) for recipe in recipes}
    popular = ndcg[BASELINE.label]
    beats = {name: bool(paired_lower_bound(found, popular) > 0) for name, found in ndcg.items()}
    known = train.histories().counts[split.test_users] > 0
    means = {name: float(np.mean(found)) if len(found) else float("nan") for name, found in ndcg.items()}
    share = float(known.mean()) if len(known) else 0.0
    return Point(length_ns / HOUR_NS, len(train.at_ns()), share, means, beats)


def _ndcg(recipe: Recipe, train: Interactions, split: Split) -> Array:
    """(n_test_users,) NDCG@20 of what a recipe makes of a short history; of what was seen before that nobody knows."""
    servable = recipe.fit(train)
    lists = servable.top(train.users[split.test_users], train.histories().of_rows(split.test_users), K)
    return ndcg_rows(K, lists, split.relevant)
