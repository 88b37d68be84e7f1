"""Files of records: the last line of an id counts, through kills, beside other writers, in a million lines."""

import json
import subprocess
import sys
import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.catalog.files import RecordFile
from stream.catalog.records import MOVIES, USERS


def plain(records):
    return [{name: value for name, value in record.items() if name != "fetched_ns"} for record in records]


def user(number, age=30):
    return str(number), {"user_id": number, "age": age}


ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12) | st.from_regex(r"\A[a-z+_.*-]{1,9}\Z")


@settings(max_examples=40)
@given(st.lists(st.lists(st.tuples(ids, st.text(max_size=4)), max_size=6), max_size=6))
def test_the_last_line_of_an_id_counts(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("files") / "movies.jsonl"
    writer, reader, expected = RecordFile(path, MOVIES), RecordFile(path, MOVIES), {}
    for batch in batches:
        writer.append((key, {"id": key, "title": title}) for key, title in batch)
        for key, title in batch:
            expected.pop(key, None)
            expected[key] = title
        assert len(reader.index().numbers) == len(expected)
    for file in (reader, RecordFile(path, MOVIES)):
        assert {record["id"]: record["title"] for record in file} == expected
        assert all(file.get(key)["title"] == title for key, title in expected.items())


def test_a_line_cut_short_by_a_kill_is_lost_alone_and_cut_off_by_the_next_writer(tmp_path):
    path = tmp_path / "users.jsonl"
    RecordFile(path, USERS).append([user(1), user(2)])
    whole = path.read_bytes()
    for cut in (1, 20, len(whole.splitlines()[1]), len(whole) - 1):
        path.write_bytes(whole[:-cut])
        file = RecordFile(path, USERS)
        left = [int(record["user_id"]) for record in file]
        assert left == ([1] if cut < len(whole) - 1 else [])
        file.append([user(3)])
        assert [record["user_id"] for record in RecordFile(path, USERS)] == [*left, 3]
        assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_lines_of_older_versions_and_other_hands_are_read_and_rubbish_is_passed_over(tmp_path):
    path = tmp_path / "users.jsonl"
    path.write_text('{"age": 5, "user_id": "7"}\n\nrubbish\n[1]\n{"user_id": 8,\n{"user_id":9}\n{"id": "heat+1995"}\n')
    file = RecordFile(path, USERS)
    assert plain(file) == [{"age": 5, "user_id": "7"}, {"user_id": 9}]
    assert file.index().fetched_ns.tolist() == [0, 0]


def test_compaction_keeps_the_last_lines_and_those_of_other_kinds(tmp_path):
    path = tmp_path / "refused.jsonl"
    users, movies = RecordFile(path, USERS), RecordFile(path, MOVIES)
    reader = RecordFile(path, USERS)
    movies.append([("heat+1995", {"title": "Heat"})])
    for age in range(4):
        users.append(user(number, age) for number in range(500))
        reader.index()
    large = path.stat().st_size
    users.compact()
    assert path.stat().st_size < large / 3
    for file in (users, reader, RecordFile(path, USERS)):
        assert plain(file) == [{"user_id": number, "age": 3} for number in range(500)]
    assert movies.get("heat+1995")["title"] == "Heat"
    users.compact(keep=100)
    assert [record["user_id"] for record in RecordFile(path, USERS)] == list(range(400, 500))


def test_a_reader_sees_that_the_file_was_replaced_though_it_is_longer_than_before(tmp_path):
    path = tmp_path / "users.jsonl"
    writer, reader = RecordFile(path, USERS), RecordFile(path, USERS)
    for age in range(3):
        writer.append(user(number, age) for number in range(600))
    assert len(reader.index().numbers) == 600
    writer.compact()
    writer.append(user(number, 7) for number in range(600, 2_000))
    assert [record["user_id"] for record in reader] == list(range(2_000))
    assert reader.get("599")["age"] == 2


def test_a_file_without_much_to_gain_is_left_as_it_is(tmp_path):
    file = RecordFile(tmp_path / "users.jsonl", USERS)
    file.append(user(number) for number in range(2_000))
    file.append(user(number, 31) for number in range(1_500))
    before = file.path.stat().st_ino
    file.compact()
    assert file.path.stat().st_ino == before


_WRITER = """
import sys
from pathlib import Path
from stream.catalog.files import RecordFile
from stream.catalog.records import USERS
file, first = RecordFile(Path(sys.argv[1]), USERS), int(sys.argv[2])
for start in range(first, first + 1_000, 20):
    for age in (1, 2, 3):
        file.append((str(number), {"age": age}) for number in range(start, start + 20))
    file.compact()
"""


def test_writers_that_append_and_compact_beside_each_other_lose_nothing(tmp_path):
    path = tmp_path / "users.jsonl"
    command = [sys.executable, "-c", _WRITER, str(path)]
    writers = [subprocess.Popen([*command, str(first)]) for first in (0, 10_000)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = {record["user_id"]: record["age"] for record in RecordFile(path, USERS)}
    assert found == {number: 3 for first in (0, 10_000) for number in range(first, first + 1_000)}


def test_what_was_fetched_when_is_known_without_reading_the_records(tmp_path):
    file = RecordFile(tmp_path / "users.jsonl", USERS)
    file.append([user(1)])
    between = time.time_ns()
    file.append([user(2), user(5)])
    wanted = np.array([5, 1, 9], np.uint64)
    assert file.index().younger(wanted, between).tolist() == [True, False, False]
    assert file.index().younger(wanted, 0).tolist() == [True, True, False]
