"""The sizes and habits of the simulated worlds.

A world is data: how many movies and users, how busy, how much history, how strongly taste, popularity and shown lists
decide what is watched. Everything that happens in it follows from a world, a term and a seed.
"""

from dataclasses import dataclass, replace

from stream.terms import Term

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
BLOCK_MS = 10 * MINUTE_MS  # the simulation plans this much stream time at once


@dataclass(frozen=True, slots=True)
class World:
    """One simulated world. Times are stream time; utilities are in units of the noise of a choice (Gumbel, scale 1)."""

    name: str
    n_movies: int
    n_users: int
    lines_per_second: float  # mean over a day
    history_days: int
    real_time: bool  # True: one stream second a second, whatever SPEED says
    accounts_per_day: float  # created while the stream runs, in terms that have sign-ups
    remembered: int  # how many of their last movies users do not watch again
    considered: int = 40  # titles that a user thinks of before choosing
    taste: float = 2.4  # utility of one standard deviation of personal taste
    quality: float = 0.15  # what a movie's quality, the same for all, counts beside taste
    demographics: float = 0.0  # what age band and gender count in tastes; 0 = nothing
    looks: float = 0.61  # share of starts before which the user looks at the last list
    depth: float = 0.72  # how soon they stop reading: the r-th place is read by a share of r ** -depth
    shown: float = 3.6  # utility of having been recommended
    buzz: float = 0.2  # share of attention that follows what was watched in the last days
    drift: float = 0.25  # how far attention to a movie swings over its weeks (log scale)
    spread: float = 145.0  # flatness of the popular head: attention falls as (rank + spread) ** -steepness
    steepness: float = 1.35
    abandon_per_minute: float = 0.0049
    delay_minutes: float = 70.0  # mean from a request to the start that follows
    asks_for_nothing: float | None = None  # share of requests that lead to no start; None = as the term's users do


WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        World(
            "demo", 2_000, 20_000, 15.0, 14, real_time=False, accounts_per_day=72, remembered=64, spread=12.0,
            steepness=0.95, looks=0.49, shown=4.4, depth=0.85,
        ),
        World(
            "course", 27_000, 1_000_000, 480.0, 0, real_time=True, accounts_per_day=700, remembered=16,
            looks=0.58,
        ),
        World(
            "test", 200, 500, 1.5, 1, real_time=False, accounts_per_day=24, remembered=48, spread=10.0, steepness=1.0
        ),
    )
}  # fmt: skip


def world_of(name: str, term: Term, demographics: float = 0.0) -> World:
    """The world of that name as the term wants it, see `World`. Raises KeyError for an unknown name."""
    world = replace(WORLDS[name], demographics=demographics)
    if world.real_time:  # the course's own size and load, which differ by term
        rate = 960.0 if term.has_create_account else world.lines_per_second
        world = replace(world, n_movies=term.n_movies, n_users=term.n_users, lines_per_second=rate)
    return world if term.has_create_account else replace(world, accounts_per_day=0.0)
