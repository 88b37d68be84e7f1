"""What every test may ask for: a real broker, a topic of its own, properties that are tried the same way each time."""

import contextlib
import os
import uuid

import pytest
from hypothesis import HealthCheck, settings

from houses import free_ports
from waiting import until

settings.register_profile(
    "house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")


def pytest_configure(config):
    """The Kafka client reads its own files by a function that Python 3.11 alone calls deprecated."""
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")


def pytest_collection_modifyitems(items):
    """Longest first: a file that brings a whole system up must not be the last that one of two workers begins."""
    items.sort(key=lambda item: "system" not in item.keywords)


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """Address of a running Kafka: yours if TEST_KAFKA_BOOTSTRAP is set, else one of our own."""
    from infra.kafka import local_broker
    from stream.topics import Broker

    with contextlib.ExitStack() as stack:
        address = os.environ.get("TEST_KAFKA_BOOTSTRAP")
        if not address:
            folder = tmp_path_factory.mktemp("kafka")
            address = stack.enter_context(local_broker(folder, *free_ports(2)))
        with Broker(address) as asked:
            until(asked.cluster, 60, "the broker to answer")  # fails by name, not by hanging
        yield address


@pytest.fixture
def fresh_topic(broker):
    """Name of a new topic with two partitions, deleted after the test."""
    from stream.topics import Broker

    name = f"test-{uuid.uuid4().hex[:12]}"
    with Broker(broker) as asked:
        asked.create(name)
        yield name
        asked.delete(name)
