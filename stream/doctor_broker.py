"""The doctor's looks at the brokers: do they answer, do they send clients somewhere else, is the topic there.

What the topic holds against what the store holds is for `doctor_reading`.
"""

from stream import advertised, doctor_reading
from stream.advertised import Cluster
from stream.doctor_reading import Reading
from stream.findings import Finding
from stream.settings import StreamSettings
from stream.topics import PARTITIONS, Broker, BrokerAway, Topic


def own_broker(settings: StreamSettings) -> list[Finding]:
    """Our own broker, which carries the answers."""
    return [_answers("own broker", settings.own_bootstrap, "make deploy")[0]]


def stream(settings: StreamSettings) -> list[Finding]:
    """The movielog: its broker if it is another, the addresses that it advertises, the topic, lag and clock."""
    ours = settings.log_bootstrap == settings.own_bootstrap
    mend = "make deploy" if ours else _way_in(settings)
    broker, cluster = _answers("movielog broker", settings.log_bootstrap, mend)
    findings = [] if ours else [broker]
    if cluster is None:
        return [*findings, Finding("topic", False, f"{settings.log_topic}: its broker does not answer", mend)]
    findings.append(_advertised(settings, cluster))
    if not findings[-1].fine:
        seen = f"{settings.log_topic}: clients cannot ask for it there"
        return [*findings, Finding("topic", False, seen, findings[-1].mend)]
    return findings + _topic(settings)


def _answers(name: str, bootstrap: str, mend: str) -> tuple[Finding, Cluster | None]:
    try:
        cluster = advertised.ask(advertised.address_of(bootstrap))
    except (OSError, ValueError) as error:
        seen = f"no answer from the broker at {bootstrap} ({error or type(error).__name__})"
        return Finding(name, False, seen, mend), None
    return Finding(name, True, f"{bootstrap} answers, cluster {cluster.id}"), cluster


def _way_in(settings: StreamSettings) -> str:
    if settings.tunnel:
        return "make logs NAME=tunnel says why it does not open"
    return f"set TUNNEL=user@host, or open the tunnel ({_ssh_line(9092)}), or mend KAFKA_BOOTSTRAP"


def _ssh_line(port: int) -> str:
    """The Kafka lab's tunnel: the same port on both sides, the one that the broker advertises."""
    return f"ssh -N -L {port}:localhost:{port} user@host"


def _advertised(settings: StreamSettings, cluster: Cluster) -> Finding:
    """A client goes on to the advertised addresses: each must lead to the same cluster."""
    name, bootstrap = "advertised address", settings.log_bootstrap
    for address in cluster.brokers:
        if wrong := _leads_astray(address, cluster.id):
            seen = f"{bootstrap} sends clients on to {address}, {wrong}: they connect, then hang"
            mend = f"the local port must be the same: {_ssh_line(address.port)}, KAFKA_BOOTSTRAP={address}"
            return Finding(name, False, seen, mend)
    told = ", ".join(map(str, cluster.brokers))
    return Finding(name, True, f"{bootstrap} sends clients on to {told}, which answers")


def _leads_astray(address: advertised.Address, cluster: str) -> str:
    try:
        there = advertised.ask(address)
    except (OSError, ValueError) as error:
        return f"where no broker answers ({error or type(error).__name__})"
    return "" if there.id == cluster else "where another cluster answers"


def _topic(settings: StreamSettings) -> list[Finding]:
    mend = "set TOPIC or TEAM to your team's topic" if settings.source == "course" else "make deploy"
    with Broker(settings.log_bootstrap) as broker:
        try:
            topic, held = broker.topic(settings.log_topic), broker.ranges(settings.log_topic)
        except BrokerAway as error:
            return [Finding("topic", False, f"{settings.log_topic}: {error}", _way_in(settings))]
    if not topic or not held:
        return [Finding("topic", False, f"no topic {settings.log_topic} at {settings.log_bootstrap}", mend)]
    lines = sum(part.end - part.first for part in held.values())
    findings = [Finding("topic", True, f"{settings.log_topic} holds {lines} lines"), _partitions(topic)]
    reading = Reading.of(settings, topic, held)
    looks = doctor_reading
    return [*findings, looks.lag(reading), looks.retention(reading), *looks.clock(settings, reading)]


def _partitions(topic: Topic) -> Finding:
    """More or fewer than usual work too, but one who wrote `0, 1` somewhere should know."""
    usual = "" if len(topic.partitions) == PARTITIONS else f", the course's topics have {PARTITIONS}; all are read"
    return Finding("partitions", True, f"{len(topic.partitions)}{usual}")
