"""How good is a list? Measures of ranked lists against what people really went on to watch.

Each measure exists twice: `*_at` for one user's list of ids, to be read and checked by hand, and `*_rows` for all users
at once on integer arrays, which gives the same numbers quickly. Means are left to the caller: NaN marks users of whom
nothing can be said. A movie repeated in a list counts once, at its first place.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]


def hits_at(k: int, ranked: Sequence[str], relevant: Collection[str]) -> list[bool]:
    """For each of the first `k` places of a list: is there a relevant movie that did not stand higher up?"""
    top = list(ranked[:k])
    return [movie in relevant and movie not in top[:place] for place, movie in enumerate(top)]


def ndcg_at(k: int, ranked: Sequence[str], relevant: Collection[str]) -> float:
    """Binary nDCG of one user's list, in [0, 1]; 1.0 if and only if no other list had done better.

    NaN if `relevant` is empty: nothing can be said of that user, so leave them out of a mean.
    Source: Järvelin & Kekäläinen (2002), ACM TOIS 20(4), 422-446, gain 1/log2(rank + 1).
    """
    if not relevant:
        return math.nan
    gain = [1 / math.log2(rank + 1) for rank in range(1, k + 1)]
    got = sum(g for g, hit in zip(gain, hits_at(k, ranked, relevant), strict=False) if hit)
    return got / sum(gain[: len(set(relevant))])


def recall_at(k: int, ranked: Sequence[str], relevant: Collection[str]) -> float:
    """Share of the relevant movies that stand in the first `k` places, in [0, 1]; NaN if none is relevant.

    Below 1 even for a perfect list when more than `k` movies are relevant.
    """
    return sum(hits_at(k, ranked, relevant)) / len(set(relevant)) if relevant else math.nan


def precision_at(k: int, ranked: Sequence[str], relevant: Collection[str]) -> float:
    """Share of the first `k` places that hold a relevant movie, in [0, 1]; an empty place counts as a miss."""
    return sum(hits_at(k, ranked, relevant)) / k if relevant else math.nan


def hit_rate_at(k: int, ranked: Sequence[str], relevant: Collection[str]) -> float:
    """1.0 if any of the first `k` is relevant, else 0.0; NaN if none is relevant. Its mean is the hit rate."""
    return float(any(hits_at(k, ranked, relevant))) if relevant else math.nan


def mrr_at(k: int, ranked: Sequence[str], relevant: Collection[str]) -> float:
    """1 / place of the first relevant movie among the first `k`, 0.0 if there is none; NaN if none is relevant.

    Source: Voorhees (1999), TREC-8 question answering track report, 77-82.
    """
    if not relevant:
        return math.nan
    hits = hits_at(k, ranked, relevant)
    return 1 / (hits.index(True) + 1) if True in hits else 0.0


@dataclass(frozen=True, slots=True)
class Relevant:
    """The relevant movies of each user, one row a user: those of row i are ``items[starts[i]:starts[i + 1]]``."""

    starts: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Ints, items: Ints, n_rows: int) -> Self:
        """From pairs in any order, repeats allowed: movie index `items[j]` is relevant to user row `rows[j]`."""
        pairs = np.unique(np.stack([np.asarray(rows, np.int64), np.asarray(items, np.int64)], axis=1), axis=0)
        counts = np.bincount(pairs[:, 0], minlength=n_rows)
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), pairs[:, 1].copy())

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many movies are relevant to each user."""
        return np.diff(self.starts)


def hit_rows(k: int, lists: Ints, relevant: Relevant) -> npt.NDArray[np.bool_]:
    """`hits_at` for all users: lists (n, m) movie indices, best first, -1 = empty place. Returns (n, min(k, m))."""
    top = np.asarray(lists)[:, :k].astype(np.int64)
    width = int(max(top.max(initial=0), relevant.items.max(initial=0))) + 1
    rows = np.arange(len(top), dtype=np.int64)
    wanted = np.repeat(rows, relevant.counts) * width + relevant.items
    hits = np.isin(rows[:, None] * width + top, wanted) & (top >= 0)
    for place in range(1, top.shape[1]):
        hits[:, place] &= ~(top[:, :place] == top[:, place : place + 1]).any(axis=1)
    return hits


