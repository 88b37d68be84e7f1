"""The live streams of all teams side by side: a thread each, so that nobody waits for another team's service.

A stream that ends by an error is logged and shown as ended; the others go on. Start reading at `Crowd.go`.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from urllib.parse import urlsplit

from stream.platform.class_teams import Served
from stream.platform.delivery import Outbox, Stopped
from stream.platform.live import Live
from stream.platform.metrics import PlatformMetrics
from stream.platform.opening import Opened
from stream.platform.population import Population
from stream.platform.records import WorldRecords
from stream.platform.settings import PlatformSettings
from stream.platform.visitors import LOOPBACK, Visitors
from stream.requester import Requester

_log = logging.getLogger(__name__)
_THREADS = 32  # requests in flight for one team: a service that is always late holds each for the whole time limit


class Stream:
    """One team's stream with what it holds open."""

    def __init__(
        self,
        team: Served,
        opened: Opened,
        metrics: PlatformMetrics,
        stop: threading.Event,
        beat: Callable[[], None],
    ) -> None:
        """beat: called at least every few seconds while the broker is away."""
        settings = team.settings
        self.team, self.ended = team, ""
        self._stop = stop
        self._outbox = Outbox(settings.log_bootstrap, settings.log_topic, stop, beat)
        host = settings.term.host_pattern.format(team=settings.team)
        self._requester = Requester(settings.service_address, settings.term.timeout_ms, host, threads=_THREADS)
        self.live = Live(settings, opened, self._outbox, self._requester, metrics, stop)

    def run(self, alive: Callable[[], None]) -> None:
        """Until stopped."""
        service = self.team.settings.service_address
        if urlsplit(service).hostname in LOOPBACK:
            Visitors(service, self.live.on, self._stop).start()
        else:
            _log.info("%s: hostile requests are not sent to %s, which is another machine", self.team.name, service)
        _log.info("%s: live at %s", self.team.name, self.live.facts()["stream_time"])
        try:
            self.live.run(alive)
        except Stopped:
            _log.info("%s: stopped while lines waited for the broker; sent at the next start", self.team.name)

    def facts(self) -> dict[str, object]:
        """Of one team, for the page."""
        settings, live = self.team.settings, self.live.facts()
        ok = f"{self.live.answered_ok / self.live.answered:.1%}" if self.live.answered else "-"
        outcome = live["last_outcome"] if live["asking"] else "was never ready so far"
        return live | {
            "name": self.team.name, "topic": settings.log_topic, "service": settings.service_address,
            "term": settings.course_term, "ok_share": ok, "last_outcome": self.ended or outcome,
            "injections": [f"{each.scenario} ({each.id})" for each in self.live.on()],
        }  # fmt: skip

    def close(self) -> None:
        """Hang up."""
        self._outbox.close()
        self._requester.close()


class Crowd:
    """All streams of one platform."""

    def __init__(self, settings: PlatformSettings, streams: list[Stream]) -> None:
        self._settings, self._streams = settings, streams

    def records(self) -> WorldRecords:
        """What the API knows: the films, and every user of any team's world; in the words of the class's term."""
        world = self._streams[0].live.world
        population = partial(_largest, self._streams)
        return WorldRecords(self._settings.term, world.seed, world.catalogue, population)

    def facts(self) -> dict[str, object]:
        """What a heartbeat says: the one team's facts, or the sums over all and the newest stream time."""
        each = [stream.live.facts() for stream in self._streams]
        if len(each) == 1:
            return each[0]
        newest = max(each, key=lambda one: str(one["stream_time"]))
        sums = ("lines", "lines_per_second", "requests", "requests_ok", "requests_per_second")
        total = {name: round(sum(float(str(one[name])) for one in each), 1) for name in sums}
        whole = {name: int(value) if float(value).is_integer() else value for name, value in total.items()}
        return {
            "stream_time": newest["stream_time"], "speed": newest["speed"], "users": newest["users"],
            "asking": any(one["asking"] for one in each), "teams": len(each),
        } | whole  # fmt: skip

    def page(self) -> dict[str, object]:
        """Facts for the status page."""
        first = self._streams[0].live.world
        known: dict[str, object] = {
            "world": first.world.name, "term": self._settings.course_term, "movies": len(first.catalogue),
            "team_rows": [stream.facts() for stream in self._streams],
        }  # fmt: skip
        return known | self.facts()

    def go(self, alive: Callable[[], None], stop: threading.Event) -> None:
        """Run all until stopped. Raises what ended the last one, if nothing is left to run."""
        with ThreadPoolExecutor(len(self._streams), thread_name_prefix="stream") as pool:
            running = {pool.submit(stream.run, alive): stream for stream in self._streams}
            left: set[Future[None]] = set(running)
            while left:
                done, left = wait(left, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    self._ended(running[future], future.exception(), last=not left)

    def _ended(self, stream: Stream, error: BaseException | None, last: bool) -> None:
        if error is None:
            return
        stream.ended = f"ended: {type(error).__name__}: {error}"
        _log.error("%s: its stream ended", stream.team.name, exc_info=error)
        if last:
            raise error


def _largest(streams: list[Stream]) -> Population:
    """Users of all teams: the first ones are common to all, and a newcomer's taste follows from the id."""
    return max((stream.live.world.population for stream in streams), key=len)
