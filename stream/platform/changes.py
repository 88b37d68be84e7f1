"""Changes of the world itself that an injection brings: tastes, attention, who asks, how well a group is served.

The simulation asks at each block of ten minutes what is on and plans the block so. What it was told is written down
first (a file a team in the platform's folder), also that nothing was on: a block that is planned again after a kill
gets the same answer, whatever has been injected since. Start reading at `Changes.of_block`.
"""

import json
import logging
import os
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.platform.catalogue import GENRES, Catalogue
from stream.platform.draws import Floats, keys_of, uniform
from stream.platform.injections import Injection, Watcher, read
from stream.platform.population import FIRST_ID, Population
from stream.platform.scenarios import SCENARIOS

_log = logging.getLogger(__name__)

FILE = "world-changes-{team}.jsonl"
_TURNED = 3.0  # taste of those who turn to a genre: stronger than any ordinary liking
_AGES = {"under-18": (0, 18), "18-24": (18, 25), "25-34": (25, 35), "35-49": (35, 50), "50-up": (50, 200)}


class Changes:
    """What was on in each block, remembered on disk."""

    def __init__(self, folder: Path, team: int, watcher: Watcher) -> None:
        self._folder, self._path, self._watcher = folder, folder / FILE.format(team=team), watcher
        self._told = self._read()

    def of_block(self, from_ms: int, until_ms: int) -> tuple[Injection, ...]:
        """The changes that are on in a block; the same each time it is asked for."""
        if from_ms not in self._told:
            on = [each for each in self._watcher.on(from_ms, until_ms) if SCENARIOS[each.scenario].family == "world"]
            self._write(from_ms, [each.id for each in on])
        ids = self._told[from_ms]
        return tuple(each for each in read(self._folder) if each.id in ids) if ids else ()

    def _read(self) -> dict[int, list[str]]:
        found = {}
        for line in self._path.read_text(encoding="ascii").splitlines() if self._path.exists() else []:
            try:
                raw = json.loads(line)
                found[int(raw["from_ms"])] = list(raw["on"])
            except (ValueError, KeyError, TypeError):
                continue  # torn by a kill: the block that it spoke of was never planned
        return found

    def _write(self, from_ms: int, ids: list[str]) -> None:
        with self._path.open("a", encoding="ascii") as file:
            file.write("\n" * bool(file.tell()) + json.dumps({"from_ms": from_ms, "on": ids}))
            file.flush()
            os.fsync(file.fileno())
        self._path.chmod(0o600)
        self._told[from_ms] = ids


def group_of(on: Injection) -> str:
    """The group of users that the injection is about."""
    return "under-18" if on.scenario == "minors-asking" else on.target or "F"


def members(group: str, people: Population) -> NDArray[np.bool_]:
    """Which users belong to a group of `scenarios.GROUPS`; shape (users,)."""
    if group in ("F", "M"):
        return np.asarray(people.male == (group == "M"))
    low, high = _AGES[group]
    return np.asarray((people.age >= low) & (people.age < high))


def genre_of(on: Injection) -> str:
    """The genre that users turn to."""
    return on.target or random.Random(f"{on.id} genre").choice(list(GENRES))


def movie_of(on: Injection, catalogue: Catalogue) -> int:
    """The movie that becomes a hit, or is taken down: among those that few (many) think of, if none was named."""
    if on.target in catalogue.index:
        return catalogue.index[on.target]
    by_appeal = np.argsort(-catalogue.appeal, kind="stable")
    some = by_appeal[len(by_appeal) // 2 :] if on.scenario == "new-hit" else by_appeal[: len(by_appeal) // 20 + 1]
    return int(random.Random(f"{on.id} movie").choice(some.tolist()))


def turned(on: Injection, people: Population) -> NDArray[np.bool_]:
    """Which users turn to another genre."""
    return np.asarray(uniform(keys_of(0, f"turned {on.id}", np.arange(len(people))), 0) < on.rate)


def activity(people: Population, on: Sequence[Injection]) -> Floats:
    """How often users ask while these changes are on."""
    weights = people.activity
    for each in on:
        if each.scenario in ("demographic-mix", "minors-asking"):
            weights = np.where(members(group_of(each), people), each.rate, 1.0) * weights
    return weights


def attention(cumulative: Floats, catalogue: Catalogue, on: Sequence[Injection]) -> Floats:
    """What users think of while these changes are on: cumulative shares as `Simulation.attention` gives them."""
    if not on:
        return cumulative
    share = np.diff(cumulative, prepend=0.0)
    for each in on:
        movie = movie_of(each, catalogue) if each.scenario in ("new-hit", "takedown") else -1
        if movie >= 0:
            share[movie] = 0.0
            share *= (1 - each.rate * (each.scenario == "new-hit")) / share.sum()
            share[movie] = each.rate if each.scenario == "new-hit" else 0.0
    return np.asarray(np.cumsum(share) / share.sum())


def tastes(people: Population, users: NDArray[np.int32], on: Sequence[Injection]) -> NDArray[np.float32]:
    """Tastes of some users while these changes are on; (n, features)."""
    taste = people.taste[users]
    for each in on:
        if each.scenario == "taste-shift":
            column = list(GENRES).index(genre_of(each))
            taste[turned(each, people)[users], column] = _TURNED
    return taste


def dulled(fit: Floats, people: Population, users: NDArray[np.int32], on: Sequence[Injection]) -> Floats:
    """How well what they chose suits users whose group is served worse; `rate` in the units of `fit`."""
    for each in on:
        if each.scenario == "bias":
            fit = fit - each.rate * members(group_of(each), people)[users]
    return fit


def concerned(on: Injection, people: Population, catalogue: Catalogue) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
    """For the answer key: in a word what changes, for which users, on which movies."""
    if on.scenario in ("new-hit", "takedown"):
        movie = catalogue.ids[movie_of(on, catalogue)]
        if on.target not in ("", movie):
            _log.warning("%s %s: no movie %s in the catalogue, %s in its place", on.scenario, on.id, on.target, movie)
        return movie, (), (movie,)
    whom = turned(on, people) if on.scenario == "taste-shift" else members(group_of(on), people)
    what = genre_of(on) if on.scenario == "taste-shift" else group_of(on)
    return what, tuple((np.flatnonzero(whom) + FIRST_ID).tolist()), ()
