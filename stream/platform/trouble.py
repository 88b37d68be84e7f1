"""All trouble of one running platform: what is on now, carried out on its lines and its API, and kept in the key."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from stream.events import WallClock
from stream.platform import manners
from stream.platform.answer_key import AnswerKey
from stream.platform.catalogue import Catalogue
from stream.platform.changes import Changes, concerned
from stream.platform.damage import Affected, Damage, Told
from stream.platform.injections import Injection, Watcher, read
from stream.platform.intrusion import Place, events
from stream.platform.population import Population
from stream.platform.scenarios import SCENARIOS

_API = {
    "api-nulls": "nulls", "api-missing-fields": "missing", "api-wrong-types": "wrong_types", "api-too-many": "too_many",
    "api-errors": "errors", "api-pages": "pages", "api-slow": "slow_s",
}  # fmt: skip
Line = tuple[int, int, bytes]  # stream time in nanoseconds, user, text


class Trouble:
    """Injections of one team's stream."""

    def __init__(self, folder: Path, team: int, place: Place, late: Iterable[tuple[int, int, str]] = ()) -> None:
        self._folder, self._watcher, self._place = folder, Watcher(folder, team), place
        self._clock = WallClock(place.term.zone)
        self._digits = place.term.watch_digits
        self.damage, self._key = Damage(late, place.term.rating_max), AnswerKey(folder, team)
        self.changes = Changes(folder, team, self._watcher)

    def on(self, from_ms: int, until_ms: int) -> tuple[Injection, ...]:
        """What is on in some of [from_ms, until_ms) of stream time."""
        return self._watcher.on(from_ms, until_ms)

    def named(self, ids: Sequence[str]) -> tuple[Injection, ...]:
        """The injections of these ids, as a step that is told again needs them."""
        return tuple(each for each in read(self._folder) if each.id in ids) if ids else ()

    def changes_of(
        self, people: Population, catalogue: Catalogue, from_ms: int, until_ms: int
    ) -> tuple[Injection, ...]:
        """Changes of the world in a block that is being planned; the key says whom and what each concerns."""
        on = self.changes.of_block(from_ms, until_ms)
        self._key.write(
            Affected(each.id, each.scenario, from_ms, None, None, *concerned(each, people, catalogue)) for each in on
        )
        return on

    def note(self, scenario: str, at_ms: int, what: str, users: Iterable[int] = (), movies: Iterable[str] = ()) -> None:
        """Keep in the key that an answer of the API, or none, was the work of the injection that is on."""
        for each in self.on(at_ms, at_ms + 1):
            if each.scenario == scenario:
                self._key.write([Affected(each.id, scenario, at_ms, None, None, what, tuple(users), tuple(movies))])
                return

    def apply(
        self, lines: list[Line], on: Sequence[Injection], from_ms: int, until_ms: int, partitions: int
    ) -> list[Told]:
        """A step's lines as they are written, additions among them in order of time; the key keeps what was touched."""
        touched: list[Affected] = []
        for injection in on:
            if SCENARIOS[injection.scenario].family == "intrusion":
                lines = lines + self._added(injection, from_ms, until_ms, touched)
        lines.sort(key=lambda line: line[0])
        told = [Told(user % partitions, text) for _, user, text in lines]
        told, damaged = self.damage.apply(told, on, until_ms)
        self._key.write(touched + damaged)
        return told

    def _added(self, on: Injection, from_ms: int, until_ms: int, touched: list[Affected]) -> list[Line]:
        added = []
        for event in events(on, from_ms, until_ms, self._place):
            text = event.format(self._clock, self._digits)
            touched.append(Affected(on.id, on.scenario, until_ms, None, text))
            added.append((event.at_ns, event.user_id, text.encode()))
        return added


def of_api(on: Sequence[Injection]) -> manners.Trouble:
    """What is wrong with the API while these injections are on."""
    wishes = {_API[each.scenario]: each.rate for each in on if each.scenario in _API}
    return manners.Trouble(**wishes, down=any(each.scenario == "api-down" for each in on))
