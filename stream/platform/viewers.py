"""How users choose a movie, watch it minute by minute, give up or finish, and rate.

Everything here is a function of the arguments and of the keys of the intents (`stream.platform.draws`); the state of
the world is kept by `stream.platform.simulation`. A user thinks of some titles, drawn by attention, adds those of the
list that was shown as far as they read it, and takes the one of highest utility and luck.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.platform.catalogue import Catalogue
from stream.platform.columns import LIST_LENGTH, RATE, WATCH, Events, Intents
from stream.platform.draws import Floats, Indices, Ints, Keys, bell, gumbel, uniform
from stream.platform.habits import Habits, scores
from stream.platform.taste import suits
from stream.platform.world import World
from stream.terms import Term

# Slots of an intent's key: which number decides what.
_LOOKS, _ABANDON, _CREDITS, _RATES, _SCORE, _SCORE_SCALE, _DEPTH = range(7)
_TITLES, _CHANCE, _TICKS = 100, 300, 1_000

TICK_MS, TICK_DEVIATION_MS = 59_500, 3_000
_BORED = -50.0  # utility of what was watched lately: never chosen while anything else is there
_CREDITS_SHARE = 0.03  # who stops this close to the end has finished
LIKED, MOOD = 0.75, float(np.sqrt(1 - 0.75**2))  # what a score tells of the liking, and of the day


@dataclass(frozen=True, slots=True)
class Norms:
    """What is ordinary in a world: likings are measured in deviations from it; see `stream.platform.norms`."""

    fit: float = 0.0  # mean of taste and quality of what users choose without any list
    fit_deviation: float = 1.0
    rater: float = 0.0  # mean liking of those who rate
    rater_deviation: float = 1.0
    ticks: float = 90.0  # minute files of a session

    def liking(self, fit: Any) -> Floats:
        """How much users like what fits them so; of mean 0 and deviation 1 over ordinary choices."""
        return np.asarray((fit - self.fit) / self.fit_deviation)


@dataclass(frozen=True)
class Choices:
    """What each starter chose, and how well it suits them."""

    movie: Indices
    fit: Floats  # taste and quality, in deviations of taste
    from_list: NDArray[np.bool_]


def choose(
    world: World,
    catalogue: Catalogue,
    starters: Intents,
    keys: Keys,
    taste: NDArray[np.float32],
    remembered: Indices,
    attention: Floats,
) -> Choices:
    """A movie for each starter.

    taste: (n, features) of the starters; remembered: (n, r) what each watched lately, -1 = nothing.
    attention: (movies,) cumulative shares, the last one 1.
    """
    titles = np.searchsorted(attention, uniform(keys[:, None], _TITLES + np.arange(world.considered)[None, :]))
    options = np.minimum(titles, len(catalogue) - 1)
    if (starters.shown >= 0).any():
        options = np.hstack([options, _read(world, starters, keys)])
    fit = suits(catalogue, taste, options) + world.quality * catalogue.quality[options]
    value = world.taste * fit + gumbel(keys[:, None], _CHANCE + np.arange(options.shape[1])[None, :])
    value[:, world.considered :] += world.shown
    value[_among(options, remembered)] += _BORED
    value[options < 0] = -np.inf
    best = value.argmax(axis=1)
    rows = np.arange(len(best))
    return Choices(options[rows, best].astype(np.int32), fit[rows, best], best >= world.considered)


def _read(world: World, starters: Intents, keys: Keys) -> NDArray[Any]:
    """The shown lists as far as they were read, -1 beyond.

    Source: Craswell et al. (2008), An experimental comparison of click position-bias models, WSDM (examination).
    """
    looking = uniform(keys, _LOOKS) < world.looks
    depth = np.where(looking, uniform(keys, _DEPTH) ** (-1 / world.depth), 0.0)
    return np.where(np.arange(1, LIST_LENGTH + 1)[None, :] <= depth[:, None], starters.shown, -1)


def _among(options: NDArray[Any], remembered: Indices) -> NDArray[np.bool_]:
    """Which options are remembered; most users remember few, so only columns in use are compared."""
    found = np.zeros(options.shape, np.bool_)
    for column in range(remembered.shape[1]):
        known = np.flatnonzero(remembered[:, column] >= 0)
        if not len(known):
            break
        found[known] |= options[known] == remembered[known, column, None]
    return found


@dataclass(frozen=True)
class Sessions:
    """Watching as planned at its start."""

    events: Events
    last_ms: Ints  # of each session's last minute


def watch(
    world: World, term: Term, habits: Habits, norms: Norms, runtime: Ints, starters: Intents, choices: Choices,
    keys: Keys,
) -> Sessions:  # fmt: skip
    """Every minute that the starters will watch, and the ratings that follow one tick after the last.

    runtime: minutes of each chosen movie.
    """
    liking = norms.liking(choices.fit)
    minutes, finished = minutes_watched(world, runtime, keys, liking)
    session, minute, at_ms = _ticks(starters.start_ms, minutes + 1, keys)
    ends = np.cumsum(minutes + 1) - 1
    watched = np.full(len(session), WATCH, np.int8)
    ticks = Events(at_ms, starters.user[session], choices.movie[session], minute.astype(np.int16), watched)
    rated = uniform(keys, _RATES) < chance_of_rating(habits, finished)
    after = at_ms[ends[rated]] + _gaps(keys[rated], minutes[rated] + 1)
    score = _scores(term, habits, norms, keys[rated], liking[rated]).astype(np.int16)
    kind = np.full(len(after), RATE, np.int8)
    ratings = Events(after, starters.user[rated], choices.movie[rated], score, kind)
    return Sessions(Events.joined([ticks, ratings]), at_ms[ends])


def minutes_watched(world: World, runtime: Ints, keys: Keys, liking: Floats) -> tuple[Ints, NDArray[np.bool_]]:
    """Last minute that each session asks for, and whether it counts as finished: most leave during the credits."""
    hazard = _hazard(world, liking)
    patience = -np.log(uniform(keys, _ABANDON)) / hazard
    end = np.rint(runtime * (1 - _CREDITS_SHARE * uniform(keys, _CREDITS)))
    return np.minimum(patience, end).astype(np.int64), patience >= end


def chance_of_finishing(world: World, runtime: Ints, liking: Floats) -> Floats:
    """Share of sessions that `minutes_watched` calls finished: exp(-hazard * end), over all ends in the credits."""
    exponent = _hazard(world, liking) * runtime
    return np.asarray(np.exp(-exponent) * np.expm1(_CREDITS_SHARE * exponent) / (_CREDITS_SHARE * exponent))


def _hazard(world: World, liking: Floats) -> Floats:
    """Chance a minute to give up; who likes a movie is patient."""
    return np.asarray(world.abandon_per_minute * np.exp(-0.35 * np.clip(liking, -3, 3)))


def chance_of_rating(habits: Habits, finished: NDArray[np.bool_]) -> Floats:
    """Share of sessions that are rated."""
    return np.where(finished, habits.rated_finished, habits.rated_abandoned)


def _scores(term: Term, habits: Habits, norms: Norms, keys: Keys, liking: Floats) -> Ints:
    """Scores by liking and mood, ordinary raters giving the shares of their term."""
    liked = (liking - norms.rater) / norms.rater_deviation
    return scores(term, habits, LIKED * liked + MOOD * bell(keys, _SCORE), bell(keys, _SCORE_SCALE))


def _ticks(start_ms: Ints, counts: Ints, keys: Keys) -> tuple[Ints, Ints, Ints]:
    """Session number, minute and instant of every tick of sessions with `counts` ticks each, session by session."""
    session = np.repeat(np.arange(len(counts)), counts)
    firsts = np.cumsum(counts) - counts
    minute = np.arange(len(session)) - firsts[session]
    gaps = _gaps(keys[session], minute)
    gaps[firsts] = 0
    passed = np.cumsum(gaps)
    return session, minute, start_ms[session] + passed - passed[firsts][session]


def _gaps(keys: Keys, minute: Ints) -> Ints:
    return (TICK_MS + TICK_DEVIATION_MS * bell(keys, _TICKS + minute)).astype(np.int64)
