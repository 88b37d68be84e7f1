"""Arms of many users at once: the same digest as `stream.experiments.arm_of`, without a Python object per user.

The service assigns one user at a time; an analysis, and above all a check of 2,000 salts, needs millions. A property
test holds both to the same answer.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from stream.experiments import Experiment

Floats = npt.NDArray[np.float64]


def id_texts(user_ids: Sequence[int] | npt.NDArray[np.int64]) -> list[bytes]:
    """Users as the digest reads them; made once where many salts are tried."""
    return [b"%d" % user for user in user_ids]


def positions(salt: str, users: Sequence[bytes]) -> Floats:
    """`stream.experiments.position` of each user of `id_texts`, in [0, 1)."""
    begun = blake2b(f"{salt}:".encode(), digest_size=8)
    digests = bytearray()
    for user in users:
        one = begun.copy()
        one.update(user)
        digests += one.digest()
    return np.frombuffer(bytes(digests), ">u8").astype(np.float64) / 2.0**64


def arm_numbers(experiment: Experiment, users: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Index of each user's arm as `stream.experiments.arm_of` gives it; -1 beyond the arms' shares."""
    upper = [0.0]
    for arm in experiment.arms:
        upper.append(upper[-1] + arm.share)  # added up in the same order, so that a bound is the same number
    found = np.searchsorted(np.array(upper[1:]), positions(experiment.salt, users), side="right")
    return np.where(found < len(experiment.arms), found, -1).astype(np.int64)
