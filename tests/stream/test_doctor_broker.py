"""What the doctor says of brokers: away, silent, astray, without the topic."""

import subprocess
import time
from dataclasses import dataclass

import pytest
from patients import by_name, listener

from houses import free_ports
from infra.kafka.broker import Broker as Configured
from infra.kafka.fetch import DEFAULT_LIBS, ensure_jars
from stream import advertised, doctor_broker
from stream.settings import StreamSettings
from waiting import until


@dataclass(frozen=True, slots=True)
class Astray(Configured):
    """A broker with two more listeners: one sends clients to a dead port, one to another broker."""

    dead_end: tuple[int, int] = (0, 0)  # listens, advertises
    elsewhere: tuple[int, int] = (0, 0)

    def _configuration(self):
        text = Configured._configuration(self)
        for name, (listens, advertises) in (("DEADEND", self.dead_end), ("ELSEWHERE", self.elsewhere)):
            text = text.replace("\nlisteners=", f"\nlisteners={name}://127.0.0.1:{listens},")
            text = text.replace("advertised.listeners=", f"advertised.listeners={name}://localhost:{advertises},")
            text = text.replace("protocol.map=", f"protocol.map={name}:PLAINTEXT,")
        return text


@pytest.fixture(scope="module")
def astray(broker, tmp_path_factory):
    """Ports of the two listeners, and the dead port."""
    port, controller, dead_end, nowhere, elsewhere = free_ports(5)
    another = int(broker.partition(":")[2])
    folder = tmp_path_factory.mktemp("astray")
    made = Astray(folder, port, controller, 256, ensure_jars(DEFAULT_LIBS), (dead_end, nowhere), (elsewhere, another))
    command = made.prepare()
    with (folder / "broker.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            until(lambda: advertised.ask(advertised.Address("127.0.0.1", dead_end)), 60, "the broker to answer")
            yield dead_end, nowhere, elsewhere
        finally:
            running.terminate()


def course(bootstrap, tmp_path, **more):
    return StreamSettings(
        source="course", kafka_bootstrap=bootstrap, api_url="http://127.0.0.1:9", var_dir=tmp_path, **more
    )


@pytest.mark.broker
def test_a_tunnel_with_another_port_is_told_with_the_ssh_line_that_mends_it(astray, tmp_path):
    dead_end, nowhere, _ = astray
    started = time.monotonic()
    found = by_name(doctor_broker.stream(course(f"localhost:{dead_end}", tmp_path)))
    trap = found["advertised address"]
    assert found["movielog broker"].fine
    assert not trap.fine
    assert f"localhost:{dead_end} sends clients on to localhost:{nowhere}, where no broker answers" in trap.seen
    assert f"ssh -N -L {nowhere}:localhost:{nowhere} user@host" in trap.mend
    assert not found["topic"].fine
    assert time.monotonic() - started < advertised.PATIENCE_S


@pytest.mark.broker
def test_a_tunnel_whose_advertised_port_is_another_broker_is_told(astray, tmp_path):
    _, _, elsewhere = astray
    trap = by_name(doctor_broker.stream(course(f"localhost:{elsewhere}", tmp_path)))["advertised address"]
    assert not trap.fine
    assert "where another cluster answers" in trap.seen


def test_what_listens_but_is_no_broker_is_told(tmp_path):
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        found = by_name(doctor_broker.stream(course(address, tmp_path)))
    assert "not as a Kafka broker does" in found["movielog broker"].seen
    assert "TUNNEL=user@host" in found["movielog broker"].mend


def test_a_broker_that_never_answers_does_not_hang_the_doctor(tmp_path):
    started = time.monotonic()
    with listener(None) as address:
        found = by_name(doctor_broker.stream(course(address, tmp_path)))
    assert not found["movielog broker"].fine
    assert time.monotonic() - started < 2 * advertised.PATIENCE_S


@pytest.mark.parametrize("wrong", ["nonsense", "localhost:", "localhost:99999", ":9092"])
def test_an_address_without_host_or_port_is_told(wrong, tmp_path):
    assert "expected host:port" in by_name(doctor_broker.stream(course(wrong, tmp_path)))["movielog broker"].seen


@pytest.mark.broker
def test_a_topic_that_is_not_there_is_named(broker, tmp_path):
    found = by_name(doctor_broker.stream(course(broker, tmp_path, topic="movielog0")))
    assert not found["topic"].fine
    assert f"no topic movielog0 at {broker}" in found["topic"].seen
    assert "TEAM" in found["topic"].mend
