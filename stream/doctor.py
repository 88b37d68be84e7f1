"""What is wrong between this machine and its stream, each finding with the command or setting that mends it.

Looks are taken side by side, and one that does not end in time is a finding too, so the doctor never hangs. What each
does is told by its module: `doctor_broker`, `doctor_reading`, `doctor_consumer`, `doctor_api`, `doctor_machine`,
`doctor_secrets`.
Start reading at `examine`.
"""

from stream import doctor_api, doctor_broker, doctor_consumer, doctor_machine, doctor_secrets
from stream.findings import Finding, Look, side_by_side
from stream.settings import StreamSettings

PATIENCE_S = 12.0

LOOKS: dict[str, Look] = {
    "own broker": doctor_broker.own_broker,
    "stream": doctor_broker.stream,
    "consumer": doctor_consumer.consumer,
    "api": doctor_api.api,
    "disk": doctor_machine.disk,
    "memory": doctor_machine.memory,
    "open ports": doctor_machine.open_ports,
    "secrets": doctor_secrets.secrets,
}


def examine(settings: StreamSettings, patience_s: float = PATIENCE_S) -> list[Finding]:
    """Look at the brokers, the topic, the consumer, the API, this machine and the checkout; seconds at most."""
    return side_by_side(LOOKS, settings, patience_s)
