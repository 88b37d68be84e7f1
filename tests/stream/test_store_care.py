"""Compaction and retention change files, never what is read; verify finds what is damaged."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_lines import CLOCK, SOURCE, append, append_in_pieces, some_lines, stored_digest

from stream.store import files, maintenance, schema
from stream.store.compact import compact
from stream.store.digest import digest
from stream.store.info import fingerprint, info
from stream.store.log import EventLog
from stream.store.query import query
from stream.store.retention import enforce
from stream.store.tail import tail
from stream.store.verify import verify

SESSIONS = "SELECT user_id, movie_id, started_ns, last_ns, first_minute, last_minute, ticks FROM sessions ORDER BY ALL"
KEPT = """SELECT kind, "offset", at_ns, user_id, movie_id, coalesce(score, -1) FROM events
          WHERE kind IN ('rate', 'account') ORDER BY ALL"""


def size(store):
    return sum(path.stat().st_size for path in store.glob("*/*/*.parquet"))


def rows_of(store, sql):
    return list(zip(*(column.tolist() for column in query(store, sql).values()), strict=True))


def test_compaction_merges_small_files_and_changes_nothing_that_is_read(tmp_path):
    lines = some_lines(2_000)
    append_in_pieces(tmp_path, lines, 50)
    before = info(tmp_path), rows_of(tmp_path, SESSIONS)
    assert compact(tmp_path)["merged"] == 1
    after = info(tmp_path), rows_of(tmp_path, SESSIONS)
    assert len(files.listed(tmp_path, files.EVENTS)) == len(files.listed(tmp_path, files.QUARANTINE)) == 1
    assert {k: v for k, v in after[0].items() if k not in ("bytes", "files")} == {
        k: v for k, v in before[0].items() if k not in ("bytes", "files")
    }
    assert after[1] == before[1]
    nothing = {"damaged": [], "gaps": [], "overlaps": [], "doubled": 0, "advice": []}
    assert verify(tmp_path) == {"holds": True, "files": 2, "lines": 2_000, **nothing}


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 95), st.integers(1, 40)), min_size=1, max_size=10),
    st.booleans(),
    st.integers(2, 5),
)
def test_compaction_of_overlapping_ranges_with_gaps_keeps_every_line_once(tmp_path_factory, ranges, full, min_files):
    store = tmp_path_factory.mktemp("store")
    lines = some_lines(140, seed=9, broken=0.1)
    for first, count in ranges:
        append(store, lines[first : first + count], first)
    covered = {offset for first, count in ranges for offset in range(first, first + count)}
    compact(store, min_files=min_files, full=full)
    assert stored_digest(store) == digest(lines[offset] for offset in covered)
    assert info(store)["digest"] == f"{digest(lines[offset] for offset in covered):032x}"
    report = verify(store)
    assert report["damaged"] == []
    if full:
        assert report["overlaps"] == []


def test_appending_for_long_keeps_few_files_and_rewrites_each_line_a_few_times(tmp_path):
    lines = some_lines(20, broken=0)
    rewritten = 0
    for turn in range(400):
        append(tmp_path, lines, turn * len(lines))
        if turn % 10 == 9:
            before = {s.path for s in files.listed(tmp_path, files.EVENTS)}
            compact(tmp_path)
            rewritten += sum(s.size for s in files.listed(tmp_path, files.EVENTS) if s.path not in before)
    assert len(files.listed(tmp_path, files.EVENTS)) <= 16
    assert rewritten <= 8 * 400 * len(lines)


READER = """
import sys
from pathlib import Path
from stream.store.query import query
from stream.store.tail import tail
store, seen, at, reads = Path(sys.argv[1]), set(), None, 0
while not (store / "stop").exists():
    counted = query(store, 'SELECT count(*) AS n, count(DISTINCT "offset") AS d, max("offset") AS top FROM events')
    n, distinct, top = (int(column[0]) for column in counted.values())
    assert n == distinct == top + 1, (n, distinct, top)
    news, at = tail(store, at)
    fresh = news["offset"].tolist()
    assert not seen & set(fresh), "seen twice"
    seen.update(fresh)
    reads += 1
    if reads == 1:
        print("reading", flush=True)
