"""The broker from package registries: configured for its folder, formatted once, really serving."""

import shutil

import pytest

from houses import free_ports
from infra.kafka import local_broker
from infra.kafka.broker import Broker
from infra.kafka.fetch import Jar, locked_jars, missing
from infra.kafka.java import OLDEST, find_java, version_of


@pytest.mark.broker
def test_a_broker_keeps_its_topics_over_a_restart_and_forgets_them_with_its_folder(tmp_path):

    from stream.topics import Broker as Asked

    ports = free_ports(2)
    with local_broker(tmp_path / "kafka", *ports) as address, Asked(address) as asked:
        asked.create("kept")
        cluster = asked.cluster()
    with local_broker(tmp_path / "kafka", *ports) as address, Asked(address) as asked:
        assert asked.topic("kept")
        assert asked.cluster() == cluster
    shutil.rmtree(tmp_path / "kafka")
    with local_broker(tmp_path / "kafka", *ports) as address, Asked(address) as asked:
        assert asked.cluster() != cluster


def test_the_configuration_says_where_it_lies_and_listens(tmp_path):
    text = Broker(tmp_path, 417, 418, 256, tmp_path)._configuration()
    assert "listeners=PLAINTEXT://127.0.0.1:417,CONTROLLER://127.0.0.1:418\n" in text
    assert f"log.dirs={tmp_path}/data\n" in text
    assert "{" not in text.partition("\n")[2]
    assert "0.0.0.0" not in text


def test_the_lock_lists_every_jar_once():
    jars = locked_jars()
    assert len(jars) == len({jar.file_name for jar in jars}) == 47
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)


def test_a_jar_of_another_size_counts_as_missing(tmp_path):
    jars = [Jar("g", "a", "1", "0" * 64, 3), Jar("g", "b", "1", "0" * 64, 3)]
    (tmp_path / "a-1.jar").write_bytes(b"123")
    (tmp_path / "b-1.jar").write_bytes(b"12")
    assert missing(jars, tmp_path) == [jars[1]]


def fake_java(folder, says):
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    java.chmod(0o755)
    return str(java)


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("no idea", 0),
    ],
)
def test_the_version_of_a_java_is_read_from_its_own_words(tmp_path, says, version):
    assert version_of(fake_java(tmp_path, says)) == version


def test_an_old_java_on_the_path_is_not_taken(tmp_path, monkeypatch):
    old = fake_java(tmp_path, 'java version "1.8.0_392"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = find_java()
    assert found != old
    assert found is None or version_of(found) >= OLDEST
