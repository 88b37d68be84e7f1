"""A broker that a test may kill, start again, or replace by a new one at the same address."""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from houses import free_ports
from infra.kafka.broker import Broker as Configured
from infra.kafka.fetch import DEFAULT_LIBS, ensure_jars
from stream.topics import Broker, BrokerAway
from waiting import until


@dataclass
class MortalBroker:
    """One broker process at one address."""

    configured: Configured
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        """For clients."""
        return self.configured.address

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = self.configured.prepare()
        with (self.configured.directory / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.configured.directory)
        until(self.answers, 60, "the broker to answer")

    def answers(self) -> bool:
        """Whether a client gets an answer."""
        try:
            with Broker(self.address) as asked:
                return bool(asked.cluster())
        except BrokerAway:
            return False

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(number)
            process.wait(30)

    def forget(self) -> None:
        """Delete everything it stored."""
        shutil.rmtree(self.configured.directory / "data")


@contextlib.contextmanager
def mortal_broker(folder: Path) -> Iterator[MortalBroker]:
    """A running broker in a folder of its own."""
    made = MortalBroker(Configured(folder, *free_ports(2), 256, ensure_jars(DEFAULT_LIBS)))
    made.start()
    try:
        yield made
    finally:
        made.end()
