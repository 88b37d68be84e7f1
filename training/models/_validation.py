"""Choosing by validation inside the training data: what would have been best on its own last part?

Several cuts are pooled, because one cut of little data is a small sample. What was found good elsewhere stays the
choice unless something beats it with 95 % confidence: the best of many trials is often only the luckiest.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from evaluation.ranking import ndcg_rows
from evaluation.statistics import paired_lower_bound
from training.data import Interactions, Split, split_at_random, split_by_time
from training.servable import Array, best_of

K = 20
CUTS = (0.9, 0.8, 0.95, 0.7, 0.6)
ENOUGH_USERS = 2_000  # pooled; further cuts are left out
USERS_PER_CUT = 1_000
ENOUGH_EVENTS = 2_000_000
VALIDATIONS = ("time", "random")
log = logging.getLogger(__name__)
T = TypeVar("T")


def validation_splits(interactions: Interactions, validation: str) -> Iterator[Split]:
    """Splits of the training data itself, with test users who have a history; none if there is too little."""
    if not len(interactions.at_ns()):
        return
    interactions, users = _some_users(interactions), 0
    for number, cut in enumerate(CUTS):
        if users >= ENOUGH_USERS:
            return
        split = split_by_time(interactions, cut) if validation == "time" else split_at_random(interactions, 0.8, number)
        warm = np.flatnonzero(split.train.histories().counts[split.test_users] > 0)
        chosen = np.random.default_rng(number).permutation(warm)[:USERS_PER_CUT]
        if len(chosen):
            users += len(chosen)
            yield split.of_users(np.sort(chosen))


def best_setting(
    interactions: Interactions, validation: str, prior: T, trials: Callable[[Split], Iterator[tuple[T, Array]]]
) -> T | None:
    """`prior`, or the setting with the highest NDCG@20 if that is higher with 95 % confidence; None if nobody tells.

    trials: for a split, each setting with (n_test_users, n_movies) scores, which are overwritten; `prior` among them.
    """
    found: dict[T, list[Array]] = {}
    for split in validation_splits(interactions, validation):
        seen = split.train.histories().of_rows(split.test_users)
        for setting, scores in trials(split):
            scores[seen.rows_of(), seen.movies] = -np.inf
            found.setdefault(setting, []).append(ndcg_rows(K, best_of(scores, K), split.relevant))
    return _chosen({setting: np.concatenate(ndcg) for setting, ndcg in found.items()}, prior)


def _some_users(interactions: Interactions) -> Interactions:
    """Everything, or what a draw of the users did if that is more than it takes to choose."""
    user = interactions.pairs()[0]
    if len(user) <= ENOUGH_EVENTS:
        return interactions
    log.info("choosing on some of the users, with about %d of %d events", ENOUGH_EVENTS, len(user))
    drawn = np.random.default_rng(0).random(len(interactions.users)) < ENOUGH_EVENTS / len(user)
    return interactions.where(drawn[user])


def _chosen(ndcg: Mapping[T, Array], prior: T) -> T | None:
    if not ndcg:
        log.warning("a short capture: nobody does something in one part of it and something new in a later one")
        return None
    best = max(ndcg, key=lambda setting: float(ndcg[setting].mean()))
    sure = paired_lower_bound(ndcg[best], ndcg[prior]) > 0
    means = float(ndcg[best].mean()), float(ndcg[prior].mean())
    log.info("validation on %d users: NDCG@20 %.4f of %s, %.4f of %s", len(ndcg[best]), means[0], best, means[1], prior)
    return best if sure else prior