news, at = tail(store, at)
seen.update(news["offset"].tolist())
print(reads, len(seen), flush=True)
"""


def test_a_reader_process_beside_compaction_sees_every_line_exactly_once(tmp_path):
    lines, merged = some_lines(800, broken=0), 0
    append(tmp_path, lines[:10])
    reader = subprocess.Popen([sys.executable, "-c", READER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    for first in range(10, 800, 10):
        append(tmp_path, lines[first : first + 10], first)
        if first % 40 == 0:
            merged += compact(tmp_path, min_files=2)["merged"]
    (tmp_path / "stop").touch()
    told, _ = reader.communicate(timeout=60)
    reads, seen = map(int, told.split())
    assert reader.returncode == 0
    assert seen == 800
    assert reads > 3
    assert merged > 5
    assert info(tmp_path)["digest"] == f"{digest(lines):032x}"


def test_a_crash_between_merging_and_removing_leaves_each_line_once(tmp_path):
    lines = some_lines(400)
    append_in_pieces(tmp_path, lines, 40)
    small = {s.path: s.path.read_bytes() for kind in ("events", "quarantine") for s in files.listed(tmp_path, kind)}
    compact(tmp_path, min_files=2)
    for path, content in small.items():
        path.write_bytes(content)  # as if they had never been removed
    assert stored_digest(tmp_path) == digest(lines)
    assert verify(tmp_path)["overlaps"] != []
    compact(tmp_path, min_files=2)
    assert verify(tmp_path)["overlaps"] == []
    assert stored_digest(tmp_path) == digest(lines)


def test_half_written_files_of_dead_processes_are_cleared(tmp_path):
    append(tmp_path, some_lines(10))
    folder = files.listed(tmp_path, files.EVENTS)[0].path.parent
    dead, alive = folder / ".x.parquet.999999999.tmp", folder / ".x.parquet.1.tmp"
    dead.write_bytes(b"")
    alive.write_bytes(b"")
    compact(tmp_path)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_two_caretakers_do_not_meet(tmp_path):
    append_in_pieces(tmp_path, some_lines(100), 10)
    with maintenance.caretaking(tmp_path) as alone:
        assert alone
        assert compact(tmp_path, full=True) == {"merged": 0, "removed": 0}
    assert compact(tmp_path, full=True)["merged"] == 1


def test_folding_keeps_sessions_and_everything_that_is_no_tick(tmp_path):
    lines = some_lines(60_000)
    append_in_pieces(tmp_path, lines, 10_000)
    before = info(tmp_path)
    sessions, others = rows_of(tmp_path, SESSIONS), rows_of(tmp_path, KEPT)
    report = enforce(tmp_path, int(size(tmp_path) * 0.9))
    after = info(tmp_path)
    assert report["folded"] > 0
    assert 0 < after["pruned"] < after["events"] == before["events"]
    assert after["kinds"] == before["kinds"]
    assert (after["digest"], after["sources"]) == (before["digest"], before["sources"])
    assert fingerprint(tmp_path)["events"] == before["events"]
    assert rows_of(tmp_path, SESSIONS) == sessions
    assert rows_of(tmp_path, KEPT) == others
    assert verify(tmp_path)["holds"]
    assert verify(tmp_path)["gaps"] == []
    compact(tmp_path, full=True)
    assert rows_of(tmp_path, SESSIONS) == sessions
    assert rows_of(tmp_path, KEPT) == others
    assert verify(tmp_path)["holds"]


@pytest.mark.parametrize("lost", [files.SESSIONS, files.KEPT])
def test_a_crash_in_the_middle_of_folding_counts_each_line_once(tmp_path, lost):
    lines = some_lines(20_000, broken=0)
    append_in_pieces(tmp_path, lines, 10_000)
    raw = {s.path: s.path.read_bytes() for s in files.listed(tmp_path, files.EVENTS)}
    before = info(tmp_path), rows_of(tmp_path, SESSIONS), rows_of(tmp_path, KEPT)
    enforce(tmp_path, 120_000)
    assert files.listed(tmp_path, lost) != []
    for path, content in raw.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)  # as if the kill had come before they were removed
    for segment in files.listed(tmp_path, lost):
        segment.path.unlink()  # or even before this was written
    after = info(tmp_path), rows_of(tmp_path, SESSIONS), rows_of(tmp_path, KEPT)
    assert after[1:] == before[1:]
    assert (after[0]["events"], after[0]["digest"]) == (before[0]["events"], before[0]["digest"])


def test_lines_that_come_again_after_their_range_was_folded_do_not_count_twice(tmp_path):
    lines = some_lines(20_000, broken=0)
    append(tmp_path, lines)
    sessions, others, digest_before = rows_of(tmp_path, SESSIONS), rows_of(tmp_path, KEPT), info(tmp_path)["digest"]
    enforce(tmp_path, size(tmp_path) - 1)
    assert files.listed(tmp_path, files.EVENTS) == []
    append(tmp_path, lines[200:300], 200)
    assert rows_of(tmp_path, SESSIONS) == sessions
    assert rows_of(tmp_path, KEPT) == others
    assert info(tmp_path)["digest"] == digest_before
    lines = some_lines(40_000, broken=0)
    append(tmp_path, lines[19_900:], 19_900)  # reaches beyond what was folded
    enforce(tmp_path, size(tmp_path) * 8 // 10)
    assert files.listed(tmp_path, files.EVENTS) == []
    held = info(tmp_path)
    assert held["events"] == 40_000
    assert held["digest"] == f"{digest(lines):032x}"
    assert held["kinds"]["watch"] == sum(row[-1] for row in rows_of(tmp_path, SESSIONS))


def test_the_bound_holds_for_ever(tmp_path):
    bound, at, sizes = 400_000, 0, []
    lines = some_lines(4_000)
    for _ in range(40):
        append(tmp_path, lines, at)
        at += len(lines)
        compact(tmp_path)
        sizes.append(enforce(tmp_path, bound)["bytes"])
    assert max(sizes) <= bound
    assert sizes[-1] > bound * 0.2
    assert EventLog(tmp_path, CLOCK).next_offset(SOURCE, 0) == at
    assert verify(tmp_path)["holds"]


def test_tail_goes_on_over_compaction_and_pruning(tmp_path):
    lines = some_lines(900, broken=0)
    append_in_pieces(tmp_path, lines[:600], 100)
    _, at = tail(tmp_path, None)
    append_in_pieces(tmp_path, lines[:0], 1)
    append(tmp_path, lines[600:], 600)
    compact(tmp_path, full=True)
    news, at = tail(tmp_path, at)
    assert news["offset"].tolist() == list(range(600, 900))
    enforce(tmp_path, 1)
    nothing, again = tail(tmp_path, at)
    assert (len(nothing["offset"]), again) == (0, at)


def test_verify_finds_a_flipped_byte_a_missing_file_and_a_false_name(tmp_path):
    append_in_pieces(tmp_path, some_lines(500, broken=0), 100)
    paths = [segment.path for segment in files.listed(tmp_path, files.EVENTS)]
    content = bytearray(paths[1].read_bytes())
    content[len(content) // 3] ^= 1
    paths[1].write_bytes(content)
    paths[3].unlink()
    paths[4].rename(paths[4].with_name(f"{SOURCE}-0-900-999.parquet"))
    report = verify(tmp_path)
    assert report["holds"] is False
    assert {found["file"] for found in report["damaged"]} == {
        str(paths[1]), str(paths[4].with_name(f"{SOURCE}-0-900-999.parquet")),
    }  # fmt: skip
    assert report["gaps"] == [{"source": SOURCE, "partition": 0, "first": 300, "last": 899, "offsets": 600}]


def test_a_fingerprint_of_the_past_does_not_change_when_more_comes(tmp_path):
    lines = some_lines(1_000, broken=0)
    append(tmp_path, lines[:300])
    until_ns = schema.facts_of(files.listed(tmp_path, files.EVENTS)[0].path).max_ns + 1
    before = fingerprint(tmp_path, until_ns)
    append(tmp_path, lines[300:], 300)
    assert fingerprint(tmp_path, until_ns) == before
    compact(tmp_path, full=True)
    after = fingerprint(tmp_path, until_ns)
    assert {key: after[key] for key in ("events", "digest", "first_ns", "last_ns")} == {
        key: before[key] for key in ("events", "digest", "first_ns", "last_ns")
    }
