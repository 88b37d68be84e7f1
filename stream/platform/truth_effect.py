"""The true effect of a planted difference, and outcomes of users drawn from it for simulations of power.

Two ways to recommend are two lists for each user. A user asks as often as they really do; each request that leads to a
start leads to one of a listed movie with the chance that `Truth` gives. Lists are as good on the last day as on the
first: whoever renews lists does so before they bore. So a user's outcome over some days is a Poisson number of starts,
of which a binomial number is of the list, and both means are known without any sampling.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.platform.draws import Floats, Ints
from stream.platform.truth import Expected, Truth


@dataclass(frozen=True)
class Difference:
    """Two lists for each of n users, and what follows from them in `days`."""

    user: Ints  # rows of the population
    starts: Floats  # (n,) expected starts in those days
    chance_a: Floats  # (n,) that a start is of the list
    chance_b: Floats
    rating_a: Floats  # (n,) expected score of what is watched from the list
    rating_b: Floats
    precision: dict[str, float]  # standard error that titles thought of leave, of the effects where it is worked out

    def effects(self) -> dict[str, dict[str, float | None]]:
        """Mean outcomes of both, and B - A: watches of listed movies a user and a start, and their mean rating."""
        watches = [float((self.starts * chance).mean()) for chance in (self.chance_a, self.chance_b)]
        shares = [each / float(self.starts.mean()) for each in watches]
        ratings = [
            float(np.average(rating, weights=self.starts * chance))
            for chance, rating in ((self.chance_a, self.rating_a), (self.chance_b, self.rating_b))
        ]
        pairs = {"watches_per_user": watches, "share_of_starts": shares, "rating": ratings}
        return {
            name: {"a": a, "b": b, "effect": b - a, "precision": self.precision.get(name)}
            for name, (a, b) in pairs.items()
        }


def difference(
    truth: Truth, users: Ints, lists: tuple[NDArray[np.int32], NDArray[np.int32]], days: float
) -> Difference:
    """What changes if users get the second lists in place of the first; lists: (n, LIST_LENGTH) each."""
    a, b = (truth.of_lists(users, each) for each in lists)
    starts = truth.starts_per_day(users) * days
    per_set = starts[:, None] * (b.by_set - a.by_set)  # the same sets for both: most of their luck cancels
    error = float(per_set.mean(axis=0).std(ddof=1) / np.sqrt(per_set.shape[1]))
    precision = {"watches_per_user": error, "share_of_starts": error / float(starts.mean())}
    return Difference(users, starts, a.any_watch, b.any_watch, _mean_rating(a), _mean_rating(b), precision)


def _mean_rating(expected: Expected) -> Floats:
    weight = np.where(expected.movies >= 0, expected.watch * expected.rated, 0.0)
    total = weight.sum(axis=1)
    mean = (weight * np.nan_to_num(expected.rating)).sum(axis=1) / np.where(total > 0, total, 1)
    return np.asarray(np.where(total > 0, mean, np.nan_to_num(expected.rating).mean(axis=1)))


def drawn(planted: Difference, draws: int, seed: int) -> dict[str, NDArray[Any]]:
    """Outcomes of `draws` repetitions; `starts`, `watches_a`, `watches_b`: (draws, n) uint16.

    A user has both outcomes; whoever assigns arms looks at one of them. The starts are those of both.
    """
    draw = np.random.default_rng([seed, *b"outcomes"])
    shape = (draws, len(planted.user))
    found = {name: np.empty(shape, np.uint16) for name in ("starts", "watches_a", "watches_b")}
    for row in range(draws):  # one at a time, so that memory holds the results alone
        starts = draw.poisson(planted.starts)
        found["starts"][row] = starts
        found["watches_a"][row] = draw.binomial(starts, np.clip(planted.chance_a, 0, 1))
        found["watches_b"][row] = draw.binomial(starts, np.clip(planted.chance_b, 0, 1))
    return found
