"""A client that loads an HTTP service on this machine and reports latencies; a process of its own, one thread.

    python http_load.py PORT PATH --seconds 3                 32 connections that ask as fast as they are answered
    python http_load.py PORT PATH --seconds 3 --rate 500      at 500 a second, whether or not earlier ones are answered

`{}` in PATH becomes a user's number. Prints one JSON object. Latency counts from when a request was due, so that a
server which stalls is not asked less.
"""

import argparse
import json
import random
import select
import socket
import time
from collections import deque

CONNECTIONS = 32
LAST_SECONDS = 2.0  # for what is under way at the end


class Client:
    """Kept connections to one port; an answer is whole when its Content-Length is there."""

    def __init__(self, port: int, path: str, users: int, seed: int) -> None:
        self.port, self.poll, self.draw = port, select.epoll(), random.Random(seed)
        self.path, self.users = path, users
        self.idle: deque[socket.socket] = deque()
        self.busy: dict[int, tuple[socket.socket, float, bytearray]] = {}
        self.latencies: list[float] = []
        self.failures = 0

    def ask(self, due: float) -> None:
        """Send one request that was due then, on an idle connection or a new one."""
        path = self.path.replace("{}", str(self.draw.randrange(self.users)))
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        connection = self.idle.popleft() if self.idle else self._connect()
        self.busy[connection.fileno()] = connection, due, bytearray()
        try:
            connection.sendall(request)
        except OSError:
            self._failed(connection.fileno())

    def receive(self, wait_s: float) -> int:
        """Take what arrives within that time; returns how many requests ended."""
        ended = 0
        for fd, _ in self.poll.poll(max(0.0, wait_s)):
            if fd in self.busy:
                ended += self._read(fd)
        return ended

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.poll.register(connection.fileno(), select.EPOLLIN)
        return connection

    def _read(self, fd: int) -> int:
        connection, due, answer = self.busy[fd]
        try:
            received = connection.recv(65_536)
        except OSError:
            received = b""
        answer += received
        head, found, body = answer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            if not received:
                self._failed(fd)
            return int(not received)
        self.latencies.append(time.perf_counter() - due)
        self.failures += not head.startswith(b"HTTP/1.1 200")
        del self.busy[fd]
        if b"connection: close" in head.lower():
            self._drop(connection)
        else:
            self.idle.append(connection)
        return 1

    def _failed(self, fd: int) -> None:
        self.failures += 1
        self._drop(self.busy.pop(fd)[0])

    def _drop(self, connection: socket.socket) -> None:
        self.poll.unregister(connection.fileno())
        connection.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.index(b"content-length:") + 15
    return int(lower[at : lower.find(b"\r\n", at) if b"\r\n" in lower[at:] else None])


def saturate(client: Client, seconds: float) -> None:
    """Each connection asks again as soon as it is answered."""
    end = time.perf_counter() + seconds
    for _ in range(CONNECTIONS):
        client.ask(time.perf_counter())
    while time.perf_counter() < end:
        for _ in range(client.receive(1.0)):
            client.ask(time.perf_counter())


def at_rate(client: Client, seconds: float, rate: float) -> None:
    """One request every 1/rate seconds."""
    started, sent = time.perf_counter(), 0
    while sent < seconds * rate:
        due = started + sent / rate
        if time.perf_counter() >= due:
            client.ask(due)
            sent += 1
        else:
            client.receive(min(due - time.perf_counter(), 0.05))


def main() -> None:
    """Load, wait for the last answers, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--users", type=int, default=100_000)
    chosen = parser.parse_args()
    client = Client(chosen.port, chosen.path, chosen.users, seed=7)
    started = time.perf_counter()
    if chosen.rate:
        at_rate(client, chosen.seconds, chosen.rate)
    else:
        saturate(client, chosen.seconds)
    seconds = time.perf_counter() - started
    end = time.perf_counter() + LAST_SECONDS
    while client.busy and time.perf_counter() < end:
        client.receive(0.1)
    ordered = sorted(client.latencies)
    quantiles = {name: ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1_000 if ordered else 0.0
                 for name, q in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))}  # fmt: skip
    failed = client.failures + len(client.busy)
    print(json.dumps({"rate": len(ordered) / seconds, "requests": len(ordered), "failed": failed, **quantiles}))


if __name__ == "__main__":
    main()