def ndcg_rows(k: int, lists: Ints, relevant: Relevant) -> Floats:
    """`ndcg_at` for all users: (n,) float64, NaN where nothing is relevant. Shapes as in `hit_rows`."""
    gain = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(gain)])[np.minimum(relevant.counts, k)]
    hits = hit_rows(k, lists, relevant)
    return np.asarray(hits @ gain[: hits.shape[1]] / ideal, np.float64)


def recall_rows(k: int, lists: Ints, relevant: Relevant) -> Floats:
    """`recall_at` for all users: (n,) float64, NaN where nothing is relevant."""
    return _known(
        hit_rows(k, lists, relevant).sum(axis=1) / np.maximum(relevant.counts, 1).astype(np.float64), relevant
    )


def precision_rows(k: int, lists: Ints, relevant: Relevant) -> Floats:
    """`precision_at` for all users: (n,) float64, NaN where nothing is relevant."""
    return _known(hit_rows(k, lists, relevant).sum(axis=1) / k, relevant)


def hit_rate_rows(k: int, lists: Ints, relevant: Relevant) -> Floats:
    """`hit_rate_at` for all users: (n,) float64 of 0.0 and 1.0, NaN where nothing is relevant."""
    return _known(hit_rows(k, lists, relevant).any(axis=1).astype(np.float64), relevant)


def mrr_rows(k: int, lists: Ints, relevant: Relevant) -> Floats:
    """`mrr_at` for all users: (n,) float64, NaN where nothing is relevant."""
    hits = hit_rows(k, lists, relevant)
    if not hits.shape[1]:
        return _known(np.zeros(len(hits)), relevant)
    first = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1.0, np.inf)
    return _known(1 / first, relevant)


def _known(values: npt.ArrayLike, relevant: Relevant) -> Floats:
    return np.where(relevant.counts > 0, np.asarray(values, np.float64), np.nan)


def coverage(lists: Ints, n_movies: int) -> float:
    """Share of the catalogue that appears in at least one list, in [0, 1]; NaN for an empty catalogue."""
    shown = np.unique(np.asarray(lists))
    return float((shown >= 0).sum() / n_movies) if n_movies else math.nan


def gini(counts: Ints | Floats) -> float:
    """How unequally appearances are spread over movies, in [0, 1): 0 = all alike, near 1 = all on one movie.

    counts: appearances of every movie, including those with none. NaN if there are no appearances.
    Source: Gini (1912); the form over sorted values of Dixon et al. (1987), Ecology 68(5), 1548-1551.
    """
    ordered = np.sort(np.asarray(counts, np.float64))
    n, total = len(ordered), ordered.sum()
    if not total:
        return math.nan
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def top_share(counts: Ints | Floats, n: int) -> float:
    """Share of all appearances that fall on the `n` movies that appear most, in [0, 1]; NaN without appearances."""
    ordered = np.sort(np.asarray(counts, np.float64))[::-1]
    return float(ordered[:n].sum() / ordered.sum()) if ordered.sum() else math.nan


def novelty(shown: Ints | Floats, watched: Ints | Floats) -> float:
    """Mean surprise of what is shown, in bits: -log2 of the share of watching that a shown movie has; higher = rarer.

    shown, watched: (n_movies,) how often each movie is in a list and is watched. One play is added to each movie, so
    that a movie nobody watched has a finite surprise. NaN if nothing is shown.
    Source: Vargas & Castells (2011), RecSys, 109-116 (popularity-based novelty, discovery by frequency).
    """
    shown, watched = np.asarray(shown, np.float64), np.asarray(watched, np.float64) + 1
    return float(-(shown @ np.log2(watched / watched.sum())) / shown.sum()) if shown.sum() else math.nan
