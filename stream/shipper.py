"""Answer records from the workers' spool files to our own broker, in order of each worker, none ever lost.

A worker of the service writes `<pid>-<start_ns>-<n>.jsonl` and goes on to n+1 when that is full. Lines are sent, the
broker's word awaited, and only then the place kept in `<file>.pos`: a kill in between sends some again, and the store
keeps each record once. A file is deleted when nobody writes it any more and all of it was delivered.
Start reading at `Shipper.turn`.
"""

import contextlib
import logging
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from stream import evidence
from stream.answers import Answer, MalformedAnswer
from stream.metrics import ShipperMetrics, serve
from stream.producer import LineProducer
from stream.settings import StreamSettings
from stream.topics import Broker, BrokerAway

CHUNK_BYTES = 500_000  # read and sent at a time; a line longer than that is no record
BROKEN_BYTES = 1_000_000  # of broken lines kept for a look; older ones are dropped
BEAT_S, IDLE_S, RETRY_S, FLUSH_S = 2.0, 0.2, 1.0, 3.0
_NAME = re.compile(r"(?P<pid>\d+)-(?P<start_ns>\d+)-(?P<number>\d+)\.jsonl")

log = logging.getLogger("stream.shipper")


@dataclass(frozen=True, slots=True, order=True)
class SpoolFile:
    """One file of one worker."""

    pid: int
    start_ns: int
    number: int
    path: Path

    @property
    def place(self) -> Path:
        """Where it is kept how many bytes were delivered."""
        return self.path.with_name(f"{self.path.name}.pos")

    def delivered(self) -> int:
        """Bytes delivered."""
        try:
            return int(self.place.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def keep(self, delivered: int) -> None:
        """Remember `delivered` bytes; a reader sees the old number or the new one."""
        fresh = self.place.with_name(f".{self.place.name}.tmp")
        fresh.write_text(str(delivered))
        fresh.replace(self.place)


def spool_files(spool_dir: Path) -> list[SpoolFile]:
    """The workers' files, those of one worker in the order in which they were written."""
    found = ((path, _NAME.fullmatch(path.name)) for path in spool_dir.glob("*.jsonl"))
    return sorted(SpoolFile(int(m["pid"]), int(m["start_ns"]), int(m["number"]), path) for path, m in found if m)


class Shipper:
    """Delivers what lies in a spool folder. One thread; nothing is lost if it ends at any point."""

    def __init__(self, spool_dir: Path, bootstrap: str, topic: str, metrics: ShipperMetrics) -> None:
        self.dir, self.topic, self.bootstrap = spool_dir, topic, bootstrap
        self._metrics = metrics
        self._producer: LineProducer | None = None
        self._partitions: tuple[int, ...] = ()
        self.shipped = self.broken = 0

    def turn(self) -> int:
        """Deliver at most a chunk of each file; returns how many records. Raises BrokerAway, OSError."""
        files, sent = spool_files(self.dir), 0
        newest = {(file.pid, file.start_ns): file.number for file in files}
        for file in files:
            done = file.number < newest[file.pid, file.start_ns] or not _runs(file.pid, file.start_ns)
            sent += self._deliver(file, done)
        self._metrics.waiting.set(self.waiting())
        return sent

    def waiting(self) -> int:
        """Bytes in the spool that were not delivered."""
        total = 0
        for file in spool_files(self.dir):
            with contextlib.suppress(FileNotFoundError):
                total += max(0, file.path.stat().st_size - file.delivered())
        return total

    def close(self) -> None:
        """Hang up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(0.5)

    def _deliver(self, file: SpoolFile, done: bool) -> int:
        """done: nobody writes the file any more, known before it is read."""
        start = file.delivered()
        with file.path.open("rb") as spool:
            spool.seek(start)
            chunk = spool.read(CHUNK_BYTES)
        whole = len(chunk) if len(chunk) < CHUNK_BYTES and done else chunk.rfind(b"\n") + 1
        if not whole and len(chunk) == CHUNK_BYTES:
            whole = len(chunk)
        if whole:
            sent = self._send(file.pid, chunk[:whole].splitlines())
            file.keep(start + whole)
            return sent
        if done and not chunk:
            file.path.unlink()
            file.place.unlink(missing_ok=True)
        return 0

    def _send(self, pid: int, lines: list[bytes]) -> int:
        """Deliver the lines that are records, set the others aside; the broker has them when this returns."""
        records, broken = _sorted_out(lines)
        try:
            producer = self._connected()
            for record in records:
                producer.send(self.topic, self._partitions[pid % len(self._partitions)], record)
            producer.flush(FLUSH_S)
        except BrokerAway:
            self.close()  # what still waits in it is sent again by the next one
            self._metrics.connected.set(0)
            raise
        if broken:
            self._set_aside(broken)
        self.shipped += len(records)
        self._metrics.shipped.inc(len(records))
        return len(records)

    def _connected(self) -> LineProducer:
        if self._producer is None:
            with Broker(self.bootstrap) as broker:
                self._partitions = broker.create(self.topic).partitions
            self._producer = LineProducer(self.bootstrap, linger_ms=5)
            self._metrics.connected.set(1)
        return self._producer

    def _set_aside(self, lines: list[bytes]) -> None:
        self.broken += len(lines)
        self._metrics.broken.inc(len(lines))
        log.error("%d lines are no answer records; they are in %s", len(lines), self.dir / "broken.jsonl")
        path = self.dir / "broken.jsonl"
        kept = path.read_bytes() if path.exists() else b""
        path.write_bytes((kept + b"".join(line + b"\n" for line in lines))[-BROKEN_BYTES:])


def ship(settings: StreamSettings, stop: threading.Event) -> int:
    """Deliver until `stop` is set; returns how many records. Raises PortTaken if the metrics' port is taken."""
    metrics = ShipperMetrics()
    serve(metrics.registry, settings.shipper_metrics_port, "SHIPPER_METRICS_PORT")
    shipper = Shipper(settings.spool_dir, settings.own_bootstrap, settings.answers_topic, metrics)
    trouble = ""
    beat_at = 0.0
    while not stop.is_set():
        wait_s, before = IDLE_S, trouble
        try:
            wait_s, trouble = (0.0 if shipper.turn() else IDLE_S), ""
        except Exception as error:  # noqa: BLE001 - whatever one turn meets, records must go on flowing; counted
            metrics.failed.inc()
            wait_s, trouble = RETRY_S, f"{type(error).__name__}: {error}"
        if trouble.partition(":")[0] != before.partition(":")[0]:
            log.warning("%s", trouble or "delivering again")
        if time.monotonic() - beat_at >= BEAT_S:
            beat_at = time.monotonic()
            facts = {"shipped": shipper.shipped, "broken": shipper.broken, "waiting_bytes": shipper.waiting()}
            evidence.beat(settings.run_dir, "shipper", facts | {"trouble": trouble})
        stop.wait(wait_s)
    shipper.close()
    return shipper.shipped


def _sorted_out(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """(records, lines that are none)."""
    records, broken = [], []
    for line in filter(None, lines):
        try:
            Answer.parse(line)
            records.append(line)
        except MalformedAnswer:
            broken.append(line)
    return records, broken


def _runs(pid: int, start_ns: int) -> bool:
    """Whether the worker that started then still runs; its process id may be another process's by now."""
    if not evidence.alive(pid):
        return False
    began_ns = _process_start_ns(pid)
    return began_ns is None or began_ns <= start_ns + 2_000_000_000


def _process_start_ns(pid: int) -> int | None:
    """When a process started, UTC; None where the system does not say (no /proc)."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, IndexError, ValueError, StopIteration):
        return None
    return int(booted.split()[1]) * 1_000_000_000 + ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
