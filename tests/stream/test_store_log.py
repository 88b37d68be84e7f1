"""The event log keeps each line once, through overlaps, crashes and other people's mistakes."""

import os
import random
import resource
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_lines import CLOCK, SOURCE, append, append_in_pieces, some_lines, stored_digest

from stream.answers import Answer
from stream.events import Watched
from stream.store import files, positions, rows, schema
from stream.store.digest import combine, digest
from stream.store.info import info
from stream.store.log import AnswerLog, Batch, EventLog
from stream.store.query import query
from stream.store.tail import ends, tail
from stream.store.verify import verify
from waiting import until


def test_every_line_is_there_whether_it_parses_or_not(tmp_path):
    lines = some_lines(3_000)
    append_in_pieces(tmp_path, lines, 700)
    held = info(tmp_path)
    assert held["events"] + sum(held["quarantined"].values()) == 3_000
    assert set(held["quarantined"]) >= {"empty", "encoding"}
    assert held["digest"] == f"{digest(lines):032x}"
    assert stored_digest(tmp_path) == digest(lines)
    everything = {"lines": 3_000, "digest": held["digest"]}
    assert held["sources"] == [{"source": SOURCE, "partition": 0, "first": 0, "last": 2_999, **everything}]


def test_lines_come_back_byte_for_byte_in_their_order(tmp_path):
    lines = some_lines(2_000, broken=0)
    append(tmp_path, lines)
    [segment] = files.segments(tmp_path, files.EVENTS)
    assert list(rows.lines_of(rows.rows_of(segment), files.EVENTS, CLOCK.zone)) == lines


def test_a_line_as_it_should_be_is_not_kept_twice_in_the_file(tmp_path):
    append(tmp_path, some_lines(1_000, broken=0))
    assert query(tmp_path, "SELECT count(*) AS n FROM events WHERE raw IS NOT NULL")["n"][0] == 0


ranges = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 60)).map(lambda r: (r[0], min(r[0] + r[1], 100))), max_size=8
)


@settings(max_examples=20)
@given(ranges)
def test_overlapping_ranges_count_each_offset_once_and_none_is_missed(tmp_path_factory, given_ranges):
    store = tmp_path_factory.mktemp("store")
    lines = some_lines(100, seed=3, broken=0.1)
    for first, end in given_ranges:
        append(store, lines[first:end], first)
    covered = sorted({offset for first, end in given_ranges for offset in range(first, end)})
    seen = query(store, 'SELECT "offset" AS o FROM events UNION ALL SELECT "offset" FROM quarantine ORDER BY o')["o"]
    assert seen.tolist() == covered
    assert stored_digest(store) == digest(lines[offset] for offset in covered)
    assert info(store)["digest"] == f"{digest(lines[offset] for offset in covered):032x}"


def test_the_same_batch_again_changes_nothing(tmp_path):
    lines = some_lines(500)
    append(tmp_path, lines)
    before = info(tmp_path)
    append(tmp_path, lines)
    assert info(tmp_path) == before


def test_offsets_may_have_gaps(tmp_path):
    EventLog(tmp_path, CLOCK).append(Batch(SOURCE, 0, [5, 9, 12], some_lines(3, broken=0)))
    assert query(tmp_path, 'SELECT "offset" FROM events ORDER BY 1')["offset"].tolist() == [5, 9, 12]
    assert EventLog(tmp_path, CLOCK).next_offset(SOURCE, 0) == 13


def test_the_next_offset_outlives_the_files_and_the_positions(tmp_path):
    log = EventLog(tmp_path, CLOCK)
    assert log.next_offset(SOURCE, 0) == 0
    append(tmp_path, some_lines(10), first=100)
    (tmp_path / "positions.json").unlink()
    assert log.next_offset(SOURCE, 0) == 110  # as after a crash between data and position
    positions.advance(tmp_path, {positions.key(SOURCE, 0): 110})
    for segment in files.listed(tmp_path, files.EVENTS):
        segment.path.unlink()
    assert log.next_offset(SOURCE, 0) == 110  # as after pruning
    assert (log.next_offset(SOURCE, 1), log.next_offset("f" * 16, 0)) == (0, 0)


def test_a_position_never_moves_back(tmp_path):
    positions.advance(tmp_path, {"a": 10})
    positions.advance(tmp_path, {"a": 4, "b": 1})
    assert positions.read(tmp_path) == {"a": 10, "b": 1}


