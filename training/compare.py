"""Recipes side by side on the same splits: how good their lists are, to whom, and what they cost.

Each recipe is fitted on the training part of every cut and its lists are held against what came after; users of all
cuts are pooled. Only the training part reaches a model, so nothing can be chosen on the test part. Start at `compare`.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from evaluation import ranking
from evaluation.prediction import mae, rmse
from evaluation.statistics import Estimate, bootstrap_pooled
from training.data import Interactions, Split, split_at_random, split_by_time
from training.models import Recipe, load
from training.scoring import K, score
from training.servable import Array, Servable

CUTS = (0.8, 0.85, 0.9, 0.95)
CLASSES = {"head": (0.0, 0.1), "middle": (0.1, 0.5), "tail": (0.5, 1.0)}  # of movies by popularity, as shares
COSTS = ("fit_seconds", "recommend_per_second", "recommend_ms", "bytes")
ONE_BY_ONE = 20  # users asked for one at a time, for the time of a single list
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contender:
    """A recipe and what was seen of it, over all cuts.

    user: (n,) row in the user table, one entry for each test user of each cut. seen: (n,) movies in their history.
    ndcg, recall, hit: (n,) of their lists. by_popularity: recall of the movies of each class of popularity.
    """

    recipe: Recipe
    rates: bool
    user: Array
    seen: Array
    ndcg: Array
    recall: Array
    hit: Array
    by_popularity: dict[str, Array]
    coverage: float
    rmse: float | None
    mae: float | None
    fit_seconds: float
    recommend_per_second: float
    recommend_ms: float
    bytes: int

    @property
    def warm(self) -> Array:
        """(n,) bool: who has a history; if nobody has, everybody, for then that is all there is to measure on."""
        with_history = self.seen > 0
        return np.asarray(with_history if with_history.any() else np.ones_like(with_history))

    def mean(self, values: Array, among: Array | None = None) -> Estimate:
        """Mean over users with a history, with the bootstrap's interval; among: (n,) bool, to look at some."""
        chosen = self.warm if among is None else among
        return bootstrap_pooled(values[chosen], self.user[chosen])


@dataclass(frozen=True)
class Comparison:
    """All contenders on the same splits, best NDCG@20 first, and what the splits were checked for."""

    split: str
    cuts: tuple[float, ...]
    contenders: tuple[Contender, ...]
    users: Array
    leakage: dict[str, int]
    short: str  # what to say of a capture too short to tell taste from popularity; empty if it is not

    @property
    def best(self) -> Contender:
        """The highest NDCG@20."""
        return self.contenders[0]


def compare(
    interactions: Interactions, recipes: Sequence[Recipe], split: str = "time", cuts: Sequence[float] = CUTS
) -> Comparison:
    """Fit and measure every recipe. split: `time`, at `cuts`, or `random`, 80/20 of each user.

    A recipe that validates inside its training data does so by the same kind of split. Raises ValueError if there is
    nothing to split.
    """
    splits = [split_at_random(interactions)] if split == "random" else [split_by_time(interactions, c) for c in cuts]
    found = [_contender(_validating(recipe, split), splits) for recipe in recipes]
    ranked = sorted(found, key=lambda one: -np.nan_to_num(one.mean(one.ndcg).value, nan=-1))
    short = _short_capture(splits)
    if short:
        log.warning("%s", short)
    return Comparison(split, tuple(cuts), tuple(ranked), interactions.users, leakage(splits), short)


def leakage(splits: Sequence[Split]) -> dict[str, int]:
    """What must be 0: users with a test event before a training event, and test pairs that training has too."""
    early = shared = 0
    for split in splits:
        n = len(split.train.users)
        last, first = np.full(n, -(2**62)), np.full(n, 2**62)
        np.maximum.at(last, split.train.pairs()[0], split.train.at_ns())
        np.minimum.at(first, split.test.pairs()[0], split.test.at_ns())
        early += int((first < last).sum())
        seen = split.train.histories()
        of_users = seen.of_rows(split.test_users)
        width = len(split.train.movies)
        wanted = np.repeat(np.arange(len(split.test_users)), split.relevant.counts) * width + split.relevant.items
        shared += len(np.intersect1d(wanted, of_users.rows_of() * width + of_users.movies))
    return {"users_with_a_test_event_before_a_training_event": early, "test_pairs_seen_in_training": shared}


