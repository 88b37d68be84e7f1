"""The broker's process: prepare the folder, then become Kafka, so that whoever started this supervises it."""

import os
import sys

from infra.kafka.broker import Broker, BrokerFailed
from infra.kafka.fetch import FetchFailed, ensure_jars
from infra.settings import BrokerSettings
from stream.settings import read_settings


def main() -> None:
    """Run the broker that the settings describe."""
    settings = read_settings(BrokerSettings)
    folder = settings.kafka_dir
    try:
        libs = ensure_jars(folder / "libs", lambda text: print(text, flush=True))
        broker = Broker(folder, settings.kafka_port, settings.kafka_controller_port, settings.kafka_heap_mb, libs)
        command = broker.prepare()
    except (BrokerFailed, FetchFailed) as error:
        sys.exit(f"kafka: {error}")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
