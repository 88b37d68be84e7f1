"""Prometheus metrics of the stream's own processes, one registry each."""

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server


class PortTaken(OSError):
    """Something else listens where a process wants to show its metrics."""


class ConsumerMetrics:
    """What the consumer counts. `feed` is events or answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = self.registry
        self.lag = Gauge(
            "stream_lag_lines", "Lines at the broker not received yet.", ["feed", "partition"], registry=of
        )
        self.stored = Counter("stream_stored_lines", "Lines stored.", ["feed", "kind"], registry=of)
        self.quarantined = Counter(
            "stream_quarantined_lines", "Lines stored that did not parse.", ["feed", "reason"], registry=of
        )
        self.quarantine_share = Gauge(
            "stream_quarantine_share", "Share of the lines stored since the start that did not parse.", ["feed"],
            registry=of,
        )  # fmt: skip
        self.written = Counter("stream_written_bytes", "Bytes of the files written.", ["feed"], registry=of)
        self.lost = Counter(
            "stream_lost_lines", "Lines that the broker dropped before they were read.", ["feed"], registry=of
        )
        self.rebalances = Counter("stream_rebalances", "Times that partitions were assigned.", ["feed"], registry=of)
        self.remade = Counter(
            "stream_topics_remade", "Times that the topic turned out to be another.", ["feed"], registry=of
        )
        self.connected = Gauge("stream_connected", "1 while the feed reads from its broker.", ["feed"], registry=of)
        self.store_bytes = Gauge("stream_store_bytes", "Size of the store.", registry=of)
        self.last_event = Gauge("stream_last_event_seconds", "Stream time of the newest event stored.", registry=of)


class ShipperMetrics:
    """What the shipper counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = self.registry
        self.shipped = Counter("shipper_shipped_records", "Answer records delivered to the broker.", registry=of)
        self.broken = Counter("shipper_broken_records", "Lines set aside because they are no record.", registry=of)
        self.failed = Counter("shipper_failed_turns", "Turns that ended in an error; tried again.", registry=of)
        self.waiting = Gauge("shipper_waiting_bytes", "Bytes in the spool not delivered yet.", registry=of)
        self.connected = Gauge("shipper_connected", "1 while the broker takes records.", registry=of)


def serve(registry: CollectorRegistry, port: int, setting: str) -> None:
    """Show metrics on loopback. Raises PortTaken naming the setting to change."""
    try:
        start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise PortTaken(f"port {port} is taken; free it or set {setting} to another") from error
