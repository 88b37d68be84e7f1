"""Lines to a topic: in order within a partition, each once, while this producer lives.

The broker may be away when it starts and may go away for any time; lines wait in memory and `flush` says when they are
all there. A caller that must outlive its own death keeps its place only after `flush` has returned.
"""

import contextlib
import time
from collections import deque
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from stream.topics import ANSWER_MS, BrokerAway

WAITING_LINES = 100_000  # that may wait in memory; the client itself knows no bound
LINE_BYTES = 16_000_000  # longest line; a topic may take less
NEVER_MS = 2**31 - 1  # giving a batch up would leave a hole behind which later lines are stored


class LinesRefused(BrokerAway):
    """The broker, or the client for it, will never take a line: it is too long, or we may not write there."""

    def __init__(self, bootstrap: str, error: Exception) -> None:
        super().__init__(bootstrap, error)
        self.args = (f"the broker at {bootstrap} refuses a line ({type(error).__name__}: {str(error)[:200]})",)


class LineProducer:
    """Sends lines. After a failed `flush` the lines since the last good one may be there or not."""

    def __init__(self, bootstrap: str, linger_ms: int = 20) -> None:
        self.bootstrap = bootstrap
        self._linger_ms = linger_ms
        self._client: KafkaProducer | None = None
        self._sent: deque[Any] = deque()  # futures of lines that are perhaps not there yet, oldest first
        self._refused: Exception | None = None

    def send(self, topic: str, partition: int, line: bytes) -> None:
        """Queue `line`, without its newline.

        Raises BrokerAway, with the line not queued, if that takes 3 seconds; LinesRefused if it is too long.
        """
        if len(self._sent) >= WAITING_LINES:
            self.ease(WAITING_LINES // 2, ANSWER_MS / 1000)
        try:
            self._sent.append((self._client or self._connected()).send(topic, value=line, partition=partition))
        except MessageSizeTooLargeError as error:
            raise LinesRefused(self.bootstrap, error) from error
        except (KafkaError, OSError) as error:
            raise BrokerAway(self.bootstrap, error) from error

    def ease(self, lines: int, seconds: float = 30.0) -> None:
        """Wait until the broker has all but the newest `lines` of what was sent. Raises as `flush` does."""
        deadline = time.monotonic() + seconds
        self._forget()
        while len(self._sent) > lines:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise BrokerAway(self.bootstrap, KafkaTimeoutError(f"{len(self._sent)} lines wait for it"))
            with contextlib.suppress(KafkaError):  # a line that was refused is said by what follows
                self._sent[0].get(timeout=left_s)
            self._forget()

    def flush(self, seconds: float = 30.0) -> None:
        """Wait until the broker has everything sent so far.

        Raises BrokerAway if it has not in time: the lines still wait, so call again. Raises LinesRefused, once, if
        the broker refused a line for good (too long, no right to write): that line is lost.
        """
        if self._client is None:
            return
        try:
            self._client.flush(timeout=seconds)
        except (KafkaError, OSError) as error:
            raise BrokerAway(self.bootstrap, error) from error
        self._forget()

    def close(self, seconds: float = 3.0) -> None:
        """Send what waits, if the broker takes it in time, and hang up."""
        client, self._client, self._sent = self._client, None, deque()
        if client is not None:
            with contextlib.suppress(KafkaError, OSError):
                client.close(timeout=seconds)

    def _forget(self) -> None:
        """Lines that arrived, from the oldest on; those refused are said once."""
        sent = self._sent
        while sent and sent[0].is_done:
            self._refused = sent.popleft().exception or self._refused
        refused, self._refused = self._refused, None
        if refused is not None:
            raise LinesRefused(self.bootstrap, refused) from refused

    def _connected(self) -> Any:
        if self._client is None:
            self._client = KafkaProducer(
                bootstrap_servers=self.bootstrap,
                bootstrap_timeout_ms=ANSWER_MS,
                acks="all",
                enable_idempotence=True,
                linger_ms=self._linger_ms,
                batch_size=64 * 1024,
                max_request_size=LINE_BYTES + 1_000,
                max_block_ms=ANSWER_MS,
                delivery_timeout_ms=NEVER_MS,
                reconnect_backoff_max_ms=1_000,
                allow_auto_create_topics=False,
            )
        return self._client
