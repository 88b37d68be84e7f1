"""How good is a recipe? It is fitted on the training part of a split and its lists are held against what came after."""

import logging
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation import ranking
from evaluation.prediction import rmse
from training.data import Split
from training.models import Recipe
from training.servable import Servable

K = 20
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scored:
    """A recipe, what it learnt from the training part, and how its lists did on the test part.

    lists: (n_test_users, K) as of the cut. ndcg: (n_test_users,) NDCG@20, so that recipes can be compared user by user.
    """

    recipe: Recipe
    servable: Servable
    lists: npt.NDArray[Any]
    ndcg: npt.NDArray[Any]
    metrics: dict[str, float | None]

    @property
    def quality(self) -> float:
        """Mean NDCG@20; -1, below every real one, if there was nobody to test on."""
        return -1.0 if (value := self.metrics["ndcg@20"]) is None else value


def score(recipe: Recipe, split: Split) -> Scored:
    """Fit on the training part, list the unseen for every test user, measure; repeatable but for the seconds."""
    started = time.perf_counter()
    servable = recipe.fit(split.train)
    fitted = time.perf_counter()
    users = split.train.users[split.test_users]
    lists = servable.top(users, split.train.histories().of_rows(split.test_users), K)
    listed = time.perf_counter()
    ndcg = ranking.ndcg_rows(K, lists, split.relevant)
    metrics = {
        "ndcg@20": _mean(ndcg),
        "recall@20": _mean(ranking.recall_rows(K, lists, split.relevant)),
        "hit_rate@20": _mean(ranking.hit_rate_rows(K, lists, split.relevant)),
        "coverage": _number(ranking.coverage(lists, len(servable.movies))),
        "rmse": _rmse(servable, split),
        "test_users": float(len(users)),
        "fit_seconds": fitted - started,
        "recommend_per_second": len(users) / (listed - fitted) if len(users) else None,
    }
    log.info(
        "%s: NDCG@20 %s on %d users, fitted in %.1f s", recipe.name, metrics["ndcg@20"], len(users), fitted - started
    )
    return Scored(recipe, servable, lists, ndcg, metrics)


def _rmse(servable: Servable, split: Split) -> float | None:
    given = split.test.ratings
    if not servable.rates[0] or not len(given.score):
        return None
    return _number(rmse(servable.predict(split.test.users[given.user], given.movie), given.score))


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
