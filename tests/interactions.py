"""A small world for training's tests: who watches what depends on the parity of user and movie, so taste is there."""

import numpy as np

from training.data import Columns, Interactions, interactions_of

HOUR_NS = 3_600 * 10**9
START_NS = 1_788_220_800 * 10**9  # 2026-09-01 UTC


def columns(n_users: int = 60, n_movies: int = 40, n: int = 1_500, seed: int = 1) -> tuple[Columns, Columns]:
    """Sessions over 14 days in order of time, and a rating after half of them."""
    rng = np.random.default_rng(seed)
    user = rng.integers(1, n_users + 1, n)
    movie = np.minimum(rng.geometric(0.15, n) - 1, n_movies // 2 - 1) * 2 + user % 2
    at_ns = START_NS + np.sort(rng.integers(0, 14 * 24, n)) * HOUR_NS
    ids = np.array([f"movie+{index}+2000" for index in range(n_movies)], dtype=object)[movie]
    rated = rng.random(n) < 0.5
    score = np.clip(np.rint(7 + rng.normal(0, 2, n)), 1, 10).astype(np.int64)
    sessions = Columns(user, ids, at_ns, rng.integers(1, 120, n))
    return sessions, Columns(user[rated], ids[rated], at_ns[rated] + HOUR_NS, score[rated])


def small_world(**sizes: int) -> Interactions:
    """`columns` as training sees them."""
    return interactions_of(*columns(**sizes))
