"""What a user makes of a movie: the one place where utility is defined.

Utility = taste (dot product of a user's taste with a movie's features: genres, hidden styles, age, renown and fame) +
quality, the same for all. Demographics lean on taste where the world says so, and self-descriptions tell of it: what a
user says is true of their utility. Attention (how many think of a movie) and a shown list come in when choosing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.platform.catalogue import Catalogue
from stream.platform.draws import Floats
from stream.platform.world import World


def suits(catalogue: Catalogue, taste: NDArray[np.float32], movies: NDArray[Any]) -> NDArray[np.float32]:
    """How well movies fit personal tastes, in about standard deviations.

    taste: (n, features) of n users; movies: (n, m) indices, a row for each user. Returns (n, m).
    """
    return np.asarray(np.matmul(catalogue.features[movies], taste[:, :, None])[:, :, 0])


def utility(world: World, catalogue: Catalogue, taste: NDArray[np.float32], movies: NDArray[Any]) -> Floats:
    """What n users get from m movies each, in units of the noise of a choice; shapes as `suits`."""
    return np.asarray(world.taste * (suits(catalogue, taste, movies) + world.quality * catalogue.quality[movies]))