def test_damaged_positions_are_named_and_say_what_to_do(tmp_path):
    (tmp_path / "positions.json").write_text('{"positions": [')
    with pytest.raises(ValueError, match=r"positions\.json: expected .* delete it to go by the files"):
        EventLog(tmp_path, CLOCK).next_offset(SOURCE, 0)


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ((SOURCE, 0, [1], []), "an offset for each line"),
        (("x", 0, [1], [b""]), "16 hex digits"),
        ((SOURCE, 0, [1, 1], [b"", b""]), "offsets that rise"),
        ((SOURCE, 0, [-1], [b""]), "at least 0"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(batch, expected):
    with pytest.raises(ValueError, match=expected):
        Batch(*batch)


def test_files_that_are_not_ours_or_half_written_are_passed_over(tmp_path):
    append(tmp_path, some_lines(10, broken=0))
    folder = files.listed(tmp_path, files.EVENTS)[0].path.parent
    (folder / f".{SOURCE}-0-10-19.parquet.1.tmp").write_bytes(b"torn")
    (folder / "notes.parquet").write_bytes(b"mine")
    assert query(tmp_path, "SELECT count(*) AS n FROM events")["n"].tolist() == [10]
    assert info(tmp_path)["events"] == 10


def test_a_full_disk_is_an_error_that_changes_nothing(tmp_path):
    append(tmp_path, some_lines(100), 0)
    before = info(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))  # no file may grow beyond this: EFBIG instead of ENOSPC
    try:
        with pytest.raises(OSError, match="File too large"):
            append(tmp_path, some_lines(5_000), 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert info(tmp_path) == before
    assert EventLog(tmp_path, CLOCK).next_offset(SOURCE, 0) == 100
    assert not list(tmp_path.glob("*/*/.*.tmp"))
    append(tmp_path, some_lines(5_000), 100)
    assert info(tmp_path)["digest"] == f"{combine([digest(some_lines(100)), digest(some_lines(5_000))]):032x}"


WRITER = """
import sys
from pathlib import Path
from stream.store.log import EventLog, Batch
from stream.store.compact import compact
from stream_lines import CLOCK, SOURCE, some_lines
store, size = Path(sys.argv[1]), 40
lines = some_lines(4_000)
log = EventLog(store, CLOCK)
at = log.next_offset(SOURCE, 0)
print("begins", flush=True)
while at < len(lines):
    log.append(Batch(SOURCE, 0, range(at, min(at + size, len(lines))), lines[at : at + size]))
    at += size
    if at // size % 5 == 0:
        compact(store, min_files=3)
"""


def test_a_writer_killed_at_random_moments_loses_nothing_and_doubles_nothing(tmp_path):
    dice, lines, kills = random.Random(5), some_lines(4_000), 0
    environment = os.environ | {"PYTHONPATH": "tests"}
    while EventLog(tmp_path, CLOCK).next_offset(SOURCE, 0) < len(lines):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begins\n"
        goal = EventLog(tmp_path, CLOCK).next_offset(SOURCE, 0) + dice.randrange(50, 500)
        until(lambda: _reached(tmp_path, goal) or writer.poll() is not None, 60, "the writer to go on")  # noqa: B023
        writer.kill()
        writer.communicate()
        kills += 1
        reached = EventLog(tmp_path, CLOCK).next_offset(SOURCE, 0)
        assert stored_digest(tmp_path) == digest(lines[:reached])
    assert kills >= 4
    report = verify(tmp_path)
    assert (report["holds"], report["gaps"]) == (True, [])


def _reached(store, goal):
    return EventLog(store, CLOCK).next_offset(SOURCE, 0) >= min(goal, 4_000)


def test_tail_gives_each_event_once_over_appends(tmp_path):
    lines = some_lines(900)
    append(tmp_path, lines[:300], 0)
    seen, at = tail(tmp_path, None)
    append(tmp_path, lines[300:400], 300)
    append(tmp_path, lines[:100], 0, source="f" * 16)
    news, at = tail(tmp_path, at)
    assert at == {f"{SOURCE}-0": 400, f"{'f' * 16}-0": 100} == ends(tmp_path)
    assert news["offset"][news["source"] == SOURCE].min() >= 300
    assert len(seen["offset"]) + len(news["offset"]) == info(tmp_path)["events"]
    nothing, again = tail(tmp_path, at)
    assert (len(nothing["offset"]), again) == (0, at)


def test_views_show_what_was_stored(tmp_path):
    append(
        tmp_path,
        [
            b"2026-09-01T10:00,1,GET /data/m/heat+1995/3.mpg",
            b"2026-09-01T10:01:00.5,2,GET /rate/heat+1995=7",
            b"2026-09-01T10:01:00.500,2,GET /rate/heat+1995=7",
            b"2026-09-01T10:02,3,recommendation request a.b:8082, status 200, result: heat+1995, x+1, 45 ms",
            b"2026-09-01T10:03,3,recommendation request a.b:8082, status 0, result: refused, 3 ms",
            b"2026-09-01T10:04,1000001,GET /create_account",
        ],
    )
    assert query(tmp_path, "SELECT at_ns, minute FROM watches")["minute"].tolist() == [3]
    assert query(tmp_path, "SELECT * FROM ratings")["score"].tolist() == [7]
    answered, failed = query(tmp_path, "SELECT movies, status, failure FROM requests ORDER BY at_ns")["movies"]
    assert (list(answered), list(failed)) == (["heat+1995", "x+1"], [])
    assert query(tmp_path, "SELECT failure FROM requests ORDER BY at_ns")["failure"].tolist() == [None, "refused"]
    assert query(tmp_path, "SELECT user_id FROM accounts")["user_id"].tolist() == [1_000_001]
    assert query(tmp_path, "SELECT reason, raw FROM quarantine")["reason"].tolist() == ["time"]


def test_a_question_reads_only_files_of_its_time(tmp_path):
    append_in_pieces(tmp_path, some_lines(1_000, broken=0), 100)
    first = files.listed(tmp_path, files.EVENTS)[0].path
    since = schema.facts_of(first).max_ns + 1
    sql = "SELECT count(*) AS n FROM events WHERE at_ns >= $since_ns"
    expected = query(tmp_path, sql, since_ns=since)["n"][0]
    assert expected == 900
    facts = schema.facts_of(first)
    first.write_bytes(first.read_bytes()[:-200] + bytes(200))  # damaged, but too old to be read ...
    os.utime(first)
    with pytest.raises(ValueError, match=str(first)):
        query(tmp_path, sql, since_ns=since)  # ... save for what it says of itself
    assert facts.lines == 100


def test_an_empty_store_answers_with_typed_empty_columns(tmp_path):
    for view in ("events", "watches", "ratings", "requests", "accounts", "sessions", "answers", "quarantine"):
        columns = query(tmp_path, f"SELECT * FROM {view}")
        assert all(len(column) == 0 for column in columns.values()), view
    assert query(tmp_path, "SELECT user_id FROM watches")["user_id"].dtype == "int64"
    assert info(tmp_path)["events"] == 0
    assert tail(tmp_path, None)[1] == {}


def answer(seq: int, at_ns: int = 1_700_000_000 * 10**9) -> bytes:
    return (
        Answer("r", "77", 5, seq, at_ns, 9, ("heat+1995",), "popular", {"e": "a"}, (1.0,), "3", 1.5).format().encode()
    )


def test_an_answer_delivered_twice_is_read_once(tmp_path):
    log = AnswerLog(tmp_path)
    log.append(Batch(SOURCE, 0, range(3), [answer(0), answer(1), b"{broken"]))
    log.append(Batch(SOURCE, 0, range(3, 5), [answer(1), answer(2).replace(b":", b": ")]))
    read = query(tmp_path, "SELECT seq, movies, arms, ms, propensity FROM answers ORDER BY seq")
    assert read["seq"].tolist() == [0, 1, 2]
    assert [list(movies) for movies in read["movies"]] == [["heat+1995"]] * 3
    assert read["arms"].tolist() == ['{"e": "a"}'] * 3
    assert query(tmp_path, "SELECT reason FROM quarantine")["reason"].tolist() == ["answer"]
    assert info(tmp_path)["answers"] == 4
    assert info(tmp_path)["quarantined"] == {}  # that counts lines of the stream
    report = verify(tmp_path)
    assert report["holds"], report


def test_the_repeated_autumn_hour_is_told_apart_by_its_neighbours(tmp_path):
    start_ns, second_ns = CLOCK.read("2026-11-01T00:30"), 1_000_000_000
    instants = [start_ns + minute * 60 * second_ns + minute % 7 * second_ns for minute in range(0, 210)]
    lines = [Watched(at_ns, 1, "heat+1995", 3).format(CLOCK).encode() for at_ns in instants]
    assert CLOCK.read(lines[100].split(b",")[0].decode()) != instants[100]  # a line alone cannot say
    for first in range(0, 210, 50):  # a new log each time, as after restarts
        append(tmp_path, lines[first : first + 50], first)
    assert query(tmp_path, 'SELECT at_ns FROM events ORDER BY "offset"')["at_ns"].tolist() == instants
    assert stored_digest(tmp_path) == digest(lines)
    assert query(tmp_path, "SELECT raw FROM events WHERE raw IS NOT NULL")["raw"].tolist() == []
