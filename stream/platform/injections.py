"""Injections: which trouble is on, from when to when, in stream time. Instructors add them, the platform reads them.

`injections.jsonl` lies in the platform's own folder beside the answer key; a record is added at any time, also while
the platform runs, and is never changed: to stop one early another record is added that says so.
"""

import json
import logging
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stream.platform.catalogue import GENRES
from stream.platform.scenarios import GROUPS, scenario_of

FILE = "injections.jsonl"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Injection:
    """One planned trouble."""

    id: str
    scenario: str
    from_ms: int  # stream time, UTC
    until_ms: int
    rate: float
    team: int | None = None  # None = every team
    target: str = ""  # a movie, genre or group, where the scenario needs one; "" = the platform chooses

    def __post_init__(self) -> None:
        known = scenario_of(self.scenario)
        if not 0 < self.rate <= known.most:
            allowed = f"a rate above 0, at most {known.most:g} {known.unit}"
            raise ValueError(f"{self.scenario}: expected {allowed}; got {self.rate:g}")
        if self.scenario in ("demographic-mix", "bias") and self.target not in ("", *GROUPS):
            raise ValueError(f"{self.scenario}: expected a group as target, of {', '.join(GROUPS)}; got {self.target}")
        if self.scenario == "taste-shift" and self.target not in ("", *GENRES):
            raise ValueError(f"{self.scenario}: expected a genre as target, of {', '.join(GENRES)}; got {self.target}")
        if self.until_ms <= self.from_ms:
            raise ValueError(f"{self.scenario}: expected an end after its beginning")

    def overlaps(self, from_ms: int, until_ms: int) -> bool:
        """Whether it is on in some of [from_ms, until_ms)."""
        return self.from_ms < until_ms and from_ms < self.until_ms


def planned(
    scenario: str, from_ms: int, for_ms: int, rate: float | None = None, team: int | None = None, target: str = ""
) -> Injection:
    """An injection with a new id, at the usual rate unless another is given. Raises ValueError."""
    usual = scenario_of(scenario).rate
    return Injection(
        uuid.uuid4().hex[:8], scenario, from_ms, from_ms + for_ms, usual if rate is None else rate, team, target
    )


def add(folder: Path, injections: Iterable[Injection]) -> None:
    """Append to the folder's list, which only its owner can read."""
    _append(folder, [asdict(injection) for injection in injections])


def stop(folder: Path, injection_id: str, at_ms: int) -> Injection:
    """End an injection at a stream time. Raises ValueError if there is none of that id."""
    found = {injection.id: injection for injection in read(folder)}
    if injection_id not in found:
        raise ValueError(f"expected one of {', '.join(found) or 'no injections at all'}; got {injection_id}")
    _append(folder, [{"stop": injection_id, "at_ms": at_ms}])
    return found[injection_id]


def read(folder: Path) -> list[Injection]:
    """All that were ever planned, each until it was stopped, in order of their beginning.

    Raises ValueError naming the line that is none; a last line without its end is being written and is left out.
    """
    path, found, stopped = folder / FILE, {}, {}
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not line.endswith("\n"):
            break
        try:
            raw: dict[str, Any] = json.loads(line)
            if "stop" in raw:
                stopped[raw["stop"]] = int(raw["at_ms"])
                continue
            found[raw["id"]] = Injection(**raw)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}, line {number}: expected an injection: {error}") from error
    ended = [_until(each, stopped.get(each.id)) for each in found.values()]
    return sorted((each for each in ended if each), key=lambda each: (each.from_ms, each.id))


def _until(injection: Injection, stopped_ms: int | None) -> Injection | None:
    if stopped_ms is None or stopped_ms >= injection.until_ms:
        return injection
    if stopped_ms <= injection.from_ms:
        return None
    return Injection(**{**asdict(injection), "until_ms": stopped_ms})


def _append(folder: Path, records: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / FILE
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    path.chmod(0o600)


class Watcher:
    """The list as it is now, read again when the file has changed."""

    def __init__(self, folder: Path, team: int) -> None:
        self._folder, self._team = folder, team
        self._seen: tuple[int, int] | None = None
        self._all: list[Injection] = []

    def on(self, from_ms: int, until_ms: int) -> tuple[Injection, ...]:
        """What is on for the team in some of [from_ms, until_ms). A damaged list is logged; the last good one holds."""
        path = self._folder / FILE
        found = path.stat() if path.exists() else None
        seen = (found.st_mtime_ns, found.st_size) if found else None
        if seen != self._seen:
            self._seen = seen
            try:
                self._all = read(self._folder)
            except ValueError as error:
                _log.error("the list of injections is not read anew: %s", error)
        return tuple(each for each in self._all if each.overlaps(from_ms, until_ms) and each.team in (None, self._team))
