"""The platform as one process: the API, the live stream, the requester, metrics and heartbeat."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from stream import evidence
from stream.platform.api import Desk, serve
from stream.platform.catalogue import head_films
from stream.platform.class_teams import open_teams, teams_of
from stream.platform.crowd import Crowd, Stream
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
    desk = Desk(crowd.records(), settings.manners, crowd.page, stop.wait)
    api = serve(desk, settings.api_port)
    facts["now"] = crowd.facts

    def alive() -> None:
        desk.trouble = of_api(streams[0].live.on())
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


def run_provider(port: int, behaviour: Behaviour, key: str) -> None:
    """Answer as a language-model provider that knows the well-known films, until stopped."""
    stop = stop_signals()
    model = Provider(Persona(film.title for film in head_films()), behaviour, stop.wait)
    server = serve_provider(model, port, key)
    _log.info("answering on http://127.0.0.1:%d/v1/chat/completions: %s", port, behaviour)
    stop.wait()
    server.shutdown()
