"""The same system pointed at a course's broker, and at a recording."""

import gzip
import json

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from houses import house, load
from waiting import until

pytestmark = [pytest.mark.system, pytest.mark.broker]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A generated history of the test world, as one compressed file, requests among the lines."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("recorded")
    words = ["-m", "stream.platform", "generate", "--world", "test", "--out", str(folder), "--seed", "7"]
    subprocess.run([sys.executable, *words], check=True, cwd=folder, capture_output=True)
    lines = [line for day in sorted(folder.glob("*.log")) for line in day.read_bytes().splitlines()][-40_000:]
    asked = b"%s,%d,recommendation request 17645-team01.isri.cmu.edu:8082, status 200, result: heat+1995, 9 ms"
    mixed = []
    for number, line in enumerate(lines):
        mixed.append(line)
        if number % 100 == 0:
            mixed.append(asked % (line.split(b",", 1)[0], number % 500))
    path = folder / "recording.log.gz"
    path.write_bytes(gzip.compress(b"\n".join(mixed) + b"\n", 1))
    return path, mixed


def test_a_recording_plays_instead_of_the_simulator_end_to_end(tmp_path, recording):
    path, _ = recording
    with house(tmp_path, SOURCE=f"replay:{path}", REPLAY_SPEED=600, MODELS="recent") as replayed:
        said = replayed.must("make", "deploy", timeout=300)
        assert "platform" not in said.split("What is happening")[0]
        assert replayed.get("/recommend/42")[0] == 200
        seen = replayed.report("-m", "evaluation", "online")
        assert seen["ok"] > 0
        sql = "select count(*) filter (where movies = ['heat+1995']) old, count(*) n from requests"
        old, asked = [int(word) for word in replayed.python("-m", "stream", "sql", sql).split() if word.isdigit()]
        assert old == 0, "recorded outcomes are replaced by ours"
        assert asked > 0


def course_offsets(bootstrap: str, topic: str) -> tuple[set[str], dict[int, int]]:
    """Topics (the group's offsets aside) and end offsets of the course's broker."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topics = {name for name in admin.list_topics() if not str(name).startswith("__")}
    admin.close()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    ends = {part.partition: end for part, end in consumer.end_offsets(parts).items()}
    consumer.close()
    return topics, ends


def test_a_course_is_only_read(tmp_path, recording, broker, fresh_topic):
    path, lines = recording
    with house(tmp_path / "teacher", KAFKA_BOOTSTRAP=broker) as teacher:
        teacher.python("-m", "stream", "replay", str(path), "--topic", fresh_topic, "--speed", "inf", timeout=120)
    course = {
        "SOURCE": "course",
        "KAFKA_BOOTSTRAP": broker,
        "TOPIC": fresh_topic,
        "API_URL": "http://127.0.0.1:9",
        "MODELS": "recent",
    }
    with house(tmp_path / "student", SERVE_HOST="127.0.0.1", **course) as student:
        before = course_offsets(broker, fresh_topic)
        said = student.must("make", "deploy", timeout=300)
        assert "platform" not in said.split("What is happening")[0]
        until(
            lambda: student.report("-m", "stream", "store", "info")["events"] >= len(lines),
            60,
            "the topic in the store",
        )
        with load(student, per_second=20) as seen:
            until(lambda: seen.answered > 40, 20, "answers")
        assert seen.failures == []
        student.must("make", "status")
        student.must("make", "down")
        assert course_offsets(broker, fresh_topic) == before


def test_a_wrong_source_is_refused_by_name(tmp_path):
    with house(tmp_path, SOURCE="elsewhere") as wrong:
        done = wrong.run("make", "deploy")
        assert done.returncode != 0
        assert "SOURCE" in done.stdout + done.stderr
        assert json.dumps("elsewhere").strip('"') in done.stdout + done.stderr
