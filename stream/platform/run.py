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
from stream.platform.delivery import Outbox, Stopped
from stream.platform.live import Live
from stream.platform.metrics import PlatformMetrics
from stream.platform.opening import open_world
from stream.platform.persona import Persona
from stream.platform.provider import Behaviour, Provider
from stream.platform.provider import serve as serve_provider
from stream.platform.records import FileRecords, WorldRecords
from stream.platform.settings import PlatformSettings
from stream.platform.trouble import of_api
from stream.platform.visitors import Visitors
from stream.requester import Requester

_log = logging.getLogger(__name__)
_BEAT_SECONDS = 2.0
_THREADS = 32  # requests in flight: a service that is always late holds each for the whole time limit


class Heart:
    """Beats for one process, at most every two seconds."""

    def __init__(self, run_dir: Path, name: str, facts: Callable[[], Mapping[str, object]]) -> None:
        self._run_dir, self._name, self._facts, self._last = run_dir, name, facts, 0.0

    def beat(self) -> None:
        """Beat if it is time."""
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
    """Simulate the world live until stopped. Raises WrongState if the saved world is another than the settings'."""
    stop, metrics = stop_signals(), PlatformMetrics()
    metrics.serve(settings.platform_metrics_port)
    facts: dict[str, Callable[[], Mapping[str, object]]] = {"now": lambda: {"waiting": "for the broker"}}
    heart = Heart(settings.run_dir, "platform", lambda: facts["now"]())
    outbox = Outbox(settings.log_bootstrap, settings.log_topic, stop, heart.beat)
    host = settings.term.host_pattern.format(team=settings.team)
    requester = Requester(settings.service_address, settings.term.timeout_ms, host, threads=_THREADS)
    try:
        opened = open_world(settings)
        world = opened.world
        live = Live(settings, opened, outbox, requester, metrics, stop)
        records = WorldRecords(world.term, world.seed, world.catalogue, lambda: world.population)
        known = {
            "world": world.world.name, "term": world.term.name, "movies": len(world.catalogue),
            "topic": settings.log_topic, "service": settings.service_address,
        }  # fmt: skip
        desk = Desk(records, settings.manners, lambda: known | live.facts(), stop.wait)
        api = serve(desk, settings.api_port)
        facts["now"] = live.facts
        Visitors(settings.service_address, live.on, stop).start()

        def alive() -> None:
            desk.trouble = of_api(live.on())
            heart.beat()

        _log.info("live at %s, %g times real time", live.facts()["stream_time"], live.speed)
        live.run(alive)
        api.shutdown()
    except Stopped:
        _log.info("stopped while lines waited for the broker; they are sent at the next start")
    finally:
        outbox.close()
        requester.close()


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
