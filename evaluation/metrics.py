"""What the live loop tells Prometheus: the figures of its last round, and how long a round takes."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from evaluation.report import Report
from evaluation.totals import Totals


class OnlineMetrics:
    """Gauges of the last round; a figure that is not known yet has no sample."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = self.registry
        self.measure = Gauge(
            "online_measure", "Measures of the last hours, see `online`.", ["name", "end"], registry=of
        )
        self.cases = Gauge("online_cases", "Cases behind each measure.", ["name"], registry=of)
        self.requests = Gauge(
            "online_requests", "Request lines of the last hours, by outcome.", ["outcome"], registry=of
        )
        self.availability = Gauge("online_availability", "Share answered, by estimator.", ["estimator"], registry=of)
        self.latency = Gauge("online_latency_ms", "As the requester measured it.", ["quantile"], registry=of)
        self.personalised = Gauge("online_personalised", "Three ways to say it.", ["definition"], registry=of)
        self.lists = Gauge("online_lists", "Lists of the last hours: judged, or too young.", ["state"], registry=of)
        self.since_start = Gauge("online_since_start", "Running totals since the first request.", ["what"], registry=of)
        self.stream_time = Gauge("online_stream_time_seconds", "Stream time of the newest event stored.", registry=of)
        self.rounds = Counter("online_rounds", "Rounds of the live loop, by outcome.", ["outcome"], registry=of)
        self.round_seconds = Gauge("online_round_seconds", "Real seconds of the last round.", registry=of)

    def show(self, report: Report, totals: Totals, end_ns: int, seconds: float) -> None:
        """Replace the figures by those of a new round."""
        facts = report.facts
        for metric in report.metrics:
            for end, value in (("value", metric.value), ("low", metric.low), ("high", metric.high)):
                _set(self.measure, value, metric.name, end)
            self.cases.labels(metric.name).set(metric.count)
        self.requests.labels("ok").set(facts["ok"])
        self.requests.labels("failed").set(facts["requests"] - facts["ok"])
        _set(self.availability, facts["availability_by_request"], "request")
        _set(self.availability, facts["availability_by_time"], "time")
        for gauge, name in ((self.latency, "latency_ms"), (self.personalised, "personalised")):
            for label, value in facts[name].items():
                _set(gauge, value, label)
        for state in ("judged", "pending"):
            self.lists.labels(state).set(facts[f"lists_{state}"])
        for what, count in totals.counts().items():
            self.since_start.labels(what).set(count)
        self.stream_time.set(end_ns / 1e9)
        self.round_seconds.set(seconds)
        self.rounds.labels("done").inc()


def _set(gauge: Gauge, value: float, *labels: str) -> None:
    if value == value:
        gauge.labels(*labels).set(value)
    else:
        gauge.remove(*labels)
