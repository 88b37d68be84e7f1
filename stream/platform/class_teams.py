"""The teams that one platform serves, and the world that each starts from.

Every team has a topic, a service and, from the moment its loop closes, a history of its own: a fork of the one world,
in a folder of its own under the platform's. What never changes, films and tastes, is in memory once per term.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from stream.events import WallClock
from stream.platform.history import empty_world, new_world, span
from stream.platform.opening import Opened, shape_of
from stream.platform.settings import PlatformSettings
from stream.platform.simulation import Simulation
from stream.platform.state import Progress, StateFolder, WrongState
from stream.platform.world import BLOCK_MS
from stream.teams import TeamsError, read_teams

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """One team as the platform serves it."""

    name: str
    folder: Path  # of its state and journal
    settings: PlatformSettings  # with the team's number, topic, service and term


def teams_of(settings: PlatformSettings) -> list[Served]:
    """The teams of TEAMS_FILE, or the one of TEAM. Raises TeamsError naming the file, the team and the key."""
    path = settings.teams_file
    if path is None:
        return [Served(f"team {settings.team}", settings.home, settings)]
    served = []
    for place, team in enumerate(read_teams(path), 1):
        if not team.topic or not team.service:
            raise TeamsError(f"{path}, team {place} ({team.name!r}): expected a topic and a service")
        number = int(found[0]) if (found := re.search(r"\d{1,3}$", team.topic)) else place
        own = {"team": number, "topic": team.topic, "service_url": team.service}
        own |= {"course_term": team.term} if team.term else {}
        served.append(Served(team.name, settings.home / "teams" / team.file_name, settings.model_copy(update=own)))
    for what in ("log_topic", "team"):
        _differ(path, what, [getattr(team.settings, what) for team in served])
    return served


def _differ(path: Path, what: str, values: list[object]) -> None:
    if twice := sorted({str(value) for value in values if values.count(value) > 1}):
        name = {"team": "number at the end of the topic"}.get(what, "topic")
        raise TeamsError(f"{path}: expected another {name} for each team; twice: {', '.join(twice)}")


def open_teams(settings: PlatformSettings, teams: list[Served]) -> list[Opened]:
    """Each team's world as it was left, or a fork of the common history, led to where the others are.

    Raises WrongState.
    """
    StateFolder(settings.home)  # nobody else may look into it, whatever is saved there
    roots: dict[str, Simulation] = {}
    for team in teams:
        term = team.settings.course_term
        if term not in roots:
            roots[term] = _root(team.settings, own_term=term == settings.course_term)
    opened = [_opened(team, roots[team.settings.course_term]) for team in teams]
    latest_ms = max(each.world.now_ms for each in opened)
    for each in opened:
        if each.fresh and each.world.now_ms < latest_ms:
            _lead(each.world, latest_ms)
            each.folder.save(each.world, each.progress)
    return opened


def _root(settings: PlatformSettings, own_term: bool) -> Simulation:
    """The history that all teams of a term share: what `generate` left, or a fresh world."""
    shape, saved = shape_of(settings), settings.home / "state.npz"
    if not (own_term and saved.exists()):
        begin_ms = span(settings, shape).live_ms
        _log.info("a fresh world begins at %s", WallClock(settings.term.zone).show(begin_ms * 1_000_000))
        return new_world(settings, shape, begin_ms)
    world = empty_world(settings, shape, 0)
    if StateFolder(settings.home).load(world).live_seconds:
        raise WrongState(f"{saved} is of one team's live stream: delete it, or generate the common history anew")
    return world


def _opened(team: Served, root: Simulation) -> Opened:
    folder, world = StateFolder(team.folder), root.fork()
    if folder.path.exists():
        return Opened(folder, world, folder.load(world))
    folder.save(world, Progress())
    return Opened(folder, world, Progress(), fresh=True)


def _lead(world: Simulation, until_ms: int) -> None:
    """A team that joins later: what its users did meanwhile is nobody's stream."""
    while world.now_ms < until_ms:
        world.take(min(until_ms, world.now_ms + BLOCK_MS))
