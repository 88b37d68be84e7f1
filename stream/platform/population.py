"""The users of a world: who they are, how often they watch, and the hidden taste that decides what.

Demographics as measured on the course's API. Taste has a part for each genre (a few loved, a few avoided) and for each
hidden style. Users who sign up later are made one by one from their id, as the first ones were from the seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.platform.catalogue import FEATURES, GENRES
from stream.platform.draws import Floats, Ints
from stream.platform.world import World

OCCUPATIONS: dict[str, int] = {  # with how many of 28,589 users of the course have them
    "college/grad student": 6921, "executive/managerial": 5460, "sales/marketing": 3839, "scientist": 2751,
    "other or not specified": 1936, "self-employed": 1866, "academic/educator": 1054, "K-12 student": 1044,
    "homemaker": 797, "artist": 624, "retired": 498, "clerical/admin": 490, "technician/engineer": 402,
    "programmer": 294, "tradesman/craftsman": 134, "writer": 123, "doctor/health care": 97, "lawyer": 94,
    "customer service": 92, "unemployed": 67, "farmer": 6,
}  # fmt: skip
_AGE_QUANTILES = (
    (0, 8), (0.0125, 17.5), (0.05, 20), (0.25, 26), (0.5, 29), (0.75, 32), (0.945, 41), (0.955, 41), (0.988, 72),
    (0.992, 72), (1, 90),
)  # fmt: skip
_MALE = 0.832
_AGE_BANDS = (18, 25, 35, 50)  # first ages of the bands whose tastes may differ
FIRST_ID = 1


@dataclass(frozen=True)
class Population:
    """Users by row; row r is user id r + FIRST_ID. Grows with sign-ups by `joined`."""

    age: Ints
    occupation: Ints  # position in OCCUPATIONS
    male: NDArray[np.bool_]
    activity: Floats  # relative number of starts, mean 1 among the first users
    taste: NDArray[np.float32]  # (n, FEATURES); its product with a movie's features has deviation ~1

    def __len__(self) -> int:
        return len(self.age)

    def joined(self, others: "Sequence[Population]") -> "Population":
        """These users, then the others."""
        parts = [self, *others]
        return Population(
            np.concatenate([part.age for part in parts]),
            np.concatenate([part.occupation for part in parts]),
            np.concatenate([part.male for part in parts]),
            np.concatenate([part.activity for part in parts]),
            np.concatenate([part.taste for part in parts]),
        )


def make_population(world: World, seed: int) -> Population:
    """The users that a world begins with."""
    return _people(world, seed, world.n_users, np.random.default_rng([seed, *b"users"]))


def newcomer(world: World, user_id: int, seed: int) -> Population:
    """The one user of that id, who signs up while the stream runs."""
    return _people(world, seed, 1, np.random.default_rng([seed, *b"newcomer", user_id]))


def _people(world: World, seed: int, count: int, draw: np.random.Generator) -> Population:
    shares = np.array(list(OCCUPATIONS.values()), dtype=float)
    quantiles, ages = zip(*_AGE_QUANTILES, strict=True)
    people = Population(
        age=np.rint(np.interp(draw.random(count), quantiles, ages)).astype(np.int64),
        occupation=draw.choice(len(shares), count, p=shares / shares.sum()),
        male=draw.random(count) < _MALE,
        activity=np.minimum(draw.lognormal(-0.245, 0.7, count), 6.0),
        taste=_tastes(count, draw),
    )
    if world.demographics:
        people.taste[:, : len(GENRES)] += world.demographics * _demographic_leans(seed)[_groups(people)]
    return people


def _demographic_leans(seed: int) -> NDArray[np.float32]:
    """What each group (age band by gender) leans to; (groups, genres), deviation 1."""
    draw = np.random.default_rng([seed, *b"leans"])
    return draw.standard_normal((2 * (len(_AGE_BANDS) + 1), len(GENRES)), dtype=np.float32)


def _groups(people: Population) -> Ints:
    return np.asarray(2 * np.searchsorted(_AGE_BANDS, people.age, side="right") + people.male)


def _tastes(count: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """Mild likings everywhere, strong ones in a few genres: most users are about something."""
    taste = np.empty((count, FEATURES), dtype=np.float32)
    for first in range(0, count, 100_000):  # a million users at once would need half a gigabyte more
        rows = taste[first : first + 100_000]
        mild = draw.standard_normal((len(rows), len(GENRES)), dtype=np.float32) * np.float32(0.45)
        strong = draw.random(mild.shape, dtype=np.float32) < 0.16
        sign = np.where(draw.random(mild.shape, dtype=np.float32) < 0.55, 1.6, -1.6)
        rows[:, : len(GENRES)] = mild + strong * sign
        rows[:, len(GENRES) :] = draw.standard_normal((len(rows), FEATURES - len(GENRES)), dtype=np.float32)
    return taste
