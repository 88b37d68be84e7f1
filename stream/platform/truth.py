"""What is really so in a world: how likely users watch and how they rate what a list shows, and the best lists.

A user thinks of some titles by attention, reads the list as far as they read lists, and takes what has the highest
utility plus a Gumbel number (`viewers.choose`). So the chance of each listed movie is a softmax for every depth of
reading and every set of titles thought of. Depths are summed exactly; sets are averaged over `SETS` drawn ones, and how
precise that is stands beside each number. All of it speaks of a start that follows a request, by a user as they are at
that instant: what they watched lately is not chosen. Start reading at `Truth.of_lists`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.platform.columns import LIST_LENGTH
from stream.platform.draws import Floats, Ints, bell, keys_of
from stream.platform.habits import scores
from stream.platform.simulation import Simulation
from stream.platform.taste import utility
from stream.platform.viewers import LIKED, MOOD, chance_of_finishing

SETS = 512  # of titles that a user might think of
_USERS_AT_ONCE = 500
_TABLE = np.linspace(-8, 8, 321)  # likings for which expected scores are tabulated
_MOODS = 4_000


@dataclass(frozen=True)
class Expected:
    """What n users do with a list each; -1 in `movies` where a list is shorter. Chances are per start."""

    user: Ints  # (n,) rows of the population
    movies: NDArray[np.int32]  # (n, LIST_LENGTH)
    watch: Floats  # (n, LIST_LENGTH) chance that the start is this movie
    led: Floats  # (n, LIST_LENGTH) chance that it is taken from the list, not thought of by chance
    without: Floats  # (n, LIST_LENGTH) the same if no list is shown
    by_set: NDArray[np.float32]  # (n, sets) chance that the start is of the list, for each set of titles thought of
    rating: Floats  # (n, LIST_LENGTH) expected score on the term's scale, if it is watched and rated
    finish: Floats  # (n, LIST_LENGTH) chance to watch it to its end, if it is started
    rated: Floats  # (n, LIST_LENGTH) chance of a rating, if it is started

    @property
    def watch_error(self) -> Floats:
        """(n,) standard error of `any_watch` that the drawn sets leave."""
        return np.asarray(self.by_set.std(axis=1, ddof=1) / np.sqrt(self.by_set.shape[1]))

    @property
    def any_watch(self) -> Floats:
        """(n,) chance that the start is of the list."""
        return np.asarray(self.watch.sum(axis=1))


class Truth:
    """The hidden side of one world at one instant of the stream."""

    def __init__(self, world: Simulation, at_ms: int | None = None, sets: int = SETS) -> None:
        """at_ms: attention as it is then; tastes and memories are those of the world's own instant, the default."""
        self.world, shape = world, world.world
        shares = np.diff(world.attention(world.now_ms if at_ms is None else at_ms), prepend=0.0)
        draw = np.random.default_rng([world.seed, *b"truth"])
        self._sets = draw.multinomial(shape.considered, shares, size=sets).astype(np.float32).T  # (movies, sets)
        places = np.arange(1, LIST_LENGTH + 1)
        read = np.append(places**-shape.depth, 0.0)
        self._depths = shape.looks * (read[:-1] - read[1:])  # chance to read exactly so far
        self._scores = self._expected_scores()

    def best(self, users: Ints) -> NDArray[np.int32]:
        """The lists that lead to the most starts (`led`): what a user likes most of what is new to them.

        No list leads to more: at every depth the chance grows with the sum of the read movies' exp(utility).
        """
        lists = [
            np.argpartition(-weights, LIST_LENGTH - 1, axis=1)[:, :LIST_LENGTH] for _, weights in self._weights(users)
        ]
        found = np.concatenate(lists) if lists else np.empty((0, LIST_LENGTH), np.int64)
        liked = utility(self.world.world, self.world.catalogue, self.world.population.taste[users], found)
        return np.take_along_axis(found, np.argsort(-liked, axis=1, kind="stable"), axis=1).astype(np.int32)

    def of_lists(self, users: Ints, movies: NDArray[np.int32]) -> Expected:
        """What users do with their lists; movies: (n, LIST_LENGTH), -1 behind the end of a list."""
        watch, led, without = (np.empty(movies.shape) for _ in range(3))
        by_set = np.empty((len(users), self._sets.shape[1]), np.float32)
        for rows, weights in self._weights(users):
            watch[rows], led[rows], without[rows], by_set[rows] = self._chances(weights, movies[rows])
        taste = self.world.population.taste[users]
        fit = utility(self.world.world, self.world.catalogue, taste, movies) / self.world.world.taste
        liking = self.world.norms.liking(fit)
        runtime = self.world.catalogue.runtime_minutes[movies]
        finish = chance_of_finishing(self.world.world, runtime, liking)
        habits = self.world.habits
        rated = finish * habits.rated_finished + (1 - finish) * habits.rated_abandoned
        rating = np.interp(liking, _TABLE, self._scores)
        listed = movies >= 0
        shown = [np.where(listed, values, np.nan) for values in (rating, finish, rated)]
        return Expected(users, movies, watch, led, without, by_set, *shown)

    def starts_per_day(self, users: Ints) -> Floats:
        """Requests that lead to a start, per day; of users who are not busy with another movie."""
        activity = self.world.population.activity
        return np.asarray(activity[users] / activity.sum() * self.world.starts_per_day())

    def _weights(self, users: Ints) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """exp(utility) of every movie for some users at a time, 0 for what they watched lately."""
        shape, catalogue, world = self.world.world, self.world.catalogue, self.world
        for first in range(0, len(users), _USERS_AT_ONCE):
            some = users[first : first + _USERS_AT_ONCE]
            fit = world.population.taste[some] @ catalogue.features.T + shape.quality * catalogue.quality[None, :]
            weights = np.exp(shape.taste * fit).astype(np.float32)
            row, column = np.nonzero(world.memory[some] >= 0)
            weights[row, world.memory[some][row, column]] = 0.0
            yield slice(first, first + len(some)), weights

    def _chances(self, weights: NDArray[np.float32], movies: NDArray[np.int32]) -> tuple[Floats, ...]:
        """Chance of each listed movie (watch, led, without), and of the list as a whole by set."""
        own_weight = np.where(movies >= 0, np.take_along_axis(weights, np.maximum(movies, 0), axis=1), 0.0)
        thought = own_weight[:, :, None] * self._sets[movies]  # (n, LIST_LENGTH, sets) beside the list
        listed = own_weight.astype(np.float64) * np.exp(self.world.world.shown)
        others = (weights @ self._sets).astype(np.float64)  # (n, sets) of all titles thought of
        alone = 1 / np.where(others > 0, others, np.inf)
        inverse = (1 - self.world.world.looks) * alone
        led, by_set = np.zeros(movies.shape), np.zeros(others.shape)
        for depth, share in enumerate(self._depths.tolist(), 1):
            read = listed[:, :depth].sum(axis=1, keepdims=True)
            each = share / np.where(read + others > 0, read + others, np.inf)
            led[:, :depth] += listed[:, :depth] * each.mean(axis=1, keepdims=True)
            by_set, inverse = by_set + read * each, inverse + each
        sets = others.shape[1]
        watch = led + np.einsum("nrs,ns->nr", thought, inverse) / sets
        by_set += np.einsum("nrs,ns->ns", thought, inverse)
        without = np.einsum("nrs,ns->nr", thought, alone) / sets
        return watch, led, without, by_set

    def _expected_scores(self) -> Floats:
        """Mean score of raters by liking, over their moods."""
        world, keys = self.world, keys_of(0, "moods", np.arange(_MOODS))
        mood, finer = bell(keys, 0), bell(keys, 1)
        liked = (_TABLE - world.norms.rater) / world.norms.rater_deviation
        return np.array(
            [scores(world.term, world.habits, LIKED * each + MOOD * mood, finer).mean() for each in liked.tolist()]
        )
