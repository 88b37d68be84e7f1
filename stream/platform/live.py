"""The live stream: a world that goes on in steps, asks the service in its users' names, and sends what happens.

A step's requests are asked when they are due; its lines leave once all of its answers are known, so that the topic is
in order of time. Steps are journalled before they leave and never reach beyond a block of the simulation; a block is
planned only when every answer that its starts depend on has been shown. Start reading at `Live.run`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np

from stream.platform.delivery import Outbox
from stream.platform.draws import keys_of
from stream.platform.injections import Injection
from stream.platform.intrusion import Place
from stream.platform.metrics import PlatformMetrics
from stream.platform.opening import Opened, catch_up
from stream.platform.pace import Pace
from stream.platform.population import FIRST_ID
from stream.platform.settings import PlatformSettings
from stream.platform.state import Journal, Progress, Step
from stream.platform.telling import Telling
from stream.platform.trouble import Trouble
from stream.platform.world import BLOCK_MS, MINUTE_MS
from stream.requester import Outcome, Requester

_log = logging.getLogger(__name__)

STEP_SECONDS = 0.5  # real
MAX_STEP_MS = MINUTE_MS
SNAPSHOT_MS = 3 * BLOCK_MS
_AHEAD = 16  # steps that may wait for answers before the stream waits too
_READY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Asked:
    number: int
    user_id: int
    at_ms: int
    outcome: "Future[Outcome]"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A step whose answers may still be missing."""

    until_ms: int
    progress: Progress
    asked: tuple[_Asked, ...]

    def done(self) -> bool:
        return all(asked.outcome.done() for asked in self.asked)


