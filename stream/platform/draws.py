"""Random numbers that belong to what they decide, not to when they are drawn.

Every request of a user carries a key, and all that follows from it (what is considered, how long is watched, which
score) is a function of that key and a slot number. So a world unfolds the same way however the stream is cut into
steps, stopped and started again. The mixing function is splitmix64's finaliser.

Source: Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Ints = NDArray[np.int64]
Indices = NDArray[np.int32]
Floats = NDArray[np.float64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFT: Final = (np.uint64(30), np.uint64(27), np.uint64(31))
_UNIT_BITS: Final = np.uint64(11)
_LANES_MEAN, _LANES_SD = 2 * 65_535.0, 65_536 / np.sqrt(3)  # of the sum of four uniform 16-bit numbers


def mixed(values: Keys) -> Keys:
    """Each 64-bit value scrambled; the same value always gives the same result."""
    state = values ^ (values >> _SHIFT[0])
    state *= _MIX[0]
    state ^= state >> _SHIFT[1]
    state *= _MIX[1]
    state ^= state >> _SHIFT[2]
    return state


def keys_of(seed: int, name: str, ids: NDArray[Any]) -> Keys:
    """One key per id, independent between names and seeds."""
    root = np.random.default_rng([seed, *name.encode()]).integers(0, 2**63, dtype=np.uint64)
    return mixed(mixed(ids.astype(np.uint64) * _GOLDEN + root) + root)


def _slotted(keys: Keys, slots: int | NDArray[Any]) -> Keys:
    return mixed(keys + (np.atleast_1d(slots).astype(np.uint64) + np.uint64(1)) * _GOLDEN)


def uniform(keys: Keys, slots: int | NDArray[Any]) -> Floats:
    """Numbers in (0, 1), one per key and slot (broadcast)."""
    return ((_slotted(keys, slots) >> _UNIT_BITS).astype(np.float64) + 0.5) * 2.0**-53


def gumbel(keys: Keys, slots: int | NDArray[Any]) -> Floats:
    """Standard Gumbel numbers: adding them to utilities and taking the largest draws from the softmax."""
    return -np.log(-np.log(uniform(keys, slots)))


def bell(keys: Keys, slots: int | NDArray[Any]) -> Floats:
    """Numbers of mean 0 and standard deviation 1, bell-shaped within +-3.4 (a sum of four uniforms)."""
    lanes = np.ascontiguousarray(_slotted(keys, slots)).view(np.uint16).reshape(-1, 4)
    return np.asarray((lanes.sum(axis=1, dtype=np.int64) - _LANES_MEAN) / _LANES_SD)


def normal(keys: Keys, slots: int | NDArray[Any]) -> Floats:
    """Standard normal numbers (Box-Muller); uses slot and slot + 1."""
    radius = np.sqrt(-2.0 * np.log(uniform(keys, slots)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(keys, np.asarray(slots) + 1)))
