"""The measures of online evaluation, each a function of a stretch of the log; `wording` says what each one means."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation import ranking
from evaluation.catalogue import MIN_VIEWERS, Title, license_costs, running_minutes
from evaluation.observed import Observed
from evaluation.ranking import Floats, Ints
from evaluation.report import Measure
from evaluation.statistics import Estimate, mean, share

GAP_NS = 15 * 60_000_000_000  # after this long without a further minute a play is over
K = 20  # places of a list


def measures_of(seen: Observed, titles: Mapping[str, Title]) -> tuple[Measure, ...]:
    """All measures of the stretch, or of the part of it that `seen` looks at."""
    starts = _starts_of_part(seen)
    hit_rate, mrr, precision = hits(seen)
    return (
        hit_rate,
        record_accuracy(seen, starts),
        mrr,
        precision,
        watch_through(seen, starts, titles),
        mean_rating(seen, starts),
        *catalogue_use(seen, starts, titles),
        license_cost(seen, starts, titles),
        Measure.unknown("llm_cost_per_newcomer", "no ledger of language-model use in this version"),
    )


def hits(seen: Observed) -> tuple[Measure, Measure, Measure]:
    """Hit rate, MRR and precision at 20: what became of each user's last judged list."""
    judged = np.flatnonzero(seen.judged)
    users, backwards = np.unique(seen.lines.user_id[judged][::-1], return_index=True)
    last_list = judged[::-1][backwards]  # lines stand in order of time
    offers = seen.plays.offers_of(seen.lines)
    taken = np.flatnonzero(np.isin(offers, last_list))  # starts stand in order of time, so the first of a list is first
    row_of = {line: row for row, line in enumerate(last_list)}
    rows = np.array([row_of[line] for line in offers[taken]], np.int64)
    hit_rows, first = np.unique(rows, return_index=True)
    first_rank = seen.plays.offer_rank[taken][first]
    titles_hit = np.bincount(
        np.unique(np.stack([rows, seen.plays.offer_start[taken]]), axis=1)[0], minlength=len(users)
    )
    ones = np.ones(len(users))
    return (
        Measure.of("hit_rate", share(np.bincount(hit_rows, minlength=len(users)), ones)),
        Measure.of("mrr", share(1 / first_rank, np.ones(len(first_rank)))),
        Measure.of("precision_at_20", share(np.minimum(titles_hit, K), ones * K)),
    )


def record_accuracy(seen: Observed, starts: npt.NDArray[np.int64]) -> Measure:
    """Share of plays whose title the viewer had been shown before."""
    offered = _recommended(seen)[starts]
    return _by_user(share, "record_accuracy", seen.plays.user_id[starts], offered.astype(float))


def watch_through(seen: Observed, starts: npt.NDArray[np.int64], titles: Mapping[str, Title]) -> Measure:
    """Share of the running time that was watched, over recommended plays that are over."""
    plays, minutes = seen.plays, running_minutes(seen.plays, titles)
    over = _recommended(seen) & (plays.last_ns + GAP_NS < seen.until_ns) & (minutes > 0)
    chosen = starts[over[starts]]
    part = np.minimum(plays.minutes[chosen] / minutes[chosen], 1.0)
    note = "" if titles else f"no catalogue: running time = highest minute reached, titles with {MIN_VIEWERS}+ viewers"
    return _by_user(share, "watch_through", plays.user_id[chosen], part, note)


def mean_rating(seen: Observed, starts: npt.NDArray[np.int64]) -> Measure:
    """Mean rating of recommended plays, rated after they began."""
    chosen = starts[_recommended(seen)[starts]]
    columns = (seen.plays.user_id[chosen], seen.plays.movie_id[chosen], seen.plays.started_ns[chosen])
    began = {(int(user), movie): at for user, movie, at in zip(*columns, strict=True)}
    given = zip(*(seen.ratings[name] for name in ("user_id", "movie_id", "at_ns", "score")), strict=True)
    rated = [
        (int(user), float(score)) for user, movie, at, score in given if began.get((int(user), movie), math.inf) <= at
    ]
    users, scores = np.array(rated, np.float64).reshape(-1, 2).T
    return _by_user(mean, "mean_rating_recommended", users, scores)


def catalogue_use(
    seen: Observed, starts: npt.NDArray[np.int64], titles: Mapping[str, Title]
) -> tuple[Measure, Measure, Measure]:
    """Coverage, Gini and novelty of what was shown."""
    shown, watched = seen.asked.shown(), Counter(map(str, seen.plays.movie_id))
    movies = sorted(titles or (shown.keys() | watched.keys()))
    shown_counts, watched_counts = (np.array([c[m] for m in movies], np.float64) for c in (shown, watched))
    note = "" if titles else "no catalogue: of the titles shown or played in this stretch"
    count, lists = int(shown_counts.sum()), int((seen.asked.list_id >= 0).sum())
    covered = float((shown_counts > 0).mean()) if lists and movies else math.nan
    return (
        Measure("coverage", covered, count=len(movies), note=note),
        Measure("gini", ranking.gini(shown_counts), count=count, note=note),
        Measure("novelty", ranking.novelty(shown_counts, watched_counts), count=count),
    )


def license_cost(seen: Observed, starts: npt.NDArray[np.int64], titles: Mapping[str, Title]) -> Measure:
    """Mean licence cost of a play in USD."""
    if not titles:
        return Measure.unknown("license_cost_per_play", "no catalogue at hand, see --catalog")
    costs = license_costs(seen.plays, titles)[starts]
    known = ~np.isnan(costs)
    note = "" if known.all() else f"cost unknown for {1 - known.mean():.0%} of the plays"
    return _by_user(mean, "license_cost_per_play", seen.plays.user_id[starts][known], costs[known], note)


def _starts_of_part(seen: Observed) -> npt.NDArray[np.int64]:
    """All starts; of a part, those whose viewer had last been shown a list of that part."""
    if seen.part.all():
        return np.arange(len(seen.plays))
    before = seen.plays.list_before(seen.lines, seen.window_ns)
    return np.flatnonzero((before >= 0) & seen.part[before])


def _recommended(seen: Observed) -> npt.NDArray[np.bool_]:
    offers = seen.plays.offers_of(seen.lines)
    return seen.plays.recommended((offers >= 0) & seen.part[offers])


def _by_user(
    estimate: Callable[[Floats, Ints], Estimate], name: str, users: npt.NDArray[Any], values: Floats, note: str = ""
) -> Measure:
    """A measure over cases, put together by user first: the user is the independent unit."""
    _, which = np.unique(users, return_inverse=True)
    found = estimate(np.bincount(which, weights=values), np.bincount(which).astype(np.float64))
    return Measure.of(name, found, count=len(values), note=note)
