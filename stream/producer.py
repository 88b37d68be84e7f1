"""Lines to a topic: in order within a partition, each once, while this producer lives.

The broker may be away when it starts and may go away for any time; lines wait in memory and `flush` says when they are
all there. A caller that must outlive its own death keeps its place only after `flush` has returned.
"""

import contextlib
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

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
        self._sent: list[Any] = []  # a future for each line since the last flush

    def send(self, topic: str, partition: int, line: bytes) -> None:
        """Queue `line`, without its newline.

        Raises BrokerAway, with the line not queued, if that takes 3 seconds; LinesRefused if it is too long.
        """
        if len(self._sent) >= WAITING_LINES:
            self.flush(ANSWER_MS / 1000)
        try:
            self._sent.append((self._client or self._connected()).send(topic, value=line, partition=partition))
        except MessageSizeTooLargeError as error:
            raise LinesRefused(self.bootstrap, error) from error
        except (KafkaError, OSError) as error:
            raise BrokerAway(self.bootstrap, error) from error

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
        sent, self._sent = self._sent, []
        refused = next((future.exception for future in sent if future.exception is not None), None)
        if refused is not None:
            raise LinesRefused(self.bootstrap, refused) from refused

    def close(self, seconds: float = 3.0) -> None:
        """Send what waits, if the broker takes it in time, and hang up."""
        client, self._client, self._sent = self._client, None, []
        if client is not None:
            with contextlib.suppress(KafkaError, OSError):
                client.close(timeout=seconds)

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
