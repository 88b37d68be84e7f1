"""A log in a topic, in a file and in a store gets the same grades; each line says where it stands."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.__main__ import cli
from small_logs import SmallLog, answer, store_answers
from stream.producer import LineProducer
from stream.store.ingest import ingest
from stream.terms import TERMS


def graded(folder: Path, *arguments: object, **environment: str) -> dict:
    told = [str(argument) for argument in ("grade", "--submitted", "2026-10-20T12:00", "--json", *arguments)]
    ended = CliRunner().invoke(cli, told, env={"VAR_DIR": str(folder), "COURSE_TERM": "F2026", **environment})
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


def log() -> SmallLog:
    log = SmallLog()
    for number in range(40):
        log.asked(f"2026-10-20T10:{number:02d}", number, ["a", f"m{number % 7}"])
    log.failed("2026-10-20T11:00", 99)
    return log


def without_places(report: dict) -> dict:
    for submission in [report, *report["submissions"]]:
        for criterion in submission["criteria"]:
            criterion["evidence"] = [each.get("text") for each in criterion["evidence"]]
    return report


@pytest.mark.broker
def test_a_topic_a_file_and_a_store_give_the_same_grades(tmp_path, broker, fresh_topic):
    bare = tmp_path / "movie.log"
    bare.write_bytes(b"\n".join(log().lines()) + b"\n")
    ingest([bare], tmp_path / "store", TERMS["F2026"])
    producer = LineProducer(broker)
    for number, line in enumerate(log().lines()):
        producer.send(fresh_topic, number % 2, line)
    producer.flush()
    producer.close()
    of_topic = graded(tmp_path, "--topic", fresh_topic, KAFKA_BOOTSTRAP=broker)
    place = of_topic["criteria"][2]["evidence"][0]
    assert {"source", "partition", "offset", "text"} <= place.keys()
    expected = without_places(of_topic)
    assert without_places(graded(tmp_path, "--log", bare)) == expected
    assert without_places(graded(tmp_path, "--store", tmp_path / "store")) == expected


@pytest.mark.broker
def test_a_topic_that_is_not_there_is_named(tmp_path, broker):
    told = ["grade", "--topic", "nobody", "--json"]
    ended = CliRunner().invoke(cli, told, env={"VAR_DIR": str(tmp_path), "KAFKA_BOOTSTRAP": broker})
    assert (ended.exit_code, "no topic 'nobody'" in ended.stderr) == (1, True)


def test_a_teams_answers_beside_its_log_show_its_updates_as_a_store_does(tmp_path):
    bare, answers = tmp_path / "movie.log", tmp_path / "answers.jsonl"
    bare.write_bytes(b"\n".join(log().lines()) + b"\n")
    records = [answer(n, n, ["a", f"m{n % 7}"], model="1" if n < 20 else "2") for n in range(40)]
    answers.write_bytes(b"".join(record.format().encode() + b"\n" for record in records))
    store = tmp_path / "store"
    ingest([bare], store, TERMS["F2026"])
    store_answers(store, records)
    of_log = graded(tmp_path, "--log", bare, "--answers", answers)
    updates = {c["id"]: c for c in of_log["criteria"]}["updates"]
    assert (updates["verdict"], updates["value"]) == ("pass", 2)
    assert updates["evidence"][1] == {"model": "2", "first_answer": "2026-10-20T10:20"}
    assert without_places(of_log) == without_places(graded(tmp_path, "--store", store))


def test_a_version_that_was_live_before_counts_only_by_choice(tmp_path):
    asked = SmallLog()
    for day in range(10, 21):  # version 1 answers on all days, version 2 on the last
        asked.asked(f"2026-10-{day}T10:00", day, ["a"])
    asked.asked("2026-10-20T10:01", 1, ["a"])
    store = asked.store(tmp_path / "store")
    store_answers(store, [*(answer(day, day, ["a"]) for day in range(10, 21)), answer(90, 1, ["a"], model="2")])
    for choice, expected in (("began", 1), ("answered", 2)):
        found = graded(tmp_path, "--store", store, "--updates-by", choice)
        assert {c["id"]: c for c in found["criteria"]}["updates"]["value"] == expected


def test_another_threshold_is_a_rule_of_ones_own(tmp_path):
    bare = tmp_path / "movie.log"
    bare.write_bytes(b"\n".join(log().lines()) + b"\n")
    found = graded(tmp_path, "--log", bare, "--rule", "min_ok_requests=40", "--rule", "timeout_ms=899")
    by_id = {c["id"]: c for c in found["criteria"]}
    assert (by_id["volume"]["verdict"], by_id["volume"]["margin"]) == ("pass", 0)
    assert (by_id["latency"]["verdict"], by_id["latency"]["margin"]) == ("fail", -1)