class Live:
    """One world going live to one topic, with one service."""

    def __init__(
        self,
        settings: PlatformSettings,
        opened: Opened,
        outbox: Outbox,
        requester: Requester,
        metrics: PlatformMetrics,
        stop: threading.Event,
    ) -> None:
        self._settings, self._outbox, self._requester, self._metrics = settings, outbox, requester, metrics
        self._folder, self.world, self.progress = opened.folder, opened.world, opened.progress
        self._stop = stop
        self._telling = Telling(self.world, settings.term)
        place = Place(self.world.catalogue.ids, self.world.world.n_users, settings.term)
        self._trouble = Trouble(settings.home, settings.team, place, self.progress.late)
        self.world.changes = self._trouble.changes_of
        self._waiting: deque[_Waiting] = deque()
        self._position_ms = self.world.now_ms  # requests before this have been asked
        self._saved_ms = self.world.now_ms
        self._journal = Journal(self._folder.journal(self._saved_ms))
        self._ready_checked = -_READY_SECONDS
        self.answered = self.answered_ok = 0
        self._latencies_ms: deque[int] = deque(maxlen=1_000)
        self._came: deque[float] = deque(maxlen=300)  # when answers were taken in, real seconds
        self._last_outcome = "-"
        self._sent: deque[tuple[float, int]] = deque(maxlen=120)  # when, and lines until then: some of the last minutes

    @property
    def speed(self) -> float:
        """Stream seconds per real second now."""
        if self.world.world.real_time:
            return 1.0
        fast = self.progress.live_seconds < self._settings.fast_minutes * 60
        return self._settings.fast_speed if fast else self._settings.speed

    def facts(self) -> dict[str, object]:
        """What a heartbeat says."""
        return {
            "stream_time": self._telling.clock.show(self.world.now_ms * 1_000_000),
            "lines": sum(self._telling.counts.values()),
            "lines_per_second": self._lines_per_second(),
            "users": len(self.world.population),
            "latency_ms": self._latency(),
            "p99_ms": self._quantile(0.99),
            "requests_per_second": self._requests_per_second(),
            "last_outcome": self._last_outcome,
            "requests": self.answered,
            "requests_ok": self.answered_ok,
            "asking": self.progress.asking,
            "speed": self.speed,
        }

    def _lines_per_second(self) -> float:
        """In real time, over what was sent lately."""
        sent = list(self._sent)
        if len(sent) < 2 or sent[-1][0] == sent[0][0]:
            return 0.0
        return round((sent[-1][1] - sent[0][1]) / (sent[-1][0] - sent[0][0]), 1)

    def _requests_per_second(self) -> float:
        """In real time, over the answers that came lately."""
        came = list(self._came)
        seconds = time.monotonic() - came[0] if came else 0.0
        return round(len(came) / seconds, 1) if seconds > 0 else 0.0

    def _quantile(self, share: float) -> int | None:
        latest = sorted(self._latencies_ms.copy())
        return latest[int(len(latest) * share)] if latest else None

    def _latency(self) -> str:
        return f"{self._quantile(0.5)} / {self._quantile(0.99)} ms" if self._latencies_ms else "-"

    def resume(self) -> None:
        """Go through the journal, and send what of its last step the topic does not hold yet. Raises Stopped."""
        self._outbox.open()
        last: dict[int, list[bytes]] = {}
        for step in self._folder.steps(self.world.now_ms):
            last = self._lines(step)
            self.progress = Progress(step.live_seconds, step.asking)
        if last:
            self._outbox.deliver(self._outbox.missing(last))
        catch_up(self.world, self._outbox)
        self._position_ms = self.world.now_ms
        self._save()

    def run(self, alive: Callable[[], None] = lambda: None) -> None:
        """Go on until stopped. `alive` is called after each step. Raises Stopped if the broker is away then."""
        self.resume()
        pace = Pace(self._stop, self._position_ms)
        while not self._stop.is_set():
            self.step(pace)
            alive()
        while self._waiting and self._waiting[0].done():
            self._send()
        if not self._waiting:
            self._save()
        self._journal.close()

    def step(self, pace: Pace) -> None:
        """One step further: ask what falls due in it, wait for its end, send what is ready."""
        until_ms = self._step_end()
        if until_ms > self.world.planned_ms:
            self._drain()
        asked = self._ask(until_ms, pace)
        pace.wait(until_ms, self.speed)
        if self._stop.is_set():
            return  # nothing of this step is journalled: it is asked again after the restart
        self._metrics.late.set(pace.late_seconds)
        lived = (until_ms - self._position_ms) / 1000 / self.speed
        self.progress = Progress(self.progress.live_seconds + lived, self._asking())
        self._waiting.append(_Waiting(until_ms, self.progress, asked))
        self._position_ms = until_ms
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > _AHEAD):
            self._send()

    def _step_end(self) -> int:
        """Half a real second on, at most a stream minute, never across a block."""
        length_ms = min(MAX_STEP_MS, max(100, int(STEP_SECONDS * 1000 * self.speed)))
        return min(self._position_ms + length_ms, (self._position_ms // BLOCK_MS + 1) * BLOCK_MS)

    def _drain(self) -> None:
        """Send everything that waits for answers, before the block that depends on them is planned."""
        while self._waiting:
            self._send()
        if self.world.now_ms - self._saved_ms >= SNAPSHOT_MS:
            self._save()

    def _ask(self, until_ms: int, pace: Pace) -> tuple[_Asked, ...]:
        due = self.world.requests(self._position_ms, until_ms)
        if not self.progress.asking:
            self._metrics.not_asked.inc(len(due))
            return ()
        asked = []
        for number, row, at_ms in zip(due.number.tolist(), due.user.tolist(), due.at_ms.tolist(), strict=True):
            pace.wait(at_ms, self.speed)
            if self._stop.is_set():
                break
            user_id = row + FIRST_ID
            asked.append(_Asked(number, user_id, at_ms, self._requester.submit(user_id)))
        return tuple(asked)

    def _asking(self) -> bool:
        """Whether the service has ever been ready; looked at once a second until it has."""
        if not self.progress.asking and time.monotonic() - self._ready_checked >= _READY_SECONDS:
            self._ready_checked = time.monotonic()
            if self._requester.ready():
                _log.info("the service is ready: requests begin")
                return True
        return self.progress.asking

    def _send(self) -> None:
        """The oldest waiting step: wait for its answers, journal it, send its lines."""
        waiting = self._waiting.popleft()
        answers = tuple((asked.number, self._answer_line(asked)) for asked in waiting.asked)
        on = tuple(each.id for each in self._trouble.on(self.world.now_ms, waiting.until_ms))
        step = Step(waiting.until_ms, waiting.progress.live_seconds, waiting.progress.asking, answers, on)
        self._journal.write(step)
        before = dict(self._telling.counts)
        self._outbox.deliver(self._lines(step))
        for kind, count in self._telling.counts.items():
            self._metrics.lines.labels(kind).inc(count - before[kind])
        self._sent.append((time.monotonic(), sum(self._telling.counts.values())))
        self._metrics.stream_seconds.set(self.world.now_ms / 1000)
        self._metrics.speed.set(self.speed)

    def _lines(self, step: Step) -> dict[int, list[bytes]]:
        """What a step writes, by partition, in order of time but for what trouble does to it."""
        from_ms, partitions = self.world.now_ms, self._outbox.partitions
        on = self._trouble.named(step.trouble)
        written: dict[int, list[bytes]] = {}
        for told in self._trouble.apply(self._telling.lines_of(step), on, from_ms, step.until_ms, partitions):
            written.setdefault(told.partition, []).append(told.text)
        return written

    def on(self) -> tuple[Injection, ...]:
        """The injections that are on now."""
        return self._trouble.on(self._position_ms, self._position_ms + 1)

    def note(self, scenario: str, what: str, movie: str = "") -> None:
        """Keep in the answer key what an injection did to an answer of the API; what: ``user/12: age``."""
        kind, _, ids = what.partition(":")[0].partition("/")
        users = [int(part) for part in ids.split(",") if part.isascii() and part.isdigit()] if kind == "user" else []
        movies = [movie] if movie else ids.split(",") if kind == "movie" else []
        self._trouble.note(scenario, self._position_ms, what, users, movies)

    def _answer_line(self, asked: _Asked) -> str:
        """The log's line of a request: stamped when the answer came, on the stream's clock."""
        outcome, term = asked.outcome.result(), self._settings.term
        self.answered += 1
        self.answered_ok += outcome.status == 200
        self._metrics.requests.labels(str(outcome.status)).inc()
        self._metrics.latency.observe(outcome.latency_ms / 1000)
        self._latencies_ms.append(outcome.latency_ms)
        self._came.append(time.monotonic())
        self._last_outcome = outcome.failure or f"{outcome.status}, {len(outcome.movies)} movies"
        below_ms = int(keys_of(self.world.seed, "nanoseconds", np.array([asked.number]))[0]) % 1_000_000
        at_ns = (asked.at_ms + outcome.latency_ms) * 1_000_000 + below_ms
        event = outcome.event(at_ns, asked.user_id, self._requester.host)
        return event.format(self._telling.clock, term.request_digits)

    def _save(self) -> None:
        self._folder.save(self.world, replace(self.progress, late=self._trouble.damage.late))
        self._saved_ms = self.world.now_ms
        self._journal.close()
        self._journal = Journal(self._folder.journal(self._saved_ms))
