"""The platform as one process: the API, the live stream, the requester, metrics and heartbeat."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from stream import evidence
from stream.events import WallClock
from stream.platform.answer_key import AnswerKey
from stream.platform.api import Desk, serve
from stream.platform.catalogue import head_films
from stream.platform.changed_records import ChangedRecords
from stream.platform.class_teams import open_teams, teams_of
from stream.platform.crowd import Crowd, Stream
from stream.platform.damage import Affected
from stream.platform.injections import Watcher
from stream.platform.metrics import PlatformMetrics
from stream.platform.opening import open_world
from stream.platform.persona import Persona
from stream.platform.provider import Behaviour, Provider
from stream.platform.provider import serve as serve_provider
from stream.platform.records import FileRecords
from stream.platform.settings import PlatformSettings
from stream.platform.trouble import of_api

_log = logging.getLogger(__name__)
_BEAT_SECONDS = 2.0
_PROVIDER_LOOKS_SECONDS = 0.5


def stream_ms(settings: PlatformSettings) -> int | None:
    """Stream time of the platform that runs beside this process, in milliseconds UTC; None if none does."""
    beat = evidence.read_beats(settings.run_dir).get("platform")
    shown = beat.facts.get("stream_time") if beat and not beat.stale() else None
    return WallClock(settings.term.zone).read(str(shown)) // 1_000_000 if shown else None


class Heart:
    """Beats for one process, at most every two seconds."""

    def __init__(self, run_dir: Path, name: str, facts: Callable[[], Mapping[str, object]]) -> None:
        self._run_dir, self._name, self._facts, self._last = run_dir, name, facts, 0.0
        self._lock = threading.Lock()

    def beat(self) -> None:
        """Beat if it is time; any thread may call it."""
        with self._lock:
            if time.monotonic() - self._last >= _BEAT_SECONDS:
                self._last = time.monotonic()
                evidence.beat(self._run_dir, self._name, self._facts())


def stop_signals() -> threading.Event:
    """Set when the process is asked to end (SIGTERM, SIGINT)."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run(settings: PlatformSettings) -> None:
    """Simulate the world live for its teams until stopped. Raises WrongState or TeamsError; see `class_teams`."""
    stop, metrics = stop_signals(), PlatformMetrics()
    teams = teams_of(settings)
    metrics.serve(settings.platform_metrics_port)
    facts: dict[str, Callable[[], Mapping[str, object]]] = {"now": lambda: {"waiting": "for the broker"}}
    heart = Heart(settings.run_dir, "platform", lambda: facts["now"]())
    opened = [open_world(settings)] if settings.teams_file is None else open_teams(settings, teams)
    streams = [Stream(team, each, metrics, stop, heart.beat) for team, each in zip(teams, opened, strict=True)]
    crowd = Crowd(settings, streams)
    first = streams[0].live  # what changes the API is for all teams, so any stream knows it
    records = ChangedRecords(crowd.records(), first.world.catalogue, first.on, first.note)
    desk = Desk(records, settings.manners, crowd.page, stop.wait, noted=first.note)
    api = serve(desk, settings.api_port)
    facts["now"] = crowd.facts

    def alive() -> None:
        desk.trouble = of_api(first.on())
        heart.beat()

    try:
        crowd.go(alive, stop)
    finally:
        api.shutdown()
        for stream in streams:
            stream.close()


def run_api(settings: PlatformSettings, catalogue: Path) -> None:
    """Answer the API alone, from a catalogue folder, until stopped."""
    stop = stop_signals()
    records = FileRecords(catalogue)
    api = serve(Desk(records, settings.manners, sleep=stop.wait), settings.api_port)
    heart = Heart(settings.run_dir, "api", lambda: {"catalogue": str(catalogue)})
    while not stop.is_set():
        heart.beat()
        stop.wait(_BEAT_SECONDS)
    api.shutdown()


def run_provider(settings: PlatformSettings, port: int, behaviour: Behaviour, key: str) -> None:
    """Answer as a language-model provider that knows the well-known films, until stopped.

    While the platform beside it says that `provider-down` is on, every request is refused.
    """
    stop = stop_signals()
    model = Provider(Persona(film.title for film in head_films()), behaviour, stop.wait)
    server = serve_provider(model, port, key)
    _log.info("answering on http://127.0.0.1:%d/v1/chat/completions: %s", port, behaviour)
    watcher, answers = Watcher(settings.home, settings.team), AnswerKey(settings.home)
    while not stop.wait(_PROVIDER_LOOKS_SECONDS):
        _take_down(model, watcher, answers, stream_ms(settings))
    server.shutdown()


def _take_down(model: Provider, watcher: Watcher, answers: AnswerKey, at_ms: int | None) -> None:
    """Carry out `provider-down`, and keep in the key from when to when the provider was down."""
    on = watcher.on(at_ms, at_ms + 1) if at_ms is not None else ()
    planned = [each for each in on if each.scenario == "provider-down"]
    if bool(planned) != model.injected_down:
        model.injected_down = bool(planned)
        for each in planned:
            answers.write([Affected(each.id, each.scenario, at_ms or 0, None, None, "provider: 503")])
