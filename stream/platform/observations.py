"""Quantities of a log as the course's was measured: names as in `targets.toml`, values as numbers.

Rates, mix, ages of sessions and the audience's decline are taken in a window late in the evening of each day heard,
as those of the course were taken in one window; everything else from all that was heard.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.platform.draws import Ints
from stream.platform.heard import Heard

_MINUTE_MS, _DAY_MS = 60_000, 86_400_000
_LAST_TICK_MS = 120_000  # whoever is silent for so long has left
_HORIZON_MS = 240 * _MINUTE_MS  # a start this long after a request has nothing to do with it
_BANDS = {"1-59": (1, 60), "60-119": (60, 120), "120+": (120, 10_000)}
_QUANTILES = (1, 10, 25, 50, 75, 90, 99)


@dataclass(frozen=True, slots=True)
class Window:
    """The same minutes of every day: [first_ms, first_ms + length_ms), again each day."""

    first_ms: int
    length_ms: int

    def holds(self, at_ms: Ints) -> NDArray[np.bool_]:
        """Which instants lie in it."""
        return np.asarray((at_ms - self.first_ms) % _DAY_MS < self.length_ms)

    def seconds(self, heard: Heard) -> float:
        """How long it is open while the log is heard."""
        days = np.arange(self.first_ms, heard.until_ms, _DAY_MS)
        return float((days >= heard.from_ms).sum() * self.length_ms / 1000)


def observe(heard: Heard, window: Window) -> dict[str, float]:
    """Every quantity that can be told from a log; shares are in percent."""
    return {
        **_mix(heard, window),
        **_sessions(heard, window),
        **_ratings(heard),
        **_concentration(heard),
        **_delays(heard),
    }


def _mix(heard: Heard, window: Window) -> dict[str, float]:
    seconds = window.seconds(heard)
    ticks = window.holds(heard.at_ms)
    watch, starts = int(ticks.sum()), int((ticks & (heard.minute == 0)).sum())
    rate = int(window.holds(heard.ratings.at_ms).sum())
    requests = int(window.holds(np.array([at_ms for at_ms, _, _ in heard.requests], np.int64)).sum())
    lines = watch + rate + requests
    ended = int((ticks & heard.last).sum())
    ages = np.percentile(heard.minute[ticks], _QUANTILES)
    return {
        "lines per second": lines / seconds,
        "watch share": 100 * watch / lines,
        "request share": 100 * requests / lines,
        "rating share": 100 * rate / lines,
        "starts per second": starts / seconds,
        "audience lost per hour": 3600 * (ended - starts) / seconds / (watch / seconds * 60) * 100,
        **{f"minute, {share} % quantile": float(age) for share, age in zip(_QUANTILES, ages, strict=True)},
    }


def _sessions(heard: Heard, window: Window) -> dict[str, float]:
    gaps = np.diff(heard.at_ms)[~heard.first[1:] & (np.diff(heard.minute) == 1)] / 1000
    known = heard.at_ms < heard.until_ms - _LAST_TICK_MS  # later ones may go on beyond the log
    leaves = {
        f"hazard, minutes {name}": _percent(heard.last[known & (heard.minute >= low) & (heard.minute < high)])
        for name, (low, high) in _BANDS.items()
    }
    late = known & window.holds(heard.at_ms)
    return {
        **leaves,
        "hazard, all minutes": _percent(heard.last[late]),
        "tick spacing, mean": float(gaps.mean()),
        "tick spacing, deviation": float(gaps.std()),
    }


def _percent(which: NDArray[np.bool_]) -> float:
    return 100 * float(which.mean()) if len(which) else float("nan")


def _ratings(heard: Heard) -> dict[str, float]:
    ratings = heard.ratings
    keys = heard.key(heard.user, heard.movie, heard.at_ms)
    at = np.searchsorted(keys, heard.key(ratings.user, ratings.movie, ratings.at_ms)) - 1
    own = (heard.user[at] == ratings.user) & (heard.movie[at] == ratings.movie) & (at >= 0)
    delays = (ratings.at_ms[own] - heard.at_ms[at[own]]) / 1000
    shares = np.bincount(ratings.score, minlength=11) / len(ratings.score) * 100
    since_ms, until_ms = heard.from_ms + _LAST_TICK_MS, heard.until_ms - _LAST_TICK_MS
    ended = heard.at_ms[heard.last & (heard.at_ms < until_ms)]
    rated = (ratings.at_ms >= since_ms) & (ratings.at_ms < until_ms)
    return {
        "rating delay, median": float(np.median(delays)),
        "ratings without a session": 100 * float((~own & (ratings.at_ms > heard.from_ms + _LAST_TICK_MS)).mean()),
        "rated sessions": 100 * float(rated.sum() / (ended >= since_ms).sum()),
        "rating, mean": float(ratings.score.mean()),
        **{f"score {score}": float(share) for score, share in enumerate(shares)},
    }


def _concentration(heard: Heard) -> dict[str, float]:
    starts = np.sort(np.bincount(heard.movie[heard.minute == 0], minlength=len(heard.movies)))[::-1]
    rated = np.sort(np.bincount(heard.ratings.movie, minlength=len(heard.movies)))[::-1]
    return {
        **{f"top {k} of starts": top_share(starts, k) for k in TOPS},
        **{f"top {k} of ratings": top_share(rated, k) for k in TOPS},
    }


TOPS = (0.07, 0.74, 1, 3, 7.4, 10, 20, 26, 37, 56, 100, 148, 167, 500, 2000)


def top_share(counts: Ints, k: float) -> float:
    """Percent of all that the k largest counts hold; between whole k linear. counts: descending."""
    ends = np.append(0, np.cumsum(counts))
    return 100 * float(np.interp(k, np.arange(len(ends)), ends) / ends[-1])


def _delays(heard: Heard) -> dict[str, float]:
    """Minutes from a list to the start of one of its titles by the same user, of requests that have time for it."""
    begins = np.flatnonzero(heard.minute == 0)
    order = begins[np.lexsort((heard.at_ms[begins], heard.user[begins]))]
    users, at_ms, movies = heard.user[order], heard.at_ms[order], heard.movie[order]
    delays = []
    for asked_ms, user, listed in heard.requests:
        if listed and asked_ms < heard.until_ms - _HORIZON_MS:
            row = int(np.searchsorted(users, user))
            while row < len(users) and users[row] == user and at_ms[row] < asked_ms + _HORIZON_MS:
                if at_ms[row] > asked_ms and movies[row] in listed:
                    delays.append((at_ms[row] - asked_ms) / _MINUTE_MS)
                    break
                row += 1
    return {"request to watch, mean minutes": float(np.mean(delays))} if delays else {}
