"""What is wrong between this machine and its stream, each finding with the command or setting that mends it."""

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from stream import evidence
from stream.settings import StreamSettings
from stream.topics import Broker, BrokerAway

LOW_DISK_BYTES = 2_000_000_000
LAG_LINES = 50_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    fine: bool
    seen: str
    mend: str = ""  # what to do about it


def examine(settings: StreamSettings) -> list[Finding]:
    """Look at the brokers, the topics, the consumer, the API and the disk; takes a few seconds at most."""
    brokers = [("own broker", settings.own_bootstrap, "make deploy")]
    if settings.log_bootstrap != settings.own_bootstrap:
        brokers.append(("movielog broker", settings.log_bootstrap, "open the tunnel, or set KAFKA_BOOTSTRAP"))
    looks: list[Callable[[], Finding]] = [lambda b=b: _broker(*b) for b in brokers]  # type: ignore[misc]
    looks += [
        lambda: _topic(settings),
        lambda: _consumer(settings),
        lambda: _api(settings),
        lambda: _disk(settings),
    ]
    return [look() for look in looks]


def _broker(name: str, bootstrap: str, mend: str) -> Finding:
    with Broker(bootstrap) as broker:
        try:
            return Finding(name, True, f"{bootstrap} answers, cluster {broker.cluster()}")
        except BrokerAway as error:
            return Finding(name, False, str(error), mend)


def _topic(settings: StreamSettings) -> Finding:
    mend = "set TOPIC to your team's topic" if settings.source == "course" else "make deploy"
    with Broker(settings.log_bootstrap) as broker:
        try:
            held = broker.ranges(settings.log_topic)
        except BrokerAway:
            return Finding("topic", False, f"{settings.log_topic}: its broker does not answer", mend)
    if not held:
        return Finding("topic", False, f"no topic {settings.log_topic} at {settings.log_bootstrap}", mend)
    lines = sum(part.end - part.first for part in held.values())
    return Finding("topic", True, f"{settings.log_topic} holds {lines} lines in {len(held)} partitions")


def _consumer(settings: StreamSettings) -> Finding:
    beat = evidence.read_beats(settings.run_dir).get("consumer")
    if beat is None or beat.stale():
        ago = "never" if beat is None else f"{(time.time_ns() - beat.at_ns) / 1e9:.0f} s ago"
        return Finding("consumer", False, f"its last sign of life: {ago}", "make logs consumer, then make deploy")
    events = beat.facts.get("events", {})
    lag, lost = events.get("lag"), events.get("lost", 0)
    seen = f"{events.get('state')}, {lag} lines behind, {lost} lost to the broker's retention since it started"
    behind = lag is not None and lag > LAG_LINES
    return Finding("consumer", not behind, seen, "wait, or look at make logs consumer" if behind else "")


def _api(settings: StreamSettings) -> Finding:
    try:
        with urllib.request.urlopen(f"{settings.api_address}/", timeout=3) as response:
            return Finding("api", True, f"{settings.api_address} answers {response.status}")
    except (OSError, ValueError) as error:
        mend = "set API_URL" if settings.source == "course" else "make deploy"
        return Finding("api", False, f"{settings.api_address}: {error}", mend)


def _disk(settings: StreamSettings) -> Finding:
    folder = settings.var_dir if settings.var_dir.exists() else settings.var_dir.absolute().parent
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e9:.1f} GB free"
    return Finding(
        "disk", free > LOW_DISK_BYTES, seen, "" if free > LOW_DISK_BYTES else "free some, or lower STORE_MAX_MB"
    )
