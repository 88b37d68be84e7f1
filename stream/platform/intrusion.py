"""Lines that nobody's viewing made: bursts of ratings, shilling profiles, bots. The same at each telling.

How many lines an injection has added by an instant follows from its rate and beginning alone, so steps of any length
together add the same. Users are real ones, so that nothing but their behaviour gives them away. Start at `lines`.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stream.events import Event, Rated, Watched
from stream.platform.injections import Injection
from stream.terms import Term

MINUTE_MS = 60_000
_FILLERS = 4  # ratings of ordinary movies that make a shilling profile look like a person's
_BOT_MOVIES = 20
_BOT_MINUTES = 90


@dataclass(frozen=True, slots=True)
class Place:
    """What of a world an intruder can see."""

    movie_ids: Sequence[str]
    n_users: int
    term: Term


def events(on: Injection, from_ms: int, until_ms: int, place: Place) -> list[Event]:
    """What the injection adds in [from_ms, until_ms) of stream time, in order of time."""
    first, last = max(from_ms, on.from_ms), min(until_ms, on.until_ms)
    if first >= last:
        return []
    added = [
        event for at_ms, number in _moments(on, first, last) for event in _KINDS[on.scenario](on, at_ms, number, place)
    ]
    return sorted(added, key=lambda event: event.at_ns)


def target_of(on: Injection, movie_ids: Sequence[str]) -> str:
    """The movie that the injection is about."""
    return on.target or random.Random(f"{on.id} target").choice(movie_ids)


def _moments(on: Injection, first_ms: int, last_ms: int) -> Iterator[tuple[int, int]]:
    """(time, number) of everything due in [first_ms, last_ms): bots all act each minute, others spread evenly."""
    if on.scenario == "bots":
        minute = -(-(first_ms - on.from_ms) // MINUTE_MS)
        while (at_ms := on.from_ms + minute * MINUTE_MS) < last_ms:
            yield from ((at_ms, bot + minute * int(on.rate)) for bot in range(int(on.rate)))
            minute += 1
        return
    gap_ms = MINUTE_MS / on.rate
    number = -int(-(first_ms - on.from_ms) // gap_ms)
    while (at_ms := on.from_ms + int(number * gap_ms)) < last_ms:
        if at_ms >= first_ms:
            yield at_ms, number
        number += 1


def _burst(on: Injection, at_ms: int, number: int, place: Place) -> Iterator[Event]:
    draw = random.Random(f"{on.id} {number}")
    score = place.term.rating_max - (draw.random() < 0.2)
    yield Rated(at_ms * 1_000_000, _user(draw, place), target_of(on, place.movie_ids), score)


def _profile(on: Injection, at_ms: int, number: int, place: Place) -> Iterator[Event]:
    draw, term = random.Random(f"{on.id} {number}"), place.term
    user, at_ns = _user(draw, place), at_ms * 1_000_000
    usual = round(term.rating_min + 0.7 * (term.rating_max - term.rating_min))
    for filler in range(_FILLERS):
        movie = place.movie_ids[int(len(place.movie_ids) * draw.random() ** 3)]
        yield Rated(at_ns + filler * 2_000_000_000, user, movie, usual)
    score = term.rating_max if on.scenario == "shilling-push" else term.rating_min
    yield Rated(at_ns + _FILLERS * 2_000_000_000, user, target_of(on, place.movie_ids), score)


def _bot(on: Injection, at_ms: int, number: int, place: Place) -> Iterator[Event]:
    minute, bot = divmod(number, int(on.rate))
    draw = random.Random(f"{on.id} bot {bot}")
    user, rank = _user(draw, place), draw.randrange(len(place.movie_ids))
    for turn in range(_BOT_MOVIES):
        film = (rank + turn + minute // _BOT_MINUTES * _BOT_MOVIES) % len(place.movie_ids)
        yield Watched((at_ms + 50 * turn) * 1_000_000, user, place.movie_ids[film], minute % _BOT_MINUTES)


def _user(draw: random.Random, place: Place) -> int:
    return draw.randint(1, place.n_users)


_KINDS: dict[str, Callable[[Injection, int, int, Place], Iterator[Event]]] = {
    "rating-burst": _burst,
    "shilling-push": _profile,
    "shilling-nuke": _profile,
    "bots": _bot,
}
