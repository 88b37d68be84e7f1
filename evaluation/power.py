"""How many users an experiment needs, how long that takes, and what it could find with those it has.

Normal approximation of a two-sided test of two means, the user as the unit. All sizes of effect are absolute, in the
metric's own unit.
"""

import math
from statistics import NormalDist

_NORMAL = NormalDist()


def power(effect: float, sd: float, users: tuple[float, float], level: float = 0.95) -> float:
    """Chance that a true difference `effect` is found; sd: standard deviation between users, users: of both arms."""
    error = sd * math.sqrt(1 / users[0] + 1 / users[1])
    if error == 0:
        return 1.0 if effect else 1 - level
    z, shift = _NORMAL.inv_cdf((1 + level) / 2), effect / error
    return _NORMAL.cdf(shift - z) + _NORMAL.cdf(-shift - z)


def users_needed(effect: float, sd: float, shares: tuple[float, float], wanted: float, level: float = 0.95) -> float:
    """Users of both arms together for that power; shares: of the two arms, any scale. inf for no effect.

    Source: e.g. Kohavi, Tang & Xu (2020), Trustworthy Online Controlled Experiments, ch. 17.
    """
    first, second = (share / sum(shares) for share in shares)
    return (detectable(sd, (first, second), wanted, level) / effect) ** 2 if effect else math.inf


def detectable(sd: float, users: tuple[float, float], wanted: float, level: float = 0.95) -> float:
    """Smallest true difference that is found with the wanted power."""
    quantiles = _NORMAL.inv_cdf((1 + level) / 2) + _NORMAL.inv_cdf(wanted)
    return quantiles * sd * math.sqrt(1 / users[0] + 1 / users[1])


def days_needed(users: float, new_users_by_day: list[float]) -> float:
    """Days until that many different users have come; inf if the trend of the last days seen never gets there.

    new_users_by_day: users seen for the first time on day 1, 2, … of a past stretch. Beyond it, each further day brings
    as many as the mean of its last half, which overrates a stream whose newcomers dry up.
    """
    total = 0.0
    for day, new in enumerate(new_users_by_day, 1):
        if total + new >= users:
            return day - 1 + (users - total) / new
        total += new
    late = new_users_by_day[len(new_users_by_day) // 2 :]
    pace = sum(late) / len(late) if late else 0.0
    return len(new_users_by_day) + (users - total) / pace if pace > 0 else math.inf