def _validating(recipe: Recipe, split: str) -> Recipe:
    """The recipe, told how the test part was made if it wants to know."""
    if "validation" not in {f.name for f in fields(load(recipe.name).Config)}:
        return recipe
    return replace(recipe, parameters=recipe.parameters | {"validation": split})


def _short_capture(splits: Sequence[Split]) -> str:
    users = sum(len(split.test_users) for split in splits)
    warm = sum(int((s.train.histories().counts[s.test_users] > 0).sum()) for s in splits)
    if warm >= 20:
        return ""
    return (
        f"a short capture: of {users} users in the test part {warm} have any history before it, so models of taste "
        "cannot be told from popularity yet; capture for longer (`training curve` says for how long)"
    )


def _contender(recipe: Recipe, splits: Sequence[Split]) -> Contender:
    parts = [_part(recipe, split) for split in splits]
    last = parts[-1]

    def pooled(name: str) -> Array:
        return np.concatenate([part[name] for part in parts])

    predicted, given = (np.concatenate([part["rated"][side] for part in parts]) for side in (0, 1))
    return Contender(
        recipe=recipe,
        user=pooled("user"), seen=pooled("seen"), ndcg=pooled("ndcg"), recall=pooled("recall"), hit=pooled("hit"),
        by_popularity={name: np.concatenate([p["by_popularity"][name] for p in parts]) for name in CLASSES},
        coverage=float(np.mean([part["coverage"] for part in parts])),
        rmse=rmse(predicted, given) if len(given) else None,
        mae=mae(predicted, given) if len(given) else None,
        **{name: last[name] for name in ("rates", *COSTS)},
    )  # fmt: skip


def _part(recipe: Recipe, split: Split) -> dict[str, Any]:
    """One recipe on one split. Costs are of this split alone."""
    scored = score(recipe, split)
    servable, lists = scored.servable, scored.lists
    seen = split.train.histories().counts[split.test_users]
    warm = seen > 0
    return {
        "user": split.test_users,
        "seen": seen,
        "ndcg": scored.ndcg,
        "recall": ranking.recall_rows(K, lists, split.relevant),
        "hit": ranking.hit_rate_rows(K, lists, split.relevant),
        "by_popularity": _recall_by_popularity(lists, split),
        "coverage": ranking.coverage(lists[warm] if warm.any() else lists, len(servable.movies)),
        "rated": _rated(servable, split),
        "rates": bool(servable.rates[0]),
        "fit_seconds": scored.metrics["fit_seconds"],
        "recommend_per_second": scored.metrics["recommend_per_second"] or 0.0,
        "recommend_ms": _one_by_one_ms(servable, split),
        "bytes": sum(array.nbytes for array in servable.arrays().values()),
    }


def _rated(servable: Servable, split: Split) -> tuple[Array, Array]:
    """Predicted and given ratings of the test part; none of a model that predicts none."""
    given = split.test.ratings
    if not servable.rates[0]:
        return np.empty(0), np.empty(0)
    return servable.predict(split.test.users[given.user], given.movie), given.score


def _recall_by_popularity(lists: Array, split: Split) -> dict[str, Array]:
    """Recall of the most watched tenth of the movies, the next four tenths and the rest, as training saw them."""
    tastes, n = split.train.tastes(), len(split.train.movies)
    order = np.argsort(-np.bincount(tastes.movie, minlength=n), kind="stable")
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    row = np.repeat(np.arange(len(split.test_users)), split.relevant.counts)
    place, found = rank[split.relevant.items] / n, {}
    for name, (low, high) in CLASSES.items():
        kept = (place >= low) & (place < high)
        part = ranking.Relevant.of(row[kept], split.relevant.items[kept], len(split.test_users))
        found[name] = ranking.recall_rows(K, lists, part)
    return found


def _one_by_one_ms(servable: Servable, split: Split) -> float:
    """Median time of one user's list, asked for alone."""
    histories, times = split.train.histories(), []
    for row in split.test_users[:ONE_BY_ONE]:
        started = time.perf_counter()
        servable.top(split.train.users[[row]], histories.between(row, row + 1), K)
        times.append((time.perf_counter() - started) * 1e3)
    return float(np.median(times)) if times else 0.0
