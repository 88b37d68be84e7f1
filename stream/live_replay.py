"""The supervised replay: a recording in place of the simulator, through restarts of anything.

After each step that the broker has taken, `var/run/replay.json` keeps how far it is. After a restart it goes on behind
the last line that is in the topic: what the topic holds beyond that file was sent just before the end came.
"""

import itertools
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from stream import evidence
from stream.dated_lines import dated
from stream.events import WallClock
from stream.player import Asking, Item, Play, play
from stream.producer import LineProducer
from stream.recording import fingerprint, recorded_lines
from stream.requester import Requester
from stream.settings import StreamSettings
from stream.topics import Broker, BrokerAway, Topic

READY_S = 60.0  # how long it waits for the service to be ready before it asks anyway
BEAT_S, RETRY_S = 2.0, 1.0
LEAD_LINES = 1_000  # read again before the place, since a damaged line belongs to the user and time before it

log = logging.getLogger("stream.replay")


@dataclass(frozen=True, slots=True)
class Place:
    """Every line of `recording` before `lines` is in the topic `source`, which then ended at `ends` (by partition)."""

    recording: str
    lines: int = 0
    source: str = ""
    ends: dict[str, int] = field(default_factory=dict)
    finished: bool = False


class LiveReplay:
    """Plays the recording of the settings, and says how it is getting on."""

    def __init__(self, settings: StreamSettings, recording: Path, *, speed: float, ask: bool) -> None:
        self._settings, self._recording, self._speed, self._ask = settings, recording, speed, ask
        self._clock = WallClock(settings.term.zone)
        self._file = settings.run_dir / "replay.json"
        self._broker = Broker(settings.log_bootstrap)
        self._state = "starting"
        self._playing: Play | None = None
        self.place = read_place(self._file, fingerprint(recording))

    def run(self, stop: threading.Event) -> None:
        """Play to the end, then stay, so that the rest of the system stays too; returns when `stop` is set."""
        beats = threading.Thread(target=self._beat, args=(stop,), daemon=True)  # a pause in a recording may be long
        beats.start()
        host = self._settings.term.host_pattern.format(team=self._settings.team)
        with Requester(self._settings.service_address, self._settings.term.timeout_ms, host) as requester:
            self._wait_until_ready(requester, stop)
            while not stop.is_set() and not self.place.finished:
                try:
                    self._play(requester if self._ask else None, stop)
                except BrokerAway as error:
                    self._enter("broker away", str(error))
                    stop.wait(RETRY_S)
        self._enter("finished" if self.place.finished else "stopped", f"{self.place.lines} lines played")
        stop.wait()
        beats.join(BEAT_S)
        self._broker.close()

    def _play(self, requester: Requester | None, stop: threading.Event) -> None:
        topic = self._broker.create(self._settings.log_topic)
        items = self._items(topic, self._already_there(topic))
        self._enter("playing", f"{self._recording} to {topic.name} from line {self.place.lines + 1}")
        producer = LineProducer(self._settings.log_bootstrap)
        asking = Asking(requester, self._clock) if requester else None
        self._playing = Play(items, producer, asking, lambda played: self._keep(topic, played))
        try:
            if play([self._playing], producer, speed=self._speed, stop=stop):
                self._save(replace(self.place, finished=True))
        finally:
            producer.close()

    def _items(self, topic: Topic, there: dict[int, int]) -> Iterator[Item]:
        """Lines behind the place that was kept; those that are in the topic already go nowhere."""
        lead = min(self.place.lines, LEAD_LINES)
        texts = itertools.islice(recorded_lines(self._recording), self.place.lines - lead, None)
        for line in itertools.islice(dated(texts, self._clock), lead, None):
            partition = topic.partitions[line.user_id % len(topic.partitions)]
            lacks = not there.get(partition)
            there[partition] = max(0, there.get(partition, 0) - 1)
            yield line, [topic] if lacks else []

    def _already_there(self, topic: Topic) -> dict[int, int]:
        """Lines that the topic got after the place was kept; a topic made anew has none of them."""
        held = self._broker.ranges(topic.name)
        if topic.source == self.place.source:
            return {p: max(0, held[p].end - self.place.ends.get(str(p), 0)) for p in held}
        self._save(replace(self.place, source=topic.source, ends={str(p): held[p].end for p in held}))
        return {}

    def _keep(self, topic: Topic, played: int) -> None:
        ends = {str(partition): held.end for partition, held in self._broker.ranges(topic.name).items()}
        self._save(replace(self.place, lines=self.place.lines + played, ends=ends))

    def _save(self, place: Place) -> None:
        self.place = place
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_name(f".{self._file.name}.tmp")
        fresh.write_text(json.dumps({"format_version": 1, **asdict(place)}))
        fresh.replace(self._file)

    def _wait_until_ready(self, requester: Requester, stop: threading.Event) -> None:
        """Failures before the service ever was ready would be counted as its own."""
        deadline = time.monotonic() + READY_S
        while self._ask and not stop.is_set() and time.monotonic() < deadline and not requester.ready():
            self._enter("waiting for the service", f"{self._settings.service_address} is not ready")
            stop.wait(RETRY_S)

    def _enter(self, state: str, words: str) -> None:
        if state != self._state:
            log.info("%s: %s", state, words)
        self._state = state

    def _beat(self, stop: threading.Event) -> None:
        while True:
            playing = self._playing
            facts = {
                "state": self._state, "lines": self.place.lines, "speed": self._speed,
                "requests": playing.asking.asked if playing and playing.asking else 0,
                "stream_time_ns": playing.at_ns if playing else None,
            }  # fmt: skip
            evidence.beat(self._settings.run_dir, "replay", facts)
            if stop.wait(BEAT_S):
                return


def read_place(file: Path, recording: str) -> Place:
    """The place kept for this recording, or its start."""
    try:
        found = json.loads(file.read_text())
        place = Place(**{name: found[name] for name in Place.__slots__})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Place(recording)
    return place if place.recording == recording else Place(recording)
