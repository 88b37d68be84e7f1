"""A consumer process of its own beside a test: started, killed, asked what it stored."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from houses import free_ports
from stream import evidence
from stream.events import Rated, Requested, WallClock, Watched
from stream.feed import Feed, Plan
from stream.metrics import ConsumerMetrics
from stream.producer import LineProducer
from stream.store.info import info
from stream.store.log import EventLog

CLOCK = WallClock("America/New_York")
START_NS = CLOCK.read("2026-09-12T09:15:02.125")


@dataclass
class ConsumerHouse:
    """Settings of a consumer with a store of its own; `start` runs one process at a time."""

    var_dir: Path
    broker: str
    topic: str
    team: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, *words: str, under: tuple[str, ...] = ()) -> None:
        """Run `python -m stream consume`, or other words; by the command `under` if there is one."""
        with (self.var_dir.parent / f"{self.var_dir.name}.log").open("ab") as log:
            command = [*under, sys.executable, "-m", "stream", *(words or ("consume",))]
            self.process = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log)

    def environment(self) -> dict[str, str]:
        """Environment of the process."""
        if "CONSUMER_METRICS_PORT" not in self.settings:
            self.settings["CONSUMER_METRICS_PORT"], self.settings["SHIPPER_METRICS_PORT"] = map(str, free_ports(2))
        return os.environ | {
            "VAR_DIR": str(self.var_dir), "KAFKA_BOOTSTRAP": self.broker, "KAFKA_PORT": self.broker.partition(":")[2],
            "TOPIC": self.topic, "TEAM": str(self.team), "CONSUMER_GROUP": self.topic, "FLUSH_SECONDS": "0.2",
        } | self.settings  # fmt: skip

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        """Send a signal and wait; the exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    @property
    def store(self) -> Path:
        """Its store."""
        return self.var_dir / "store"

    def lines(self) -> int:
        """Lines of the stream in the store, parsed or not."""
        held = info(self.store)
        return int(held["events"] + sum(held["quarantined"].values()))

    def holds(self) -> tuple[int, str]:
        """How many lines are in the store, and their digest."""
        return self.lines(), str(info(self.store)["digest"])

    def state(self, feed: str = "events") -> str:
        """What its last heartbeat said; "" if it never beat or is another process's."""
        beat = evidence.read_beats(self.var_dir / "run").get("consumer")
        ours = beat and self.process and beat.pid == self.process.pid
        return str(beat.facts[feed]["state"]) if ours and beat else ""

    def log(self) -> str:
        """What it wrote to its log; "" if it never ran."""
        file = self.var_dir.parent / f"{self.var_dir.name}.log"
        return file.read_text() if file.exists() else ""


class Reader:
    """The feed of a topic in a thread, with a store that outlives it."""

    def __init__(self, store: Path, broker: str, topic: str) -> None:
        self.store, self.topic, self._broker = store, topic, broker

    @contextlib.contextmanager
    def running(self, create: bool = True, group: str = "") -> Iterator[Feed]:
        """A feed at work while the block runs, in a group named after the topic unless told another."""
        plan = Plan("events", self._broker, self.topic, group or self.topic, create, flush_seconds=0.1, member="reader")
        feed, stop = Feed(plan, EventLog(self.store, CLOCK), ConsumerMetrics()), threading.Event()
        thread = threading.Thread(target=self._run, args=(feed, stop))
        thread.start()
        try:
            yield feed
        finally:
            stop.set()
            thread.join(20)

    @staticmethod
    def _run(feed: Feed, stop: threading.Event) -> None:
        while not stop.is_set():
            if not feed.step():
                stop.wait(0.02)
        feed.close()

    def lines(self) -> int:
        """Lines of the stream in the store, parsed or not."""
        held = info(self.store)
        return int(held["events"] + sum(held["quarantined"].values()))

    def sources(self) -> set[str]:
        """Which sources they are of."""
        return {source["source"] for source in info(self.store)["sources"]}


@contextlib.contextmanager
def consumer_house(folder: Path, broker: str, topic: str, **settings: str) -> Iterator[ConsumerHouse]:
    """A consumer's house; whatever still runs at the end is killed."""
    house = ConsumerHouse(folder, broker, topic, int(uuid.uuid4().int % 900) + 100, dict(settings))
    try:
        yield house
    except BaseException as error:
        error.add_note(f"the last words of {folder.name}'s consumer:\n{house.log()[-4_000:]}")
        raise
    finally:
        house.stop(signal.SIGKILL)


def some_lines(count: int, first: int = 0) -> list[bytes]:
    """Lines of every kind, one in fifty of them malformed, all different."""
    return [_line(number).encode() for number in range(first, first + count)]


def _line(number: int) -> str:
    at_ns, user = START_NS + number * 7_000_000, 100 + number % 977
    if number % 50 == 49:
        return f"not a line {number}"
    if number % 50 == 48:
        return Requested(at_ns, user, "team:8082", 200, ("heat+1995", "fargo+1996"), None, number).format(CLOCK)
    if number % 50 == 47:
        return Rated(at_ns, user, "heat+1995", number % 11).format(CLOCK)
    return Watched(at_ns, user, "heat+1995", number % 170).format(CLOCK)


def send(broker: str, topic: str, lines: list[bytes]) -> None:
    """Send lines to the two partitions in turn."""
    producer = LineProducer(broker)
    for number, line in enumerate(lines):
        producer.send(topic, number % 2, line)
    producer.flush()
    producer.close()


@contextlib.contextmanager
def sending(broker: str, topic: str, lines: list[bytes], seconds: float) -> Iterator[threading.Thread]:
    """Send lines evenly over some seconds while the block runs; all are sent when it ends."""
    stop = threading.Event()

    def flow() -> None:
        producer = LineProducer(broker)
        burst = max(1, round(len(lines) / (seconds * 20)))
        for start in range(0, len(lines), burst):
            for number, line in enumerate(lines[start : start + burst], start):
                producer.send(topic, number % 2, line)
            stop.wait(0.05)  # cut short when the block ends: the rest goes out at once
        producer.flush()
        producer.close()

    sender = threading.Thread(target=flow)
    sender.start()
    try:
        yield sender
    finally:
        stop.set()
        sender.join(60)
