"""What the platform tells Prometheus about its stream and about the service that it asks."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0)


class PlatformMetrics:
    """Counters of one platform process."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.lines = Counter("platform_lines", "Lines sent to the topic.", ["kind"], registry=registry)
        self.requests = Counter(
            "platform_requests", "Requests by status; 0 = no answer.", ["status"], registry=registry
        )
        self.not_asked = Counter(
            "platform_not_asked", "Left out before the service was first ready.", registry=registry
        )
        self.latency = Histogram(
            "platform_request_latency_seconds", "As the log reports it.", buckets=_BUCKETS, registry=registry
        )
        self.stream_seconds = Gauge("platform_stream_timestamp_seconds", "Stream time since 1970.", registry=registry)
        self.speed = Gauge("platform_speed", "Stream seconds per real second now.", registry=registry)
        self.late = Gauge("platform_late_seconds", "How late the stream is, in real time.", registry=registry)

    def serve(self, port: int) -> None:
        """Answer on /metrics, loopback only."""
        start_http_server(port, addr="127.0.0.1", registry=self.registry)
