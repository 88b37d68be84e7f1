"""What the schedule tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ScheduleMetrics:
    """Trainings, how they ended, and how old the live model's data are."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = self.registry
        self.trainings = Counter("training_runs", "Trainings by outcome.", ["outcome"], registry=of)
        self.seconds = Gauge("training_last_seconds", "Real seconds the last training took.", registry=of)
        self.running = Gauge("training_running", "1 while a training runs.", registry=of)
        self.version = Gauge("training_live_version", "Version that is live; 0 = none.", registry=of)
        self.age = Gauge("training_live_age_stream_seconds", "How far the stream is ahead of live data.", registry=of)
