"""Where a broker sends its clients: the addresses that it advertises, asked in Kafka's own words over a plain socket.

A client that connects is told the addresses of the brokers and goes on there. Through a tunnel with another local port
that second address leads nowhere, so the client connects and then hangs. A client library cannot be asked about that,
for it follows the addresses itself. One request is enough: Metadata, version 2, without topics.
Source: Kafka protocol guide, https://kafka.apache.org/protocol#The_Messages_Metadata.
"""

import socket
import struct
from dataclasses import dataclass
from typing import NamedTuple

PATIENCE_S = 3.0
_MAX_ANSWER = 1 << 20
_BODY = struct.pack(">hhihi", 3, 2, 7, -1, 0)  # Metadata, version 2, correlation 7, no client name, no topics
_REQUEST = struct.pack(">i", len(_BODY)) + _BODY


class Address(NamedTuple):
    """Where something listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a broker says of itself and its fellows."""

    id: str
    brokers: tuple[Address, ...]


def address_of(bootstrap: str) -> Address:
    """The first address of a bootstrap setting, ``host:port``. Raises ValueError."""
    first = bootstrap.partition(",")[0].strip()
    host, _, port = first.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) <= 65_535:
        raise ValueError(f"expected host:port, e.g. localhost:9092; got {first!r}")
    return Address(host.strip("[]"), int(port))


def ask(address: Address, patience_s: float = PATIENCE_S) -> Cluster:
    """What whoever listens at `address` says its cluster is. Raises OSError; ValueError if it does not speak Kafka."""
    with socket.create_connection(address, timeout=patience_s) as connection:
        connection.sendall(_REQUEST)
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        if not 0 < size <= _MAX_ANSWER:
            raise ValueError(f"{address} answers, but not as a Kafka broker does")
        answer = _exactly(connection, size)
    try:
        return _Answer(answer).cluster()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{address} answers, but not as a Kafka broker does ({error})") from error


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        if not (part := connection.recv(size - len(parts))):
            raise ConnectionResetError("the connection was closed before an answer came")
        parts += part
    return parts


class _Answer:
    """Reads the fields of an answer one after the other."""

    def __init__(self, answer: bytes) -> None:
        self._left = answer

    def cluster(self) -> Cluster:
        """correlation, [node, host, port, rack], cluster id; the rest is not needed."""
        if self._number("i") != 7:
            raise IndexError("another correlation id")
        brokers = tuple(self._broker() for _ in range(self._number("i")))
        return Cluster(self._text() or "", brokers)

    def _broker(self) -> Address:
        self._number("i")
        host, port = self._text(), self._number("i")
        self._text()
        return Address(host or "", port)

    def _number(self, kind: str) -> int:
        size = struct.calcsize(f">{kind}")
        (number,) = struct.unpack(f">{kind}", self._left[:size])
        self._left = self._left[size:]
        return int(number)

    def _text(self) -> str | None:
        if (size := self._number("h")) < 0:
            return None
        text, self._left = self._left[:size], self._left[size:]
        return text.decode()
