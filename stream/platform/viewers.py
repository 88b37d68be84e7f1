"""How users choose a movie, watch it minute by minute, give up or finish, and rate.

Everything here is a function of the arguments and of the keys of the intents (`stream.platform.draws`); the state of
the world is kept by `stream.platform.simulation`. A user thinks of some titles, drawn by attention, adds those of the
list that was shown, and takes the one of highest utility: personal taste, quality, place on the list, and chance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.platform.catalogue import Catalogue
from stream.platform.columns import LIST_LENGTH, RATE, WATCH, Events, Intents
from stream.platform.draws import Floats, Indices, Ints, Keys, bell, gumbel, uniform
from stream.platform.world import World
from stream.terms import Term

# Slots of an intent's key: which number decides what.
_LOOKS, _ABANDON, _CREDITS, _RATES, _SCORE, _SCORE_SCALE = range(6)
_TITLES, _CHANCE, _TICKS = 100, 300, 1_000

TICK_MS, TICK_DEVIATION_MS = 59_500, 3_000
_BORED = -50.0  # utility of what was watched lately: never chosen while anything else is there
_LIKING_MEAN, _LIKING_DEVIATION = 1.85, 0.93  # of personal utility plus quality among chosen movies
_LATENT_MEAN, _LATENT_DEVIATION = 3.72, 0.75  # of scores on the scale of five
_CREDITS_SHARE = 0.03  # who stops this close to the end has finished


@dataclass(frozen=True)
class Choices:
    """What each starter chose, and how well it suits them."""

    movie: Indices
    liking: Floats  # mean ~0, deviation ~1 over ordinary choices
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
    titles = np.minimum(titles, len(catalogue) - 1)
    looking = uniform(keys, _LOOKS) < world.looks
    shown = np.where(looking[:, None], starters.shown, -1)
    options = np.hstack([titles, shown])
    suits = np.einsum("nf,nof->no", taste, catalogue.features[options])
    utility = world.taste * suits + world.quality * catalogue.quality[options]
    utility[:, world.considered :] += world.shown - np.log(np.arange(1, LIST_LENGTH + 1))
    utility[_among(options, remembered)] += _BORED
    utility[options < 0] = -np.inf
    utility += gumbel(keys[:, None], _CHANCE + np.arange(options.shape[1])[None, :])
    best = utility.argmax(axis=1)
    rows = np.arange(len(best))
    movie = options[rows, best].astype(np.int32)
    return Choices(movie, liking(world, suits[rows, best], catalogue.quality[movie]), best >= world.considered)


def liking(world: World, suits: Any, quality: Any) -> Floats:
    """How much a user likes a movie, from the fit to their taste and its quality; ~N(0, 1) over ordinary choices."""
    return np.asarray((suits + world.quality * quality - _LIKING_MEAN) / _LIKING_DEVIATION)


def _among(options: NDArray[Any], remembered: Indices) -> NDArray[np.bool_]:
    return np.asarray((options[:, :, None] == remembered[:, None, :]).any(axis=2))


@dataclass(frozen=True)
class Sessions:
    """Watching as planned at its start."""

    events: Events
    last_ms: Ints  # of each session's last minute


def watch(world: World, term: Term, catalogue: Catalogue, starters: Intents, keys: Keys, choices: Choices) -> Sessions:
    """Every minute that the starters will watch, and the ratings that follow one tick after the last."""
    minutes, finished = _minutes_watched(world, catalogue.runtime_minutes[choices.movie], keys, choices.liking)
    session, minute, at_ms = _ticks(starters.start_ms, minutes + 1, keys)
    ends = np.cumsum(minutes + 1) - 1
    ticks = Events(
        at_ms,
        starters.user[session],
        choices.movie[session],
        minute.astype(np.int16),
        np.full(len(session), WATCH, np.int8),
    )
    rated = uniform(keys, _RATES) < np.where(finished, world.rated_finished, world.rated_abandoned)
    after = at_ms[ends[rated]] + _gaps(keys[rated], minutes[rated] + 1)
    ratings = Events(
        after,
        starters.user[rated],
        choices.movie[rated],
        scores(term, keys[rated], choices.liking[rated]).astype(np.int16),
        np.full(len(after), RATE, np.int8),
    )
    return Sessions(Events.joined([ticks, ratings]), at_ms[ends])


def _minutes_watched(world: World, runtime: Ints, keys: Keys, liked: Floats) -> tuple[Ints, NDArray[np.bool_]]:
    """Last minute that each session asks for, and whether it counts as finished: most leave during the credits."""
    hazard = world.abandon_per_minute * np.exp(-0.35 * np.clip(liked, -3, 3))
    patience = -np.log(uniform(keys, _ABANDON)) / hazard
    end = np.rint(runtime * (1 - _CREDITS_SHARE * uniform(keys, _CREDITS)))
    return np.minimum(patience, end).astype(np.int64), patience >= end


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


def scores(term: Term, keys: Keys, liked: Floats) -> Ints:
    """Scores on the term's scale: liking, a mood, and on wider scales the noise of finer judgement."""
    latent = _LATENT_MEAN + _LATENT_DEVIATION * (0.75 * liked + 0.66 * bell(keys, _SCORE))
    if term.rating_max != 5:
        latent = latent * term.rating_max / 5 + 0.5 * bell(keys, _SCORE_SCALE)
    return np.clip(np.rint(latent), term.rating_min, term.rating_max).astype(np.int64)
