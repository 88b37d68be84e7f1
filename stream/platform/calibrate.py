"""Compares what a world's lines and records say with what was measured on the course's.

Lines are told by a rehearsal and read by the ordinary parser; nothing here looks at the parameters of the world.
Start reading at `calibrate`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stream.events import WallClock
from stream.platform import targets
from stream.platform.heard import hear
from stream.platform.history import empty_world
from stream.platform.local_time import LocalTime
from stream.platform.observations import observe
from stream.platform.population import FIRST_ID
from stream.platform.records import WorldRecords
from stream.platform.rehearsal import Hours, Rehearsal
from stream.platform.settings import PlatformSettings
from stream.platform.targets import Run, Target
from stream.platform.world import HOUR_MS, World, world_of

_CRAWLED = 28_589  # users whose records are looked at, as many as were
_AGE_QUANTILES = (5, 25, 50, 75, 95, 99)


def calibrate(settings: PlatformSettings, world: str, progress: Callable[[str], object] = print) -> dict[str, Any]:
    """Every target of a world and what was seen of it; progress is told each run as it begins."""
    wanted = targets.targets_of(world)
    seen = {}
    for run in dict.fromkeys(target.run for target in wanted):
        progress(f"{run.term or 'records'}, lists: {run.lists}")
        seen[run] = observed(settings, world, run, targets.hours_of(world, run.lists))
    return {"world": world, "checks": list(_verdicts(wanted, seen))}


def missed(checks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Checks that should hold and do not."""
    return [check for check in checks if not check["holds"] and "cannot" not in check]


def observed(settings: PlatformSettings, world: str, run: Run, hours: Hours) -> dict[str, float]:
    """Quantities of one run of a world."""
    settings = settings.model_copy(update={"world": world} | ({"course_term": run.term} if run.term else {}))
    shape = world_of(world, settings.term, settings.demographic_taste)
    return rehearsed(settings, shape, run, hours) if run.term else _of_records(settings, shape)


def rehearsed(settings: PlatformSettings, shape: World, run: Run, hours: Hours) -> dict[str, float]:
    """Quantities of some hours of a world of any shape, in the settings' term."""
    midnight_ms = LocalTime(settings.term.zone).instant_ms(settings.world_start)
    from_ms, until_ms = (midnight_ms + int(hour * HOUR_MS) for hour in (hours.heard, hours.end))
    rehearsal = Rehearsal(settings, shape, hours, popular=run.lists == "popular")
    heard = hear(rehearsal.lines(), WallClock(settings.term.zone), from_ms, until_ms)
    return observe(heard, targets.window(midnight_ms))


def _verdicts(wanted: Sequence[Target], seen: Mapping[Run, Mapping[str, float]]) -> Iterator[dict[str, Any]]:
    for target in wanted:
        yield target.verdict(seen[target.run])


def _of_records(settings: PlatformSettings, shape: World) -> dict[str, float]:
    world = empty_world(settings, shape, 0)
    records = WorldRecords(settings.term, world.seed, world.catalogue, lambda: world.population)
    ids = np.unique(np.linspace(FIRST_ID, len(world.population), _CRAWLED).astype(int)).tolist()
    users = [user for user in (records.user(str(user_id)) for user_id in ids) if user]
    ages = np.array([user["age"] for user in users])
    jobs = Counter(user["occupation"] for user in users)
    quantiles = np.percentile(ages, _AGE_QUANTILES)
    return {
        "users, M": 100 * float(np.mean([user["gender"] == "M" for user in users])),
        "users, under 18": 100 * float((ages < 18).mean()),
        **{f"users, age quantiles {at} %": float(age) for at, age in zip(_AGE_QUANTILES, quantiles, strict=True)},
        **{f"users, occupation {job}": 100 * count / len(users) for job, count in jobs.items()},
    }
