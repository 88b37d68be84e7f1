"""A world that unfolds: users ask, choose later, watch minute by minute, rate, and new ones sign up.

The simulation plans in blocks of ten stream minutes and hands out what happens in any steps (`take`). What it does
depends on the seed and on the lists that were shown (`show`), never on how it is stepped, stopped or continued.
Start reading at `Simulation.plan_block`.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.platform import changes
from stream.platform.catalogue import Catalogue, make_catalogue
from stream.platform.columns import ACCOUNT, LIST_LENGTH, Events, Intents
from stream.platform.day_curve import demand
from stream.platform.draws import Floats, Ints, keys_of, normal, uniform
from stream.platform.habits import habits_of
from stream.platform.injections import Injection
from stream.platform.local_time import LocalTime
from stream.platform.norms import norms_of
from stream.platform.population import FIRST_ID, Population, make_population, newcomer
from stream.platform.viewers import TICK_MS, Choices, choose, watch
from stream.platform.world import BLOCK_MS, DAY_MS, HOUR_MS, MINUTE_MS, World
from stream.terms import Term

WARM_UP_MS = 5 * HOUR_MS  # how long before its first line a world begins to live, so that it starts with an audience
MIN_DELAY_MS = 15 * MINUTE_MS  # from a request to the start; longer than a block, so that the answer is known in time
_DELAY_SIGMA = 0.6
_BUZZ_HALF_LIFE_MS = 2 * DAY_MS
_WHILE_BUSY = 0.2  # share of starts that go ahead beside a movie that already runs
_DELAY, _NO_START, _BUSY = 10, 12, 13  # slots of an intent's key, apart from those of viewers.py


ChangesOf = Callable[[Population, Catalogue, int, int], Sequence[Injection]]


def _none(*_: object) -> Sequence[Injection]:
    return ()


class Simulation:
    """One world with its state. All times are milliseconds UTC of the stream."""

    def __init__(
        self, world: World, term: Term, seed: int, begin_ms: int, newcomer_wait_ms: int = 0, sign_ups_ms: int = 0
    ) -> None:
        """A world without a past at `begin_ms`.

        newcomer_wait_ms: least time from a sign-up to the first request. sign_ups_ms: nobody signs up before.
        """
        self.world, self.term, self.seed = world, term, seed
        self.newcomer_wait_ms, self.sign_ups_ms = newcomer_wait_ms, sign_ups_ms
        self.catalogue = make_catalogue(world, seed)
        self.population = make_population(world, seed)
        self.habits = habits_of(term)
        if world.asks_for_nothing is not None:
            self.habits = replace(self.habits, asks_for_nothing=world.asks_for_nothing)
        self.norms = norms_of(world, self.habits, self.catalogue, self.population, seed)
        self._local = LocalTime(term.zone)
        self.now_ms = begin_ms
        self.planned_ms = begin_ms - begin_ms % BLOCK_MS
        self.ready = Events.none()  # of planned blocks, in order
        self.later = Events.none()  # of sessions that run on into blocks to come
        self.intents = Intents.none()
        self.next_number = 0
        self.memory = np.full((world.n_users, world.remembered), -1, np.int32)
        self.watched = np.zeros(world.n_users, np.int64)  # movies ever started
        self.busy_until_ms = np.zeros(world.n_users, np.int64)
        self.buzz = np.zeros(len(self.catalogue))
        self.first_requests = np.empty((0, 2), np.int64)  # (at_ms, user) of newcomers who have not asked yet
        self.changes: ChangesOf = _none  # asked at each block what has changed in the world
        self._on: Sequence[Injection] = ()
        self.count_active()
        self._requests_per_ms = self._rate()

    def fork(self) -> "Simulation":
        """A world that goes its own way from here; what never changes (films, tastes) is shared with this one."""
        other = copy.copy(self)
        for name in ("memory", "watched", "busy_until_ms", "buzz"):  # written in place
            setattr(other, name, getattr(self, name).copy())
        other.intents = Intents(**{name: column.copy() for name, column in self.intents.columns().items()})
        return other

    # What the outside sees

    def take(self, until_ms: int) -> Events:
        """Everything that happens from where the last `take` ended until `until_ms`, in order."""
        self.plan(until_ms)
        cut = int(np.searchsorted(self.ready.at_ms, until_ms))
        taken, self.ready = self.ready.take(slice(0, cut)), self.ready.take(slice(cut, None))
        self.now_ms = until_ms
        return taken

    def requests(self, from_ms: int, until_ms: int) -> Intents:
        """Intents whose request is due in [from_ms, until_ms)."""
        self.plan(until_ms)
        return self.intents.take((self.intents.at_ms >= from_ms) & (self.intents.at_ms < until_ms))

    def starting_before(self, until_ms: int) -> Ints:
        """Numbers of the intents whose start lies before `until_ms`: their answers must be shown before planning it."""
        return self.intents.number[self.intents.start_ms < until_ms]

    def show(self, number: int, movies: Sequence[str]) -> None:
        """The user of intent `number` sees this list; ids that the catalogue does not know are overlooked."""
        row = int(np.searchsorted(self.intents.number, number))
        if row < len(self.intents) and self.intents.number[row] == number:
            known = [self.catalogue.index[movie] for movie in movies if movie in self.catalogue.index][:LIST_LENGTH]
            self.intents.shown[row, :] = -1
            self.intents.shown[row, : len(known)] = known

    def plan(self, until_ms: int) -> None:
        """Plan whole blocks until `until_ms` is covered."""
        while self.planned_ms < until_ms:
            self.plan_block()

    # How a block unfolds

    def plan_block(self) -> None:
        """Decide what happens in the next block: sign-ups, requests, and the starts that earlier requests lead to."""
        from_ms, until_ms = self.planned_ms, self.planned_ms + BLOCK_MS
        draw = np.random.default_rng([self.seed, *b"block", from_ms // BLOCK_MS])
        before, self._on = self._on, self.changes(self.population, self.catalogue, from_ms, until_ms)
        if before or self._on:
            self.count_active()
        accounts = self._sign_ups(from_ms, draw)
        self._new_intents(from_ms, draw)
        due = self.intents.start_ms < until_ms
        starters, self.intents = self.intents.take(due), self.intents.take(~due)
        planned = Events.joined([self.later, accounts, *self._sessions(starters, from_ms)])
        soon = planned.at_ms < until_ms
        self.ready = Events.joined([self.ready, planned.take(soon).in_order()])
        self.later, self.planned_ms = planned.take(~soon), until_ms

    def _sign_ups(self, from_ms: int, draw: np.random.Generator) -> Events:
        open_ms = min(BLOCK_MS, max(0, from_ms + BLOCK_MS - self.sign_ups_ms))
        count = int(draw.poisson(self.world.accounts_per_day * open_ms / DAY_MS))
        at_ms = np.sort(draw.integers(from_ms + BLOCK_MS - open_ms, from_ms + BLOCK_MS, count))
        users = len(self.population) + np.arange(count)
        waits = self.newcomer_wait_ms + draw.exponential(20 * MINUTE_MS, count).astype(np.int64)
        if count:
            self.add_newcomers(count)
            self.first_requests = np.vstack([self.first_requests, np.column_stack([at_ms + waits, users])])
            self.count_active()
        zeros = np.zeros(count, np.int64)
        return Events(
            at_ms,
            users.astype(np.int32),
            zeros.astype(np.int32),
            zeros.astype(np.int16),
            (zeros + ACCOUNT).astype(np.int8),
        )

    def add_newcomers(self, count: int) -> None:
        """Make room for the next `count` users, whose tastes follow from their ids."""
        row = len(self.population)
        self.population = self.population.joined(
            [newcomer(self.world, row + FIRST_ID + i, self.seed) for i in range(count)]
        )
        self.memory = np.vstack([self.memory, np.full((count, self.memory.shape[1]), -1, np.int32)])
        self.watched = np.append(self.watched, np.zeros(count, np.int64))
        self.busy_until_ms = np.append(self.busy_until_ms, np.zeros(count, np.int64))

    def count_active(self) -> None:
        """Who may ask: all but newcomers who have not asked for the first time."""
        activity = changes.activity(self.population, self._on).copy()
        activity[self.first_requests[:, 1]] = 0.0
        self._active = np.cumsum(activity)

    def _new_intents(self, from_ms: int, draw: np.random.Generator) -> None:
        expected = self._requests_per_ms * BLOCK_MS * demand(self._local.hour(from_ms + BLOCK_MS // 2))
        at_ms = draw.integers(from_ms, from_ms + BLOCK_MS, int(draw.poisson(expected)))
        user = np.searchsorted(self._active, draw.random(len(at_ms)) * self._active[-1])
        first = self.first_requests[:, 0] < from_ms + BLOCK_MS
        at_ms = np.concatenate([at_ms, self.first_requests[first, 0]])
        user = np.concatenate([user, self.first_requests[first, 1]])
        if first.any():
            self.first_requests = self.first_requests[~first]
            self.count_active()
        order = np.lexsort((user, at_ms))
        number = self.next_number + np.arange(len(order))
        self.next_number += len(order)
        shown = np.full((len(order), LIST_LENGTH), -1, np.int32)
        start_ms = at_ms[order] + self._delays(number)
        fresh = Intents(number, user[order].astype(np.int32), at_ms[order], start_ms, shown)
        self.intents = Intents.joined([self.intents, fresh])

    def _delays(self, number: Ints) -> Ints:
        mean = self.world.delay_minutes * MINUTE_MS
        drawn = mean * np.exp(_DELAY_SIGMA * normal(self._keys(number), _DELAY) - _DELAY_SIGMA**2 / 2)
        return np.maximum(drawn.astype(np.int64), MIN_DELAY_MS)

    def _sessions(self, starters: Intents, from_ms: int) -> Iterator[Events]:
        self.buzz *= 0.5 ** (BLOCK_MS / _BUZZ_HALF_LIFE_MS)
        keys = self._keys(starters.number)
        busy = self.busy_until_ms[starters.user] > starters.start_ms
        goes = (uniform(keys, _NO_START) > self.habits.asks_for_nothing) & (
            ~busy | (uniform(keys, _BUSY) < _WHILE_BUSY)
        )
        goes &= _firsts(starters.user)  # nobody starts two movies within minutes
        starters, keys = starters.take(goes), keys[goes]
        if not len(starters):
            return
        taste, memory = changes.tastes(self.population, starters.user, self._on), self.memory[starters.user]
        starters = self._watchable(starters)
        attention = changes.attention(self.attention(from_ms), self.catalogue, self._on)
        choices = choose(self.world, self.catalogue, starters, keys, taste, memory, attention)
        fit = changes.dulled(choices.fit, self.population, starters.user, self._on)
        choices = Choices(choices.movie, fit, choices.from_list)
        runtime = self.catalogue.runtime_minutes[choices.movie]
        sessions = watch(self.world, self.term, self.habits, self.norms, runtime, starters, choices, keys)
        np.maximum.at(self.busy_until_ms, starters.user, sessions.last_ms)
        self._remember(starters.user, choices)
        yield sessions.events

    def _watchable(self, starters: Intents) -> Intents:
        """Lists without the movies that were taken down."""
        for each in self._on:
            if each.scenario == "takedown":
                gone = starters.shown == changes.movie_of(each, self.catalogue)
                starters = replace(starters, shown=np.where(gone, -1, starters.shown))
        return starters

    def _remember(self, users: NDArray[Any], choices: Choices) -> None:
        self.memory[users, self.watched[users] % self.memory.shape[1]] = choices.movie
        np.add.at(self.watched, users, 1)
        self.buzz += np.bincount(choices.movie, minlength=len(self.buzz))

    def attention(self, at_ms: int) -> Floats:
        """Cumulative shares of what users think of at an instant; shape (movies,), the last one 1."""
        share = self.catalogue.attention(at_ms, self.world.drift)
        if total := self.buzz.sum():
            share = (1 - self.world.buzz) * share + self.world.buzz * self.buzz / total
        return np.asarray(np.cumsum(share) / share.sum())

    def starts_per_day(self) -> float:
        """Requests a day that lead to a start if their users are free."""
        return float(self._requests_per_ms * DAY_MS * (1 - self.habits.asks_for_nothing))

    def _keys(self, number: Ints) -> NDArray[np.uint64]:
        return keys_of(self.seed, "intent", number)

    def _rate(self) -> float:
        """Requests per millisecond that make the world's lines per second."""
        activity = self.population.activity
        crowd = len(activity) * activity.mean() ** 2 / (activity**2).mean()  # users, weighted by how often they come
        watching = self.world.lines_per_second * TICK_MS / 1000
        starts = (1 - self.habits.asks_for_nothing) * (1 - (1 - _WHILE_BUSY) * watching / crowd)
        return float(self.world.lines_per_second / 1000 / (1 + starts * (self.norms.ticks + 0.4)))


def _firsts(users: NDArray[Any]) -> NDArray[np.bool_]:
    """Which entries are the first of their user."""
    first = np.zeros(len(users), np.bool_)
    first[np.unique(users, return_index=True)[1]] = True
    return first
