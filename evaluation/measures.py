"""The measures of online evaluation, each a function of a stretch of the log; `wording` says what each one means."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from evaluation import ranking
from evaluation.catalogue import MIN_VIEWERS, Title, license_costs, running_minutes
from evaluation.observed import Observed
from evaluation.ranking import Floats, Ints
from evaluation.report import Measure
from evaluation.statistics import Estimate, mean, share
from stream.sessions import GAP_NS

K = 20  # places of a list


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a stretch that is looked at: its plays, and the offers behind them."""

    seen: Observed
    starts: npt.NDArray[np.int64]  # index into the plays
    offers: npt.NDArray[np.int64]  # for each offer the line whose list it was, -1 = a list of another part
    offered: npt.NDArray[np.bool_]  # for each play of the stretch: had a list of this part offered it?

    @classmethod
    def of(cls, seen: Observed) -> Self:
        """All plays; where `seen` looks at some lines only, those whose viewer had last been shown one of these."""
        offers = seen.plays.offers_of(seen.lines)
        offers = np.where((offers >= 0) & seen.part[offers], offers, -1) if len(seen.part) else offers
        offered = seen.plays.recommended(offers >= 0)
        if seen.part.all():
            return cls(seen, np.arange(len(seen.plays)), offers, offered)
        before = seen.plays.list_before(seen.lines, seen.window_ns)
        return cls(seen, np.flatnonzero((before >= 0) & seen.part[before]), offers, offered)

    @property
    def recommended(self) -> npt.NDArray[np.int64]:
        """Index of the plays of the part that a list had offered."""
        return self.starts[self.offered[self.starts]]


def measures_of(seen: Observed, titles: Mapping[str, Title]) -> tuple[Measure, ...]:
    """All measures of the stretch, or of the part of it that `seen` looks at."""
    part = Part.of(seen)
    hit_rate, mrr, precision = hits(part)
    return (
        hit_rate,
        record_accuracy(part),
        mrr,
        precision,
        watch_through(part, titles),
        mean_rating(part),
        *catalogue_use(seen, titles),
        license_cost(part, titles),
        Measure.unknown("llm_cost_per_newcomer", "no ledger of language-model use in this version"),
    )


def hits(part: Part) -> tuple[Measure, Measure, Measure]:
    """Hit rate, MRR and precision at 20: what became of each user's last judged list."""
    lines, plays = part.seen.lines, part.seen.plays
    judged = np.flatnonzero(part.seen.judged)[::-1]  # lines stand in order of time; the last of a user comes first here
    users, first = np.unique(lines.user_id[judged], return_index=True)
    row_of = {line: row for row, line in enumerate(judged[first].tolist())}
    taken = [(row_of[line], offer) for offer, line in enumerate(part.offers.tolist()) if line in row_of]
    rows, offers = np.array(taken, np.int64).reshape(-1, 2).T
    hit_users, earliest = np.unique(rows, return_index=True)  # plays stand in order of time too
    titles = np.unique(np.stack([rows, plays.offer_start[offers]]), axis=1)[0]
    ones = np.ones(len(users))
    return (
        Measure.of("hit_rate", share(np.bincount(hit_users, minlength=len(users)), ones)),
        Measure.of("mrr", share(1 / plays.offer_rank[offers[earliest]], np.ones(len(hit_users)))),
        Measure.of("precision_at_20", share(np.minimum(np.bincount(titles, minlength=len(users)), K), ones * K)),
    )


def record_accuracy(part: Part) -> Measure:
    """Share of plays whose title the viewer had been shown before."""
    users = part.seen.plays.user_id[part.starts]
    return _by_user(share, "record_accuracy", users, part.offered[part.starts].astype(float))


def watch_through(part: Part, titles: Mapping[str, Title]) -> Measure:
    """Share of the running time that was watched, over recommended plays that are over."""
    plays, runtime = part.seen.plays, running_minutes(part.seen.plays, titles)
    over = (plays.last_ns + GAP_NS < part.seen.until_ns) & (runtime > 0)
    chosen = part.recommended[over[part.recommended]]
    watched = np.minimum(plays.minutes[chosen] / runtime[chosen], 1.0)
    note = "" if titles else f"no catalogue: running time = highest minute reached, titles with {MIN_VIEWERS}+ viewers"
    return _by_user(share, "watch_through", plays.user_id[chosen], watched, note)


def mean_rating(part: Part) -> Measure:
    """Mean rating of recommended plays, rated after they began."""
    plays, ratings = part.seen.plays, part.seen.ratings
    columns = (column[part.recommended].tolist() for column in (plays.user_id, plays.movie_id, plays.started_ns))
    began = {(user, movie): at for user, movie, at in zip(*columns, strict=True)}
    given = zip(*(ratings[name].tolist() for name in ("user_id", "movie_id", "at_ns", "score")), strict=True)
    rated = [(user, score) for user, movie, at, score in given if began.get((user, movie), math.inf) <= at]
    users, scores = np.array(rated, np.float64).reshape(-1, 2).T
    return _by_user(mean, "mean_rating_recommended", users, scores)


def catalogue_use(seen: Observed, titles: Mapping[str, Title]) -> tuple[Measure, Measure, Measure]:
    """Coverage, Gini and novelty of what was shown."""
    shown, watched = seen.asked.shown(), Counter(map(str, seen.plays.movie_id))
    movies = sorted(titles or (shown.keys() | watched.keys()))
    shown_counts, watched_counts = (np.array([c[m] for m in movies], np.float64) for c in (shown, watched))
    note = "" if titles else "no catalogue: of the titles shown or played in this stretch"
    count = int(shown_counts.sum())
    covered = float((shown_counts > 0).mean()) if count else math.nan
    return (
        Measure("coverage", covered, count=len(movies), note=note),
        Measure("gini", ranking.gini(shown_counts), count=count, note=note),
        Measure("novelty", ranking.novelty(shown_counts, watched_counts), count=count),
    )


def license_cost(part: Part, titles: Mapping[str, Title]) -> Measure:
    """Mean licence cost of a play in USD."""
    if not titles:
        return Measure.unknown("license_cost_per_play", "no catalogue at hand, see --catalog")
    costs = license_costs(part.seen.plays, titles)[part.starts]
    known = ~np.isnan(costs)
    note = "" if known.all() else f"cost unknown for {1 - known.mean():.0%} of the plays"
    return _by_user(mean, "license_cost_per_play", part.seen.plays.user_id[part.starts][known], costs[known], note)


def _by_user(
    estimate: Callable[[Floats, Ints], Estimate], name: str, users: npt.NDArray[Any], values: Floats, note: str = ""
) -> Measure:
    """A measure over cases, put together by user first: the user is the independent unit."""
    _, which = np.unique(users, return_inverse=True)
    totals = np.asarray(np.bincount(which, weights=values), np.float64)
    return Measure.of(name, estimate(totals, np.bincount(which)), count=len(values), note=note)
