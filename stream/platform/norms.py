"""What is ordinary in a world, found by trying it: some thousand users choose and watch as if nothing had happened yet.

So the habits of a term (who rates what, how many lines a second) hold in each world, whatever its catalogue and the
weights of its utilities.
"""

import numpy as np

from stream.platform.catalogue import Catalogue
from stream.platform.columns import LIST_LENGTH, Intents
from stream.platform.draws import Floats, keys_of
from stream.platform.habits import Habits
from stream.platform.population import Population
from stream.platform.viewers import Norms, chance_of_rating, choose, minutes_watched
from stream.platform.world import World

_TRIALS = 12_000


def norms_of(world: World, habits: Habits, catalogue: Catalogue, population: Population, seed: int) -> Norms:
    """Norms of a world; they follow from its seed."""
    draw = np.random.default_rng([seed, *b"trial"])
    user = np.searchsorted(np.cumsum(population.activity), draw.random(_TRIALS) * population.activity.sum())
    number = np.arange(_TRIALS)
    nothing = np.full((_TRIALS, LIST_LENGTH), -1, np.int32)
    starters, keys = Intents(number, user.astype(np.int32), number, number, nothing), keys_of(seed, "trial", number)
    attention = np.cumsum(catalogue.appeal)
    choices = choose(world, catalogue, starters, keys, population.taste[user], nothing, attention / attention[-1])
    plain = Norms(float(choices.fit.mean()), float(choices.fit.std()))
    liking = plain.liking(choices.fit)
    minutes, finished = minutes_watched(world, catalogue.runtime_minutes[choices.movie], keys, liking)
    rater, deviation = _weighted(liking, chance_of_rating(habits, finished))
    return Norms(plain.fit, plain.fit_deviation, rater, deviation, float(minutes.mean()) + 1)


def _weighted(values: Floats, weights: Floats) -> tuple[float, float]:
    mean = np.average(values, weights=weights)
    return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
