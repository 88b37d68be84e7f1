"""A real Apache Kafka from package registries alone: `local_broker` for tests, `python -m infra.kafka` for the rest.

The jars are listed in `jars.lock` with their sha256, the Java runtime is the one on PATH or the one of `jre.lock`.
"""

from infra.kafka.broker import local_broker

__all__ = ["local_broker"]
